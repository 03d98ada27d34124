//! The machine: joins or goes on, renews its own certificate in time, and gives out identities with the roles they are for.
//!
//! It renews at the interval it was told, and never later than at half of what its certificate has left, a little earlier
//! each time by chance, so that a thousand machines do not come at once. While the cluster cannot be reached it tries
//! again; when the cluster says no, it stops and says why.

#[cfg(test)]
mod daemon;

use std::sync::Arc;
use std::time::Duration;

use access::SecretText;
use access::ambient::{Clock, Entropy};
use cli::Failure;
use client::backoff::Backoff;
use client::identity::{Identity, IdentityHandle, Origin};
use client::join::{Belief, Entrance, JoinError};
use client::roads::ConnectError;
use client::{Cluster, Connect, Destination};
use jiff::{SignedDuration, Timestamp};
use pki::{Algorithm, AuthorityKind, KeyPair};
use tonic::{Code, Status};
use wire::convert;
use wire::pb::proto::{Certs, UserCertsRequest};
use wire::pb::teleport::machineid::v1 as machineid;
use wire::pb::teleport::trust::v1::GetCertAuthoritiesRequest;
use wire::pb::types::RegisterUsingTokenRequest;

use crate::config::{Output, Settings};
use crate::output::{self, Authorities, broken, identity_file};
use crate::storage::Storage;

/// Longer no call takes.
const CALL_TIMEOUT: Duration = Duration::from_secs(30);
/// How often is tried before tbot gives up that was to run once.
const ONESHOT_TRIES: u32 = 5;
/// From how short to how long a wait between attempts grows.
const WAITS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

/// What tells the time and gives chance.
pub struct Surroundings {
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Chance.
    pub entropy: Arc<dyn Entropy>,
}

/// A machine that has an identity.
pub struct Machine {
    settings: Settings,
    around: Surroundings,
    storage: Storage,
    cluster: Cluster,
    began: Timestamp,
    told: bool,
}

/// Why something did not succeed.
enum Trouble {
    /// It may succeed later.
    Passing(String),
    /// It will not.
    Final(Failure),
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Self {
        Self::Final(failure)
    }
}

impl Machine {
    /// Goes on with the identity that is kept, or joins.
    pub async fn begin(settings: Settings, around: Surroundings) -> Result<Self, Failure> {
        let storage = Storage::open(&settings.storage)?;
        let kept = kept(&settings, &storage, around.clock.now())?;
        let (identity, is_new) = match kept {
            Some(identity) => {
                tracing::info!(user = identity.user(), until = %identity.not_after(), "Loaded existing bot identity from store");
                (identity, false)
            }
            None => {
                tracing::info!("No existing bot identity found in store");
                (first(&settings, &around, &storage).await?, true)
            }
        };
        let cluster = Cluster::lazy(Connect {
            identity: IdentityHandle::new(identity),
            destination: Destination::Addresses(vec![settings.door.address().clone()]),
            insecure: settings.insecure,
            clock: Arc::clone(&around.clock),
            program: "tbot",
        });
        let began = around.clock.now();
        let mut machine = Self {
            settings,
            around,
            storage,
            cluster,
            began,
            told: false,
        };
        if !is_new {
            tracing::info!("Fetching bot identity using existing bot identity");
            machine.until_it_works(Work::Renewal).await?;
        }
        machine.say_that_it_runs().await;
        Ok(machine)
    }

    /// Writes every output.
    pub async fn write_outputs(&mut self) -> Result<(), Failure> {
        self.until_it_works(Work::Outputs).await
    }

    /// Another certificate of its own, and every output anew.
    pub async fn renew_all(&mut self) -> Result<(), Failure> {
        self.until_it_works(Work::Renewal).await?;
        self.until_it_works(Work::Outputs).await?;
        self.say_that_it_runs().await;
        Ok(())
    }

