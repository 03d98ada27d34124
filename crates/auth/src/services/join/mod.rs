//! Joining: a machine that has no certificate yet shows a token and gets one.
//!
//! Whoever calls is nobody, so calls are counted per address, and a wrong token, one that is over, one that was used and one
//! for something else are told apart in the record alone.

mod bot;
mod host;

use wire::pb::proto::Certs;
use wire::pb::types;

use crate::audit::machines;
use crate::auth::Auth;
use crate::call::Call;
use crate::failure::{Answer, Class, Failure};
use crate::services::tokens::{BOT, roles_of};

/// The longest texts that a joining machine may send.
const TEXT_BYTES_MAX: usize = 1024;

/// Handles `JoinService.RegisterUsingToken`.
pub async fn handle(auth: &Auth, call: &Call, asked: types::RegisterUsingTokenRequest) -> Answer<Certs> {
    auth.limits.guess(call)?;
    let answer = register(auth, call, &asked).await;
    if let Err(failure) = &answer
        && failure.class() == Class::AccessDenied
        && auth.limits.refusal(call)
    {
        let actor = call.actor();
        let told = if asked.role.eq_ignore_ascii_case(BOT) {
            machines::bot_join_refused(actor, failure.message())
        } else {
            machines::instance_join_refused(actor, &shortened(&asked.role), failure.message())
        };
        auth.state.tell(call.now, &actor.user, told).await?;
    }
    answer
}

async fn register(auth: &Auth, call: &Call, asked: &types::RegisterUsingTokenRequest) -> Answer<Certs> {
    let texts = [&asked.host_id, &asked.node_name, &asked.role, &asked.token];
    if texts.iter().any(|text| text.len() > TEXT_BYTES_MAX) {
        return Err(Failure::bad_parameter("a text of the request is too long"));
    }
    let token = auth.state.token(&asked.token, call.now).await?;
    let Some(token) = token.filter(|found| {
        roles_of(&found.resource)
            .iter()
            .any(|role| role.eq_ignore_ascii_case(&asked.role))
    }) else {
        return Err(refused(asked));
    };
    if asked.role.eq_ignore_ascii_case(BOT) {
        return bot::join(auth, call, asked, &token).await;
    }
    match host::role(&asked.role) {
        Some(role) => host::join(auth, call, asked, &token, role).await,
        None => Err(Failure::not_implemented(format!(
            "joining as {} is not available yet",
            shortened(&asked.role)
        ))),
    }
}

/// The one refusal, in the original's words.
fn refused(asked: &types::RegisterUsingTokenRequest) -> Failure {
    Failure::access_denied(format!(
        "{:?} can not join the cluster with role {:?}, token expired or not found",
        shortened(&asked.node_name),
        shortened(&asked.role)
    ))
}

fn shortened(text: &str) -> String {
    text.chars().take(80).collect()
}
