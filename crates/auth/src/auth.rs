//! The Auth Service as a value: what it remembers, what it reads the time from, what it was told.
//!
//! [`Auth::open`] makes the cluster at the first start, in one commit: its name, its authorities, the
//! preset roles, its settings. At every later start it only reads, and writes what the configuration
//! file says differently.

use std::path::PathBuf;
use std::sync::Arc;

use access::ambient::{Clock, Entropy};
use access::{HostGrant, HostPermit, SecretText, SystemRole};
use jiff::{SignedDuration, Timestamp};
use pki::issue::{SubjectKeys, host};
use pki::{Algorithm, Authority, AuthorityKind, KeyPair};
use store::{Record, Seal, SealError, SealKey, Store};
use wire::keep::Kept;
use wire::pb::types;

use crate::audit::{self, Actor, Stamp};
use crate::call::Call;
use crate::caller::Caller;
use crate::credentials::password::PasswordPool;
use crate::credentials::webauthn::RelyingParty;
use crate::failure::{Answer, Failure};
use crate::guard::Limits;
use crate::ids::Chance;
use crate::presets;
use crate::server::health::Health;
use crate::server::metrics::Metrics;
use crate::services::authorities::rotate::Keepers;
use crate::settings::Settings;
use crate::state::cluster::{self, ClusterIdentity, Preference};
use crate::state::resource::{Resource, bytes_of};
use crate::state::{Change, Refused, State, own_bytes};

/// How long a certificate of the cluster's own parts is valid.
pub(crate) const HOST_LIFETIME: SignedDuration = SignedDuration::from_hours(10 * 365 * 24);
/// How far the clock may be behind the last commit, for clocks that are set right by small steps.
const CLOCK_BEHIND_MAX: SignedDuration = SignedDuration::from_secs(30);

/// The Auth Service.
pub struct Auth {
    /// What it remembers, and the only way to change it.
    pub state: State,
    /// Tells the time, once per call.
    pub clock: Arc<dyn Clock>,
    /// Draws ids and secrets.
    pub chance: Chance,
    /// What it was told at its start.
    pub settings: Settings,
    /// Computes password hashes.
    pub passwords: PasswordPool,
    /// How often somebody may call, and guess.
    pub limits: Limits,
    /// Whether it can do its work.
    pub health: Health,
    /// What it counts.
    pub metrics: Metrics,
    /// Who follows when the authorities change.
    pub keepers: Keepers,
    /// Proxies that have said that they are there.
    pub(crate) presence: crate::presence::Presence,
    /// Who is at work on which request.
    pub(crate) turns: crate::services::requests::Turns,
    /// Reviews that wait to be judged.
    pub(crate) desks: Arc<crate::services::requests::Desks<crate::services::requests::Ballot>>,
    /// Where lists find requests.
    pub(crate) catalogue: crate::services::requests::Catalogue,
}

/// Where the key comes from that seals secrets.
pub enum SealSource {
    /// A file outside the data directory; made at the first start.
    File(PathBuf),
    /// A key at hand.
    Key(SealKey),
}

/// What an Auth Service is made of.
pub struct Opening {
    /// What remembers.
    pub store: Arc<dyn Store>,
    /// Where the key comes from that seals secrets.
    pub seal: SealSource,
    /// What tells the time.
    pub clock: Arc<dyn Clock>,
    /// What gives chance.
    pub entropy: Arc<dyn Entropy>,
    /// What else it is told.
    pub settings: Settings,
}

/// Why the Auth Service did not open.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The secrets cannot be opened.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// The configuration names another cluster than the store.
    #[error("the cluster is called `{stored}`, but the configuration says `{asked}`")]
    ClusterName {
        /// The name in the store.
        stored: String,
        /// The name in the configuration.
        asked: String,
    },
    /// The name cannot stand in certificates.
    #[error("`{0}` cannot be a cluster's name: use letters, digits, dots and hyphens")]
    BadName(String),
    /// The clock went back since the last start.
    #[error("the clock shows {now}, but the last change was made at {last}: set the clock right first")]
    ClockBehind {
        /// What the clock shows.
        now: Timestamp,
        /// The moment of the last change.
        last: Timestamp,
    },
    /// Anything else.
    #[error("{0}")]
    Failed(Failure),
}

