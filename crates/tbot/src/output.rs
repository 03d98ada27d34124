//! What programs read: an identity with the roles it is for, in the forms they know.
//!
//! `identity` holds everything in one file and is replaced at once; programs that read the other files should watch for
//! `identity` changing, since those change one after the other.

use access::SecretText;
use cli::Failure;
use client::files;
use pki::{AuthorityKind, KeyPair};
use wire::identity_file::{IdentityFile, known_hosts_line};
use wire::pb::proto::Certs;
use wire::pb::types::CertAuthorityV2;

use crate::config::{Output, Place, file_failure};

/// The authorities of a cluster, as far as outputs list them.
#[derive(Debug, Clone, Default)]
pub struct Authorities {
    /// Of its servers.
    pub host: Vec<CertAuthorityV2>,
    /// Of its people and bots.
    pub user: Vec<CertAuthorityV2>,
    /// Of its databases.
    pub database: Vec<CertAuthorityV2>,
}

impl Authorities {
    /// Which kinds are read, and where each goes.
    pub fn add(&mut self, kind: AuthorityKind, found: Vec<CertAuthorityV2>) {
        match kind {
            AuthorityKind::Host => self.host.extend(found),
            AuthorityKind::User => self.user.extend(found),
            _ => self.database.extend(found),
        }
    }
}

/// What the cluster sent cannot be used.
pub fn broken(error: &dyn std::fmt::Display) -> Failure {
    Failure::new(format!("what the cluster sent cannot be used: {error}"))
}

fn told(what: &str, bytes: &[u8]) -> Result<String, Failure> {
    match std::str::from_utf8(bytes) {
        Ok("") => Err(broken(&format!("there is no {what}"))),
        Ok(text) => Ok(text.to_owned()),
        Err(error) => Err(broken(&error)),
    }
}

/// The identity file of a key, its certificates and the authorities of hosts.
pub fn identity_file(
    key: &KeyPair,
    certificates: &Certs,
    cluster: &str,
    host: Option<&[CertAuthorityV2]>,
) -> Result<IdentityFile, Failure> {
    let (ssh_authorities, tls_authorities) = match host {
        Some(host) => (ssh_lines(host)?, certificates_of(host)?),
        None => (
            certificates
                .sshca_certs
                .iter()
                .map(|line| {
                    Ok(known_hosts_line(
                        None,
                        cluster,
                        told("SSH authority", line)?.trim_end(),
                    ))
                })
                .collect::<Result<_, Failure>>()?,
            certificates
                .tlsca_certs
                .iter()
                .map(|pem| told("authority", pem))
                .collect::<Result<_, _>>()?,
        ),
    };
    Ok(IdentityFile {
        private_key: key.to_pem().map_err(|error| broken(&error))?,
        ssh_certificate: Some(told("SSH certificate", &certificates.ssh)?.trim_end().to_owned()),
        tls_certificate: told("certificate", &certificates.tls)?,
        ssh_authorities,
        tls_authorities,
    })
}

fn ssh_lines(authorities: &[CertAuthorityV2]) -> Result<Vec<String>, Failure> {
    authorities
        .iter()
        .filter_map(|authority| authority.spec.as_ref())
        .flat_map(|spec| {
            let sets = spec.active_keys.iter().chain(&spec.additional_trusted_keys);
            sets.flat_map(|set| &set.ssh)
                .map(|pair| (&spec.cluster_name, pair))
        })
        .map(|(cluster, pair)| {
            let key = told("SSH key of its host authority", &pair.public_key)?;
            Ok(known_hosts_line(None, cluster, key.trim_end()))
        })
        .collect()
}

fn certificates_of(authorities: &[CertAuthorityV2]) -> Result<Vec<String>, Failure> {
    authorities
        .iter()
        .filter_map(|authority| authority.spec.as_ref())
        .flat_map(|spec| spec.active_keys.iter().chain(&spec.additional_trusted_keys))
        .flat_map(|set| &set.tls)
        .map(|pair| told("certificate of its authority", &pair.cert))
        .collect()
}

/// Writes an output. Each file is whole; `identity` is the first.
pub fn write(
    output: &Output,
    key: &KeyPair,
    identity: &IdentityFile,
    authorities: &Authorities,
) -> Result<(), Failure> {
    let Place::Directory(directory) = &output.place else {
        return Ok(());
    };
    files::create_private_directory(directory).map_err(|error| {
        file_failure(&error).hint("`tbot init` makes the directory; run it as the owner of the place")
    })?;
    let public = key.public().to_ssh_line();
    let ssh_certificate = identity.ssh_certificate.clone().unwrap_or_default();
    let lines = |lines: &[String]| {
        lines
            .iter()
            .flat_map(|line| [line.as_str(), "\n"])
            .collect::<String>()
    };
    let contents: [(&str, SecretText); 9] = [
        ("identity", identity.write().map_err(|error| broken(&error))?),
        ("key", identity.private_key.clone()),
        ("key.pub", format!("{public}\n").into()),
        ("key-cert.pub", format!("{ssh_certificate}\n").into()),
        ("tlscert", identity.tls_certificate.clone().into()),
        (
            "teleport-host-ca.crt",
            certificates_of(&authorities.host)?.concat().into(),
        ),
        (
            "teleport-user-ca.crt",
            certificates_of(&authorities.user)?.concat().into(),
        ),
        (
            "teleport-database-ca.crt",
            certificates_of(&authorities.database)?.concat().into(),
        ),
        ("known_hosts", lines(&identity.ssh_authorities).into()),
    ];
    for (name, content) in contents {
        files::write_whole(&directory.join(name), content.expose().as_bytes(), files::PRIVATE).map_err(
            |error| {
                file_failure(&error)
                    .hint("the directory must be tbot's own; what was there before is untouched")
            },
        )?;
    }
    Ok(())
}
