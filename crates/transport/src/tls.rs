//! The server's side of TLS: certificates and trusted authorities, both exchangeable while running.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use access::SecretBytes;
use access::ambient::Clock;
use rustls::crypto::CryptoProvider;
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::time_provider::TimeProvider;
use rustls::{RootCertStore, ServerConfig};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, TrustAnchor, UnixTime};
use webpki::EndEntityCert;

use crate::names;
use crate::peer::Authority;
use crate::trust::DirectlySigned;

/// Why a TLS configuration cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// There is no certificate at all.
    #[error("there is no certificate to show")]
    NoCertificate,
    /// A certificate or key file cannot be read.
    #[error("cannot read `{}`", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// A certificate or key file is not PEM of the right kind.
    #[error("the {what} cannot be read")]
    Pem {
        /// Certificate or private key.
        what: &'static str,
        /// What the reader says.
        #[source]
        source: rustls_pki_types::pem::Error,
    },
    /// The private key is of a kind that TLS cannot use.
    #[error("the private key cannot be used")]
    Key(#[source] rustls::Error),
    /// The private key cannot be handed to TLS.
    #[error("the private key cannot be used")]
    KeyPair(#[source] pki::KeyError),
    /// Certificate and private key belong to different pairs.
    #[error("the private key does not belong to the certificate")]
    KeyMismatch,
    /// A certificate cannot be parsed.
    #[error("a certificate cannot be parsed")]
    Certificate(#[source] rustls::Error),
    /// The library refuses the combination.
    #[error("TLS cannot be configured")]
    Configuration(#[source] rustls::Error),
    /// The set of trusted authorities cannot be used.
    #[error("the trusted authorities cannot be used")]
    Authorities(#[source] rustls::server::VerifierBuilderError),
    /// The same for authorities of servers.
    #[error("the trusted authorities cannot be used")]
    ServerAuthorities(#[source] rustls::client::VerifierBuilderError),
}

/// The one cryptographic library.
pub(crate) fn provider() -> Arc<CryptoProvider> {
    static PROVIDER: std::sync::OnceLock<Arc<CryptoProvider>> = std::sync::OnceLock::new();
    Arc::clone(PROVIDER.get_or_init(|| Arc::new(rustls::crypto::aws_lc_rs::default_provider())))
}

/// Lets TLS judge validity by our clock.
pub(crate) struct ByClock(pub(crate) Arc<dyn Clock>);

impl fmt::Debug for ByClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ByClock")
    }
}

impl TimeProvider for ByClock {
    fn current_time(&self) -> Option<UnixTime> {
        let seconds = u64::try_from(self.0.now().as_second()).ok()?;
        Some(UnixTime::since_unix_epoch(Duration::from_secs(seconds)))
    }
}

/// A certificate with its private key, ready to be shown.
#[derive(Debug, Clone)]
pub struct Credentials(pub(crate) Arc<CertifiedKey>);

impl Credentials {
    /// A chain (leaf first) and the private key of the leaf.
    pub fn new(chain: Vec<CertificateDer<'static>>, key: PrivateKeyDer<'static>) -> Result<Self, TlsError> {
        if chain.is_empty() {
            return Err(TlsError::NoCertificate);
        }
        let key = provider()
            .key_provider
            .load_private_key(key)
            .map_err(TlsError::Key)?;
        let certified = CertifiedKey::new(chain, key);
        match certified.keys_match() {
            Ok(()) | Err(rustls::Error::InconsistentKeys(rustls::InconsistentKeys::Unknown)) => {}
            Err(rustls::Error::InconsistentKeys(_)) => return Err(TlsError::KeyMismatch),
            Err(error) => return Err(TlsError::Certificate(error)),
        }
        Ok(Self(Arc::new(certified)))
    }

    /// A chain and the key pair of the leaf.
    pub fn from_key_pair(chain: Vec<CertificateDer<'static>>, pair: &pki::KeyPair) -> Result<Self, TlsError> {
        Self::new(chain, pair.to_tls().map_err(TlsError::KeyPair)?)
    }

    /// Reads both from PEM text.
    pub fn from_pem(chain: &[u8], key: &[u8]) -> Result<Self, TlsError> {
        let chain = certificates_from_pem(chain)?;
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|source| TlsError::Pem {
            what: "private key",
            source,
        })?;
        Self::new(chain, key)
    }

    /// Reads both from files.
    pub fn from_files(chain: &Path, key: &Path) -> Result<Self, TlsError> {
        let read = |path: &Path| {
            std::fs::read(path).map_err(|source| TlsError::File {
                path: path.to_owned(),
                source,
            })
        };
        let (chain, key) = (read(chain)?, SecretBytes::new(read(key)?));
        Self::from_pem(&chain, key.expose())
    }

    /// The certificate itself.
    pub fn certificate(&self) -> &CertificateDer<'static> {
        // Not empty: checked in `new`.
        &self.0.cert[0]
    }

    fn is_for(&self, name: &ServerName<'_>) -> bool {
        EndEntityCert::try_from(self.certificate())
            .is_ok_and(|certificate| certificate.verify_is_valid_for_subject_name(name).is_ok())
    }
}

/// All certificates in a PEM text, in order; at least one.
pub fn certificates_from_pem(text: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let chain = CertificateDer::pem_slice_iter(text)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|source| TlsError::Pem {
            what: "certificate",
            source,
        })?;
    if chain.is_empty() {
        Err(TlsError::NoCertificate)
    } else {
        Ok(chain)
    }
}

