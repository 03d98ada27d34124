//! One call: who, when, and what the caller is told beside the answer.
//!
//! The clock is read once, when the call begins; everything the call decides and writes carries that
//! moment. Handlers get a [`Call`] and nothing of the connection.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use tonic::metadata::{MetadataMap, MetadataValue};
use tonic::{Request, Response, Status};
use transport::peer::Peer;
use wire::pb::proto::MfaAuthenticateResponse;
use wire::pb::types;

use crate::audit::{self, Actor};
use crate::auth::Auth;
use crate::caller::Caller;
use crate::failure::{Answer, Class, Failure, shown};
use crate::version;

/// The header in which warnings beside an answer travel, one each.
pub const WARNING_HEADER: &str = "countersign-warning-bin";
/// In which a proxy says where its own client calls from. Believed from proxies alone.
pub const CLIENT_ADDRESS_HEADER: &str = "countersign-client-address";
/// In which a proxy says what its own client calls itself. Believed from proxies alone.
pub const CLIENT_AGENT_HEADER: &str = "countersign-client-agent";

/// In which our own tools say that the end they ask a certificate for is meant exactly.
pub const EXACT_TTL_HEADER: &str = wire::metadata::EXACT_TTL;

/// One call.
#[derive(Debug)]
pub struct Call {
    /// When it began. The only moment this call knows.
    pub now: Timestamp,
    /// Who is calling.
    pub caller: Caller,
    /// The method, as in `/proto.AuthService/Ping`.
    pub method: &'static str,
    exact_ttl: bool,
    takes_warnings: bool,
    from_browser: bool,
    second_factor: Option<MfaAuthenticateResponse>,
    warnings: Arc<Mutex<Vec<String>>>,
}

impl Call {
    /// A call by `caller`.
    pub fn new(now: Timestamp, caller: Caller, method: &'static str) -> Self {
        Self {
            now,
            caller,
            method,
            exact_ttl: false,
            takes_warnings: false,
            from_browser: false,
            second_factor: None,
            warnings: Arc::default(),
        }
    }

    /// The same call by the caller as they are known now, unless they are locked by now. What they are told beside the
    /// answer stays one list.
    pub async fn again(&self, auth: &Auth) -> Answer<Self> {
        let caller = self.caller.again(&auth.state, self.now).await?;
        crate::locks::check_caller(&auth.state, &caller, self.now).await?;
        Ok(Self {
            now: self.now,
            caller,
            method: self.method,
            exact_ttl: self.exact_ttl,
            takes_warnings: self.takes_warnings,
            from_browser: self.from_browser,
            second_factor: self.second_factor.clone(),
            warnings: Arc::clone(&self.warnings),
        })
    }

    /// Whether the end asked for is meant exactly.
    pub fn wants_exact_ttl(&self) -> bool {
        self.exact_ttl
    }

    /// Whether the caller's program shows what comes beside an answer.
    pub fn takes_warnings(&self) -> bool {
        self.takes_warnings
    }

    /// Whether the caller acts in a browser, as our own proxy says for its pages. Saying so only asks for more.
    pub fn is_from_browser(&self) -> bool {
        self.from_browser
    }

    /// The second factor that was shown beside the call.
    pub fn second_factor(&self) -> Option<&MfaAuthenticateResponse> {
        self.second_factor.as_ref()
    }

    /// How records name the caller.
    pub fn actor(&self) -> &Actor {
        self.caller.actor()
    }

    /// Where the call comes from, for counting.
    pub fn source(&self) -> Option<std::net::IpAddr> {
        self.caller.address().map(|address| address.ip())
    }

    /// Tells the caller something beside the answer.
    pub fn warn(&self, text: impl Into<String>) {
        self.warnings
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(text.into());
    }