impl OpenError {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::ClusterName { stored, .. } => Some(format!(
                "a cluster keeps its name; set `cluster_name` to `{stored}`, or use another data directory"
            )),
            Self::ClockBehind { .. } => {
                Some("expired access would come back to life if the clock were believed".to_owned())
            }
            Self::BadName(_) => Some("set `auth_service.cluster_name` in the configuration".to_owned()),
            Self::Seal(_) => Some("use the seal key that this data directory was made with".to_owned()),
            Self::Failed(_) => None,
        }
    }
}

impl From<Failure> for OpenError {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// A certificate of a part of the cluster, with its key.
pub struct HostIdentity {
    /// The private key, PKCS#8 PEM.
    pub private_key: SecretText,
    /// The X.509 certificate, PEM.
    pub certificate: String,
    /// The SSH certificate, one line.
    pub ssh_certificate: String,
    /// The certificates of the host authority, PEM.
    pub authorities: String,
    /// The public keys of the host authority, one line each.
    pub ssh_authorities: Vec<String>,
}

impl Auth {
    /// Opens the cluster that `store` holds, or makes one in it.
    pub async fn open(opening: Opening) -> Result<Arc<Self>, OpenError> {
        let Opening {
            store,
            seal,
            clock,
            entropy,
            settings,
        } = opening;
        let now = clock.now();
        if let Some(last) = store.latest_moment()
            && last.duration_since(now) > CLOCK_BEHIND_MAX
        {
            return Err(OpenError::ClockBehind { now, last });
        }
        let asked = settings
            .cluster_name
            .clone()
            .unwrap_or_else(|| settings.node_name.clone());
        let chance = Chance::new(Arc::clone(&entropy));
        let seal = open_seal(&*store, seal, entropy, &chance, &asked, now).await?;
        let health = Health::default();
        let metrics = Metrics::default();
        let identity = store
            .get(&cluster::identity_key(), now)
            .await
            .map_err(|error| Failure::connection_problem(error.to_string()))?;
        let identity = match &identity {
            Some(item) => Some(crate::state::read_own::<ClusterIdentity>(item)?.value),
            None => None,
        };
        let name = match (&identity, &settings.cluster_name) {
            (Some(stored), Some(asked)) if stored.name != *asked => {
                return Err(OpenError::ClusterName {
                    stored: stored.name.clone(),
                    asked: asked.clone(),
                });
            }
            (Some(stored), _) => stored.name.clone(),
            (None, _) => asked,
        };
        let state = State::new(
            store,
            Arc::new(seal),
            name,
            chance.clone(),
            health.clone(),
            metrics.clone(),
        );
        let auth = Self {
            passwords: PasswordPool::new(settings.password_cost, &chance)?,
            limits: Limits::new(settings.rates),
            keepers: Keepers::default(),
            presence: crate::presence::Presence::default(),
            turns: crate::services::requests::Turns::default(),
            desks: Arc::default(),
            catalogue: crate::services::requests::Catalogue::default(),
            state,
            clock,
            chance,
            settings,
            health,
            metrics,
        };
        if identity.is_none() {
            auth.make(now).await?;
        } else {
            auth.catch_up(now).await?;
        }
        auth.health.well();
        Ok(Arc::new(auth))
    }

