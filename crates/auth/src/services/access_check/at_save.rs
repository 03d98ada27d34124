//! While a role or a user is saved: the ways past the rules that this very change would open, as warnings.
//!
//! What is there already is not said again, and nothing is refused. That somebody may change the rules alone is how a cluster
//! begins, and `tctl access-check` says it; here it would be said at every second change. In a large cluster the search is
//! left to those who ask for it: saving stays quick.

use access::alone::{Class, Policy, Question, Report, check};
use wire::convert;
use wire::pb::types;

use crate::auth::Auth;
use crate::call::Call;

/// Most accounts of a cluster in which saving searches.
const ACCOUNTS_MAX: usize = 500;
/// Most roles of a cluster in which saving searches.
const ROLES_MAX: usize = 300;
/// Decisions that one search may take.
const STEPS_MAX: u64 = 200_000;
/// Most warnings of one change.
const WARNINGS_MAX: usize = 3;

/// Warns of what a role would open.
pub async fn of_role(auth: &Auth, call: &Call, message: &types::RoleV6) {
    let Ok(role) = crate::policy::role(message) else {
        return;
    };
    warn(auth, call, |policy| {
        policy.roles.retain(|other| other.name != role.name);
        policy.roles.push(role);
    })
    .await;
}

/// Warns of what a user would open.
pub async fn of_user(auth: &Auth, call: &Call, message: &types::UserV2) {
    let account = convert::account(message);
    warn(auth, call, |policy| {
        policy.accounts.retain(|other| other.name != account.name);
        policy.accounts.push(account);
    })
    .await;
}

/// What cannot be searched is saved without warning: a role that nobody can read must not keep its correction out.
async fn warn(auth: &Auth, call: &Call, change: impl FnOnce(&mut Policy)) {
    let Ok(before) = super::stored(auth, call.now).await else {
        return;
    };
    if before.accounts.len() > ACCOUNTS_MAX || before.roles.len() > ROLES_MAX {
        return;
    }
    let mut after = before.clone();
    change(&mut after);
    let question = Question {
        steps_max: STEPS_MAX,
        ..Question::default()
    };
    let (Ok(before), Ok(after)) = (check(&before, &question), check(&after, &question)) else {
        return;
    };
    for warning in new_ways(&before, &after) {
        call.warn(warning);
    }
}

/// What `after` has and `before` had not, in words.
fn new_ways(before: &Report, after: &Report) -> Vec<String> {
    let opened: Vec<_> = after
        .new_since(before)
        .into_iter()
        .filter(|path| path.class != Class::RuleChanges)
        .collect();
    let mut warnings: Vec<String> = opened
        .iter()
        .take(WARNINGS_MAX)
        .map(|path| {
            let first = path.steps.first();
            let who = first
                .and_then(|step| step.people.first())
                .map_or("somebody", String::as_str);
            let does: Vec<&str> = path.steps.iter().map(|step| step.does.as_str()).collect();
            format!(
                "one person can come to role `{}` now: {who} {}; to close it, {}",
                path.targets.join("`, `"),
                does.join(", "),
                path.fix
            )
        })
        .collect();
    if opened.len() > WARNINGS_MAX {
        warnings.push(format!(
            "{} more ways for one person are open now; `tctl access-check` shows them",
            opened.len() - WARNINGS_MAX
        ));
    }
    warnings
}