    /// Waits until the next renewal is due.
    pub async fn rest(&self) {
        let left = self
            .identity()
            .not_after()
            .duration_since(self.around.clock.now());
        let wait = self.next_wait(left);
        tracing::debug!(seconds = wait.as_secs(), "resting");
        tokio::time::sleep(wait).await;
    }

    fn next_wait(&self, left: SignedDuration) -> Duration {
        let half = Duration::try_from(left).unwrap_or_default() / 2;
        let interval = Duration::try_from(self.settings.interval).unwrap_or_default();
        early(half.min(interval), &*self.around.entropy)
    }

    fn identity(&self) -> Arc<Identity> {
        self.cluster.identity().current()
    }

    /// Does a piece of work, again and again while that may help.
    async fn until_it_works(&mut self, work: Work) -> Result<(), Failure> {
        let mut backoff = Backoff::new(Arc::clone(&self.around.entropy), WAITS.0, WAITS.1);
        let mut tries = 0;
        loop {
            let done = match work {
                Work::Renewal => self.renew().await,
                Work::Outputs => self.outputs().await,
            };
            let trouble = match done {
                Ok(()) => return Ok(()),
                Err(Trouble::Final(failure)) => return Err(failure),
                Err(Trouble::Passing(trouble)) => trouble,
            };
            tries += 1;
            let until = self.identity().not_after();
            if self.around.clock.now() >= until {
                return Err(Failure::new(format!(
                    "{trouble}; this machine's identity ended at {until} meanwhile"
                ))
                .hint("let it join again with a new token: `tctl bots instances add NAME`"));
            }
            if self.settings.oneshot && tries >= ONESHOT_TRIES {
                return Err(Failure::new(trouble));
            }
            tracing::warn!(error = %trouble, %until, "will try again; the present identity stays good meanwhile");
            backoff.wait().await;
        }
    }

    async fn renew(&mut self) -> Result<(), Trouble> {
        let key = self.next_key()?;
        let current = self.identity();
        let request = self.request(&key, self.settings.ttl)?;
        let certificates = self
            .call(self.cluster.auth().generate_user_certs(request))
            .await?;
        let text = identity_file(&key, &certificates, current.cluster(), None)?
            .write()
            .map_err(|error| broken(&error))?;
        let identity = Identity::from_text(text.expose(), Origin::Process).map_err(|error| broken(&error))?;
        // First what must not be lost, then the use of it.
        self.storage.keep(&text)?;
        self.storage.forget_next_key()?;
        tracing::info!(until = %identity.not_after(), generation = identity.certified().generation, "renewed this machine's identity");
        self.cluster.identity().replace(identity);
        Ok(())
    }

    /// The key that another certificate is asked for: kept before the asking, so that what is asked again after a lost
    /// answer, or by the next tbot after a crash, is the same.
    fn next_key(&self) -> Result<KeyPair, Failure> {
        if let Some(kept) = self.storage.next_key()? {
            match KeyPair::from_pem(kept.expose()) {
                Ok(key) => return Ok(key),
                Err(error) => {
                    tracing::warn!(%error, "the key that was asked for cannot be read; making another");
                }
            }
        }
        let key = new_key(&*self.around.entropy)?;
        self.storage
            .keep_next_key(&key.to_pem().map_err(|error| broken(&error))?)?;
        Ok(key)
    }

    async fn outputs(&mut self) -> Result<(), Trouble> {
        if self.settings.outputs.is_empty() {
            return Ok(());
        }
        let authorities = self.authorities().await?;
        for output in self.settings.outputs.clone() {
            self.output(&output, &authorities).await?;
        }
        Ok(())
    }

    async fn output(&self, output: &Output, authorities: &Authorities) -> Result<(), Trouble> {
        let roles = if output.roles.is_empty() {
            self.all_roles().await?
        } else {
            output.roles.clone()
        };
        let key = new_key(&*self.around.entropy)?;
        let request = UserCertsRequest {
            use_role_requests: true,
            role_requests: roles.clone(),
            ..self.request(&key, output.ttl)?
        };
        let certificates = self
            .call(self.cluster.auth().generate_user_certs(request))
            .await?;
        let file = identity_file(
            &key,
            &certificates,
            self.identity().cluster(),
            Some(&authorities.host),
        )?;
        output::write(output, &key, &file, authorities)?;
        tracing::info!(roles = roles.join(","), place = ?output.place, "wrote an identity");
        Ok(())
    }

