//! Automatic reviews: what rules say to a request that was just made.
//!
//! The review goes the way of everybody's: judged with the others, committed with its record, under the name of a reviewer
//! that no user can be. What goes wrong here is logged and leaves the request to people.

use std::sync::Arc;

use access::automatic::{Decision, REVIEWER, Rule, speaking};
use access::condition::{Condition, Subject};
use access::request::{Request, State, Submission};
use jiff::Timestamp;
use wire::convert;
use wire::pb::teleport::accessmonitoringrules::v1::AccessMonitoringRule;

use super::check::{BUILTIN, REQUESTS};
use crate::auth::Auth;
use crate::failure::Answer;
use crate::services::requests::review;
use crate::state::monitoring_rules::{Rule as Stored, name};

/// What a rule wants of a request so that it reviews it.
pub const REVIEWED: &str = "reviewed";

/// The rules that review by themselves. One that holds more than we know of, such as hours of the day, reviews nothing.
pub async fn rules(auth: &Auth, now: Timestamp) -> Answer<Vec<Rule>> {
    let mut rules = Vec::new();
    let mut from = String::new();
    loop {
        let (found, next) = auth.state.monitoring_rules(&from, 1_000, now).await?;
        rules.extend(found.iter().filter_map(reviewing));
        if next.is_empty() {
            return Ok(rules);
        }
        from = next;
    }
}

fn reviewing(stored: &Stored) -> Option<Rule> {
    let rule: &AccessMonitoringRule = stored;
    let spec = rule.spec.as_ref()?;
    let review = spec.automatic_review.as_ref()?;
    let acts = review.integration == BUILTIN
        && spec.desired_state == REVIEWED
        && spec.subjects.iter().any(|subject| subject == REQUESTS);
    if !acts || stored.has_unknown() {
        return None;
    }
    Some(Rule {
        name: name(rule).to_owned(),
        condition: Condition::parse(&spec.condition).ok()?,
        decision: match review.decision.as_str() {
            "APPROVED" => Decision::Approve,
            "DENIED" => Decision::Deny,
            _ => return None,
        },
    })
}

/// Lets the rules say what they have to say to a new request.
pub async fn consider(auth: &Arc<Auth>, request: &Request, now: Timestamp) {
    if let Err(error) = say(auth, request, now).await {
        tracing::warn!(%error, request = %request.id, "an automatic review did not come about; people decide");
    }
}

async fn say(auth: &Arc<Auth>, request: &Request, now: Timestamp) -> Answer<()> {
    if request.state != State::Pending {
        return Ok(());
    }
    let rules = rules(auth, now).await?;
    if rules.is_empty() {
        return Ok(());
    }
    // A condition cannot look at resources, so nothing is said of them.
    if !request.resource_ids.is_empty() {
        tracing::debug!(request = %request.id, "a request for resources is left to people");
        return Ok(());
    }
    let user = auth.state.user(&request.user, now).await?;
    let traits = user
        .as_ref()
        .map(|user| convert::traits(user.spec.as_ref().and_then(|spec| spec.traits.as_ref())))
        .unwrap_or_default();
    let subject = Subject {
        roles: &request.roles,
        suggested_reviewers: &request.suggested_reviewers,
        system_annotations: &request.system_annotations,
        user: &request.user,
        reason: &request.reason,
        created: request.created,
        expires: request.expiry,
        traits: &traits,
    };
    let Some(rule) = speaking(&rules, &subject) else {
        return Ok(());
    };
    let (state, word) = match rule.decision {
        Decision::Approve => (State::Approved, "approved"),
        Decision::Deny => (State::Denied, "denied"),
    };
    let submission = Submission {
        author: String::new(),
        state,
        reason: format!("automatically {word} by access monitoring rule {:?}", rule.name),
        roles: Vec::new(),
        has_annotations: false,
        assume_start: None,
    };
    review::cast_by_rule(auth, &request.id, submission, now).await?;
    tracing::info!(request = %request.id, rule = %rule.name, decision = word, by = REVIEWER, "an automatic review");
    Ok(())
}