/// Which authorities' certificates a server accepts from clients.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClientAuthorities {
    /// Sign people and bots.
    pub user: Vec<CertificateDer<'static>>,
    /// Sign the cluster's services.
    pub host: Vec<CertificateDer<'static>>,
}

/// What one TLS port shows and accepts.
#[derive(Debug, Clone)]
pub struct ServerSettings {
    /// The certificates to choose from by the name asked for; the first is shown when none fits.
    pub certificates: Vec<Credentials>,
    /// Whose certificates are verified if a client shows one. `None`: clients are not asked.
    pub client_authorities: Option<ClientAuthorities>,
    /// The protocols spoken, best first. A client that names only others is refused.
    pub protocols: Vec<Vec<u8>>,
    /// The cluster served here: a client that asks for another one by its encoded name is refused.
    pub cluster: Option<String>,
}

/// One TLS port's configuration, exchangeable while connections are being accepted.
///
/// A handshake that has begun ends under the configuration it began with; connections that are open
/// stay open.
pub struct ServerTls {
    clock: Arc<dyn Clock>,
    current: RwLock<Arc<Snapshot>>,
}

/// A configuration that no longer changes.
pub(crate) struct Snapshot {
    settings: ServerSettings,
    pub(crate) config: Arc<ServerConfig>,
    authorities: Vec<(TrustAnchor<'static>, Authority)>,
}

impl fmt::Debug for ServerTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerTls").finish_non_exhaustive()
    }
}

impl ServerTls {
    /// A port with these settings, which judges certificates by `clock`.
    pub fn new(settings: ServerSettings, clock: Arc<dyn Clock>) -> Result<Arc<Self>, TlsError> {
        let current = RwLock::new(Arc::new(Snapshot::new(settings, &clock)?));
        Ok(Arc::new(Self { clock, current }))
    }

    /// Exchanges everything at once; on an error the old settings stay.
    pub fn replace(&self, settings: ServerSettings) -> Result<(), TlsError> {
        self.update(|current| *current = settings)
    }

    /// Shows other certificates from the next handshake on.
    pub fn replace_certificates(&self, certificates: Vec<Credentials>) -> Result<(), TlsError> {
        self.update(|settings| settings.certificates = certificates)
    }

    /// Accepts other authorities' certificates from the next handshake on.
    pub fn replace_client_authorities(&self, authorities: ClientAuthorities) -> Result<(), TlsError> {
        self.update(|settings| settings.client_authorities = Some(authorities))
    }

    /// Changes some of the settings; of two changes at the same time none is lost.
    fn update(&self, change: impl FnOnce(&mut ServerSettings)) -> Result<(), TlsError> {
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        let mut settings = current.settings.clone();
        change(&mut settings);
        *current = Arc::new(Snapshot::new(settings, &self.clock)?);
        Ok(())
    }

    /// Shows what is in these files (certificate chain, private key), now and whenever they change.
    ///
    /// Looks every `interval`; what cannot be used leaves the certificates in force where they are and
    /// is told once. Never returns.
    pub async fn follow_files(self: Arc<Self>, pairs: Vec<(PathBuf, PathBuf)>, interval: Duration) {
        let mut told = None;
        loop {
            let files = pairs.clone();
            let read = tokio::task::spawn_blocking(move || {
                files
                    .iter()
                    .map(|(chain, key)| Credentials::from_files(chain, key))
                    .collect::<Result<Vec<_>, _>>()
            });
            let outcome = match read.await {
                Ok(Ok(next)) => self.show_if_other(next),
                Ok(Err(error)) => Err(error),
                Err(_) => return,
            };
            match outcome {
                Ok(exchanged) => {
                    told = None;
                    if exchanged {
                        tracing::info!("certificates exchanged");
                    }
                }
                Err(error) => {
                    let text = error.to_string();
                    if told.as_ref() != Some(&text) {
                        tracing::warn!(error = %text, "certificates not exchanged; keeping those in use");
                        told = Some(text);
                    }
                }
            }
            tokio::time::sleep(interval).await;
        }
    }

