//! All sessions of one person: listed for that person, and ended together.

use wire::pb::countersign::v1 as ours;

use super::living;
use crate::auth::Auth;
use crate::call::Call;
use crate::failure::Answer;
use crate::moment;
use crate::state::{Change, Tries};

/// Handles `SignInService.ListWebSessions`.
pub async fn list(
    auth: &Auth,
    call: &Call,
    asked: ours::ListWebSessionsRequest,
) -> Answer<ours::ListWebSessionsResponse> {
    call.caller.require_proxy()?;
    living(auth, call, &asked.user, &asked.id).await?;
    let own = auth.state.session_key(&asked.user, &asked.id)?;
    let mut sessions: Vec<_> = auth.state.sessions_of(&asked.user, call.now).await?;
    sessions.sort_by_key(|(_, session)| std::cmp::Reverse(session.opened));
    Ok(ours::ListWebSessionsResponse {
        sessions: sessions
            .into_iter()
            .map(|(key, session)| ours::WebSessionFacts {
                opened: Some(moment::write(session.opened)),
                expires: Some(moment::write(session.expires)),
                address: session.address.clone(),
                own: key == own,
            })
            .collect(),
    })
}

/// Handles `SignInService.CloseAllWebSessions`.
pub async fn close(
    auth: &Auth,
    call: &Call,
    asked: ours::CloseAllWebSessionsRequest,
) -> Answer<ours::CloseAllWebSessionsResponse> {
    call.caller.require_proxy()?;
    living(auth, call, &asked.user, &asked.id).await?;
    let mut tries = Tries::default();
    loop {
        let actor = call.actor().acting_for(&asked.user);
        let event = crate::audit::cluster::changed(&actor, "web_session", &asked.user, "delete all");
        let change = Change::new(call.now, &asked.user, event);
        let change = auth.state.end_sessions_of(&asked.user, change).await?;
        match auth.state.commit(change).await {
            Ok(_) => return Ok(ours::CloseAllWebSessionsResponse {}),
            Err(refused) => tries.again(refused)?,
        }
    }
}