    fn request(&self, key: &KeyPair, ttl: SignedDuration) -> Result<UserCertsRequest, Failure> {
        let line = key.public().to_ssh_line().into_bytes();
        let end = self.around.clock.now().checked_add(ttl);
        let end = end.map_err(|_| Failure::new("the certificate would end too far in the future"))?;
        Ok(UserCertsRequest {
            username: self.identity().user().to_owned(),
            expires: Some(convert::timestamp(end)),
            format: "standard".to_owned(),
            route_to_cluster: self.identity().cluster().to_owned(),
            ssh_public_key: line.into(),
            tls_public_key: key
                .public()
                .to_pem()
                .map_err(|error| broken(&error))?
                .into_bytes()
                .into(),
            ..UserCertsRequest::default()
        })
    }

    /// All roles that the bot's own role lets it take.
    async fn all_roles(&self) -> Result<Vec<String>, Trouble> {
        let mut auth = self.cluster.auth();
        let mut stream = self.call(auth.get_current_user_roles(())).await?;
        let mut roles = Vec::new();
        while let Some(role) = stream.message().await.map_err(|status| self.trouble(&status))? {
            let allow = role.spec.as_ref().and_then(|spec| spec.allow.as_ref());
            let takes = allow.and_then(|allow| allow.impersonate.as_ref());
            roles.extend(takes.into_iter().flat_map(|takes| takes.roles.iter().cloned()));
        }
        if roles.is_empty() {
            return Err(
                Failure::new("this bot may use no role, so there is nothing to write")
                    .hint("give it roles with `tctl bots update NAME --set-roles=LIST`")
                    .into(),
            );
        }
        Ok(roles)
    }

    async fn authorities(&self) -> Result<Authorities, Trouble> {
        let mut authorities = Authorities::default();
        for kind in [
            AuthorityKind::Host,
            AuthorityKind::User,
            AuthorityKind::Db,
            AuthorityKind::DbClient,
        ] {
            let request = GetCertAuthoritiesRequest {
                r#type: kind.as_str().to_owned(),
                include_key: false,
            };
            let mut trust = self.cluster.trust();
            let found = self.call(trust.get_cert_authorities(request)).await?;
            authorities.add(kind, found.cert_authorities_v2);
        }
        Ok(authorities)
    }

    /// Says that it runs, and where; that nobody listens is no failure.
    async fn say_that_it_runs(&mut self) {
        let now = self.around.clock.now();
        let uptime = now.duration_since(self.began);
        let heartbeat = machineid::BotInstanceStatusHeartbeat {
            recorded_at: Some(convert::timestamp(now)),
            is_startup: !self.told,
            version: client::cluster::COMPATIBLE_VERSION.to_owned(),
            hostname: hostname(),
            uptime: Some(prost_types::Duration {
                seconds: uptime.as_secs(),
                nanos: uptime.subsec_nanos(),
            }),
            join_method: "token".to_owned(),
            one_shot: self.settings.oneshot,
            architecture: std::env::consts::ARCH.to_owned(),
            os: std::env::consts::OS.to_owned(),
        };
        let request = machineid::SubmitHeartbeatRequest {
            heartbeat: Some(heartbeat),
        };
        let mut instances = self.cluster.bot_instances();
        match self.call(instances.submit_heartbeat(request)).await {
            Ok(_) => self.told = true,
            Err(_) => tracing::debug!("the cluster did not take the sign of life"),
        }
    }