    fn show_if_other(&self, next: Vec<Credentials>) -> Result<bool, TlsError> {
        let current = self.settings().certificates;
        let same = current.len() == next.len()
            && current
                .iter()
                .zip(&next)
                .all(|(one, other)| one.0.cert == other.0.cert);
        if same {
            return Ok(false);
        }
        self.replace_certificates(next).map(|()| true)
    }

    /// The settings in force.
    pub fn settings(&self) -> ServerSettings {
        self.snapshot().settings.clone()
    }

    pub(crate) fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Snapshot {
    fn new(settings: ServerSettings, clock: &Arc<dyn Clock>) -> Result<Self, TlsError> {
        if settings.certificates.is_empty() {
            return Err(TlsError::NoCertificate);
        }
        let provider = provider();
        let mut authorities = Vec::new();
        let mut roots = RootCertStore::empty();
        if let Some(clients) = &settings.client_authorities {
            let user = clients.user.iter().map(|der| (der, Authority::User));
            let host = clients.host.iter().map(|der| (der, Authority::Host));
            for (der, authority) in user.chain(host) {
                roots.add(der.clone()).map_err(TlsError::Certificate)?;
                let anchor = webpki::anchor_from_trusted_cert(der)
                    .map_err(|_| TlsError::Certificate(rustls::CertificateError::BadEncoding.into()))?;
                authorities.push((anchor.to_owned(), authority));
            }
        }
        let builder =
            ServerConfig::builder_with_details(Arc::clone(&provider), Arc::new(ByClock(Arc::clone(clock))))
                .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
                .map_err(TlsError::Configuration)?;
        let asks_clients = !roots.is_empty();
        let builder = if asks_clients {
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
                .allow_unauthenticated()
                .build()
                .map_err(TlsError::Authorities)?;
            builder.with_client_cert_verifier(Arc::new(DirectlySigned::new(verifier)))
        } else {
            builder.with_no_client_auth()
        };
        let mut config = builder.with_cert_resolver(Arc::new(ByName {
            certificates: settings.certificates.clone(),
            cluster: settings.cluster.clone(),
        }));
        config.alpn_protocols.clone_from(&settings.protocols);
        if asks_clients {
            // A resumed session would bring back a certificate without looking at it again.
            config.session_storage = Arc::new(NoServerSessionStorage {});
            config.send_tls13_tickets = 0;
        }
        config.max_early_data_size = 0;
        Ok(Self {
            settings,
            config: Arc::new(config),
            authorities,
        })
    }

    /// Whose signature a verified certificate bears.
    ///
    /// The handshake has proven that it is one of ours; the issuer's name tells which. Should two
    /// kinds ever share a name, the certificate counts as neither.
    pub(crate) fn authority_of(&self, certificate: &CertificateDer<'_>) -> Option<Authority> {
        let parsed = EndEntityCert::try_from(certificate).ok()?;
        let issuer = parsed.issuer();
        let mut found = None;
        for (anchor, authority) in &self.authorities {
            if anchor.subject.as_ref() == issuer {
                match found {
                    Some(other) if other != *authority => return None,
                    _ => found = Some(*authority),
                }
            }
        }
        found
    }
}

/// Chooses the certificate by the name asked for.
#[derive(Debug)]
struct ByName {
    certificates: Vec<Credentials>,
    cluster: Option<String>,
}

impl ResolvesServerCert for ByName {
    fn resolve(&self, greeting: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let name = greeting.server_name();
        if let (Some(cluster), Some(name)) = (&self.cluster, name)
            && name != names::CLUSTER_DOMAIN
            && name.ends_with(names::CLUSTER_DOMAIN)
            && names::decoded_cluster(name).as_deref() != Some(cluster.as_str())
        {
            return None;
        }
        let schemes = greeting.signature_schemes();
        let usable = || {
            self.certificates
                .iter()
                .filter(|credentials| credentials.0.key.choose_scheme(schemes).is_some())
        };
        let chosen = name
            .and_then(|name| ServerName::try_from(name).ok())
            .and_then(|name| usable().find(|credentials| credentials.is_for(&name)))
            .or_else(|| usable().next())
            .or_else(|| self.certificates.first())?;
        Some(Arc::clone(&chosen.0))
    }
}
