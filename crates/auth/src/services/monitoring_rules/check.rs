//! What must be true of a rule before it is stored.

use access::condition::Condition;
use wire::pb::teleport::accessmonitoringrules::v1::{AccessMonitoringRuleSpec, AutomaticReview};

use super::KIND;
use super::automatic::REVIEWED;
use crate::call::Call;
use crate::failure::{Answer, Failure};
use crate::names;
use crate::state::monitoring_rules::{Rule, name};

/// The subject whose rules are understood here.
pub(super) const REQUESTS: &str = "access_request";
/// The integration that is the cluster itself.
pub(super) const BUILTIN: &str = "builtin";
/// Most subjects, states and recipients of a rule.
const VALUES_MAX: usize = 100;

/// A rule as a client sent it, checked and filled in; warnings go into the call.
pub fn accept(call: &Call, rule: Option<Rule>) -> Answer<Rule> {
    let mut rule = rule.ok_or_else(|| Failure::bad_parameter("missing parameter rule"))?;
    if rule.kind != KIND {
        return Err(Failure::bad_parameter(format!(
            "invalid kind for access monitoring rule: {:?}",
            rule.kind
        )));
    }
    if rule.metadata.is_none() {
        return Err(Failure::bad_parameter("accessMonitoringRule metadata is missing"));
    }
    if rule.version != "v1" {
        return Err(Failure::bad_parameter(format!(
            "accessMonitoringRule version {:?} is not supported",
            rule.version
        )));
    }
    names::check_role(name(&rule))?;
    rule.metadata.get_or_insert_default().namespace = "default".to_owned();
    let spec = rule
        .spec
        .as_ref()
        .ok_or_else(|| Failure::bad_parameter("accessMonitoringRule spec is missing"))?;
    check(spec)?;
    let review = spec.automatic_review.iter();
    let warnings: Vec<&str> = review
        .flat_map(|review| warnings(review, &spec.desired_state, rule.has_unknown()))
        .collect();
    for warning in warnings {
        call.warn(warning);
    }
    Ok(rule)
}

fn warnings(review: &AutomaticReview, desired_state: &str, has_unknown: bool) -> Vec<&'static str> {
    let mut warnings = Vec::new();
    if review.integration == BUILTIN && desired_state != REVIEWED {
        warnings.push("the rule reviews nothing: it would with `desired_state: reviewed`");
    }
    if review.integration == BUILTIN && has_unknown {
        warnings.push("the rule reviews nothing: it holds something that this version does not know");
    }
    if review.decision == "APPROVED" {
        warnings.push(
            "a machine's approval counts only where one approval suffices; it never takes a person's place",
        );
    }
    warnings
}

fn check(spec: &AccessMonitoringRuleSpec) -> Answer<()> {
    let bad = |text: &str| Err(Failure::bad_parameter(format!("accessMonitoringRule {text}")));
    if spec.subjects.is_empty() {
        return bad("subject is missing");
    }
    if spec.condition.is_empty() {
        return bad("condition is missing");
    }
    if spec
        .notification
        .as_ref()
        .is_some_and(|notification| notification.name.is_empty())
    {
        return bad("notification plugin name is missing");
    }
    if let Some(review) = &spec.automatic_review {
        if review.integration.is_empty() {
            return bad("automatic_review integration is missing");
        }
        match review.decision.as_str() {
            "APPROVED" | "DENIED" => {}
            "" => return bad("automatic_review decision is missing"),
            other => return bad(&format!("automatic_review decision {other:?} is not supported")),
        }
    }
    let recipients = spec
        .notification
        .iter()
        .flat_map(|notification| &notification.recipients);
    let texts = spec.subjects.iter().chain(&spec.states).chain(recipients);
    if texts.clone().count() > VALUES_MAX {
        return bad(&format!(
            "has more than {VALUES_MAX} subjects, states and recipients"
        ));
    }
    for text in texts {
        names::check_mentioned("accessMonitoringRule", text)?;
    }
    if !spec.subjects.iter().any(|subject| subject == REQUESTS) {
        return Ok(());
    }
    if let Err(error) = Condition::parse(&spec.condition) {
        return bad(&format!("condition is invalid: parsing expression: {error}"));
    }
    if !matches!(spec.desired_state.as_str(), "" | "reviewed") {
        return bad(&format!(
            "desired_state {:?} is not supported",
            spec.desired_state
        ));
    }
    if spec.notification.is_none() && spec.automatic_review.is_none() {
        return Err(Failure::bad_parameter(format!(
            "one of notification or automatic_review must be configured if subjects contain {REQUESTS:?}"
        )));
    }
    Ok(())
}
