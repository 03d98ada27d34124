//! Web sessions: what a signed-in browser holds, kept sealed, found only by who knows its id.

pub mod all;

use access::issue;
use pki::{Algorithm, KeyPair};
use wire::pb::countersign::v1 as ours;
use wire::pb::types;

use crate::auth::Auth;
use crate::call::Call;
use crate::failure::{Answer, Failure};
use crate::locks::{self, Targets, Whom};
use crate::moment;
use crate::services::certificates::{self, Wanted, refused, sign_proven, subject};
use crate::services::requests::person;
use crate::services::signin::{Proof, changed_meanwhile};
use crate::state::sessions::{NewSession, WebSession};
use crate::state::{Change, Read, Tries};

/// A session as it leaves the server, once.
struct Opened {
    id: access::SecretText,
    bearer: access::SecretText,
    session: WebSession,
}

/// Opens a session for somebody who has just proven who they are, unless that has ceased to hold meanwhile.
async fn make(auth: &Auth, call: &Call, user: &str, address: &str, proof: &Proof) -> Answer<Opened> {
    let device = proof.device.as_ref().map(|device| device.id.clone());
    let person = person(auth, user, call.now)
        .await?
        .ok_or_else(crate::failure::denied)?;
    let end = call
        .now
        .saturating_add(auth.preference(call.now).await?.session_ttl())
        .unwrap_or(call.now);
    let ip = call.source().map(|source| source.to_string());
    let permit =
        issue::sign_in(&subject(&person), Some(issue::Wish::AtMost(end)), ip, call.now).map_err(refused)?;
    let fault = |error: &dyn std::fmt::Display| Failure::internal(format!("a session key: {error}"));
    let key = KeyPair::generate(Algorithm::P256, auth.chance.entropy()).map_err(|error| fault(&error))?;
    let wanted = Wanted {
        ssh: None,
        tls: Some(key.public().clone()),
    };
    let certificates = sign_proven(auth, call, &permit, &wanted, device.as_deref()).await?;
    let (id, bearer) = (auth.chance.token::<32>(), auth.chance.token::<32>());
    let session = WebSession::new(NewSession {
        user,
        subject: &person.subject,
        now: call.now,
        expires: permit.grant().not_after,
        bearer: auth.state.bearer_digest(bearer.expose())?,
        certificate: String::from_utf8_lossy(&certificates.tls).into_owned(),
        private_key: &key.to_pem().map_err(|error| fault(&error))?,
        address: address.to_owned(),
        device,
    });
    let place = auth.state.session_key(user, id.expose())?;
    let event = crate::audit::cluster::changed(&call.actor().acting_for(user), "web_session", user, "create");
    let change = proof.still_holding(Change::new(call.now, user, event), user);
    let change = auth.state.put_session(change, place, &session)?;
    auth.state.commit(change).await.map_err(changed_meanwhile)?;
    Ok(Opened { id, bearer, session })
}

/// Opens a session, in the form of Teleport's clients.
pub async fn open(
    auth: &Auth,
    call: &Call,
    user: &str,
    address: &str,
    proof: &Proof,
) -> Answer<types::WebSessionV2> {
    let Opened { id, bearer, session } = make(auth, call, user, address, proof).await?;
    Ok(types::WebSessionV2 {
        kind: "web_session".to_owned(),
        sub_kind: "web_session".to_owned(),
        version: "v2".to_owned(),
        metadata: Some(types::Metadata {
            name: id.expose().clone(),
            namespace: "default".to_owned(),
            expires: Some(moment::write(session.expires)),
            ..types::Metadata::default()
        }),
        spec: Some(types::WebSessionSpecV2 {
            user: user.to_owned(),
            tls_cert: session.certificate.clone().into_bytes().into(),
            bearer_token: bearer.expose().clone(),
            bearer_token_expires: Some(moment::write(session.bearer_expires)),
            expires: Some(moment::write(session.expires)),
            login_time: Some(moment::write(session.opened)),
            tls_priv: session.private_key().as_bytes().to_vec().into(),
            ..types::WebSessionSpecV2::default()
        }),
    })
}

/// Opens a session for a browser behind our own proxy.
pub async fn open_for_proxy(
    auth: &Auth,
    call: &Call,
    user: &str,
    address: &str,
    proof: &Proof,
) -> Answer<ours::WebSession> {
    let Opened { id, bearer, session } = make(auth, call, user, address, proof).await?;
    Ok(shown(&session, id.expose(), bearer.expose()))
}

/// Handles `SignInService.GetWebSession`.
pub async fn get(auth: &Auth, call: &Call, asked: ours::GetWebSessionRequest) -> Answer<ours::WebSession> {
    call.caller.require_proxy()?;
    let session = living(auth, call, &asked.user, &asked.id).await?.value;
    if !asked.bearer_token.is_empty() {
        let good = session.bearer == auth.state.bearer_digest(&asked.bearer_token)?
            && call.now < session.bearer_expires;
        if !good {
            return Err(gone());
        }
    }
    Ok(shown(&session, &asked.id, &asked.bearer_token))
}