    /// What the caller is told beside the answer.
    pub fn warnings(&self) -> Vec<String> {
        self.warnings
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Refuses unless the caller may do all of `verbs` to things of a kind.
    pub fn allow(&self, kind: &str, verbs: &[&str]) -> Answer<()> {
        crate::authorize::allow(self, kind, verbs, None)
    }

    /// The same for one thing, which rules may look at.
    pub fn allow_on(&self, kind: &str, verbs: &[&str], thing: Option<&types::Metadata>) -> Answer<()> {
        crate::authorize::allow(self, kind, verbs, thing)
    }
}

/// Begins a gRPC call: who, from where, how old a client, locked or not, too often or not.
pub async fn enter<M>(auth: &Auth, request: Request<M>, method: &'static str) -> Result<(Call, M), Status> {
    let now = auth.clock.now();
    let (metadata, extensions, message) = request.into_parts();
    let begun = begin(auth, &metadata, extensions.get::<Peer>(), now, method).await;
    match begun {
        Ok(call) => Ok((call, message)),
        Err(failure) => Err(shown(failure).into()),
    }
}

async fn begin(
    auth: &Auth,
    metadata: &MetadataMap,
    peer: Option<&Peer>,
    now: Timestamp,
    method: &'static str,
) -> Answer<Call> {
    let peer = peer.ok_or_else(|| Failure::internal("a request came without a connection"))?;
    let text = |name: &str| metadata.get(name).and_then(|value| value.to_str().ok());
    version::check_client(match metadata.get("version") {
        Some(value) => Some(value.to_str().unwrap_or("")),
        None => None,
    })?;
    let mut caller = Caller::of(&auth.state, peer, text("user-agent").unwrap_or_default(), now).await?;
    if let Some(client) = text(CLIENT_ADDRESS_HEADER).and_then(|text| text.parse::<SocketAddr>().ok()) {
        caller.on_behalf_of(client, text(CLIENT_AGENT_HEADER));
    }
    auth.limits.call(&caller, now)?;
    crate::locks::check_caller(&auth.state, &caller, now).await?;
    let second_factor = match metadata.get(wire::metadata::MFA_RESPONSE) {
        None => None,
        Some(_) => Some(
            text(wire::metadata::MFA_RESPONSE)
                .and_then(wire::mfa::header::read)
                .ok_or_else(|| Failure::bad_parameter("the second factor beside the call cannot be read"))?,
        ),
    };
    let exact_ttl = metadata.contains_key(EXACT_TTL_HEADER);
    Ok(Call {
        exact_ttl,
        takes_warnings: metadata.contains_key(wire::metadata::TAKES_WARNINGS),
        from_browser: metadata.contains_key(wire::metadata::FROM_BROWSER),
        second_factor,
        ..Call::new(now, caller, method)
    })
}

/// Ends a gRPC call: warnings beside the answer, or the refusal with its record.
pub async fn leave<R>(auth: &Auth, call: &Call, answer: Answer<R>) -> Result<Response<R>, Status> {
    match answer {
        Ok(message) => {
            let mut response = Response::new(message);
            add_warnings(call, response.metadata_mut());
            Ok(response)
        }
        Err(failure) => Err(refuse(auth, call, failure).await),
    }
}

fn add_warnings(call: &Call, metadata: &mut MetadataMap) {
    for warning in call.warnings() {
        metadata.append_bin(WARNING_HEADER, MetadataValue::from_bytes(warning.as_bytes()));
    }
}

/// Turns a failure into what the caller sees. Somebody known who asked for what they may not do leaves
/// a record.
pub async fn refuse(auth: &Auth, call: &Call, failure: Failure) -> Status {
    let failure = shown(failure);
    let known = call.caller.require_certificate().is_ok();
    if known && failure.class() == Class::AccessDenied && auth.limits.refusal(call) {
        let actor = call.actor();
        let event = audit::cluster::refused(actor, call.method, failure.message());
        if let Err(error) = auth.state.tell(call.now, &actor.user, event).await {
            tracing::warn!(%error, method = call.method, "a refusal could not be recorded");
        }
    }
    let mut status = Status::from(failure);
    add_warnings(call, status.metadata_mut());
    status
}
