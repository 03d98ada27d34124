//! `tctl auth sign`: a key that is made here, and the certificates that the cluster signs for it.
//!
//! The private key never leaves this machine. Files are written whole or not at all, and only after the certificate
//! was issued; whether there is something to be written over is asked before.

use std::path::{Path, PathBuf};

use access::SecretText;
use cli::{Failure, duration, prompt};
use client::files;
use jiff::{SignedDuration, Timestamp};
use pki::{Algorithm, AuthorityKind, KeyPair};
use tonic::metadata::MetadataValue;
use wire::convert;
use wire::identity_file::{Format, FormatError, IdentityFile, known_hosts_line};
use wire::metadata::EXACT_TTL;
use wire::pb::proto::UserCertsRequest;
use wire::pb::teleport::trust::v1::GenerateHostCertRequest;
use wire::pb::types::CertAuthorityV2;

use crate::commands::lists::split;
use crate::connection::Connection;
use crate::kinds::read::authorities_of;
use crate::output;
use crate::session::Session;

/// How long a certificate lives if nobody says.
const TTL_DEFAULT: SignedDuration = SignedDuration::from_hours(12);
/// The shortest life of a certificate.
const TTL_MIN: SignedDuration = SignedDuration::from_mins(1);
/// A certificate that ends so much earlier than was asked for was cut.
const TTL_TOLERANCE: SignedDuration = SignedDuration::from_mins(1);

/// Signs a certificate for a user or a host.
#[derive(Debug, clap::Args)]
pub struct Sign {
    /// The user whom the certificate is for
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// The names of the host that the certificate is for, between commas; needs `--format=openssh`
    #[arg(long, value_name = "NAMES")]
    host: Vec<String>,
    /// Where to write to; `tls` and `openssh` add their endings
    #[arg(short, long, value_name = "PATH", required = true)]
    out: PathBuf,
    /// file (one identity file), tls (.key, .crt, .cas) or openssh (key and -cert.pub)
    #[arg(long, value_name = "FORMAT", default_value = "file")]
    format: String,
    /// How long the certificate is valid [default: 12h, or less where the user's roles say so]
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    ttl: Option<SignedDuration>,
    /// Write over files that are there
    #[arg(long)]
    overwrite: bool,
    /// The proxy's address, for Kubernetes
    #[arg(long, value_name = "ADDRESS", hide = true)]
    proxy: Option<String>,
}

impl Sign {
    /// Makes a key, has it signed, and writes the files.
    pub async fn run(self, connection: &Connection) -> Result<(), Failure> {
        let hosts = split(&self.host);
        if self.user.is_none() && hosts.is_empty() {
            return Err(Failure::new("--user or --host must be specified"));
        }
        if self.user.is_some() && !hosts.is_empty() {
            return Err(Failure::new("use only one of --user and --host"));
        }
        let format: Format = self
            .format
            .parse()
            .map_err(|error: FormatError| Failure::new(error.to_string()))?;
        if !hosts.is_empty() && format != Format::OpenSsh {
            return Err(Failure::new(format!(
                "invalid --format flag {:?}, only \"openssh\" is supported",
                self.format
            )));
        }
        if self.ttl.is_some_and(|ttl| ttl < TTL_MIN) {
            return Err(Failure::new(
                "--ttl: a certificate is valid for a minute at least",
            ));
        }
        self.may_write(format)?;
        if self.proxy.is_some() {
            output::line(&format!(
                "Note: --proxy is only used with --format=\"kubernetes\", ignoring for --format={:?}",
                self.format
            ))?;
        }
        let session = connection.session().await?;
        session.before_change().await?;
        let signed = match &self.user {
            Some(user) => self.sign_user(connection, session, user, format).await?,
            None => self.sign_host(connection, session, hosts).await?,
        };
        let written = self.write(&signed, format)?;
        if self.user.is_none() {
            output::print("\n")?;
        }
        output::line(&format!("The credentials have been written to {written}"))
    }

