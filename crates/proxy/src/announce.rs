//! Saying that the proxy is there: at once, once a minute, and goodbye at the end. The Auth Service forgets who falls
//! silent; links in invitations and messages begin with the address said here.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use client::backoff::Backoff;
use client::cluster::COMPATIBLE_VERSION;
use tonic::Request;
use transport::Drain;
use wire::pb::countersign::v1::{AnnounceProxyRequest, WithdrawProxyRequest};

use crate::proxy::Proxy;

/// How often it is said.
const INTERVAL: Duration = Duration::from_secs(60);
/// How long one try may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long goodbye may take: nobody should wait for it.
const GOODBYE: Duration = Duration::from_secs(2);

impl Proxy {
    /// Says that it is there, now and once a minute, and says goodbye when `drain` begins.
    pub async fn announce(self: Arc<Self>, drain: Drain) {
        let mut backoff = Backoff::to_cluster(Arc::clone(&self.entropy));
        // Whether the cluster knows of us, as far as we know; what changes is told once.
        let mut known = None;
        loop {
            let pause = match self.say_hello().await {
                Ok(()) => {
                    if known != Some(true) {
                        tracing::info!(address = %self.settings.public_address(), "the proxy is known to its cluster");
                    }
                    known = Some(true);
                    self.known.store(true, Ordering::Relaxed);
                    backoff.reset();
                    INTERVAL
                }
                Err(error) => {
                    if known == Some(true) {
                        tracing::warn!(%error, "the cluster could not be told that the proxy is there");
                    } else if known.is_none() {
                        tracing::info!(%error, "the cluster could not be told yet that the proxy is there");
                    }
                    known = Some(false);
                    self.known.store(false, Ordering::Relaxed);
                    backoff.next_span()
                }
            };
            tokio::select! {
                () = drain.begun() => break,
                () = tokio::time::sleep(pause) => {}
            }
        }
        if known == Some(true) {
            let mut presence = self.upstream.cluster().proxy_presence();
            let goodbye = presence.withdraw_proxy(WithdrawProxyRequest {});
            match tokio::time::timeout(GOODBYE, goodbye).await {
                Ok(Ok(_)) => tracing::debug!("the proxy has said goodbye"),
                Ok(Err(error)) => tracing::debug!(%error, "nobody heard the proxy's goodbye"),
                Err(_) => tracing::debug!("nobody heard the proxy's goodbye in time"),
            }
        }
    }

    /// Whether the cluster heard so when the proxy last said that it is there.
    pub fn is_known(&self) -> bool {
        self.known.load(Ordering::Relaxed)
    }

    async fn say_hello(&self) -> Result<(), tonic::Status> {
        let mut hello = Request::new(AnnounceProxyRequest {
            address: self.settings.listen_address.to_string(),
            host_name: self.settings.node_name.clone(),
            public_addresses: self
                .settings
                .addresses()
                .iter()
                .map(ToString::to_string)
                .collect(),
            version: COMPATIBLE_VERSION.to_owned(),
        });
        hello.set_timeout(PATIENCE);
        self.upstream
            .cluster()
            .proxy_presence()
            .announce_proxy(hello)
            .await
            .map(drop)
    }
}
