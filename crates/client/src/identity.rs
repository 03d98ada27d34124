//! Who we are towards a cluster: one key, one certificate, and the authorities we believe.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use access::SecretText;
use access::ambient::Clock;
use jiff::Timestamp;
use rustls_pki_types::CertificateDer;
use tokio::sync::watch;
use transport::tls::{Credentials, TlsError, certificates_from_pem};
use wire::identity_file::IdentityFile;

use crate::files::{self, FileError};
use crate::profile::{ProfileDir, ProfileError, ProfileKeys};

/// Where an identity comes from; decides what an error asks people to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A file written by `tctl auth sign`, `tsh login --out` or a bot.
    File(PathBuf),
    /// A profile written by `tsh login`.
    Profile(String),
    /// The built-in administrator of the Auth host.
    LocalAdmin(PathBuf),
    /// Made by this process, as services do for themselves.
    Process,
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File(path) => write!(f, "the identity file `{}`", path.display()),
            Self::Profile(name) => write!(f, "the profile `{name}`"),
            Self::LocalAdmin(path) => write!(f, "the local administrator's identity `{}`", path.display()),
            Self::Process => f.write_str("the identity of this service"),
        }
    }
}

impl Origin {
    fn renewal(&self) -> &'static str {
        match self {
            Self::File(_) => {
                "write a new one with `tctl auth sign`, with a longer `--ttl` if it must last longer"
            }
            Self::Profile(_) => "log in again with `tsh login`",
            Self::LocalAdmin(_) => "restart the Auth Service on this machine: it writes a new one",
            Self::Process => "restart the service",
        }
    }
}

/// Why an identity cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// There is no such file.
    #[error("{origin} does not exist")]
    Missing {
        /// Where it should be.
        origin: Origin,
    },
    /// The file system refused.
    #[error(transparent)]
    File(#[from] FileError),
    /// The profile cannot be read.
    #[error(transparent)]
    Profile(#[from] ProfileError),
    /// It is not of the known form.
    #[error("{origin} cannot be read: {reason}")]
    Malformed {
        /// Where it comes from.
        origin: Origin,
        /// What is wrong.
        reason: String,
    },
    /// Key and certificate do not belong together.
    #[error("{origin} holds a key that does not belong to its certificate")]
    KeyMismatch {
        /// Where it comes from.
        origin: Origin,
    },
    /// Its time is over.
    #[error("{origin} expired at {at}")]
    Expired {
        /// Where it comes from.
        origin: Origin,
        /// Its end.
        at: Timestamp,
    },
    /// Its time has not come.
    #[error("{origin} is not valid before {at}")]
    NotYetValid {
        /// Where it comes from.
        origin: Origin,
        /// Its beginning.
        at: Timestamp,
    },
    /// It names no authority, so that no server could be believed.
    #[error("{origin} holds no cluster authorities")]
    NoAuthorities {
        /// Where it comes from.
        origin: Origin,
    },
}

impl IdentityError {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Missing { origin }
            | Self::Malformed { origin, .. }
            | Self::KeyMismatch { origin }
            | Self::Expired { origin, .. }
            | Self::NoAuthorities { origin } => Some(origin.renewal().to_owned()),
            Self::NotYetValid { .. } => Some("check this machine's clock".to_owned()),
            Self::Profile(error) => error.hint(),
            Self::File(_) => None,
        }
    }
}

/// The texts an identity is made of.
#[derive(Clone, Default)]
pub struct IdentityParts {
    /// PEM.
    pub private_key: SecretText,
    /// PEM.
    pub tls_certificate: String,
    /// PEM, any number of certificates.
    pub tls_authorities: String,
    /// One line.
    pub ssh_certificate: Option<String>,
}

impl From<IdentityFile> for IdentityParts {
    fn from(file: IdentityFile) -> Self {
        Self {
            private_key: file.private_key,
            tls_certificate: file.tls_certificate,
            tls_authorities: file.tls_authorities.concat(),
            ssh_certificate: file.ssh_certificate,
        }
    }
}