    async fn call<T>(
        &self,
        answer: impl Future<Output = Result<tonic::Response<T>, Status>>,
    ) -> Result<T, Trouble> {
        match tokio::time::timeout(CALL_TIMEOUT, answer).await {
            Ok(Ok(answer)) => Ok(answer.into_inner()),
            Ok(Err(status)) => Err(self.trouble(&status)),
            Err(_) => Err(Trouble::Passing(format!(
                "the cluster did not answer within {} s",
                CALL_TIMEOUT.as_secs()
            ))),
        }
    }

    fn trouble(&self, status: &Status) -> Trouble {
        if std::error::Error::source(status).is_some() {
            let error = self.cluster.explain(status);
            if matches!(error, ConnectError::Denied { .. } | ConnectError::Refused { .. }) {
                return Trouble::Final(with_hint(Failure::new(error.to_string()), error.hint()));
            }
            return Trouble::Passing(error.to_string());
        }
        match status.code() {
            Code::PermissionDenied | Code::Unauthenticated => Trouble::Final(denied(status.message())),
            Code::InvalidArgument | Code::NotFound | Code::Unimplemented => {
                Trouble::Final(Failure::new(status.message()))
            }
            _ => Trouble::Passing(status.message().to_owned()),
        }
    }
}

#[derive(Clone, Copy)]
enum Work {
    Renewal,
    Outputs,
}

fn denied(message: &str) -> Failure {
    let failure = Failure::new(message);
    if message.contains("generation mismatch") {
        failure.hint(
            "somebody else has used this identity: find out who has a copy, remove the lock with `tctl rm lock/NAME`, and let this machine join again with a new token",
        )
    } else if message.contains("lock targeting") {
        failure.hint("`tctl get locks` shows the lock and why it is there")
    } else {
        failure.hint("ask an administrator: `tctl bots ls` shows the bot and its roles")
    }
}

