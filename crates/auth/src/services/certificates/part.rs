//! Certificates of hosts that have joined as parts of the cluster: at joining, and by `AuthService.GenerateHostCerts`
//! whenever such a host wants new ones for itself, as it does when the authorities change.

use access::{HostGrant, HostPermit, SystemRole};
use jiff::Timestamp;
use pki::AuthorityKind;
use pki::issue::{SubjectKeys, host};
use pki::names::{CLUSTER_DOMAIN, host_part, service_names};
use wire::pb::proto::{Certs, HostCertsRequest};

use super::sign::{is_about_locks, with_authorities};
use super::{Wanted, key};
use crate::audit;
use crate::auth::{Auth, HOST_LIFETIME};
use crate::call::Call;
use crate::caller::Who;
use crate::failure::{Answer, Failure, denied};
use crate::locks::{self, Targets};
use crate::state::{Change, Refused, Tries};

/// The most names of one host.
const NAMES_MAX: usize = 100;
/// The longest name, in bytes: as long as DNS allows.
const NAME_BYTES_MAX: usize = 253;

/// The host that certificates are for.
pub struct Part<'a> {
    /// What it is.
    pub role: SystemRole,
    /// Its id, a UUID.
    pub host_id: &'a str,
    /// What it calls itself.
    pub node_name: &'a str,
    /// Under which further names and addresses it can be reached, with or without a port.
    pub names: Vec<&'a String>,
    /// The token it joins with.
    pub token: Option<&'a str>,
}

/// Handles `GenerateHostCerts`: a host that is a part of the cluster gets certificates for itself, and for nobody else.
pub async fn handle(auth: &Auth, call: &Call, asked: HostCertsRequest) -> Answer<Certs> {
    let Who::BuiltIn(caller) = call.caller.who() else {
        return Err(denied());
    };
    if asked.host_id != caller.host_id || !asked.role.eq_ignore_ascii_case(caller.role.name()) {
        return Err(Failure::access_denied(
            "a host can get certificates for itself and in its own role only",
        ));
    }
    let keys = Wanted {
        ssh: key(&asked.public_ssh_key)?,
        tls: key(&asked.public_tls_key)?,
    };
    let part = Part {
        role: caller.role,
        host_id: &caller.host_id,
        node_name: &asked.node_name,
        names: asked
            .additional_principals
            .iter()
            .chain(&asked.dns_names)
            .collect(),
        token: None,
    };
    sign(auth, call, &part, &keys, |change| change)
        .await
        .map_err(Failure::from)
}

/// Signs certificates of a host, together with what `along` adds to the change.
///
/// A conflict is about what `along` requires: decide anew.
pub async fn sign(
    auth: &Auth,
    call: &Call,
    part: &Part<'_>,
    keys: &Wanted,
    along: impl Fn(Change) -> Change,
) -> Result<Certs, Refused> {
    let names = names(part, call).map_err(Refused::Failed)?;
    let failed = |failure: Failure| Refused::Failed(failure);
    if keys.ssh.is_none() && keys.tls.is_none() {
        return Err(failed(Failure::bad_parameter("a certificate needs a public key")));
    }
    let not_after = call.now.saturating_add(HOST_LIFETIME).unwrap_or(Timestamp::MAX);
    let permit = HostPermit::for_joined_host(HostGrant {
        host_id: part.host_id.to_owned(),
        cluster: auth.cluster().to_owned(),
        role: part.role,
        principals: names.clone(),
        not_after,
    });
    let permit = permit.ok_or_else(|| failed(denied()))?;
    let targets = Targets {
        host: Some(part.host_id),
        join_token: part.token,
        ..Targets::default()
    };
    let mut tries = Tries::default();
    loop {
        let unlocked = locks::check(&auth.state, &targets, call.now)
            .await
            .map_err(failed)?;
        let authority = auth
            .state
            .authority(AuthorityKind::Host, call.now)
            .await
            .map_err(failed)?;
        let subject = SubjectKeys {
            ssh: keys.ssh.as_ref(),
            tls: keys.tls.as_ref(),
        };
        let signed = host(&permit, subject, &authority, call.now, auth.chance.entropy())
            .map_err(|error| failed(Failure::bad_parameter(error.to_string())))?;
        let told = audit::certificates::host_certificate(
            call.actor(),
            &format!("{}.{}", part.host_id, auth.cluster()),
            part.role.name(),
            &names,
            Some(not_after),
        );
        let change = along(unlocked.hold(Change::new(call.now, &call.actor().user, told)));
        match auth.state.commit(change).await {
            Ok(_) => return Ok(with_authorities(&authority, signed)),
            // Nothing that was signed has left.
            Err(refused) if is_about_locks(&refused) => tries.again(refused).map_err(failed)?,
            Err(refused) => return Err(refused),
        }
    }
}

/// The names in the certificates. The cluster's own, which every proxy has anyway, are left out; a host that is neither
/// proxy nor Auth Service must not ask for them.
fn names(part: &Part<'_>, call: &Call) -> Answer<Vec<String>> {
    let mut public = Vec::new();
    if part.role != SystemRole::Proxy {
        let asked = part.names.iter().map(|name| host_part(name));
        if let Some(name) = asked
            .chain([part.node_name])
            .find(|name| may_be_the_clusters(name))
        {
            return Err(Failure::bad_parameter(format!(
                "{name:?} is a name of the cluster's own services, or may stand for one"
            )));
        }
    }
    for name in &part.names {
        let host = host_part(name);
        let is_the_clusters = host == CLUSTER_DOMAIN || host.ends_with(&format!(".{CLUSTER_DOMAIN}"));
        let everywhere = host
            .parse::<std::net::IpAddr>()
            .is_ok_and(|ip| ip.is_unspecified());
        match call.source() {
            _ if is_the_clusters => {}
            // What listens everywhere is reached where it calls from.
            Some(source) if everywhere => public.push(source.to_string()),
            None if everywhere => {}
            _ => public.push(host.to_owned()),
        }
    }
    let node_name = Some(part.node_name).filter(|name| !name.is_empty());
    let node_name = node_name.unwrap_or(part.host_id);
    let longest = public
        .iter()
        .map(String::len)
        .max()
        .unwrap_or(0)
        .max(node_name.len());
    if public.len() > NAMES_MAX || longest > NAME_BYTES_MAX {
        return Err(Failure::bad_parameter(format!(
            "a host has at most {NAMES_MAX} names of at most {NAME_BYTES_MAX} bytes"
        )));
    }
    Ok(service_names(
        part.role,
        node_name,
        public.iter().map(String::as_str),
    ))
}

/// Whether somebody who dials the cluster's own services may take this name for one of theirs: case does not count, nor a
/// dot at the end, and a `*` stands for whatever fits.
fn may_be_the_clusters(name: &str) -> bool {
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    let below = name.strip_suffix(CLUSTER_DOMAIN);
    below.is_some_and(|below| below.is_empty() || below.ends_with('.')) || name.contains('*')
}
