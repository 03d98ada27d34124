//! Who this process is towards its cluster: an identity that is got once with a token, kept in the data directory, and
//! exchanged for another whenever the cluster's authorities, the names of this host or its end ask for it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use access::ambient::{Clock, Entropy};
use access::{SecretText, SystemRole};
use cli::Failure;
use client::backoff::Backoff;
use client::files;
use client::identity::{Identity, IdentityHandle, Origin};
use client::watch::{Feed, Told};
use client::{Cluster, Connect, Destination};
use jiff::SignedDuration;
use pki::names::service_names;
use pki::{Algorithm, AuthorityKind, KeyPair};
use rustls_pki_types::CertificateDer;
use tonic::Status;
use transport::shown::Shown;
use transport::tls::{ClientAuthorities, Credentials, ServerTls, certificates_from_pem};
use wire::identity_file::{IdentityFile, known_hosts_line};
use wire::pb::proto::{Certs, HostCertsRequest};
use wire::pb::teleport::trust::v1::GetCertAuthoritiesRequest;
use wire::pb::types::{RegisterUsingTokenRequest, WatchKind};

use super::entrance;
use crate::config::{Config, JoinConfig};
use crate::failures;
use crate::run::home::Home;
use crate::run::{Ambient, gate};

/// How often the cluster is asked for its authorities, besides when it says that they have changed.
const LOOKED_AT: Duration = Duration::from_secs(60);
/// An identity is exchanged so long before its end.
const RENEWED_BEFORE: SignedDuration = SignedDuration::from_hours(30 * 24);

/// This process as a part of its cluster.
pub struct Member {
    cluster: Cluster,
    host: Host,
    file: PathBuf,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

/// What stands in the certificates of this host.
struct Host {
    id: String,
    node_name: String,
    names: Vec<String>,
}

impl Member {
    /// Goes on with the identity that is kept, or joins.
    ///
    /// # Errors
    /// The cluster does not let this host in, or a file cannot be used.
    pub async fn begin(
        config: &Config,
        told: &JoinConfig,
        home: &Home,
        ambient: &Ambient,
    ) -> Result<Self, Failure> {
        let host = Host {
            id: home.host_id.clone(),
            node_name: config.node_name.clone(),
            names: gate::proxy_hosts(config),
        };
        let file = home.member_file();
        let identity = match host.kept(&file, &*ambient.clock)? {
            Some(identity) => {
                tracing::info!(until = %identity.not_after(), "Going on as a part of the cluster.");
                identity
            }
            None => {
                let key = new_key(&*ambient.entropy)?;
                let request = host.registering(&key)?;
                let certs = entrance::join(told, request, &ambient.clock, &ambient.entropy).await?;
                let identity = keep(&file, &key, &certs)?;
                tracing::info!(cluster = identity.cluster(), "Joined the cluster.");
                identity
            }
        };
        let cluster = Cluster::lazy(Connect {
            identity: IdentityHandle::new(identity),
            destination: Destination::Addresses(told.auth_servers.clone()),
            insecure: false,
            clock: Arc::clone(&ambient.clock),
            program: "teleport",
        });
        Ok(Self {
            cluster,
            host,
            file,
            clock: Arc::clone(&ambient.clock),
            entropy: Arc::clone(&ambient.entropy),
        })
    }

    /// The cluster, called as this host.
    pub fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// The cluster's name.
    pub fn cluster_name(&self) -> String {
        self.cluster.identity().current().cluster().to_owned()
    }

    /// What is shown to those who trust the cluster's own authority.
    pub fn credentials(&self) -> Credentials {
        self.cluster.identity().current().credentials().clone()
    }

    /// Whose certificates are believed; waits until the cluster says so.
    pub async fn authorities_in_time(&self) -> ClientAuthorities {
        let mut backoff = Backoff::to_cluster(Arc::clone(&self.entropy));
        let mut told = false;
        loop {
            match self.authorities().await {
                Ok(authorities) => return authorities,
                Err(status) => {
                    if !told {
                        let error = self.cluster.explain(&status);
                        tracing::warn!(%error, "The cluster cannot be asked yet; trying again.");
                    }
                    told = true;
                }
            }
            backoff.wait().await;
        }
    }

