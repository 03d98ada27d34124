//! The parts of this process towards its own cluster, when the authorities change: what its ports show and believe, as
//! whom its proxy calls, and the local administrator's identity.
//!
//! Everything is signed anew at each change: at most of them only the list of the believed has changed, but that list is
//! part of an identity too. Connections that are open stay open.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::time::Duration;

use auth::Auth;
use auth::services::authorities::rotate::Keeper;
use cli::Failure;
use client::IdentityHandle;
use tokio::sync::Mutex;
use transport::Drain;
use transport::tls::{ClientAuthorities, ServerTls};

use super::admin::LocalAdmin;
use super::gate;
use crate::config::{AuthConfig, Config};
use crate::failures;

/// How often it is looked whether something could not be followed.
const LOOKED_AT: Duration = Duration::from_secs(30);

/// What has to follow.
pub struct OwnParts {
    auth: Weak<Auth>,
    config: Config,
    told: AuthConfig,
    port: Arc<ServerTls>,
    admin: Arc<LocalAdmin>,
    /// The passage that the proxy of this process keeps, if there is one.
    pub passage: Option<Arc<ServerTls>>,
    /// As whom that proxy calls.
    pub proxy: Option<IdentityHandle>,
    /// The authorities that everything follows.
    followed: Mutex<ClientAuthorities>,
}

impl OwnParts {
    /// The parts of a process whose Auth Service listens behind `port`.
    pub fn new(
        auth: &Arc<Auth>,
        config: &Config,
        told: &AuthConfig,
        port: Arc<ServerTls>,
        admin: Arc<LocalAdmin>,
    ) -> Self {
        let followed = port.settings().client_authorities.unwrap_or_default();
        Self {
            auth: Arc::downgrade(auth),
            config: config.clone(),
            told: told.clone(),
            port,
            admin,
            passage: None,
            proxy: None,
            followed: Mutex::new(followed),
        }
    }

    /// Follows what could not be followed at once, until `drain` begins.
    pub async fn look_after(self: Arc<Self>, drain: Drain) {
        loop {
            tokio::select! {
                () = drain.begun() => return,
                () = tokio::time::sleep(LOOKED_AT) => self.keep_up().await,
            }
        }
    }

    async fn follow(&self) -> Result<(), Failure> {
        let Some(auth) = self.auth.upgrade() else {
            return Ok(());
        };
        let mut followed = self.followed.lock().await;
        let authorities = gate::authorities(&auth, auth.clock.now()).await?;
        if authorities == *followed {
            return Ok(());
        }
        let failed = |error: &_| failures::tls("the ports of the cluster's own", error);
        // First everybody is believed who may come, then others are shown.
        for tls in self.passage.iter().chain([&self.port]) {
            tls.replace_client_authorities(authorities.clone())
                .map_err(|error| failed(&error))?;
        }
        let signed = gate::identities(&auth, &self.config, &self.told).await?;
        if let Some(proxy) = &self.proxy {
            proxy.replace(gate::own_identity(&signed.proxy)?);
        }
        self.admin.write().await?;
        self.port
            .replace_certificates(vec![gate::credentials(&signed.auth)?])
            .map_err(|error| failed(&error))?;
        if let Some(passage) = &self.passage {
            passage
                .replace_certificates(vec![gate::credentials(&signed.proxy)?])
                .map_err(|error| failed(&error))?;
        }
        tracing::info!(
            "The authorities have changed: ports, proxy and local administrator have new certificates."
        );
        *followed = authorities;
        Ok(())
    }
}

impl Keeper for OwnParts {
    fn keep_up(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async move {
            if let Err(error) = self.follow().await {
                let error = error.message();
                tracing::error!(%error, "The authorities have changed, and this process could not follow; trying again.");
            }
        })
    }
}
