//! The loop: listens to the cluster, lists what was missed, hands out work, ends when it is told to.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use access::ambient::{Clock, Entropy};
use client::backoff::Backoff;
use client::watch::{Feed, Told};
use client::{Cluster, ConnectError};
use futures::StreamExt as _;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tonic::Status;
use wire::pb::proto::{Event, Operation, event::Resource};
use wire::pb::types::WatchKind;

use crate::audience::Audience;
use crate::chat::Chat;
use crate::deliver::Courier;
use crate::desk::Desk;
use crate::picture::steps;
use crate::queue::{Job, News, Outcome, Queue};
use crate::record::{Data, Record};
use crate::request::Request;

/// The kind that is watched.
const KIND: &str = "access_request";
/// The kind of rules about who is told, which is watched too where the cluster allows it.
const RULE: &str = "access_monitoring_rule";
/// Changes that may wait for the loop.
const CHANGES_WAITING: usize = 256;
/// Requests made this long before the watch was lost may have been missed too: clocks differ.
const CLOCKS_DIFFER: SignedDuration = SignedDuration::from_mins(1);
/// How often things are looked after that nobody tells of.
const EACH_MINUTE: Duration = Duration::from_secs(60);
/// Listing that failed is tried again after this time at first, and after that one when it goes on failing.
const LIST_AGAIN: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(60));

/// What a plugin is made of.
pub struct Setup<C> {
    /// The cluster, as the plugin's user.
    pub cluster: Cluster,
    /// The name under which the plugin keeps its notes.
    pub name: &'static str,
    /// Where people read.
    pub chat: C,
    /// Who is told.
    pub audience: Audience,
    /// Tells what was missed.
    pub clock: Arc<dyn Clock>,
    /// Keeps attempts out of step and keys unguessable.
    pub entropy: Arc<dyn Entropy>,
    /// End, and do not reconnect, when the cluster is lost.
    pub fail_fast: bool,
    /// Somebody renews the identity: one that has ended is waited for.
    pub renews: bool,
    /// How long another process that is at a request is left to it.
    pub courtesy: Duration,
    /// How long work that is under way may go on after the plugin was told to end.
    pub patience: Duration,
}

/// Why a plugin ended by itself.
#[derive(Debug, thiserror::Error)]
pub enum Ended {
    /// The cluster does not let it watch requests, and will not.
    #[error("the cluster no longer lets the plugin watch access requests: {}", .0.message())]
    Refused(Status),
    /// The cluster was lost, and the plugin was told not to reconnect.
    #[error("the connection to the cluster was lost: {0}")]
    Lost(ConnectError),
    /// The identity is of no use any more, and nobody renews it.
    #[error("{0}")]
    Identity(ConnectError),
    /// The task that listens has failed.
    #[error("the plugin stopped listening to the cluster")]
    Deaf,
}

/// A plugin that is ready to run.
pub struct Plugin<C> {
    courier: Arc<Courier<C>>,
    name: &'static str,
    clock: Arc<dyn Clock>,
    queue: Queue,
    entropy: Arc<dyn Entropy>,
    fail_fast: bool,
    renews: bool,
    patience: Duration,
    /// Since when changes may have been missed; `None` at the start, when it is not known.
    missed_since: Option<Timestamp>,
    /// When everything is to be listed.
    list_at: Option<Instant>,
    list_backoff: Backoff,
    is_ready: bool,
    /// What was last said about a lost connection.
    told_lost: String,
    /// The end of the certificate that was last warned of.
    told_end: Option<Timestamp>,
    workers: JoinSet<(Job, Outcome)>,
}

impl<C: Chat> Plugin<C> {
    /// Nothing happens yet.
    pub fn new(setup: Setup<C>) -> Self {
        let desk = Desk::new(setup.cluster, setup.name);
        let courier = Courier::new(
            desk,
            setup.chat,
            setup.audience,
            Arc::clone(&setup.entropy),
            setup.courtesy,
        );
        Self {
            courier: Arc::new(courier),
            name: setup.name,
            clock: setup.clock,
            queue: Queue::new(Arc::clone(&setup.entropy)),
            list_backoff: Backoff::new(Arc::clone(&setup.entropy), LIST_AGAIN.0, LIST_AGAIN.1),
            entropy: setup.entropy,
            fail_fast: setup.fail_fast,
            renews: setup.renews,
            patience: setup.patience,
            missed_since: None,
            list_at: None,
            is_ready: false,
            told_lost: String::new(),
            told_end: None,
            workers: JoinSet::new(),
        }
    }

    /// What brings requests into line.
    pub fn courier(&self) -> &Arc<Courier<C>> {
        &self.courier
    }