    /// Looks where it will write, and asks before anything is written over; refused, nothing has happened.
    fn may_write(&self, format: Format) -> Result<(), Failure> {
        let folder = self.out.parent().filter(|folder| !folder.as_os_str().is_empty());
        if let Some(folder) = folder
            && !folder.is_dir()
        {
            return Err(Failure::new(format!(
                "cannot write {}: there is no directory {}",
                self.out.display(),
                folder.display()
            ))
            .hint("make it first, or choose another place with `--out`"));
        }
        let suffixes: &[&str] = match format {
            Format::File => &[""],
            Format::Tls => &[".key", ".crt", ".cas"],
            Format::OpenSsh => &["", "-cert.pub"],
        };
        let there: Vec<String> = suffixes
            .iter()
            .map(|suffix| with_suffix(&self.out, suffix))
            .filter(|path| path.exists())
            .map(|path| path.display().to_string())
            .collect();
        if there.is_empty() || self.overwrite {
            return Ok(());
        }
        let there = there.join(", ");
        if prompt::confirm(&format!("Destination file(s) {there} exist. Overwrite?"))? {
            return Ok(());
        }
        Err(Failure::new(format!("not overwriting destination files {there}"))
            .hint("choose another name with `--out`, or use `--overwrite`"))
    }

    async fn sign_user(
        &self,
        connection: &Connection,
        session: &Session,
        user: &str,
        format: Format,
    ) -> Result<IdentityFile, Failure> {
        let key = match format {
            // SSH alone can have the key that SSH prefers; one key for both has to suit TLS.
            Format::OpenSsh => new_key(connection, Algorithm::Ed25519)?,
            Format::File | Format::Tls => new_key(connection, Algorithm::P256)?,
        };
        let wanted_end = end(connection.now(), self.ttl.unwrap_or(TTL_DEFAULT))?;
        let public_pem = key.public().to_pem().map_err(|error| broken(&error))?;
        let mut request = tonic::Request::new(UserCertsRequest {
            username: user.to_owned(),
            expires: Some(convert::timestamp(wanted_end)),
            format: "standard".to_owned(),
            route_to_cluster: session.ping().cluster_name.clone(),
            ssh_public_key: key.public().to_ssh_line().into_bytes().into(),
            tls_public_key: public_pem.into_bytes().into(),
            ..UserCertsRequest::default()
        });
        if self.ttl.is_some() {
            // What was asked for in so many words is given or refused, not cut.
            request
                .metadata_mut()
                .insert(EXACT_TTL, MetadataValue::from_static("1"));
        }
        let mut auth = session.cluster().auth();
        let answer = session.call(auth.generate_user_certs(request)).await;
        let certificates = answer.map_err(|refusal| self.about_ttl(Failure::from(refusal)))?;
        let tls_certificate = told("certificate", &certificates.tls)?;
        self.check_end(&tls_certificate, connection.now(), wanted_end)?;
        let authorities = authorities_of(session, AuthorityKind::Host, false).await?;
        Ok(IdentityFile {
            private_key: private(&key, format)?,
            ssh_certificate: Some(told("SSH certificate", &certificates.ssh)?.trim_end().to_owned()),
            tls_certificate,
            ssh_authorities: ssh_authorities(&authorities)?,
            tls_authorities: tls_authorities(&authorities)?,
        })
    }

    fn about_ttl(&self, failure: Failure) -> Failure {
        if self.ttl.is_some() && failure.message().contains(" cannot be given: ") {
            return failure
                .hint("ask for less with `--ttl`, or leave it out: the longest possible is given then");
        }
        failure
    }

    /// Servers of the original cut where ours refuse.
    fn check_end(&self, certificate: &str, now: Timestamp, wanted: Timestamp) -> Result<(), Failure> {
        let Some(ttl) = self.ttl else { return Ok(()) };
        let parsed = pki::certificate::from_pem(certificate).map_err(|error| broken(&error))?;
        let first = parsed
            .first()
            .ok_or_else(|| Failure::new("the cluster sent no certificate"))?;
        let identity = pki::Identity::from_certificate(first).map_err(|error| broken(&error))?;
        if wanted.duration_since(identity.not_after) <= TTL_TOLERANCE {
            return Ok(());
        }
        Err(Failure::new(format!(
            "The credential was not issued because the requested TTL of {} exceeded the maximum allowed value of {}. \
             To successfully request a credential, please reduce the requested TTL.",
            duration::print(ttl),
            duration::print(identity.not_after.duration_since(now)),
        )))
    }

