//! Waiting for a decision: one live line, kept by a watch, across lost connections.
//!
//! The watch is filtered to the one request. After each loss the request is read anew, because a watch replays
//! nothing. Whether a request is still there at the end of its time is asked, not assumed.

use std::sync::Arc;
use std::time::Duration;

use access::request::State;
use cli::Failure;
use cli::live::Live;
use client::Cluster;
use client::watch::{Feed, Told};
use jiff::{SignedDuration, Timestamp};
use tokio::signal::unix::{SignalKind, signal};
use wire::convert;
use wire::pb::proto::{Event, Operation, event};
use wire::pb::types::{AccessRequestV3, WatchKind};

use super::lookup::{self, Message, id, spec, state};
use super::standing;
use crate::refusal;
use crate::world::World;

/// After the end of a request's time it is asked for again no sooner than this.
const PAUSE: Duration = Duration::from_secs(2);

/// How the waiting ended.
pub enum Outcome {
    /// The request was approved.
    Approved(Box<Message>),
    /// The person at the keyboard has seen enough; the request is as it was.
    Interrupted,
}

/// Waits until `request` is decided.
///
/// # Errors
/// When it was denied, when it is gone, or when the server does not want to tell any more.
pub async fn wait(world: &World, cluster: &Cluster, request: &Message) -> Result<Outcome, Failure> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut line = Live::on_stderr();
    let watched = Watched {
        world,
        cluster,
        id: id(request).to_owned(),
        ends: pending_end(request),
        explains: true,
    };
    let user = spec(request).user;
    let ended = tokio::select! {
        ended = watched.follow(&user, &mut line) => ended,
        _ = interrupt.recv() => Ok(Outcome::Interrupted),
    };
    line.end();
    ended
}

/// Until when a request can be decided.
fn pending_end(request: &AccessRequestV3) -> Option<Timestamp> {
    let spec = spec(request);
    let metadata = request.metadata.as_ref();
    convert::moment(spec.resource_expiry.as_ref())
        .or_else(|| convert::moment(metadata?.expires.as_ref()))
        .or_else(|| convert::moment(spec.expires.as_ref()))
}

/// What a request's end is called in the original.
pub fn gone(id: &str) -> Failure {
    Failure::new(format!("request {id} has expired or been deleted..."))
        .hint("ask again with `tsh request create`")
}

/// The refusal of a request that was decided against.
pub fn against(id: &str, state: State, reason: &str) -> Failure {
    let reason = if reason.is_empty() {
        String::new()
    } else {
        format!(", reason={}", cli::text::quoted(reason))
    };
    let name = lookup::state_name(Some(state));
    Failure::new(format!("request {id} has been set to {name}{reason}"))
        .hint(format!("`tsh request show {id}` says who decided"))
}

struct Watched<'a> {
    world: &'a World,
    cluster: &'a Cluster,
    id: String,
    ends: Option<Timestamp>,
    /// The server knows how to explain a request.
    explains: bool,
}

impl Watched<'_> {
    async fn follow(mut self, user: &str, line: &mut Live) -> Result<Outcome, Failure> {
        let kind = WatchKind {
            kind: "access_request".to_owned(),
            filter: [
                ("id".to_owned(), self.id.clone()),
                ("user".to_owned(), user.to_owned()),
            ]
            .into(),
            ..WatchKind::default()
        };
        let mut feed = Feed::new(
            self.cluster.clone(),
            vec![kind],
            false,
            Arc::clone(&self.world.entropy),
        );
        loop {
            let told = tokio::select! {
                told = feed.next() => Some(told.map_err(|status| refusal::of_call(self.cluster, &status))?),
                () = tokio::time::sleep(self.time_left()) => None,
            };
            let found = match told {
                Some(Told::Changed(event)) => match self.of_interest(*event) {
                    Interest::Now(request) => Some(request),
                    Interest::Gone => return Err(gone(&self.id)),
                    Interest::None => continue,
                },
                Some(Told::Lost(_)) => {
                    self.still_known()?;
                    line.show("Connection lost, trying again; the request stays pending.");
                    continue;
                }
                Some(Told::Begun { .. }) | None => match lookup::try_find(self.cluster, &self.id).await {
                    Ok(found) => found,
                    // The connection went between watch and list: the feed will say so.
                    Err(status) if is_passing(&status) => continue,
                    Err(status) => return Err(refusal::of_call(self.cluster, &status)),
                },
            };
            let Some(request) = found else {
                return Err(gone(&self.id));
            };
            self.ends = pending_end(&request);
            match state(&request) {
                Some(State::Pending) => self.tell(line).await,
                Some(State::Approved) => return Ok(Outcome::Approved(Box::new(request))),
                Some(other) => return Err(against(&self.id, other, &spec(&request).resolve_reason)),
                None => {
                    return Err(Failure::new(format!(
                        "request {} is in a state that this program does not know",
                        self.id
                    )));
                }
            }
        }
    }

    /// Until the request's time is over; then a pause, so that nobody asks without end.
    fn time_left(&self) -> Duration {
        let left = self.ends.map(|end| end.duration_since(self.world.clock.now()));
        match left {
            None => Duration::from_secs(3600),
            Some(left) if left > SignedDuration::ZERO => Duration::try_from(left)
                .unwrap_or(PAUSE)
                .saturating_add(Duration::from_millis(10)),
            Some(_) => PAUSE,
        }
    }

    fn of_interest(&self, event: Event) -> Interest {
        match (Operation::try_from(event.r#type), event.resource) {
            (Ok(Operation::Put), Some(event::Resource::AccessRequest(request)))
                if id(&request) == self.id =>
            {
                Interest::Now(request)
            }
            (Ok(Operation::Delete), Some(event::Resource::ResourceHeader(header)))
                if header
                    .metadata
                    .as_ref()
                    .is_some_and(|metadata| metadata.name == self.id) =>
            {
                Interest::Gone
            }
            (Ok(Operation::Delete), Some(event::Resource::AccessRequest(request)))
                if id(&request) == self.id =>
            {
                Interest::Gone
            }
            _ => Interest::None,
        }
    }

    /// Waiting on is of no use once our own certificate has ended.
    fn still_known(&self) -> Result<(), Failure> {
        let identity = self.cluster.identity().current();
        identity.check_time(self.world.clock.now()).map_err(|error| {
            refusal::of_identity(error).hint(format!(
                "the request stays pending: after signing in, `tsh login --request-id={}` goes on waiting",
                self.id
            ))
        })
    }

    /// Shows where the request stands; plainly where the server cannot say.
    async fn tell(&mut self, line: &mut Live) {
        if !self.explains {
            return;
        }
        match lookup::explain(self.cluster, &self.id).await {
            Ok(Some(evidence)) => line.show(&standing::line(&evidence)),
            Ok(None) => self.explains = false,
            // It may be decided by now; the watch says so next.
            Err(_) => {}
        }
    }
}

enum Interest {
    Now(Message),
    Gone,
    None,
}

/// Whether the connection failed rather than the call.
fn is_passing(status: &tonic::Status) -> bool {
    use tonic::Code;
    matches!(
        status.code(),
        Code::Unavailable | Code::Cancelled | Code::Unknown | Code::DeadlineExceeded | Code::Internal
    )
}