    /// Runs until `stop`, then finishes what is under way.
    ///
    /// # Errors
    /// When it ends by itself.
    pub async fn run(mut self, stop: impl Future<Output = ()>) -> Result<(), Ended> {
        let (tell, mut told) = mpsc::channel(CHANGES_WAITING);
        let watched = [KIND, RULE].map(|kind| WatchKind {
            kind: kind.to_owned(),
            ..WatchKind::default()
        });
        let cluster = self.courier.desk().cluster().clone();
        let mut feed = Feed::new(cluster, watched.to_vec(), true, Arc::clone(&self.entropy));
        // A watch that is being set up must not be given up for something else that happens.
        let mut listening = JoinSet::new();
        listening.spawn(async move {
            loop {
                let next = feed.next().await;
                let is_last = next.is_err();
                if tell.send(next).await.is_err() || is_last {
                    return;
                }
            }
        });
        let mut stop = std::pin::pin!(stop);
        let mut each_minute = tokio::time::interval(EACH_MINUTE);
        loop {
            self.hand_out();
            let wake = [self.queue.wake_at(), self.list_at].into_iter().flatten().min();
            tokio::select! {
                biased;
                () = &mut stop => break,
                Some(ended) = self.workers.join_next() => self.worked(ended),
                next = told.recv() => match next {
                    Some(Ok(told)) => self.hear(told).await?,
                    Some(Err(status)) => return Err(Ended::Refused(status)),
                    None => return Err(Ended::Deaf),
                },
                () = sleep_until(wake) => {
                    let is_due = self.list_at.is_some_and(|at| at <= Instant::now());
                    if is_due {
                        tokio::select! {
                            biased;
                            () = &mut stop => break,
                            () = self.catch_up() => {}
                        }
                    }
                }
                _ = each_minute.tick() => {
                    self.look_for_pages();
                    self.mind_identity();
                }
            }
        }
        drop(listening);
        self.finish().await;
        Ok(())
    }

    async fn hear(&mut self, told: Told) -> Result<(), Ended> {
        match told {
            Told::Begun { confirmed } => {
                if !confirmed.iter().any(|kind| kind.kind == KIND) {
                    let text = "access requests cannot be watched with this identity";
                    return Err(Ended::Refused(Status::permission_denied(text)));
                }
                self.courier.desk().reconnected();
                self.courier.rules_changed().await;
                self.list_at = Some(Instant::now());
            }
            Told::Changed(event) => {
                if is_about_rules(&event) {
                    self.courier.rules_changed().await;
                } else {
                    self.changed(*event);
                }
            }
            Told::Lost(status) => return self.lost(&status),
        }
        Ok(())
    }

    fn lost(&mut self, status: &Status) -> Result<(), Ended> {
        let why = self.courier.desk().cluster().explain(status);
        let why = match client::cluster::connection_failure(status) {
            Some(failure) if !failure.is_passing() && !self.renews => {
                return Err(Ended::Identity(self.courier.desk().cluster().explain(status)));
            }
            _ => why,
        };
        if self.fail_fast {
            return Err(Ended::Lost(why));
        }
        // Nothing is missed while nothing was known yet.
        if self.is_ready && self.missed_since.is_none() {
            self.missed_since = Some(self.clock.now());
        }
        let text = why.to_string();
        if text != self.told_lost {
            tracing::warn!(error = %text, hint = why.hint(), "the connection to the cluster is lost; reconnecting");
            self.told_lost = text;
        }
        Ok(())
    }

