//! `AuthService.SubmitAccessReview`: somebody says yes or no, or yes with an access list in mind.
//!
//! Reviews of one request that arrive together are judged one after the other and committed together, each with its own
//! record; see [`super::desk`].

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use access::automatic::REVIEWER;
use access::pin::{Pin, Pins};
use access::request::{self, ReviewError, State};
use jiff::Timestamp;
use tokio::sync::oneshot;
use wire::convert;
use wire::keep::Kept;
use wire::pb::types;

use super::desk::Desk;
use super::promote::{self, Promotion};
use super::votes::{self, Confirmation, VoteConfirmation};
use super::{Person, refused, resting_on_people, voter};
use crate::audit::{Actor, ActorKind, access as told};
use crate::auth::Auth;
use crate::call::Call;
use crate::failure::{Answer, Failure};
use crate::services::signin::INVALID_CODE;
use crate::state::requests::{FoundRequest, put_resolved};
use crate::state::resource::{Resource as _, stamp};
use crate::state::{Change, Tries};

type Answered = Answer<Kept<types::AccessRequestV3>>;

/// A review that waits to be judged: all that is needed of its call.
#[derive(Debug)]
pub struct Ballot {
    submission: request::Submission,
    /// A promotion, in place of what the submission says.
    promotion: Option<Promotion>,
    /// The certificate; a rule has none.
    identity: Option<Arc<pki::Identity>>,
    name: String,
    impersonated: bool,
    confirmation: Option<Confirmation>,
    actor: Actor,
    now: Timestamp,
    answer: Option<oneshot::Sender<Answered>>,
}

/// Handles the call.
pub async fn handle(auth: &Arc<Auth>, call: &Call, submitted: types::AccessReviewSubmission) -> Answered {
    let review = submitted.review.unwrap_or_default();
    let submission =
        convert::submission(&review).map_err(|error| Failure::bad_parameter(error.to_string()))?;
    if submission.state == State::Promoted {
        return Err(Failure::bad_parameter(ReviewError::Promoted.to_string()));
    }
    cast(auth, call, &submitted.request_id, submission, None).await
}

/// Puts a ballot of the caller's into the line, and waits for what becomes of it.
pub async fn cast(
    auth: &Arc<Auth>,
    call: &Call,
    request_id: &str,
    submission: request::Submission,
    promotion: Option<Promotion>,
) -> Answered {
    let Some(caller) = call.caller.user() else {
        // Parts of the system are nobody whose yes could count.
        let name = if call.caller.is_admin() {
            // Under this name the own review of the local administrator would stand in the request.
            request::LOCAL_ADMIN
        } else {
            call.caller.short_name()
        };
        let error = ReviewError::NoRights(name.to_owned());
        return Err(refused(error.class(), &error));
    };
    let confirmation = confirmation(auth, call, caller, &submission, request_id).await?;
    let ballot = Ballot {
        submission,
        promotion,
        identity: Some(Arc::clone(&caller.identity)),
        name: caller.name().to_owned(),
        impersonated: caller.is_impersonated(),
        confirmation,
        actor: call.actor().clone(),
        now: call.now,
        answer: None,
    };
    line_up(auth, request_id, ballot).await
}

/// The same for what a rule says by itself.
pub async fn cast_by_rule(
    auth: &Arc<Auth>,
    request_id: &str,
    submission: request::Submission,
    now: Timestamp,
) -> Answered {
    let ballot = Ballot {
        submission,
        promotion: None,
        identity: None,
        name: REVIEWER.to_owned(),
        impersonated: false,
        confirmation: None,
        actor: Actor {
            user: REVIEWER.to_owned(),
            kind: Some(ActorKind::Bot),
            ..Actor::system()
        },
        now,
        answer: None,
    };
    line_up(auth, request_id, ballot).await
}

async fn line_up(auth: &Arc<Auth>, request_id: &str, ballot: Ballot) -> Answered {
    let (answer, answered) = oneshot::channel();
    let ballot = Ballot {
        answer: Some(answer),
        ..ballot
    };
    if let Some(desk) = auth.desks.line_up(request_id, ballot) {
        // A task of its own: others wait for it who must not suffer when this caller goes away.
        tokio::spawn(serve(Arc::clone(auth), desk));
    }
    answered
        .await
        .unwrap_or_else(|_| Err(Failure::internal("a review was not judged; the log says more")))
}

/// The confirmation that came with a vote. Whoever could not vote anyway is not asked for one.
async fn confirmation(
    auth: &Auth,
    call: &Call,
    caller: &crate::caller::UserCaller,
    submission: &request::Submission,
    id: &str,
) -> Answer<Option<Confirmation>> {
    let Some(person) = voter(auth, caller.name(), call.now).await? else {
        return Ok(None);
    };
    if caller.is_impersonated() || rights_first(&person, submission).is_err() {
        return Ok(None);
    }
    votes::check(auth, call, id).await
}