    async fn sign_host(
        &self,
        connection: &Connection,
        session: &Session,
        hosts: Vec<String>,
    ) -> Result<IdentityFile, Failure> {
        let key = new_key(connection, Algorithm::Ed25519)?;
        let request = GenerateHostCertRequest {
            key: key.public().to_ssh_line().into_bytes().into(),
            principals: hosts,
            cluster_name: session.ping().cluster_name.clone(),
            role: "Node".to_owned(),
            ttl: self.ttl.map(|ttl| prost_types::Duration {
                seconds: ttl.as_secs(),
                nanos: ttl.subsec_nanos(),
            }),
            ..GenerateHostCertRequest::default()
        };
        let mut trust = session.cluster().trust();
        let answer = session.call(trust.generate_host_cert(request)).await?;
        Ok(IdentityFile {
            private_key: private(&key, Format::OpenSsh)?,
            ssh_certificate: Some(
                told("SSH certificate", &answer.ssh_certificate)?
                    .trim_end()
                    .to_owned(),
            ),
            ..IdentityFile::default()
        })
    }

    /// Writes the files of a format and gives their names.
    fn write(&self, signed: &IdentityFile, format: Format) -> Result<String, Failure> {
        let parts = signed
            .files(format)
            .map_err(|error| Failure::new(error.to_string()))?;
        let mut names = Vec::new();
        for part in parts {
            let path = with_suffix(&self.out, part.suffix);
            files::write_whole(&path, part.content.expose().as_bytes(), part.mode).map_err(|error| {
                Failure::new(format!("{error}: {}", crate::input::said(&error.source))).hint(
                    "the certificate was issued and is lost; choose a place that can be written with `--out`",
                )
            })?;
            names.push(path.display().to_string());
        }
        Ok(names.join(", "))
    }
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// The end of a certificate, in whole seconds as certificates have them.
fn end(now: Timestamp, ttl: SignedDuration) -> Result<Timestamp, Failure> {
    Timestamp::from_second(now.as_second())
        .and_then(|now| now.checked_add(SignedDuration::from_secs(ttl.as_secs())))
        .map_err(|_| Failure::new("--ttl: the certificate would end too far in the future"))
}

fn new_key(connection: &Connection, algorithm: Algorithm) -> Result<KeyPair, Failure> {
    KeyPair::generate(algorithm, connection.entropy())
        .map_err(|error| Failure::new(format!("a key could not be made: {error}")))
}

fn private(key: &KeyPair, format: Format) -> Result<SecretText, Failure> {
    let text = match format {
        Format::OpenSsh => key.to_openssh_pem(),
        Format::File | Format::Tls => key.to_pem(),
    };
    text.map_err(|error| broken(&error))
}

fn broken(error: &dyn std::fmt::Display) -> Failure {
    Failure::new(format!("what the cluster sent cannot be used: {error}"))
}

/// A text that the cluster must have sent.
fn told(what: &str, bytes: &[u8]) -> Result<String, Failure> {
    match std::str::from_utf8(bytes) {
        Ok("") => Err(Failure::new(format!("the cluster sent no {what}"))),
        Ok(text) => Ok(text.to_owned()),
        Err(error) => Err(broken(&error)),
    }
}

/// The lines by which SSH clients trust the hosts of the cluster.
fn ssh_authorities(authorities: &[CertAuthorityV2]) -> Result<Vec<String>, Failure> {
    let specs = authorities.iter().filter_map(|authority| authority.spec.as_ref());
    specs
        .flat_map(|spec| {
            let sets = spec.active_keys.iter().chain(&spec.additional_trusted_keys);
            sets.flat_map(|set| &set.ssh)
                .map(|pair| (&spec.cluster_name, pair))
        })
        .map(|(cluster, pair)| {
            let key = told("SSH key of its host authority", &pair.public_key)?;
            Ok(known_hosts_line(None, cluster, &key))
        })
        .collect()
}

/// The certificates by which TLS clients trust the Auth Service.
fn tls_authorities(authorities: &[CertAuthorityV2]) -> Result<Vec<String>, Failure> {
    let specs = authorities.iter().filter_map(|authority| authority.spec.as_ref());
    specs
        .flat_map(|spec| spec.active_keys.iter().chain(&spec.additional_trusted_keys))
        .flat_map(|set| &set.tls)
        .map(|pair| told("certificate of its host authority", &pair.cert))
        .collect()
}