    fn changed(&mut self, event: Event) {
        match event.resource {
            Some(Resource::AccessRequest(message)) if event.r#type == Operation::Put as i32 => {
                match Request::of(&message) {
                    Ok(request) => {
                        let id = request.id.clone();
                        self.queue.add(&id, News::Is(Box::new(request)), false, true);
                    }
                    Err(error) => {
                        tracing::warn!(%error, "the cluster tells of a request that cannot be read");
                    }
                }
            }
            Some(Resource::ResourceHeader(header)) if event.r#type == Operation::Delete as i32 => {
                if header.kind == KIND
                    && let Some(metadata) = header.metadata
                {
                    self.queue.add(&metadata.name, News::Gone, false, true);
                }
            }
            _ => {}
        }
    }

    fn worked(&mut self, ended: Result<(Job, Outcome), tokio::task::JoinError>) {
        match ended {
            Ok((job, outcome)) => self.queue.ended(job, &outcome, Instant::now()),
            // The request stays marked as being worked on until everything is listed again.
            Err(error) => {
                tracing::error!(%error, "work on a request failed in a way it must not; listing everything again");
                self.queue = Queue::new(Arc::clone(&self.entropy));
                self.list_at = Some(Instant::now() + self.list_backoff.next_span());
            }
        }
        if self.queue.take_overflow() {
            self.list_at = Some(Instant::now());
        }
    }

    fn hand_out(&mut self) {
        while let Some(mut job) = self.queue.take(Instant::now()) {
            let courier = Arc::clone(&self.courier);
            self.workers.spawn(async move {
                let outcome = courier.settle(&mut job).await;
                (job, outcome)
            });
        }
    }

    /// The proxy may say where its pages are later than the cluster is up.
    fn look_for_pages(&mut self) {
        if self.courier.links().pages.is_some() || !self.is_ready {
            return;
        }
        let courier = Arc::clone(&self.courier);
        tokio::spawn(async move {
            if let Ok(links) = courier.desk().links().await {
                courier.use_links(links);
            }
        });
    }

    /// Says once for each certificate that a third of its life is left.
    fn mind_identity(&mut self) {
        let identity = self.courier.desk().cluster().identity().current();
        let (begin, end) = (identity.certified().not_before, identity.not_after());
        let left = end.duration_since(self.clock.now());
        if left < end.duration_since(begin) / 3 && self.told_end != Some(end) {
            self.told_end = Some(end);
            tracing::warn!(until = %end, origin = %identity.origin(), "the plugin's identity ends soon: renew it");
        }
    }

    /// Lists everything, and puts to work what is not in line.
    async fn catch_up(&mut self) {
        match self.missed().await {
            Ok(mut missed) => {
                missed.sort_by(|one, other| (one.0, &one.1).cmp(&(other.0, &other.1)));
                if !missed.is_empty() {
                    tracing::info!(
                        requests = missed.len(),
                        "catching up with requests that changed meanwhile"
                    );
                }
                for (_, id, news, tell) in missed {
                    self.queue.add(&id, news, tell, false);
                }
                self.list_at = None;
                self.list_backoff.reset();
                self.missed_since = None;
                self.told_lost.clear();
                if std::mem::replace(&mut self.is_ready, true) {
                    tracing::info!("the cluster is back");
                } else {
                    tracing::info!(plugin = self.name, "Plugin is ready");
                }
            }
            Err(status) => {
                tracing::warn!(error = %status.message(), "requests cannot be listed; trying again");
                self.list_at = Some(Instant::now() + self.list_backoff.next_span());
            }
        }
    }

    /// What is not in line: when it was made, its id, what is known of it, whether to tell of it although it is over.
    async fn missed(&self) -> Result<Vec<(Option<Timestamp>, String, News, bool)>, Status> {
        let desk = self.courier.desk();
        self.courier.use_links(desk.links().await?);
        let mut notes = desk.all().await?;
        let mut missed = Vec::new();
        let mut requests = std::pin::pin!(desk.requests());
        while let Some(message) = requests.next().await {
            let request = match Request::of(&*message?) {
                Ok(request) => request,
                Err(error) => {
                    tracing::warn!(%error, "the cluster lists a request that cannot be read");
                    continue;
                }
            };
            let tell = match notes.remove(&request.id) {
                Some(data) if self.is_in_line(&data, &request) => continue,
                Some(_) => true,
                None if request.is_pending() => true,
                // Made and resolved while nobody listened.
                None => self.missed_since.is_some_and(|since| {
                    let since = since.saturating_sub(CLOCKS_DIFFER).unwrap_or(Timestamp::MIN);
                    request.created.is_some_and(|created| created >= since)
                }),
            };
            if tell {
                missed.push((
                    request.created,
                    request.id.clone(),
                    News::Is(Box::new(request)),
                    true,
                ));
            }
        }
        missed.extend(gone(notes));
        Ok(missed)
    }

    fn is_in_line(&self, data: &Data, request: &Request) -> bool {
        let record = Record::read(data);
        if request.is_pending() {
            let picture = self.courier.draw(request);
            return !record.is_empty_promise()
                && record.slots.iter().all(|slot| steps(&picture, slot).is_empty());
        }
        // Old messages are not rewritten for the sake of a new wording.
        record.resolution == Some(request.standing)
            && record
                .slots
                .iter()
                .all(|slot| slot.closed.is_some() || (slot.post.is_some() && !slot.shown.is_empty()))
    }

    /// Lets what is under way come to its end.
    async fn finish(mut self) {
        let all = async { while self.workers.join_next().await.is_some() {} };
        if tokio::time::timeout(self.patience, all).await.is_err() {
            tracing::warn!("some messages are not as they should be; the next start goes on with them");
        }
    }
}

fn is_about_rules(event: &Event) -> bool {
    match &event.resource {
        Some(Resource::AccessMonitoringRule(_)) => true,
        Some(Resource::ResourceHeader(header)) => header.kind == RULE,
        _ => false,
    }
}

/// Notes of which the request is gone, and whose messages do not say so.
fn gone(notes: BTreeMap<String, Data>) -> impl Iterator<Item = (Option<Timestamp>, String, News, bool)> {
    notes
        .into_iter()
        .filter(|(_, data)| Record::read(data).resolution.is_none())
        .map(|(id, _)| (None, id, News::Gone, true))
}

async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}
