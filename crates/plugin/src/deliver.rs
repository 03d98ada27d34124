//! One request brought into line: notes, posts, answers and texts, each of them once although every step can fail.
//!
//! The order is what makes it safe. Notes come first, so that of two processes one begins. A post carries a mark and a
//! key that both follow from the notes; whoever is not sure that nobody has posted looks for the mark first, and two
//! posts within half a minute are one to the server, by the key. If two posts come about all the same, the notes can
//! name one of them only, and the other is removed.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use access::ambient::Entropy;
use futures::stream::{self, StreamExt as _};
use tokio::time::Instant;
use tonic::Status;

use crate::audience::{Audience, is_email};
use crate::chat::{Chat, ChatError, Links, Tag, Trouble};
use crate::desk::{Desk, Written};
use crate::picture::{Picture, Step, hex, short_digest, steps};
use crate::queue::{Job, News, Outcome};
use crate::record::{Data, Record, Slot};
use crate::request::Request;
use crate::rules::Rules;

/// How long after the first notes it is certain that no other process has posted: shorter than the server remembers keys.
const CERTAIN: Duration = Duration::from_secs(10);
/// Places of one request that are worked on at the same time.
const PLACES_AT_ONCE: usize = 4;
/// After this many failures a place that is closed to us is given up, once the request is over.
const FAILURES_MAX: u32 = 12;
/// Writing notes is tried this often in a row when others write too.
const WRITES_MAX: usize = 8;

/// Brings requests into line.
pub struct Courier<C> {
    desk: Desk,
    chat: C,
    audience: Audience,
    rules: Rules,
    entropy: Arc<dyn Entropy>,
    /// This process, in notes.
    me: String,
    courtesy: Duration,
    links: RwLock<Links>,
}

impl<C: Chat> Courier<C> {
    /// `courtesy` is how long another process that is at a request is left to it.
    pub fn new(
        desk: Desk,
        chat: C,
        audience: Audience,
        entropy: Arc<dyn Entropy>,
        courtesy: Duration,
    ) -> Self {
        let me = random_text(&*entropy);
        Self {
            desk,
            chat,
            audience,
            rules: Rules::default(),
            entropy,
            me,
            courtesy,
            links: RwLock::default(),
        }
    }

    /// The cluster.
    pub fn desk(&self) -> &Desk {
        &self.desk
    }

    /// The chat.
    pub fn chat(&self) -> &C {
        &self.chat
    }

