//! Whether a caller may do something to a kind of thing. Users by their roles, parts of the cluster by
//! what they are for; `access` decides both.

use access::rbac::{self, Asker, Touched, Verdict};
use wire::pb::types;

use crate::call::Call;
use crate::caller::{Caller, Who};
use crate::failure::{Answer, Failure, denied};

/// Refuses unless the caller may do all of `verbs`; every verb that is missing is named.
pub(crate) fn allow(call: &Call, kind: &str, verbs: &[&str], thing: Option<&types::Metadata>) -> Answer<()> {
    call.caller.require_certificate()?;
    let missing: Vec<String> = verbs
        .iter()
        .filter(|verb| !verdict(&call.caller, kind, verb, thing).allows())
        .map(|verb| rbac::refusal(kind, verb))
        .collect();
    if missing.is_empty() {
        Ok(())
    } else {
        Err(Failure::access_denied(missing.join(", ")))
    }
}

/// The verdict on one verb, with its evidence.
pub fn verdict(caller: &Caller, kind: &str, verb: &str, thing: Option<&types::Metadata>) -> Verdict {
    match caller.who() {
        Who::Nobody => Verdict::NotGranted,
        Who::BuiltIn(part) => rbac::check_system(part.role, kind, verb),
        Who::User(user) => {
            let asker = |roles| Asker {
                user: user.name(),
                roles,
                traits: &user.traits,
            };
            let touched = Touched {
                name: thing.map(|thing| thing.name.as_str()),
                labels: thing.map(|thing| &thing.labels),
            };
            let later = rbac::check(&asker(user.forbidding()), kind, verb, touched);
            if later.is_explicit_denial() {
                return later;
            }
            rbac::check(&asker(user.roles()), kind, verb, touched)
        }
    }
}

/// Refuses whoever a rule forbids it explicitly; whoever has no rule at all passes.
pub fn refuse_explicit(caller: &Caller, kind: &str, verb: &str) -> Answer<()> {
    match verdict(caller, kind, verb, None) {
        Verdict::Deny { .. } => Err(Failure::access_denied(rbac::refusal(kind, verb))),
        _ if matches!(caller.who(), Who::Nobody) => Err(denied()),
        _ => Ok(()),
    }
}