/// Judges until nobody waits any more.
async fn serve(auth: Arc<Auth>, mut desk: Desk<Ballot>) {
    loop {
        let turn = auth.turns.take(desk.id()).await;
        let ballots = desk.next();
        if ballots.is_empty() {
            return;
        }
        let verdicts = judge(&auth, desk.id(), &ballots).await;
        drop(turn);
        for (ballot, verdict) in ballots.into_iter().zip(verdicts) {
            // Whoever asked may have gone; what is committed stays so.
            let _ = ballot.answer.map(|answer| answer.send(verdict));
        }
    }
}

/// Judges the ballots in their order, each on what those before it have made of the request, and commits what counts.
///
/// Everybody whose review counted gets the request as it is stored then.
async fn judge(auth: &Auth, id: &str, ballots: &[Ballot]) -> Vec<Answered> {
    let mut tries = Tries::default();
    loop {
        match judge_once(auth, id, ballots).await {
            Ok(Judged::Done(verdicts)) => return verdicts,
            Ok(Judged::Meanwhile(verdicts, refused)) => {
                if let Err(failure) = tries.again(refused) {
                    let fails = |verdict: Verdict| verdict.and(Err(failure.clone()));
                    return verdicts.into_iter().map(fails).collect();
                }
            }
            Err(failure) => return ballots.iter().map(|_| Err(failure.clone())).collect(),
        }
    }
}

/// What became of one ballot, before the commit.
type Verdict = Answer<()>;

enum Judged {
    Done(Vec<Answered>),
    /// Nothing was committed: something changed under it, or it could not be written.
    Meanwhile(Vec<Verdict>, crate::state::Refused),
}

async fn judge_once(auth: &Auth, id: &str, ballots: &[Ballot]) -> Answer<Judged> {
    let now = ballots.iter().map(|ballot| ballot.now).max();
    let now = now.unwrap_or_else(|| auth.clock.now());
    let seen = auth.state.revision();
    let found = auth.state.request(id, now).await?;
    let stored = found.iter().flat_map(|found| &found.request.reviews);
    let mut people: HashMap<&str, Person> = HashMap::new();
    for name in stored
        .map(|review| &review.author)
        .chain(ballots.iter().map(|ballot| &ballot.name))
    {
        if !people.contains_key(name.as_str())
            && let Some(person) = voter(auth, name, now).await?
        {
            people.insert(name, person);
        }
    }
    let mut targets = Vec::with_capacity(ballots.len());
    for ballot in ballots {
        targets.push(match (&ballot.promotion, &found) {
            (Some(promotion), Some(found)) => Some(promotion.check(auth, &ballot.name, found, now).await),
            _ => None,
        });
    }
    let sees = match &found {
        Some(found) => auth.state.pins(&found.request.roles, now).await?,
        None => Pins::default(),
    };
    let mut count = Count::of(auth, found.as_ref(), &people, &sees, now);
    let mut verdicts: Vec<Verdict> = Vec::with_capacity(ballots.len());
    for (ballot, target) in ballots.iter().zip(targets) {
        let confirmed = match (&ballot.confirmation, &found) {
            (Some(confirmation), Some(found)) => {
                if confirmation.holds(auth, now).await? {
                    confirmation.still_about(auth, &found.request, now).await
                } else {
                    Err(Failure::access_denied(INVALID_CODE))
                }
            }
            _ => Ok(()),
        };
        verdicts
            .push(confirmed.and_then(|()| count.add(id, ballot, target, people.get(ballot.name.as_str()))));
    }
    let (Some(found), Some(outcome), Some(mut change)) = (&found, count.outcome, count.change) else {
        // Nobody's review counts, so there is nothing to commit.
        let none = |verdict: Verdict| verdict.and(Err(Failure::internal("a counted review is missing")));
        return Ok(Judged::Done(verdicts.into_iter().map(none).collect()));
    };
    if outcome.resolved == Some(State::Promoted) {
        change = promote::put_on_list(auth, change, &outcome.request).await?;
    }
    let change = change.require_same(&types::AccessRequestV3::key(id), Some(found.revision));
    let change = resting_on_people(change, seen);
    let dropped = outcome.resolved.map(|_| outcome.dropped).unwrap_or_default();
    let (change, mut message) = put_resolved(change, Some(found), &outcome.request, dropped)?;
    Ok(match auth.state.commit(change).await {
        Ok(committed) => {
            message.metadata_mut().revision = stamp(committed.revision);
            let answer = |verdict: Verdict| verdict.map(|()| message.clone());
            Judged::Done(verdicts.into_iter().map(answer).collect())
        }
        Err(refused) => Judged::Meanwhile(verdicts, refused),
    })
}

/// The request while ballots are added to it.
struct Count<'a> {
    auth: &'a Auth,
    found: Option<&'a FoundRequest>,
    /// What the requested roles grant now.
    sees: &'a [Pin],
    /// The standing of the authors of the reviews so far.
    panel: BTreeMap<String, request::Reviewer<'a>>,
    /// After the last ballot that counts.
    outcome: Option<request::Outcome>,
    /// With the record of every ballot that counts.
    change: Option<Change>,
    now: Timestamp,
}