    /// Keeps up with the cluster: what `passage` shows and believes, and the identity itself. Never returns.
    pub async fn follow(self, passage: Arc<ServerTls>) {
        let kinds = vec![WatchKind {
            kind: "cert_authority".to_owned(),
            ..WatchKind::default()
        }];
        let mut feed = Some(Feed::new(
            self.cluster.clone(),
            kinds,
            false,
            Arc::clone(&self.entropy),
        ));
        let mut failing = false;
        loop {
            match self.catch_up(&passage).await {
                Ok(()) => failing = false,
                Err(error) => {
                    if !failing {
                        tracing::warn!(%error, "The cluster's authorities could not be followed; trying again.");
                    }
                    failing = true;
                }
            }
            let news = async {
                loop {
                    match &mut feed {
                        None => std::future::pending().await,
                        Some(watching) => match watching.next().await {
                            Ok(Told::Begun { .. } | Told::Changed(_)) => return,
                            Ok(Told::Lost(_)) => {}
                            // An Auth Service that tells nothing is asked now and then.
                            Err(_) => feed = None,
                        },
                    }
                }
            };
            let _ = tokio::time::timeout(LOOKED_AT, news).await;
        }
    }

    async fn catch_up(&self, passage: &ServerTls) -> Result<(), String> {
        let authorities = self
            .authorities()
            .await
            .map_err(|status| self.cluster.explain(&status).to_string())?;
        let current = self.cluster.identity().current();
        let signs = authorities.host.first();
        let is_signed_now =
            signs.is_some_and(|signs| pki::certificate::is_issued_by(current.certificate(), signs));
        let same = current.authorities() == authorities.host;
        passage
            .replace_client_authorities(authorities)
            .map_err(|error| failures::with_causes(&error))?;
        if is_signed_now && same && self.host.is_served_by(&current, &*self.clock) {
            return Ok(());
        }
        let key = new_key(&*self.entropy).map_err(|error| error.message().to_owned())?;
        let request = self
            .host
            .renewing(&key)
            .map_err(|error| error.message().to_owned())?;
        let certs = self.cluster.auth().generate_host_certs(request).await;
        let certs = certs
            .map_err(|status| self.cluster.explain(&status).to_string())?
            .into_inner();
        let identity = keep(&self.file, &key, &certs).map_err(|error| error.message().to_owned())?;
        tracing::info!(until = %identity.not_after(), "The identity of this host was exchanged.");
        self.cluster.identity().replace(identity);
        passage
            .replace_certificates(vec![self.credentials()])
            .map_err(|error| failures::with_causes(&error))
    }

    async fn authorities(&self) -> Result<ClientAuthorities, Status> {
        Ok(ClientAuthorities {
            user: self.certificates_of(AuthorityKind::User).await?,
            host: self.certificates_of(AuthorityKind::Host).await?,
        })
    }

    /// The certificates of an authority, the one that signs first.
    async fn certificates_of(&self, kind: AuthorityKind) -> Result<Vec<CertificateDer<'static>>, Status> {
        let request = GetCertAuthoritiesRequest {
            r#type: kind.as_str().to_owned(),
            include_key: false,
        };
        let found = self
            .cluster
            .trust()
            .get_cert_authorities(request)
            .await?
            .into_inner();
        let mut certificates = Vec::new();
        for authority in found.cert_authorities_v2 {
            let spec = authority.spec.unwrap_or_default();
            for set in spec.active_keys.into_iter().chain(spec.additional_trusted_keys) {
                for pair in set.tls {
                    let read = certificates_from_pem(&pair.cert);
                    certificates.extend(read.map_err(|error| Status::internal(error.to_string()))?);
                }
            }
        }
        if certificates.is_empty() {
            return Err(Status::unavailable(format!(
                "the cluster names no {kind} authority"
            )));
        }
        Ok(certificates)
    }
}