impl From<&ProfileKeys> for IdentityParts {
    /// The TLS key with its certificate, and every cluster's authorities.
    fn from(keys: &ProfileKeys) -> Self {
        let authorities: Vec<&str> = keys.tls_authorities.values().map(String::as_str).collect();
        Self {
            private_key: keys.tls_private_key.clone(),
            tls_certificate: keys.tls_certificate.clone(),
            tls_authorities: authorities.join("\n"),
            ssh_certificate: Some(keys.ssh_certificate.clone()),
        }
    }
}

/// A usable identity.
#[derive(Debug, Clone)]
pub struct Identity {
    origin: Origin,
    certified: pki::Identity,
    credentials: Credentials,
    authorities: Vec<CertificateDer<'static>>,
    ssh_certificate: Option<String>,
}

impl Identity {
    /// Checks that the parts belong together. Whether the time is right is asked by
    /// [`Identity::check_time`].
    pub fn new(parts: &IdentityParts, origin: Origin) -> Result<Self, IdentityError> {
        let malformed = |reason: String| IdentityError::Malformed {
            origin: origin.clone(),
            reason,
        };
        let with_causes = |error: &TlsError| malformed(causes(error));
        let credentials = Credentials::from_pem(
            parts.tls_certificate.as_bytes(),
            parts.private_key.expose().as_bytes(),
        )
        .map_err(|error| match error {
            TlsError::KeyMismatch => IdentityError::KeyMismatch {
                origin: origin.clone(),
            },
            other => with_causes(&other),
        })?;
        let authorities = match certificates_from_pem(parts.tls_authorities.as_bytes()) {
            Ok(authorities) => authorities,
            Err(TlsError::NoCertificate) => {
                return Err(IdentityError::NoAuthorities { origin });
            }
            Err(error) => return Err(with_causes(&error)),
        };
        let certified = pki::Identity::from_certificate(credentials.certificate())
            .map_err(|error| malformed(error.to_string()))?;
        Ok(Self {
            certified,
            origin,
            credentials,
            authorities,
            ssh_certificate: parts.ssh_certificate.clone(),
        })
    }

    /// The identity in a text of the form of an identity file.
    pub fn from_text(text: &str, origin: Origin) -> Result<Self, IdentityError> {
        let file = IdentityFile::read(text).map_err(|error| IdentityError::Malformed {
            origin: origin.clone(),
            reason: error.to_string(),
        })?;
        Self::new(&file.into(), origin)
    }

    /// The identity in a file.
    pub fn from_file(path: &Path) -> Result<Self, IdentityError> {
        let origin = Origin::File(path.to_owned());
        let Some(text) = files::read_text(path)? else {
            return Err(IdentityError::Missing { origin });
        };
        Self::from_text(SecretText::new(text).expose(), origin)
    }

    /// The identity of three PEM files: private key, certificate, authorities.
    pub fn from_pem_files(key: &Path, certificate: &Path, authorities: &Path) -> Result<Self, IdentityError> {
        let read = |path: &Path| {
            files::read_text(path)?.ok_or_else(|| IdentityError::Missing {
                origin: Origin::File(path.to_owned()),
            })
        };
        let parts = IdentityParts {
            private_key: read(key)?.into(),
            tls_certificate: read(certificate)?,
            tls_authorities: read(authorities)?,
            ssh_certificate: None,
        };
        Self::new(&parts, Origin::File(certificate.to_owned()))
    }

    /// The identity of a profile; `None` if its user is logged out.
    pub fn from_profile(directory: &ProfileDir, name: &str) -> Result<Option<Self>, IdentityError> {
        let Some(profile) = directory.load(name)? else {
            return Ok(None);
        };
        let Some(keys) = directory.keys(&profile)? else {
            return Ok(None);
        };
        Self::new(&IdentityParts::from(&keys), Origin::Profile(name.to_owned())).map(Some)
    }

