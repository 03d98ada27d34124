//! `AccessService.AccessCheck`: every way by which fewer people than promised come to a role, or to its rule.

use access::alone::{Question, TooMuch, check};
use wire::convert;
use wire::pb::countersign::v1 as ours;

use crate::auth::Auth;
use crate::call::Call;
use crate::failure::{Answer, Failure};

/// Most roles that one question names.
const ROLES_ASKED_MAX: usize = 300;

/// Handles the call.
pub async fn handle(auth: &Auth, call: &Call, asked: ours::AccessCheckRequest) -> Answer<ours::AccessReport> {
    // The report says who holds what and who may do what: for those who could read it together themselves.
    call.allow("role", &["list", "read"])?;
    call.allow("user", &["list", "read"])?;
    if asked.roles.len() > ROLES_ASKED_MAX {
        return Err(Failure::bad_parameter(format!(
            "{} roles are asked about; at most {ROLES_ASKED_MAX} can be",
            asked.roles.len()
        )));
    }
    let mut policy = super::stored(auth, call.now).await?;
    policy.two_persons_for_rule_changes =
        crate::services::requests::settings(auth, call, ours::GetSettingsRequest {})
            .await?
            .two_persons_for_rule_changes;
    let mut question = Question {
        roles: asked.roles,
        ..Question::default()
    };
    if asked.people != 0 {
        question.people = usize::try_from(asked.people).unwrap_or(usize::MAX);
    }
    // It may take a second of a large cluster's processor, which others' calls need not wait for.
    let searched = tokio::task::spawn_blocking(move || check(&policy, &question)).await;
    let report = searched
        .map_err(|_| Failure::internal("the search for ways to roles broke off"))?
        .map_err(|error| match error {
            TooMuch::Steps(_) | TooMuch::Accounts(_) | TooMuch::Roles(_) => {
                Failure::limit_exceeded(error.to_string())
            }
            TooMuch::UnknownRole(name) => crate::services::roles::no_such_role(&name),
            TooMuch::People(_) => Failure::bad_parameter(error.to_string()),
        })?;
    Ok(convert::access_report(&report))
}
