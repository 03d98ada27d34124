//! The start-up check of the cluster's side: may the plugin do what it has to do?
//!
//! Rights are found out by using them on a request that does not exist, so that nothing changes and every server of the
//! contract can be asked.

use tonic::{Code, Status};
use wire::pb::types::WatchKind;

use crate::desk::Desk;
use crate::record::Data;

/// No request has this id.
const NO_REQUEST: &str = "00000000-0000-0000-0000-000000000000";

/// What is missing on the cluster's side.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct RightsError {
    /// What is missing.
    pub message: String,
    /// What to do about it.
    pub hint: String,
}

/// Checks the rights of `user`, which has the roles `roles`.
pub async fn check_rights(desk: &Desk, user: &str, roles: &[String]) -> Result<(), RightsError> {
    let watched = WatchKind {
        kind: "access_request".to_owned(),
        ..WatchKind::default()
    };
    let lacking = |right: &'static str, rule: &'static str| {
        move |status: Status| {
            if status.code() == Code::PermissionDenied {
                RightsError {
                    message: format!("the user `{user}` may not {right} (its roles: {})", list(roles)),
                    hint: format!("one of its roles needs the rule {rule}"),
                }
            } else {
                RightsError {
                    message: format!(
                        "the cluster does not let the plugin {right}: {}",
                        status.message()
                    ),
                    hint: "the log of the Auth Service says more".to_owned(),
                }
            }
        }
    };
    let reading = "`resources: ['access_request'], verbs: ['list', 'read']`";
    desk.cluster()
        .watch(vec![watched], false)
        .await
        .map_err(lacking("read access requests", reading))?;
    desk.read(NO_REQUEST)
        .await
        .map_err(lacking("list access requests", reading))?;
    let note = Data::from([("user".to_owned(), user.to_owned())]);
    desk.write(NO_REQUEST, None, &note)
        .await
        .map_err(lacking(
            "keep notes beside access requests",
            "`resources: ['access_plugin_data'], verbs: ['update']`",
        ))
        .map(drop)
}

fn list(roles: &[String]) -> String {
    if roles.is_empty() {
        "none".to_owned()
    } else {
        roles.join(", ")
    }
}

/// What the plugin's roles allow that a plugin should not be able to do, one sentence each.
///
/// Roles that cannot be read say nothing.
pub async fn too_wide(desk: &Desk, roles: &[String]) -> Vec<String> {
    let mut found = Vec::new();
    for name in roles {
        let asked = wire::pb::proto::GetRoleRequest { name: name.clone() };
        let Ok(answer) = desk.cluster().auth().get_role(asked).await else {
            continue;
        };
        let Some(allow) = answer
            .into_inner()
            .into_message()
            .spec
            .and_then(|spec| spec.allow)
        else {
            continue;
        };
        if allow
            .review_requests
            .as_ref()
            .is_some_and(|review| !review.roles.is_empty())
        {
            found.push(format!(
                "the role `{name}` lets the plugin's user review requests"
            ));
        }
        let any = allow.rules.iter().any(|rule| {
            rule.verbs.iter().any(|verb| verb == "*") || rule.resources.iter().any(|resource| resource == "*")
        });
        if any {
            found.push(format!("the role `{name}` has a rule with `*`"));
        }
    }
    found
}