    /// Whether the certificate is valid at `now`.
    pub fn check_time(&self, now: Timestamp) -> Result<(), IdentityError> {
        let origin = || self.origin.clone();
        if now >= self.not_after() {
            return Err(IdentityError::Expired {
                origin: origin(),
                at: self.not_after(),
            });
        }
        if now < self.certified.not_before {
            return Err(IdentityError::NotYetValid {
                origin: origin(),
                at: self.certified.not_before,
            });
        }
        Ok(())
    }

    /// Where it comes from.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// The name in the certificate: a user, or `HOSTUUID.CLUSTER`.
    pub fn user(&self) -> &str {
        &self.certified.username
    }

    /// The cluster that issued it.
    pub fn cluster(&self) -> &str {
        &self.certified.cluster
    }

    /// The end of its validity.
    pub fn not_after(&self) -> Timestamp {
        self.certified.not_after
    }

    /// Everything the certificate says: roles, active requests, who asked for it.
    pub fn certified(&self) -> &pki::Identity {
        &self.certified
    }

    /// The certificate with its key, for TLS.
    pub fn credentials(&self) -> &Credentials {
        &self.credentials
    }

    /// The TLS certificate.
    pub fn certificate(&self) -> &CertificateDer<'static> {
        self.credentials.certificate()
    }

    /// The authorities whose servers are believed.
    pub fn authorities(&self) -> &[CertificateDer<'static>] {
        &self.authorities
    }

    /// The SSH certificate line, if there is one.
    pub fn ssh_certificate(&self) -> Option<&str> {
        self.ssh_certificate.as_deref()
    }
}

/// An error with its causes in one line.
fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        next = cause.source();
    }
    text
}

/// The identity in use, exchangeable while connections are open. Clones share it.
///
/// Open connections keep what they were made with; the next call uses a connection with the new one.
#[derive(Debug, Clone)]
pub struct IdentityHandle(Arc<watch::Sender<Arc<Identity>>>);

impl IdentityHandle {
    /// Starts with `identity`.
    pub fn new(identity: Identity) -> Self {
        Self(Arc::new(watch::Sender::new(Arc::new(identity))))
    }

    /// The identity in use.
    pub fn current(&self) -> Arc<Identity> {
        Arc::clone(&self.0.borrow())
    }

    /// Uses another one from now on.
    pub fn replace(&self, identity: Identity) {
        self.0.send_replace(Arc::new(identity));
    }

    /// Learns of exchanges.
    pub fn subscribe(&self) -> watch::Receiver<Arc<Identity>> {
        self.0.subscribe()
    }

    /// Reads the identity anew, at once and then every `interval`, and uses it if it is another one.
    ///
    /// What cannot be read, is half written or has expired leaves the one in use where it is; each
    /// such state is told once in the log. Never returns.
    pub async fn keep_fresh<R>(self, interval: Duration, clock: Arc<dyn Clock>, mut read: R)
    where
        R: FnMut() -> Result<Identity, IdentityError> + Send,
    {
        let mut told = None;
        loop {
            match self.refresh_once(&*clock, &mut read) {
                Ok(exchanged) => {
                    told = None;
                    if exchanged {
                        let identity = self.current();
                        tracing::info!(origin = %identity.origin, until = %identity.not_after(), "identity renewed");
                    }
                }
                Err(error) => {
                    let text = error.to_string();
                    if told.as_ref() != Some(&text) {
                        tracing::warn!(error = %text, "identity not renewed; keeping the one in use");
                        told = Some(text);
                    }
                }
            }
            tokio::time::sleep(interval).await;
        }
    }

    /// Reads the identity anew; says whether it is another one.
    ///
    /// On an error the one in use stays.
    pub fn refresh_once(
        &self,
        clock: &dyn Clock,
        read: impl FnOnce() -> Result<Identity, IdentityError>,
    ) -> Result<bool, IdentityError> {
        let next = read()?;
        next.check_time(clock.now())?;
        let current = self.current();
        if next.certificate() == current.certificate() && next.authorities() == current.authorities() {
            return Ok(false);
        }
        self.replace(next);
        Ok(true)
    }
}