impl<'a> Count<'a> {
    fn of(
        auth: &'a Auth,
        found: Option<&'a FoundRequest>,
        people: &'a HashMap<&str, Person>,
        sees: &'a [Pin],
        now: Timestamp,
    ) -> Self {
        let stored = found.into_iter().flat_map(|found| &found.request.reviews);
        let panel = stored.filter_map(|review| {
            let person = people.get(review.author.as_str())?;
            Some((person.name.clone(), person.reviewer(false, sees)))
        });
        Self {
            auth,
            found,
            sees,
            panel: panel.collect(),
            outcome: None,
            change: None,
            now,
        }
    }

    /// Judges one ballot; if it counts, it is part of the request and of the change from then on.
    fn add(
        &mut self,
        id: &str,
        ballot: &Ballot,
        target: Option<Answer<request::Target>>,
        person: Option<&'a Person>,
    ) -> Verdict {
        let person = person.ok_or_else(crate::failure::denied)?;
        let reviewer = match &ballot.identity {
            Some(identity) => person.reviewer_with(identity, ballot.impersonated, self.sees),
            None => person.reviewer(false, self.sees),
        };
        rights_first(person, &ballot.submission)?;
        if id.is_empty() {
            return Err(Failure::bad_parameter("missing request ID"));
        }
        let Some(found) = self.found else {
            return Err(Failure::not_found(format!(
                "cannot apply review to access request {id:?} (not found)"
            )));
        };
        let request = self
            .outcome
            .as_ref()
            .map_or(&found.request, |outcome| &outcome.request);
        let submission = &ballot.submission;
        let judged = match (&ballot.promotion, target) {
            (None, _) => request::review(request, submission, &reviewer, &self.panel, ballot.now),
            (Some(_), Some(Ok(target))) => {
                request::promote(request, submission, target, &reviewer, &self.panel, ballot.now)
            }
            // Whoever may not review it learns that, and nothing of the list.
            (Some(promotion), Some(Err(failure))) => {
                let anything = promotion.unnamed();
                request::promote(request, submission, anything, &reviewer, &self.panel, ballot.now)
                    .map_err(|error| refused(error.class(), &error))?;
                return Err(failure);
            }
            (Some(_), None) => return Err(Failure::internal("a promotion was not looked at")),
        };
        let outcome = judged.map_err(|error| refused(error.class(), &error))?;
        // Rules have no certificate; whoever has one was asked, or has come to the right to vote since.
        let must = self.auth.settings.vote_confirmation == VoteConfirmation::Required;
        if must && ballot.identity.is_some() && ballot.confirmation.is_none() {
            return Err(votes::unconfirmed());
        }
        let Some(newest) = outcome.request.reviews.last() else {
            return Err(Failure::internal("a counted review is missing"));
        };
        let mut counted: Vec<String> = outcome
            .evidence
            .roles
            .iter()
            .flat_map(|role| &role.sets)
            .flatten()
            .flat_map(|threshold| threshold.approvals.iter().chain(&threshold.denials).cloned())
            .collect();
        counted.sort();
        counted.dedup();
        let event = told::reviewed(&ballot.actor, &outcome.request, newest, &counted);
        let event = match &ballot.confirmation {
            Some(confirmation) => told::confirmed(event, &confirmation.facts(), confirmation.digest()),
            None => event,
        };
        let change = match self.change.take() {
            None => Change::new(self.now, &ballot.actor.user, event),
            Some(change) => change.telling(&ballot.actor.user, event),
        };
        self.change = Some(match &ballot.confirmation {
            Some(confirmation) => confirmation.spend(self.auth, change)?,
            None => change,
        });
        self.panel
            .insert(person.name.clone(), person.reviewer(false, self.sees));
        self.outcome = Some(outcome);
        Ok(())
    }
}

/// Whoever has no right to review anything learns that before anything about the request.
fn rights_first(reviewer: &Person, submission: &request::Submission) -> Answer<()> {
    let error = if !submission.author.is_empty() && submission.author != reviewer.name {
        ReviewError::ForAnother {
            caller: reviewer.name.clone(),
            author: submission.author.clone(),
        }
    } else {
        match request::ReviewRights::of(&reviewer.roles, &reviewer.traits) {
            Ok(rights) if rights.any() => return Ok(()),
            Ok(_) => ReviewError::NoRights(reviewer.name.clone()),
            Err(error) => ReviewError::Rights(error),
        }
    };
    Err(refused(error.class(), &error))
}

/// The authors of the stored reviews, as they stand now; who was deleted is missing.
pub(super) async fn panel(auth: &Auth, call: &Call, request: &request::Request) -> Answer<Vec<Person>> {
    let mut panel = Vec::with_capacity(request.reviews.len());
    for review in &request.reviews {
        panel.extend(voter(auth, &review.author, call.now).await?);
    }
    Ok(panel)
}