    /// How people get to a request.
    pub fn links(&self) -> Links {
        self.links.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// From now on people get to requests this way.
    pub fn use_links(&self, links: Links) {
        *self.links.write().unwrap_or_else(PoisonError::into_inner) = links;
    }

    /// What every place should show for a request.
    pub fn draw(&self, request: &Request) -> Picture {
        self.chat.draw(request, &self.links())
    }

    /// The cluster's rules about who is told have changed, or may have.
    pub async fn rules_changed(&self) {
        self.rules.changed().await;
    }

    /// Who is told of a request: whom rules name, and where none does, whom the configuration names; and whether it was
    /// by a rule.
    async fn recipients(&self, request: &Request) -> Result<(Vec<String>, bool), Status> {
        let by_rule = self.rules.recipients(&self.desk, request).await?;
        if by_rule.is_empty() {
            let heard = self.heard(request).await?;
            return Ok((self.audience.of(&heard), false));
        }
        Ok((by_rule, true))
    }

    /// The request with those suggested reviewers only who may review it: whoever asks writes these names, and must not be
    /// able to have anybody told.
    async fn heard(&self, request: &Request) -> Result<Request, Status> {
        let mut heard = request.clone();
        if !heard.suggested_reviewers.is_empty()
            && let Some(possible) = self.desk.possible_reviewers(request).await?
        {
            heard.suggested_reviewers.retain(|name| {
                let may = possible.contains(name);
                if !may && is_email(name) {
                    tracing::warn!(request_id = %request.id, reviewer = ?name, "a suggested reviewer may not review the request and is not told");
                }
                may
            });
        }
        Ok(heard)
    }

    /// Works on one request until it is in line or something is in the way.
    pub async fn settle(&self, job: &mut Job) -> Outcome {
        match self.try_settle(job).await {
            Ok(outcome) => outcome,
            Err(status) => {
                tracing::warn!(request_id = %job.id, error = %status.message(), "the cluster is in the way; trying again");
                job.failures += 1;
                Outcome::Again
            }
        }
    }

    async fn try_settle(&self, job: &mut Job) -> Result<Outcome, Status> {
        let Some(held) = self.notes(job).await? else {
            return Ok(Outcome::Settled);
        };
        let mut record = Record::read(&held);
        let request = match &job.news {
            News::Is(request) if record.resolution.is_some() && request.is_pending() => {
                return Ok(Outcome::Settled);
            }
            News::Is(request) => (**request).clone(),
            News::Gone if record.resolution.is_some() => return Ok(Outcome::Settled),
            News::Gone => record.request_gone(&job.id),
        };
        if record.is_empty_promise() && request.is_pending() {
            record.address(self.recipients(&request).await?.0);
        }
        let request = self.desk.counted(request).await;
        let picture = self.draw(&request);
        let is_open = |record: &Record| record.slots.iter().any(|slot| !steps(&picture, slot).is_empty());
        let is_noted = request.is_pending() || record.resolution == Some(request.standing);
        if !is_open(&record) && is_noted {
            return Ok(Outcome::Settled);
        }
        if record.by != self.me && !job.waited {
            // Somebody else is at it, or was when it ended. Both posting at once is safe, and pointless.
            job.waited = true;
            return Ok(Outcome::Later(self.courtesy));
        }
        self.me.clone_into(&mut record.by);
        if record.key.is_empty() {
            record.key = random_text(&*self.entropy);
        }

        let mut troubles = self.find_places(&mut record).await;
        troubles.extend(self.tend_all(job, &mut record, &request, &picture).await);
        job.doubt |= troubles.iter().any(|trouble| trouble.maybe_done);
        tell(job, &troubles);
        let is_over = !request.is_pending();
        let is_closed = |trouble: &ChatError| trouble.trouble == Trouble::Closed;
        if is_over && job.failures >= FAILURES_MAX && troubles.iter().all(is_closed) {
            for slot in record
                .slots
                .iter_mut()
                .filter(|slot| !steps(&picture, slot).is_empty())
            {
                slot.closed = Some("it cannot be reached".to_owned());
            }
            troubles.clear();
        }
        let added = self.fall_back(&mut record, &request, &troubles);
        if is_over && !is_open(&record) {
            record.resolution = Some(request.standing);
            record.resolve_reason.clone_from(&request.resolve_reason);
            tracing::info!(request_id = %job.id, resolution = request.standing.label(), "every message shows the end");
        }
        self.store(&job.id, held, record).await?;
        if added {
            return Ok(Outcome::Later(Duration::ZERO));
        }
        if !troubles.is_empty() {
            job.failures += 1;
        }
        Ok(outcome(&troubles))
    }

    /// The notes beside the request, begun if it is new; `None` if nobody is to be told.
    async fn notes(&self, job: &mut Job) -> Result<Option<Data>, Status> {
        let is_fresh = std::mem::take(&mut job.first)
            && matches!(&job.news, News::Is(request) if request.is_pending() && request.reviews.is_empty());
        // A request that was just made has no notes, most likely; writing the first finds out.
        if !is_fresh && let Some(held) = self.desk.read(&job.id).await? {
            return Ok(Some(held));
        }
        let News::Is(request) = &job.news else {
            return Ok(None);
        };
        if !job.tell {
            return Ok(None);
        }
        let (recipients, by_rule) = self.recipients(request).await?;
        for name in Audience::unreachable(request).filter(|_| !by_rule) {
            tracing::warn!(request_id = %job.id, reviewer = ?name, "a suggested reviewer is no e-mail address and cannot be told");
        }
        if recipients.is_empty() {
            tracing::warn!(request_id = %job.id, "nobody is told of this request: no recipient is configured for its roles");
        }
        let data = Record::begin(request, recipients, random_text(&*self.entropy), &self.me).to_data();
        let begun = Instant::now();
        Ok(match self.desk.write(&job.id, None, &data).await? {
            Written::Yes => {
                job.begun = Some(begun);
                Some(data)
            }
            Written::Changed => self.desk.read(&job.id).await?,
            Written::NoRequest => None,
        })
    }

    /// Finds the places that are not known yet, and closes those that are another one's place too.
    async fn find_places(&self, record: &mut Record) -> Vec<ChatError> {
        let unknown = record
            .slots
            .iter()
            .enumerate()
            .filter(|(_, slot)| slot.place.is_none() && slot.closed.is_none())
            .map(|(at, slot)| (at, slot.to.clone()));
        let found: Vec<_> = stream::iter(unknown.collect::<Vec<_>>())
            .map(|(at, to)| async move { (at, self.chat.place(&to).await) })
            .buffer_unordered(PLACES_AT_ONCE)
            .collect()
            .await;
        let mut troubles = Vec::new();
        for (at, found) in found {
            match found {
                Ok(place) => record.slots[at].place = Some(place),
                Err(error) => troubles.push(error),
            }
        }
        for at in 1..record.slots.len() {
            let (before, rest) = record.slots.split_at_mut(at);
            let slot = &mut rest[0];
            let same = |other: &&Slot| other.place == slot.place && other.closed.is_none();
            if slot.place.is_some()
                && slot.post.is_none()
                && slot.closed.is_none()
                && before.iter().any(|slot| same(&slot))
            {
                slot.closed = Some("another recipient reads at the same place".to_owned());
            }
        }
        troubles
    }

    async fn tend_all(
        &self,
        job: &Job,
        record: &mut Record,
        request: &Request,
        picture: &Picture,
    ) -> Vec<ChatError> {
        let is_certain = !job.doubt && job.begun.is_some_and(|begun| begun.elapsed() < CERTAIN);
        let key = record.key.clone();
        let slots = record
            .slots
            .iter()
            .cloned()
            .enumerate()
            .filter(|(_, slot)| slot.place.is_some() && !steps(picture, slot).is_empty());
        let tended: Vec<_> = stream::iter(slots.collect::<Vec<_>>())
            .map(|(at, mut slot)| {
                let key = &key;
                async move {
                    let ended = self.tend(&mut slot, key, request, picture, is_certain).await;
                    (at, slot, ended)
                }
            })
            .buffer_unordered(PLACES_AT_ONCE)
            .collect()
            .await;
        let mut troubles = Vec::new();
        for (at, mut slot, ended) in tended {
            match ended {
                Ok(()) => {}
                Err(error) if error.trouble == Trouble::Gone => {
                    tracing::warn!(request_id = %request.id, recipient = ?slot.to, error = %error, "nothing more is said there");
                    slot.closed = Some(error.message);
                }
                Err(error) => troubles.push(error),
            }
            record.slots[at] = slot;
        }
        troubles
    }

    /// Does what is missing at one place. What was done is in `slot`, also after a failure.
    async fn tend(
        &self,
        slot: &mut Slot,
        key: &str,
        request: &Request,
        picture: &Picture,
        is_certain: bool,
    ) -> Result<(), ChatError> {
        let Some(place) = slot.place.clone() else {
            return Ok(());
        };
        let mut told: Option<Vec<String>> = None;
        for step in steps(picture, slot) {
            match step {
                Step::Post => {
                    let tag = tag(key, &place, "post");
                    let found = if is_certain {
                        None
                    } else {
                        self.chat.find(&place, request, &tag).await?
                    };
                    let post = match found {
                        Some(post) => {
                            slot.post = Some(post.clone());
                            self.chat.edit(&post, &picture.post).await?;
                            post
                        }
                        None => self.chat.post(&place, &picture.post, &request.id, &tag).await?,
                    };
                    tracing::info!(request_id = %request.id, channel_id = %place, message_id = %post, "posted");
                    slot.post = Some(post);
                    slot.shown = picture.fingerprint();
                }
                Step::Reply(at) => {
                    let (Some(post), Some(reply)) = (&slot.post, picture.replies.get(at)) else {
                        continue;
                    };
                    self.reply_once(&mut told, key, &place, post, &reply.mark, &reply.text)
                        .await?;
                    slot.replies.push(reply.mark.clone());
                }
                Step::Edit => {
                    let Some(post) = &slot.post else { continue };
                    match self.chat.edit(post, &picture.post).await {
                        Err(error) if error.trouble == Trouble::TooOld => {
                            tracing::warn!(request_id = %request.id, message_id = %post, error = %error, hint = error.hint, "the end is told below the message");
                            if !request.is_pending() {
                                self.reply_once(
                                    &mut told,
                                    key,
                                    &place,
                                    post,
                                    request.standing.label(),
                                    &picture.late_end,
                                )
                                .await?;
                            }
                        }
                        other => other?,
                    }
                    slot.shown = picture.fingerprint();
                }
            }
        }
        Ok(())
    }

    /// Answers below a post unless the answer is there. `told` remembers what was there.
    async fn reply_once(
        &self,
        told: &mut Option<Vec<String>>,
        key: &str,
        place: &str,
        post: &str,
        purpose: &str,
        text: &str,
    ) -> Result<(), ChatError> {
        let tag = tag(key, place, purpose);
        let present = match told {
            Some(present) => present,
            None => told.insert(self.chat.replies(post).await?),
        };
        if !present.contains(&tag.mark) {
            self.chat.reply(place, post, text, &tag).await?;
        }
        Ok(())
    }

    /// When nobody of those who were to be told can be reached, those for every role are told.
    fn fall_back(&self, record: &mut Record, request: &Request, troubles: &[ChatError]) -> bool {
        let nobody = request.is_pending()
            && !troubles.is_empty()
            && troubles.iter().all(|trouble| trouble.trouble == Trouble::Closed)
            && record.slots.iter().all(|slot| slot.post.is_none());
        let mut added = false;
        for to in self.audience.everybody().into_iter().filter(|_| nobody) {
            if !record.slots.iter().any(|slot| slot.to == to) {
                tracing::warn!(request_id = %request.id, recipient = %to, "none of the recipients can be reached; telling this one instead");
                record.slots.push(Slot {
                    to,
                    ..Slot::default()
                });
                added = true;
            }
        }
        added
    }

    /// Writes the notes, together with what others have written meanwhile, and removes posts that are one too many.
    async fn store(&self, id: &str, mut held: Data, mut record: Record) -> Result<(), Status> {
        let mut surplus = Vec::new();
        let mut stored = Written::Changed;
        for _ in 0..WRITES_MAX {
            stored = self.desk.write(id, Some(&held), &record.to_data()).await?;
            if stored != Written::Changed {
                break;
            }
            held = self.desk.read(id).await?.unwrap_or_default();
            surplus.extend(record.merge(&Record::read(&held)));
        }
        if stored == Written::Changed {
            return Err(Status::aborted("others change the notes all the time"));
        }
        for post in surplus {
            tracing::warn!(request_id = %id, message_id = %post, "two processes have posted; removing the second post");
            if let Err(error) = self.chat.remove(&post).await {
                tracing::warn!(request_id = %id, message_id = %post, error = %error, "it cannot be removed");
            }
        }
        Ok(())
    }
}

fn tell(job: &Job, troubles: &[ChatError]) {
    for trouble in troubles {
        // The first failure is news; the tenth of the same request is not.
        if job.failures == 0 {
            tracing::warn!(request_id = %job.id, error = %trouble, hint = trouble.hint, "a message is not as it should be; trying again");
        } else {
            tracing::debug!(request_id = %job.id, error = %trouble, failures = job.failures, "still not as it should be");
        }
    }
}

/// What follows from the troubles: the one that stops most decides.
fn outcome(troubles: &[ChatError]) -> Outcome {
    let has = |wanted: fn(&Trouble) -> bool| troubles.iter().any(|trouble| wanted(&trouble.trouble));
    let busy: Vec<Option<Duration>> = troubles
        .iter()
        .filter_map(|trouble| match trouble.trouble {
            Trouble::Busy { wait } => Some(wait),
            _ => None,
        })
        .collect();
    if has(|trouble| matches!(trouble, Trouble::Down | Trouble::Token)) {
        Outcome::Down
    } else if !busy.is_empty() {
        Outcome::Busy(busy.into_iter().max().flatten())
    } else if troubles.is_empty() {
        Outcome::Settled
    } else {
        Outcome::Again
    }
}

fn tag(key: &str, place: &str, purpose: &str) -> Tag {
    let half = |which: &str| short_digest(&[key, place, purpose, which]);
    Tag {
        mark: half("mark"),
        once: format!("{}{}", half("once"), half("more")),
    }
}

/// 128 bits of chance in hex.
fn random_text(entropy: &dyn Entropy) -> String {
    let mut bytes = [0; 16];
    entropy.fill(&mut bytes);
    hex(&bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_failure_that_stops_most_decides() {
        let second = Some(Duration::from_secs(1));
        let all = |troubles: &[Trouble]| {
            let errors: Vec<ChatError> = troubles
                .iter()
                .map(|trouble| ChatError::new(*trouble, "x"))
                .collect();
            outcome(&errors)
        };
        let (busy, closed) = (Trouble::Busy { wait: second }, Trouble::Closed);
        assert_eq!(all(&[]), Outcome::Settled);
        assert_eq!(all(&[closed]), Outcome::Again);
        assert_eq!(all(&[closed, busy]), Outcome::Busy(second));
        assert_eq!(all(&[Trouble::Busy { wait: None }, busy]), Outcome::Busy(second));
        assert_eq!(all(&[busy, Trouble::Down]), Outcome::Down);
        assert_eq!(all(&[Trouble::Token]), Outcome::Down);
        assert_eq!(all(&[Trouble::Hiccup]), Outcome::Again);
    }

    #[test]
    fn tags_differ_by_request_place_and_purpose() {
        let tags = [
            tag("k", "c", "post"),
            tag("k2", "c", "post"),
            tag("k", "c2", "post"),
            tag("k", "c", "vote"),
        ];
        for (at, one) in tags.iter().enumerate() {
            assert_ne!(one.mark, one.once[..16]);
            for other in &tags[..at] {
                assert_ne!(one.mark, other.mark);
                assert_ne!(one.once, other.once);
            }
        }
    }
}