    /// Makes the cluster, in one commit.
    async fn make(&self, now: Timestamp) -> Result<(), OpenError> {
        let name = self.state.cluster().to_owned();
        let system = Actor::system();
        let identity = ClusterIdentity {
            name: name.clone(),
            id: self.chance.uuid(),
            since: now,
        };
        let told = audit::cluster::cluster_created(&system, &name, &identity.id);
        let mut change = Change::new(now, &system.user, told)
            .require_same(&cluster::identity_key(), None)
            .put(cluster::identity_key(), own_bytes(&identity)?);
        for kind in AuthorityKind::ALL {
            let authority = Authority::generate(kind, &name, now, self.chance.entropy())
                .map_err(|_| OpenError::BadName(name.clone()))?;
            change = self.state.put_authority(change, &authority, None)?;
            if kind.is_used() {
                change = change.telling(
                    &system.user,
                    audit::cluster::authority_created(&system, kind.as_str()),
                );
            }
        }
        for role in presets::roles(&self.chance)? {
            let told = audit::people::role(audit::people::RoleChange::Created, &system, role.name(), None);
            change = change.telling(&system.user, told).put_resource(&role);
        }
        let change = change
            .put_resource(
                &from_file(self.settings.auth_preference.as_ref())
                    .unwrap_or_else(cluster::default_preference),
            )
            .put_resource(
                &from_file(self.settings.networking.as_ref()).unwrap_or_else(cluster::default_networking),
            )
            .put_resource(
                &from_file(self.settings.recording.as_ref()).unwrap_or_else(cluster::default_recording),
            );
        match self.state.commit(change).await {
            Ok(_) => {
                tracing::info!(cluster = %name, "a new cluster was made");
                Ok(())
            }
            // Another start was quicker; this one finds its cluster.
            Err(Refused::Conflict(_)) => Ok(()),
            Err(Refused::Failed(failure)) => Err(failure.into()),
        }
    }

    /// Writes what the configuration file says differently from the store.
    async fn catch_up(&self, now: Timestamp) -> Answer<()> {
        use audit::cluster as told;
        let system = Actor::system();
        let (preference, networking, recording) = (
            from_file(self.settings.auth_preference.as_ref()),
            from_file(self.settings.networking.as_ref()),
            from_file(self.settings.recording.as_ref()),
        );
        self.follow(
            preference,
            cluster::default_preference(),
            told::auth_preference_updated(&system),
            now,
        )
        .await?;
        self.follow(
            networking,
            cluster::default_networking(),
            told::networking_updated(&system),
            now,
        )
        .await?;
        self.follow(
            recording,
            cluster::default_recording(),
            told::recording_updated(&system),
            now,
        )
        .await
    }

    /// One setting: as the file says; the default again if the file says nothing any more.
    async fn follow<M: Resource>(
        &self,
        file: Option<Kept<M>>,
        default: Kept<M>,
        told: audit::Event,
        now: Timestamp,
    ) -> Answer<()> {
        let wanted = file.unwrap_or_else(|| default.clone());
        let stored = self.state.find::<M>(default.name(), now).await?;
        if let Some(stored) = &stored {
            let from_file = |resource: &Kept<M>| {
                let labels = resource.metadata().map(|metadata| &metadata.labels);
                labels.is_some_and(|labels| labels.get(cluster::ORIGIN).is_some_and(|o| o == "config-file"))
            };
            // Somebody set it through the API, and the file does not mind.
            if !from_file(&wanted) && !from_file(&stored.resource) {
                return Ok(());
            }
            if bytes_of(&stored.resource) == bytes_of(&wanted) {
                return Ok(());
            }
        }
        let change = Change::new(now, &Actor::system().user, told)
            .require_same(&M::key(default.name()), stored.map(|stored| stored.revision))
            .put_resource(&wanted);
        self.state.commit(change).await?;
        Ok(())
    }

    /// The name of the cluster.
    pub fn cluster(&self) -> &str {
        self.state.cluster()
    }

    /// A call that the Auth Service makes by itself.
    pub fn own_call(&self, method: &'static str) -> Call {
        let caller = Caller::system(self.cluster(), &self.settings.host_id);
        Call::new(self.clock.now(), caller, method)
    }

    /// How people sign in.
    pub async fn preference(&self, now: Timestamp) -> Answer<Preference> {
        let found = self
            .state
            .setting::<types::AuthPreferenceV2>(cluster::AUTH_PREFERENCE, now)
            .await?;
        Ok(Preference(
            found.map_or_else(cluster::default_preference, |found| found.resource),
        ))
    }

    /// A certificate for a part of this cluster that runs beside the Auth Service: itself, its proxy,
    /// its local administrator.
    ///
    /// `names` are the hosts it answers to besides those that follow from `role`.
    pub async fn host_identity(&self, role: SystemRole, names: &[String]) -> Answer<HostIdentity> {
        self.host_identity_for(role, names, HOST_LIFETIME).await
    }