impl Host {
    /// The identity that is kept, if it is this host's and can be gone on with.
    fn kept(&self, file: &std::path::Path, clock: &dyn Clock) -> Result<Option<Identity>, Failure> {
        let Some(text) = files::read_text(file).map_err(|error| failures::file(&error))? else {
            return Ok(None);
        };
        let text = SecretText::new(text);
        let identity = match Identity::from_text(text.expose(), Origin::File(file.to_owned())) {
            Ok(identity) => identity,
            Err(error) => {
                tracing::warn!(%error, "The identity of this host cannot be read; joining anew.");
                return Ok(None);
            }
        };
        let said = identity.certified();
        let is_ours = said.groups == [SystemRole::Proxy.name()]
            && said.username == format!("{}.{}", self.id, identity.cluster());
        if !is_ours || identity.check_time(clock.now()).is_err() {
            tracing::warn!("The identity in the data directory is of no use here; joining anew.");
            return Ok(None);
        }
        Ok(Some(identity))
    }

    /// Whether an identity has the names of this host and a while to live.
    fn is_served_by(&self, identity: &Identity, clock: &dyn Clock) -> bool {
        let names = self.names.iter().map(String::as_str);
        let wanted = service_names(SystemRole::Proxy, &self.node_name, names);
        let shown = Shown::of(identity.certificate());
        identity.not_after().duration_since(clock.now()) > RENEWED_BEFORE
            && wanted.iter().all(|name| shown.names.contains(name))
    }

    fn registering(&self, key: &KeyPair) -> Result<RegisterUsingTokenRequest, Failure> {
        let (tls, ssh) = public_halves(key)?;
        Ok(RegisterUsingTokenRequest {
            host_id: self.id.clone(),
            node_name: self.node_name.clone(),
            role: SystemRole::Proxy.name().to_owned(),
            dns_names: self.names.clone(),
            public_tls_key: tls.into(),
            public_ssh_key: ssh.into(),
            ..RegisterUsingTokenRequest::default()
        })
    }

    fn renewing(&self, key: &KeyPair) -> Result<HostCertsRequest, Failure> {
        let (tls, ssh) = public_halves(key)?;
        Ok(HostCertsRequest {
            host_id: self.id.clone(),
            node_name: self.node_name.clone(),
            role: SystemRole::Proxy.name().to_owned(),
            dns_names: self.names.clone(),
            public_tls_key: tls.into(),
            public_ssh_key: ssh.into(),
            ..HostCertsRequest::default()
        })
    }
}

fn new_key(entropy: &dyn Entropy) -> Result<KeyPair, Failure> {
    KeyPair::generate(Algorithm::P256, entropy)
        .map_err(|error| Failure::new(format!("a key could not be made: {error}")))
}

fn public_halves(key: &KeyPair) -> Result<(Vec<u8>, Vec<u8>), Failure> {
    let pem = key.public().to_pem().map_err(|error| broken(&error))?;
    Ok((pem.into_bytes(), key.public().to_ssh_line().into_bytes()))
}

fn broken(error: &dyn std::fmt::Display) -> Failure {
    Failure::new(format!("what the cluster sent cannot be used: {error}"))
}

/// Keeps what the cluster gave, and gives it in the form in which it is used.
fn keep(file: &std::path::Path, key: &KeyPair, certs: &Certs) -> Result<Identity, Failure> {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).map_err(|error| broken(&error));
    let tls = text(&certs.tls)?;
    let leaf = pki::certificate::from_pem(&tls).map_err(|error| broken(&error))?;
    let leaf = leaf.first().ok_or_else(|| broken(&"there is no certificate"))?;
    let said = pki::Identity::from_certificate(leaf).map_err(|error| broken(&error))?;
    let all = |list: &[bytes::Bytes]| list.iter().map(|one| text(one)).collect::<Result<Vec<_>, _>>();
    let identity = IdentityFile {
        private_key: key.to_pem().map_err(|error| broken(&error))?,
        ssh_certificate: Some(text(&certs.ssh)?.trim_end().to_owned()),
        tls_certificate: tls,
        ssh_authorities: all(&certs.sshca_certs)?
            .iter()
            .map(|key| known_hosts_line(None, &said.cluster, key.trim_end()))
            .collect(),
        tls_authorities: all(&certs.tlsca_certs)?,
    };
    let written = identity.write().map_err(|error| broken(&error))?;
    let identity = Identity::from_text(written.expose(), Origin::File(file.to_owned()))
        .map_err(|error| broken(&error))?;
    files::write_whole(file, written.expose().as_bytes(), files::PRIVATE)
        .map_err(|error| failures::file(&error))?;
    Ok(identity)
}
