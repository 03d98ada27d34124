//! `AuthService.WatchEvents`: what changes, as it is committed.
//!
//! The stream begins with what it will tell about and replays nothing: whoever needs the present lists it then. Each
//! commit is told once and in order; a reader that falls too far behind gets an error that tells it to list again, and one
//! who is locked gets the refusal and nothing more.

mod kinds;

use std::sync::Arc;

use futures::stream::{self, Stream};
use jiff::Timestamp;
use prost::Message;
use store::WatchError;
use tonic::Status;
use wire::pb::proto::{self, Operation, event::Resource};
use wire::pb::types;

use crate::auth::Auth;
use crate::call::Call;
use crate::failure::{Answer, Failure};
use crate::locks::{Vigil, Whom};
use crate::server::health::Health;
use kinds::Watched;

/// Opens the stream.
pub async fn open(
    auth: &Arc<Auth>,
    call: &Call,
    asked: proto::Watch,
) -> Answer<impl Stream<Item = Result<proto::Event, Status>> + Send + 'static> {
    call.caller.require_certificate()?;
    if asked.kinds.is_empty() {
        return Err(Failure::access_denied("can't setup global watch"));
    }
    let mut confirmed = Vec::new();
    let mut watched = Vec::new();
    for kind in asked.kinds {
        match Watched::accept(auth, call, &kind).await {
            Ok(accepted) => {
                watched.extend(accepted);
                confirmed.push(kind);
            }
            Err(_) if asked.allow_partial_success => {}
            Err(failure) => return Err(failure),
        }
    }
    if confirmed.is_empty() {
        return Err(Failure::bad_parameter(
            "none of the requested kinds can be watched",
        ));
    }
    let prefixes = watched.iter().map(Watched::prefix).collect();
    let changes = auth
        .state
        .watch(prefixes)
        .map_err(|error| Failure::connection_problem(error.to_string()))?;
    let feed = Feed {
        auth: Arc::downgrade(auth),
        // A stream of a certificate ends with the certificate.
        until: call.caller.user().map(|user| user.identity.not_after),
        watched,
        changes,
        first: Some(init(confirmed)),
    };
    let minded = Minded {
        health: auth.health.clone(),
        vigil: Vigil::begin(auth, Whom::of_caller(&call.caller)).await?,
        feed,
    };
    Ok(stream::unfold(Some(minded), |minded| async move {
        let mut minded = minded?;
        let told = minded.next().await;
        let go_on = told.is_ok();
        Some((told, go_on.then_some(minded)))
    }))
}

/// A feed as long as there is no reason to end it.
struct Minded {
    health: Health,
    vigil: Vigil,
    feed: Feed,
}

struct Feed {
    auth: std::sync::Weak<Auth>,
    until: Option<Timestamp>,
    watched: Vec<Watched>,
    changes: store::Watch,
    first: Option<proto::Event>,
}

impl Minded {
    /// What is told next. A stream ends when the server is on its way out, so that nobody waits for it in vain, and when
    /// its reader is locked.
    async fn next(&mut self) -> Result<proto::Event, Status> {
        tokio::select! {
            biased;
            () = self.health.until_stopping() => Err(stopping()),
            locked = self.vigil.until_locked() => Err(crate::failure::shown(locked).into()),
            told = self.feed.change() => told,
        }
    }
}

impl Feed {
    async fn change(&mut self) -> Result<proto::Event, Status> {
        if let Some(first) = self.first.take() {
            return Ok(first);
        }
        if self.watched.is_empty() {
            // Accepted kinds of which there is never any news.
            std::future::pending::<()>().await;
        }
        loop {
            let change = self.changes.next().await.map_err(|error| ended(&error))?;
            let auth = self.auth.upgrade().ok_or_else(stopping)?;
            if self.until.is_some_and(|until| until <= auth.clock.now()) {
                return Err(Status::unavailable(
                    "the certificate of this stream has ended; connect again",
                ));
            }
            for watched in &self.watched {
                match watched.tell(&auth, &change.change).await {
                    Ok(Some(event)) => return Ok(event),
                    Ok(None) => {}
                    Err(failure) => return Err(crate::failure::shown(failure).into()),
                }
            }
        }
    }
}

fn stopping() -> Status {
    Status::unavailable("the server is stopping")
}

/// Clients reconnect and list again on this code.
fn ended(error: &WatchError) -> Status {
    Status::unavailable(format!("the watch has ended: {error}"))
}

fn init(kinds: Vec<types::WatchKind>) -> proto::Event {
    proto::Event {
        r#type: Operation::Init.into(),
        resource: Some(Resource::WatchStatus(types::WatchStatusV1 {
            kind: "watch_status".to_owned(),
            sub_kind: String::new(),
            version: "v1".to_owned(),
            metadata: Some(types::Metadata {
                name: "watch-status".to_owned(),
                namespace: "default".to_owned(),
                ..types::Metadata::default()
            }),
            spec: Some(types::WatchStatusSpecV1 { kinds }),
        })),
    }
}

/// Something that is gone, with a word about it.
fn deleted(kind: &str, version: &str, name: &str, description: &str) -> proto::Event {
    proto::Event {
        r#type: Operation::Delete.into(),
        resource: Some(Resource::ResourceHeader(types::ResourceHeader {
            kind: kind.to_owned(),
            sub_kind: String::new(),
            version: version.to_owned(),
            metadata: Some(types::Metadata {
                name: name.to_owned(),
                namespace: "default".to_owned(),
                description: description.to_owned(),
                ..types::Metadata::default()
            }),
        })),
    }
}

/// Something that is new or different.
fn put(resource: Resource) -> proto::Event {
    proto::Event {
        r#type: Operation::Put.into(),
        resource: Some(resource),
    }
}

/// A stored resource out of its bytes.
fn read<M: crate::state::resource::Resource>(item: &store::Item) -> Answer<wire::keep::Kept<M>> {
    let mut resource = wire::keep::Kept::<M>::decode(item.value.clone())
        .map_err(|error| Failure::internal(format!("`{}` is not readable: {error}", item.key)))?;
    resource.metadata_mut().revision = crate::state::resource::stamp(item.revision);
    Ok(resource)
}
