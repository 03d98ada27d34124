//! Watching what changes: a stream that says when it stands, and one that comes back by itself.
//!
//! A watch starts "now" and replays nothing. Whoever needs the present state lists it after the
//! stream stands; a [`Feed`] says when that is, again after each loss.

use std::sync::Arc;
use std::time::Duration;

use access::ambient::Entropy;
use tonic::{Code, Status, Streaming};
use wire::pb::proto::{self, Event, Operation, event};
use wire::pb::types::WatchKind;

use crate::backoff::Backoff;
use crate::cluster::Cluster;

/// The stream must stand within this time.
const INIT_TIMEOUT: Duration = Duration::from_secs(15);

/// A stream of changes that stands.
#[derive(Debug)]
pub struct Watch {
    confirmed: Vec<WatchKind>,
    stream: Streaming<Event>,
}

impl Watch {
    /// The kinds the server has agreed to tell about.
    pub fn confirmed(&self) -> &[WatchKind] {
        &self.confirmed
    }

    /// The next change; `None` when the server has ended the stream.
    pub async fn next(&mut self) -> Result<Option<Event>, Status> {
        self.stream.message().await
    }
}

impl Cluster {
    /// Watches `kinds`. Returns when the stream stands: no change after that is missed.
    ///
    /// With `partial` the server may leave out kinds it does not know or does not allow.
    pub async fn watch(&self, kinds: Vec<WatchKind>, partial: bool) -> Result<Watch, Status> {
        let standing = async {
            let request = proto::Watch {
                kinds,
                allow_partial_success: partial,
            };
            let mut stream = self.auth().watch_events(request).await?.into_inner();
            let first = stream.message().await?;
            let confirmed = match first {
                Some(Event { r#type, resource }) if r#type == Operation::Init as i32 => match resource {
                    Some(event::Resource::WatchStatus(status)) => {
                        status.spec.map(|spec| spec.kinds).unwrap_or_default()
                    }
                    _ => Vec::new(),
                },
                Some(_) => {
                    return Err(Status::unavailable(
                        "the watch did not begin with its confirmation",
                    ));
                }
                None => return Err(Status::unavailable("the watch ended before it began")),
            };
            Ok(Watch { confirmed, stream })
        };
        tokio::time::timeout(INIT_TIMEOUT, standing)
            .await
            .unwrap_or_else(|_| Err(Status::unavailable("the watch was not confirmed in time")))
    }
}

/// What a [`Feed`] tells.
#[derive(Debug)]
pub enum Told {
    /// A stream stands: now list what there is. Everything told before may be out of date.
    Begun {
        /// The kinds the server has agreed to tell about.
        confirmed: Vec<WatchKind>,
    },
    /// Something changed.
    Changed(Box<Event>),
    /// The stream is lost; the feed tries again until it stands or is refused for good.
    Lost(Status),
}

/// A watch that comes back by itself.
pub struct Feed {
    cluster: Cluster,
    kinds: Vec<WatchKind>,
    partial: bool,
    backoff: Backoff,
    watch: Option<Watch>,
    failed: bool,
}

impl Feed {
    /// Watches `kinds` for as long as it takes.
    pub fn new(cluster: Cluster, kinds: Vec<WatchKind>, partial: bool, entropy: Arc<dyn Entropy>) -> Self {
        let backoff = Backoff::to_cluster(entropy);
        Self {
            cluster,
            kinds,
            partial,
            backoff,
            watch: None,
            failed: false,
        }
    }

    /// What happens next.
    ///
    /// # Errors
    /// When trying again is of no use: the watch is not allowed, or not understood.
    pub async fn next(&mut self) -> Result<Told, Status> {
        if let Some(watch) = &mut self.watch {
            return match watch.next().await {
                Ok(Some(event)) => {
                    self.backoff.reset();
                    Ok(Told::Changed(Box::new(event)))
                }
                Ok(None) => self.lost(Status::unavailable("the server ended the watch")),
                Err(status) => self.lost(status),
            };
        }
        if self.failed {
            self.backoff.wait().await;
        }
        match self.cluster.watch(self.kinds.clone(), self.partial).await {
            Ok(watch) => {
                let confirmed = watch.confirmed.clone();
                self.watch = Some(watch);
                Ok(Told::Begun { confirmed })
            }
            Err(status) => self.lost(status),
        }
    }

    fn lost(&mut self, status: Status) -> Result<Told, Status> {
        self.watch = None;
        self.failed = true;
        if is_final(&status) {
            Err(status)
        } else {
            Ok(Told::Lost(status))
        }
    }
}

/// Whether the same call will be answered the same way.
fn is_final(status: &Status) -> bool {
    matches!(
        status.code(),
        Code::PermissionDenied | Code::InvalidArgument | Code::Unimplemented | Code::Unauthenticated
    )
}