/// Handles `SignInService.RenewWebSession`: another secret beside the cookie, and a certificate with the roles of now.
/// Requests that are active stay so unless they are dropped; the certificate ends no later than any of them, the session
/// when it always did.
pub async fn renew(
    auth: &Auth,
    call: &Call,
    asked: ours::RenewWebSessionRequest,
) -> Answer<ours::WebSession> {
    call.caller.require_proxy()?;
    let place = auth.state.session_key(&asked.user, &asked.id)?;
    let mut tries = Tries::default();
    loop {
        let found = living(auth, call, &asked.user, &asked.id).await?;
        let person = person(auth, &asked.user, call.now).await?.ok_or_else(gone)?;
        let fault = |error: &dyn std::fmt::Display| Failure::internal(format!("a session key: {error}"));
        let key = KeyPair::from_pem(found.value.private_key()).map_err(|error| fault(&error))?;
        let ip = call.source().map(|source| source.to_string());
        let wish = issue::Wish::AtMost(found.value.expires);
        let active = active_after(&found.value.identity()?.active_requests, &asked);
        let permit = if active.is_empty() {
            issue::sign_in(&subject(&person), Some(wish), ip, call.now).map_err(refused)?
        } else {
            let holder = issue::Holder {
                user: asked.user.clone(),
                active_requests: Vec::new(),
                impersonator: None,
                disallow_reissue: false,
                not_after: Some(found.value.expires),
                login_ip: ip,
                renewable: false,
                machine: None,
            };
            certificates::with_requests(auth, call, &holder, &person, &active, wish).await?
        };
        let wanted = Wanted {
            ssh: None,
            tls: Some(key.public().clone()),
        };
        let device = found.value.device.clone();
        let certificates = sign_proven(auth, call, &permit, &wanted, device.as_deref()).await?;
        let bearer = auth.chance.token::<32>();
        let revision = found.revision;
        let session = found.value.renewed(
            auth.state.bearer_digest(bearer.expose())?,
            String::from_utf8_lossy(&certificates.tls).into_owned(),
            call.now,
        );
        let actor = call.actor().acting_for(&asked.user);
        let event = crate::audit::cluster::changed(&actor, "web_session", &asked.user, "renew");
        let change = Change::new(call.now, &asked.user, event).require_same(&place, Some(revision));
        let change = auth.state.put_session(change, place.clone(), &session)?;
        match auth.state.commit(change).await {
            Ok(_) => return Ok(shown(&session, &asked.id, bearer.expose())),
            Err(refused) => tries.again(refused)?,
        }
    }
}

/// The requests that are active after what was asked for.
fn active_after(active: &[String], asked: &ours::RenewWebSessionRequest) -> Vec<String> {
    let drops_all = asked.drop.iter().any(|id| id == "*");
    let mut after: Vec<String> = Vec::new();
    let kept = active.iter().filter(|_| !drops_all);
    for id in kept.chain(&asked.assume) {
        if !after.contains(id) && !asked.drop.contains(id) {
            after.push(id.clone());
        }
    }
    after
}

fn gone() -> Failure {
    Failure::not_found("the session does not exist or has ended")
}

/// The session with this secret, if its user is still who opened it, and neither that user nor anything the session's
/// certificate carries is locked.
async fn living(auth: &Auth, call: &Call, user: &str, id: &str) -> Answer<Read<WebSession>> {
    let found = auth
        .state
        .web_session(user, id, call.now)
        .await?
        .ok_or_else(gone)?;
    let subject = auth.state.subject(user, call.now).await?;
    let same = subject
        .is_some_and(|subject| subject.value.ended.is_none() && subject.value.id == found.value.subject);
    if !same {
        return Err(gone());
    }
    let holder = Whom::of_user(found.value.identity()?);
    let targets = Targets {
        device: found.value.device.as_deref(),
        ..holder.targets()
    };
    locks::check(&auth.state, &targets, call.now).await?;
    Ok(found)
}

/// Handles `SignInService.CloseWebSession`.
pub async fn close(
    auth: &Auth,
    call: &Call,
    asked: ours::CloseWebSessionRequest,
) -> Answer<ours::CloseWebSessionResponse> {
    call.caller.require_proxy()?;
    let key = auth.state.session_key(&asked.user, &asked.id)?;
    let mut tries = Tries::default();
    loop {
        let Some(found) = auth.state.web_session(&asked.user, &asked.id, call.now).await? else {
            return Ok(ours::CloseWebSessionResponse {});
        };
        let actor = call.actor().acting_for(&asked.user);
        let event = crate::audit::cluster::changed(&actor, "web_session", &asked.user, "delete");
        let change = Change::new(call.now, &asked.user, event)
            .require_same(&key, Some(found.revision))
            .delete(key.clone());
        match auth.state.commit(change).await {
            Ok(_) => return Ok(ours::CloseWebSessionResponse {}),
            Err(refused) => tries.again(refused)?,
        }
    }
}

fn shown(session: &WebSession, id: &str, bearer: &str) -> ours::WebSession {
    ours::WebSession {
        user: session.user.clone(),
        id: id.to_owned(),
        bearer_token: bearer.to_owned(),
        bearer_token_expires: Some(moment::write(session.bearer_expires)),
        expires: Some(moment::write(session.expires)),
        idle_timeout: None,
        tls_certificate: session.certificate.clone().into_bytes().into(),
        tls_private_key: session.private_key().as_bytes().to_vec().into(),
    }
}