fn with_hint(failure: Failure, hint: Option<String>) -> Failure {
    match hint {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}

/// The identity that is kept, if it can be gone on with.
fn kept(settings: &Settings, storage: &Storage, now: Timestamp) -> Result<Option<Identity>, Failure> {
    let Some(text) = storage.identity()? else {
        return Ok(None);
    };
    if let Some(token) = &settings.onboarding.token
        && storage.is_of_another_token(token)?
    {
        tracing::info!("Bot identity loaded from store does not match configured token");
        return Ok(None);
    }
    let identity = match Identity::from_text(text.expose(), Origin::Process) {
        Ok(identity) => identity,
        Err(error) => {
            tracing::warn!(%error, "the identity in the storage cannot be read");
            return Ok(None);
        }
    };
    if let Err(error) = identity.check_time(now) {
        tracing::warn!(%error, "the identity in the storage is of no use any more");
        return Ok(None);
    }
    Ok(Some(identity))
}

/// A first identity, by a token.
async fn first(settings: &Settings, around: &Surroundings, storage: &Storage) -> Result<Identity, Failure> {
    let Some(token) = &settings.onboarding.token else {
        return Err(
            Failure::new("there is no identity to go on with, and no token to join with")
                .hint("`tctl bots instances add NAME` makes a token; give it with `--token`"),
        );
    };
    tracing::info!("Fetching bot identity using token");
    let belief = belief(settings)?;
    let clock = Arc::clone(&around.clock);
    let entrance = Entrance::new(settings.door.clone(), belief, settings.insecure, clock);
    let key = new_key(&*around.entropy)?;
    let mut backoff = Backoff::new(Arc::clone(&around.entropy), WAITS.0, WAITS.1);
    let mut tries = 0;
    let certificates: Certs = loop {
        let asked = asked(&key, token, around.clock.now(), settings.ttl)?;
        match entrance.join(asked).await {
            Ok(certificates) => break certificates,
            Err(error) if error.is_passing() && !(settings.oneshot && tries + 1 >= ONESHOT_TRIES) => {
                tries += 1;
                tracing::warn!(%error, "will try again");
                backoff.wait().await;
            }
            Err(error) => return Err(not_joined(&error)),
        }
    };
    let text = joined_text(&key, &certificates)?;
    let identity = Identity::from_text(text.expose(), Origin::Process).map_err(|error| broken(&error))?;
    storage.keep(&text)?;
    storage.forget_next_key()?;
    storage.joined_with(token)?;
    tracing::info!(user = identity.user(), until = %identity.not_after(), "Successfully registered.");
    Ok(identity)
}

/// The identity file of a machine that has just joined; the certificate says of which cluster.
fn joined_text(key: &KeyPair, certificates: &Certs) -> Result<SecretText, Failure> {
    let text = String::from_utf8_lossy(&certificates.tls);
    let parsed = pki::certificate::from_pem(&text).map_err(|error| broken(&error))?;
    let first = parsed.first().ok_or_else(|| broken(&"there is no certificate"))?;
    let said = pki::Identity::from_certificate(first).map_err(|error| broken(&error))?;
    identity_file(key, certificates, &said.cluster, None)?
        .write()
        .map_err(|error| broken(&error))
}

fn not_joined(error: &JoinError) -> Failure {
    with_hint(Failure::new(format!("joining with token: {error}")), error.hint())
}

fn belief(settings: &Settings) -> Result<Belief, Failure> {
    let onboarding = &settings.onboarding;
    if let Some(path) = &onboarding.authorities {
        let text = client::files::read_text(path).map_err(|error| crate::config::file_failure(&error))?;
        let text = text.ok_or_else(|| {
            Failure::new(format!(
                "onboarding.ca_path: there is no file `{}`",
                path.display()
            ))
        })?;
        let authorities = transport::tls::certificates_from_pem(text.as_bytes())
            .map_err(|error| Failure::new(format!("onboarding.ca_path: {error}")))?;
        return Ok(Belief::Authorities(authorities));
    }
    if !onboarding.pins.is_empty() {
        return Ok(Belief::Pins(onboarding.pins.clone()));
    }
    if settings.insecure {
        tracing::warn!(
            "the Auth Service is not verified, as told by `--insecure`: whoever answers gets the token"
        );
        return Ok(Belief::Anyone);
    }
    Ok(Belief::Web)
}

fn asked(
    key: &KeyPair,
    token: &SecretText,
    now: Timestamp,
    ttl: SignedDuration,
) -> Result<RegisterUsingTokenRequest, Failure> {
    let end = now
        .checked_add(ttl)
        .map_err(|_| Failure::new("the certificate would end too far in the future"))?;
    Ok(RegisterUsingTokenRequest {
        role: "Bot".to_owned(),
        token: token.expose().clone(),
        public_tls_key: key
            .public()
            .to_pem()
            .map_err(|error| broken(&error))?
            .into_bytes()
            .into(),
        public_ssh_key: key.public().to_ssh_line().into_bytes().into(),
        expires: Some(convert::timestamp(end)),
        ..RegisterUsingTokenRequest::default()
    })
}

fn new_key(entropy: &dyn Entropy) -> Result<KeyPair, Failure> {
    KeyPair::generate(Algorithm::P256, entropy)
        .map_err(|error| Failure::new(format!("a key could not be made: {error}")))
}

fn hostname() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname")
        .map_or_else(|_| String::new(), |name| name.trim().to_owned())
}

/// Up to a tenth earlier than `span`.
fn early(span: Duration, entropy: &dyn Entropy) -> Duration {
    let mut bytes = [0; 4];
    entropy.fill(&mut bytes);
    let part = f64::from(u32::from_le_bytes(bytes)) / f64::from(u32::MAX);
    span.mul_f64(1.0 - part / 10.0)
}

#[cfg(test)]
mod tests {
    use access::ambient::SeededEntropy;

    use super::*;

    #[test]
    fn machines_come_a_little_early_and_not_all_at_once() {
        let entropy = SeededEntropy::new(1);
        let span = Duration::from_secs(1_000);
        let waits: Vec<Duration> = (0..100).map(|_| early(span, &entropy)).collect();
        assert!(waits.iter().all(|wait| (900..=1_000).contains(&wait.as_secs())));
        assert!(waits.iter().any(|wait| *wait != waits[0]));
    }
}
