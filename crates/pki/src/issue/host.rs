//! Certificates of the cluster's services and machines.

use std::collections::BTreeMap;

use access::ambient::Entropy;
use access::{HostPermit, SystemRole};
use jiff::Timestamp;

use crate::authority::{Authority, AuthorityKind, LIFETIME};
use crate::identity::Identity;
use crate::issue::{Certificates, IssueError, SubjectKeys, bounded, fits_as_name, nonce};
use crate::names;
use crate::ssh::{self, CertificateKind};
use crate::x509::body::{Use, general_name, leaf_extensions, serial};
use crate::x509::{Body, Issuer, time};

/// Signs what `permit` says for each of `keys`, with the cluster's host authority.
///
/// The names of the X.509 certificate are those of the permit and those every service of its role answers
/// to; the SSH certificate also has the host's id. A permit without end ([`Timestamp::MAX`]) makes an SSH
/// certificate without end and an X.509 certificate for as long as an authority's own.
pub fn host(
    permit: &HostPermit,
    keys: SubjectKeys<'_>,
    authority: &Authority,
    now: Timestamp,
    entropy: &dyn Entropy,
) -> Result<Certificates, IssueError> {
    let grant = permit.grant();
    if authority.kind() != AuthorityKind::Host {
        return Err(IssueError::WrongAuthority {
            found: authority.kind(),
            wanted: "host certificates",
        });
    }
    if authority.cluster() != grant.cluster {
        return Err(IssueError::WrongCluster {
            found: authority.cluster().to_owned(),
            wanted: grant.cluster.clone(),
        });
    }
    if grant.not_after <= now {
        return Err(IssueError::Over);
    }
    let host_id = Some(&grant.host_id).filter(|host_id| !host_id.is_empty());
    for name in grant.principals.iter().chain(host_id) {
        fits_as_name(name)?;
    }
    let not_before = time::backdated(now);
    let without_end = grant.not_after == Timestamp::MAX;

    let ssh = match keys.ssh {
        None => None,
        Some(key) => {
            let body = ssh::certificate::Body {
                kind: CertificateKind::Host,
                key: key.clone(),
                serial: 0,
                key_id: String::new(),
                principals: names::ssh_principals(grant),
                valid_after: not_before,
                valid_before: (!without_end).then_some(time::whole(grant.not_after)),
                critical_options: BTreeMap::new(),
                extensions: BTreeMap::from([
                    ("x-teleport-authority".to_owned(), grant.cluster.clone()),
                    ("x-teleport-role".to_owned(), grant.role.name().to_owned()),
                ]),
            };
            // An empty list means "any name" to SSH clients.
            if body.principals.is_empty() {
                return Err(IssueError::Missing("names"));
            }
            let nonce = nonce(entropy);
            Some(ssh::Certificate::sign(body, &nonce, authority.ssh_signer()?)?)
        }
    };
    let tls = match keys.tls {
        None => None,
        Some(key) => {
            if grant.host_id.is_empty() {
                return Err(IssueError::Missing("a host id"));
            }
            let (certificate, signer) = authority.tls_signer()?;
            let issuer = Issuer {
                name: &certificate.subject,
                key: signer,
            };
            let names = names::tls_names(grant)
                .iter()
                .map(|name| general_name(name))
                .collect::<der::Result<Vec<_>>>()?;
            let identifier = certificate.key_identifier.as_deref();
            let not_after = match now.saturating_add(LIFETIME) {
                Ok(end) if without_end => end,
                _ => grant.not_after,
            };
            let body = Body {
                serial: serial(entropy),
                subject: identity(grant.role, &grant.host_id, &grant.cluster).subject()?,
                key,
                not_before,
                not_after: time::whole(not_after),
                extensions: leaf_extensions(key, Use::ServerAndClient, identifier, &names)?,
            };
            Some(bounded(body.sign(&issuer)?)?)
        }
    };
    Ok(Certificates { ssh, tls })
}

fn identity(role: SystemRole, host_id: &str, cluster: &str) -> Identity {
    Identity {
        username: format!("{host_id}.{cluster}"),
        groups: vec![role.name().to_owned()],
        cluster: cluster.to_owned(),
        ..Identity::empty(Timestamp::UNIX_EPOCH, Timestamp::UNIX_EPOCH)
    }
}
