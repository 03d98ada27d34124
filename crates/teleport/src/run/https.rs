//! The certificates of the web port: from files that are followed, or one that the proxy makes for itself.
//!
//! The own certificate is kept, so that whoever has decided to trust it need not decide again after a restart; it is made
//! anew when its end is near or the proxy's names have changed.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use access::SecretText;
use access::ambient::{Clock, Entropy};
use cli::Failure;
use client::files;
use jiff::{SignedDuration, Timestamp};
use pki::{Algorithm, KeyPair};
use transport::shown::Shown;
use transport::tls::{Credentials, ServerSettings, ServerTls, TlsError};

use super::Ambient;
use crate::config::HttpsCertificates;
use crate::failures;

/// The own certificate is exchanged so long before its end.
const RENEWED_BEFORE: SignedDuration = SignedDuration::from_hours(30 * 24);
/// How often the own certificate's end is looked at.
const LOOKED_AT: Duration = Duration::from_secs(12 * 60 * 60);

/// Certificate files that could be read, or none.
pub struct Pairs {
    files: Vec<(PathBuf, PathBuf)>,
    interval: Duration,
    read: Vec<Credentials>,
}

/// Reads what was configured, before anything is made.
///
/// # Errors
/// A file that cannot be read or used.
pub fn read_files(told: &HttpsCertificates) -> Result<Pairs, Failure> {
    let (files, interval) = match told {
        HttpsCertificates::Own => (&[][..], LOOKED_AT),
        HttpsCertificates::Files { pairs, interval } => (&pairs[..], *interval),
    };
    let read = files.iter().map(|(chain, key)| {
        Credentials::from_files(chain, key).map_err(|error| {
            let what = format!("`{}` with `{}`", chain.display(), key.display());
            failures::tls(&what, &error).hint(
                "see `proxy_service.https_keypairs`; without it the proxy makes a certificate for itself",
            )
        })
    });
    Ok(Pairs {
        read: read.collect::<Result<_, _>>()?,
        files: files.to_vec(),
        interval,
    })
}

/// The TLS side of the web port.
pub struct Https {
    tls: Arc<ServerTls>,
    pairs: Vec<(PathBuf, PathBuf)>,
    interval: Duration,
    own: Own,
}

/// How to make a certificate for oneself.
struct Own {
    file: PathBuf,
    node_name: String,
    names: Vec<String>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

impl Https {
    /// What the port shows from its first connection on.
    ///
    /// # Errors
    /// The own certificate cannot be made or kept.
    pub fn open(
        pairs: Pairs,
        own_file: PathBuf,
        settings: &proxy::Settings,
        ambient: &Ambient,
    ) -> Result<Arc<Self>, Failure> {
        let mut names: Vec<String> = settings
            .public_addresses
            .iter()
            .map(|address| address.host().to_owned())
            .collect();
        if !settings.listen_address.ip().is_unspecified() {
            names.push(settings.listen_address.ip().to_string());
        }
        let own = Own {
            file: own_file,
            node_name: settings.node_name.clone(),
            names,
            clock: Arc::clone(&ambient.clock),
            entropy: Arc::clone(&ambient.entropy),
        };
        let certificates = if pairs.files.is_empty() {
            vec![own.current()?]
        } else {
            pairs.read
        };
        let shown = ServerSettings {
            certificates,
            client_authorities: None,
            protocols: proxy::web_protocols(),
            cluster: None,
        };
        let tls = ServerTls::new(shown, Arc::clone(&ambient.clock))
            .map_err(|error| failures::tls("the web port", &error))?;
        Ok(Arc::new(Self {
            tls,
            pairs: pairs.files,
            interval: pairs.interval,
            own,
        }))
    }

    /// What the port shows and accepts.
    pub fn tls(&self) -> &Arc<ServerTls> {
        &self.tls
    }

    /// Exchanges certificates when their files change or the own one's end is near. Never returns.
    pub async fn keep_fresh(&self) {
        if !self.pairs.is_empty() {
            return Arc::clone(&self.tls)
                .follow_files(self.pairs.clone(), self.interval)
                .await;
        }
        loop {
            tokio::time::sleep(self.interval).await;
            self.reload().await;
        }
    }

    /// Looks at the files, or at the own certificate, now.
    pub async fn reload(&self) {
        let read = if self.pairs.is_empty() {
            self.own
                .current()
                .map(|own| vec![own])
                .map_err(|failure| failure.message().to_owned())
        } else {
            let read = self
                .pairs
                .iter()
                .map(|(chain, key)| Credentials::from_files(chain, key));
            read.collect::<Result<Vec<_>, _>>()
                .map_err(|error| described(&error))
        };
        let exchanged = read.and_then(|read| {
            self.tls
                .replace_certificates(read)
                .map_err(|error| described(&error))
        });
        match exchanged {
            Ok(()) if self.pairs.is_empty() => tracing::debug!("the proxy's own certificate was looked at"),
            Ok(()) => tracing::info!("The certificates of the web port were read again."),
            Err(error) => {
                tracing::error!(%error, "The certificates of the web port cannot be used; keeping those in use.");
            }
        }
    }
}

impl Own {
    /// The kept certificate if it still serves, else a new one, which is kept.
    fn current(&self) -> Result<Credentials, Failure> {
        let now = self.clock.now();
        match files::read_text(&self.file) {
            Ok(Some(text)) => {
                let text = SecretText::new(text);
                match Credentials::from_pem(text.expose().as_bytes(), text.expose().as_bytes()) {
                    Ok(kept) if self.serves(&kept, now) => return Ok(kept),
                    Ok(_) => {}
                    Err(error) => tracing::warn!(
                        file = %self.file.display(),
                        error = described(&error),
                        "the proxy's own certificate cannot be used; making a new one"
                    ),
                }
            }
            Ok(None) => {}
            Err(error) => return Err(failures::file(&error)),
        }
        self.make(now)
    }

    fn serves(&self, kept: &Credentials, now: Timestamp) -> bool {
        let shown = Shown::of(kept.certificate());
        let has = |name: &String| shown.names.contains(name);
        let lasts = shown
            .not_after
            .is_some_and(|end| end.duration_since(now) > RENEWED_BEFORE);
        lasts && has(&self.node_name) && self.names.iter().all(has)
    }

    fn make(&self, now: Timestamp) -> Result<Credentials, Failure> {
        let fault = |error: &dyn std::fmt::Display| {
            Failure::new(format!("the proxy cannot make a certificate for itself: {error}"))
                .hint("give it one with `proxy_service.https_keypairs`")
        };
        let key = KeyPair::generate(Algorithm::P256, &*self.entropy).map_err(|error| fault(&error))?;
        let certificate =
            pki::issue::web::self_signed(&key, &self.node_name, &self.names, now, &*self.entropy)
                .map_err(|error| fault(&error))?;
        let secret = key.to_pem().map_err(|error| fault(&error))?;
        let mut text = pki::certificate::to_pem(&certificate);
        text.push_str(secret.expose());
        let text = SecretText::new(text);
        files::write_whole(&self.file, text.expose().as_bytes(), files::PRIVATE)
            .map_err(|error| failures::file(&error))?;
        let until = Shown::of(&certificate).not_after;
        tracing::info!(
            until = until.map(tracing::field::display),
            "The proxy has made a certificate for itself; browsers and tools will ask whether to trust it."
        );
        Credentials::from_pem(text.expose().as_bytes(), text.expose().as_bytes())
            .map_err(|error| failures::tls("the proxy's own certificate", &error))
    }
}

/// An error with its cause in one line.
fn described(error: &TlsError) -> String {
    failures::with_causes(error)
}