    /// The same for so long: for what lies on a disk and is written anew in time.
    pub async fn host_identity_for(
        &self,
        role: SystemRole,
        names: &[String],
        lifetime: SignedDuration,
    ) -> Answer<HostIdentity> {
        let now = self.clock.now();
        let authority = self.state.authority(AuthorityKind::Host, now).await?;
        let fault = |error: &dyn std::fmt::Display| Failure::internal(format!("host certificate: {error}"));
        let key = KeyPair::generate(Algorithm::P256, self.chance.entropy()).map_err(|e| fault(&e))?;
        let not_after = now.saturating_add(lifetime).unwrap_or(Timestamp::MAX);
        let permit = HostPermit::for_own_part(HostGrant {
            host_id: self.settings.host_id.clone(),
            cluster: self.cluster().to_owned(),
            role,
            principals: names.to_vec(),
            not_after,
        });
        let issued = host(
            &permit,
            SubjectKeys::same(key.public()),
            &authority,
            now,
            self.chance.entropy(),
        )
        .map_err(|e| fault(&e))?;
        let (Some(tls), Some(ssh)) = (issued.tls, issued.ssh) else {
            return Err(Failure::internal("host certificate: nothing was signed"));
        };
        let system = Actor::system();
        let host = format!("{}.{}", self.settings.host_id, self.cluster());
        let told = audit::certificates::host_certificate(&system, &host, role.name(), names, Some(not_after));
        self.state.tell(now, &system.user, told).await?;
        Ok(HostIdentity {
            private_key: key.to_pem().map_err(|e| fault(&e))?,
            certificate: pki::certificate::to_pem(&tls),
            ssh_certificate: ssh.to_line(),
            authorities: authority
                .certificates()
                .map(pki::authority::AuthorityCertificate::to_pem)
                .collect(),
            ssh_authorities: authority.ssh_keys().map(pki::PublicKey::to_ssh_line).collect(),
        })
    }

    /// The proxy's public address, `host:port`, if one is known.
    pub fn known_proxy_address(&self) -> Option<String> {
        let configured = self.settings.proxy_public_address.clone();
        configured.or_else(|| self.presence.proxy_address(self.clock.now()))
    }

    /// For whom authenticators make credentials: what the cluster's setting says, or else the host of the proxy's first
    /// public address. `None` where authenticators are no second factor, or no such host is known.
    pub fn relying_party(&self, preference: &Preference) -> Option<RelyingParty> {
        if !preference.allows_authenticators() {
            return None;
        }
        let address = self.known_proxy_address();
        let host = address
            .as_deref()
            .map(|address| address.rsplit_once(':').map_or(address, |(host, _)| host));
        let id = preference.rp_id().or_else(|| host.map(str::to_owned))?;
        RelyingParty::new(&id, host)
    }

    /// The proxy's public address, `host:port`, for links; a placeholder if no proxy is known.
    pub fn proxy_address(&self) -> String {
        self.known_proxy_address()
            .unwrap_or_else(|| "<proxyhost>:3080".to_owned())
    }
}

async fn open_seal(
    store: &dyn Store,
    source: SealSource,
    entropy: Arc<dyn Entropy>,
    chance: &Chance,
    cluster: &str,
    now: Timestamp,
) -> Result<Seal, SealError> {
    let record = |classes: &[store::Class]| {
        let system = Actor::system();
        let names: Vec<String> = classes.iter().map(|class| class.name().to_owned()).collect();
        let event = audit::cluster::changed(&system, "seal", &names.join(","), "create");
        let line = event.sealed_with(Stamp {
            uid: &chance.uuid(),
            time: now,
            cluster,
        });
        Record::new(now, event.name(), system.user, line)
    };
    match source {
        SealSource::File(path) => Seal::open(store, &path, entropy, now, record).await,
        SealSource::Key(key) => Seal::with_key(store, &key, entropy, now, record).await,
    }
}

/// A setting of the configuration file, marked as such.
fn from_file<M: Resource>(setting: Option<&Kept<M>>) -> Option<Kept<M>> {
    let mut setting = setting?.clone();
    setting
        .metadata_mut()
        .labels
        .insert(cluster::ORIGIN.to_owned(), "config-file".to_owned());
    Some(setting)
}
