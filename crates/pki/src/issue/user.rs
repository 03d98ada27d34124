//! Certificates of people and bots.

use std::collections::BTreeMap;
use std::net::IpAddr;

use access::ambient::Entropy;
use access::{IssuancePermit, UserGrant};
use jiff::Timestamp;

use crate::authority::{Authority, AuthorityKind};
use crate::identity::Identity;
use crate::issue::{Certificates, IssueError, SubjectKeys, bounded, fits, nonce, uuid};
use crate::ssh::{self, CertificateKind};
use crate::x509::body::{Use, leaf_extensions, serial};
use crate::x509::{Body, Issuer, time};

/// A principal that every user certificate carries, for the tunnel into a cluster.
pub const JOIN_PRINCIPAL: &str = "-teleport-internal-join";
/// What the one principal of a user without logins begins with.
pub const NO_LOGIN_PREFIX: &str = "-teleport-nologin-";

/// The extensions that certificates carry by themselves; roles cannot set them.
const OWN_EXTENSIONS: [&str; 20] = [
    "bot-instance-id@goteleport.com",
    "bot-name@goteleport.com",
    "disallow-reissue",
    "generation",
    "github-id@goteleport.com",
    "github-login@goteleport.com",
    "impersonator",
    "login-ip",
    "mfa-verified",
    "permit-X11-forwarding",
    "permit-agent-forwarding",
    "permit-port-forwarding",
    "permit-pty",
    "prev-identity-expires",
    "private-key-policy",
    "renewable",
    "teleport-active-requests",
    "teleport-roles",
    "teleport-route-to-cluster",
    "teleport-traits",
];

/// Signs what `permit` says for each of `keys`, with the cluster's user authority.
///
/// Both certificates say the same and begin a minute before `now`, for clocks that run a little late.
pub fn user(
    permit: &IssuancePermit,
    keys: SubjectKeys<'_>,
    authority: &Authority,
    now: Timestamp,
    entropy: &dyn Entropy,
) -> Result<Certificates, IssueError> {
    granted(permit.grant(), keys, authority, now, entropy)
}

/// What the permit allows is done here. Outside this crate nobody gets here without a permit.
pub(crate) fn granted(
    grant: &UserGrant,
    keys: SubjectKeys<'_>,
    authority: &Authority,
    now: Timestamp,
    entropy: &dyn Entropy,
) -> Result<Certificates, IssueError> {
    // Machines without an agent trust another authority; only SSH certificates are for them.
    let fitting = match authority.kind() {
        AuthorityKind::User => true,
        AuthorityKind::OpenSsh => keys.tls.is_none(),
        _ => false,
    };
    if !fitting {
        return Err(IssueError::WrongAuthority {
            found: authority.kind(),
            wanted: "user certificates",
        });
    }
    let not_after = time::whole(grant.not_after);
    if not_after <= now {
        return Err(IssueError::Over);
    }
    let not_before = time::backdated(now);
    let identity = identity(grant, authority.cluster(), not_before, not_after, entropy)?;

    let ssh = match keys.ssh {
        None => None,
        Some(key) => {
            let body = ssh::certificate::Body {
                kind: CertificateKind::User,
                key: key.clone(),
                serial: 0,
                key_id: identity.username.clone(),
                principals: identity.principals.clone(),
                valid_after: not_before,
                valid_before: Some(not_after),
                critical_options: critical_options(&identity),
                extensions: extensions(grant, &identity),
            };
            let nonce = nonce(entropy);
            Some(ssh::Certificate::sign(body, &nonce, authority.ssh_signer()?)?)
        }
    };
    let tls = match keys.tls {
        None => None,
        Some(key) => {
            let (certificate, signer) = authority.tls_signer()?;
            let issuer = Issuer {
                name: &certificate.subject,
                key: signer,
            };
            let identifier = certificate.key_identifier.as_deref();
            let body = Body {
                serial: serial(entropy),
                subject: identity.subject()?,
                key,
                not_before,
                not_after,
                extensions: leaf_extensions(key, Use::ServerAndClient, identifier, &[])?,
            };
            Some(bounded(body.sign(&issuer)?)?)
        }
    };
    Ok(Certificates { ssh, tls })
}

/// The identity that both certificates will tell.
fn identity(
    grant: &UserGrant,
    cluster: &str,
    not_before: Timestamp,
    not_after: Timestamp,
    entropy: &dyn Entropy,
) -> Result<Identity, IssueError> {
    if grant.user.is_empty() {
        return Err(IssueError::Missing("a user name"));
    }
    if grant.roles.is_empty() {
        return Err(IssueError::Missing("roles"));
    }
    fits("user name", &grant.user)?;
    let lists = [
        ("role", &grant.roles),
        ("login", &grant.logins),
        ("Kubernetes group", &grant.kubernetes_groups),
        ("Kubernetes user", &grant.kubernetes_users),
        ("access request", &grant.active_requests),
        ("resource", &grant.allowed_resources),
        ("usage", &grant.usage),
    ];
    for (what, values) in lists {
        values.iter().try_for_each(|value| fits(what, value))?;
    }
    let texts = [
        ("impersonator", &grant.impersonator),
        ("bot name", &grant.bot_name),
        ("bot instance", &grant.bot_instance),
        ("join method", &grant.join_method),
    ];
    for (what, value) in texts {
        value.iter().try_for_each(|value| fits(what, value))?;
    }
    for (name, value) in &grant.extensions {
        fits("extension", name)?;
        if !value.is_empty() {
            fits("extension", value)?;
        }
    }
    let login_ip = match grant.login_ip.as_deref() {
        None | Some("") => None,
        Some(text) => Some(text.parse::<IpAddr>().map_err(|_| IssueError::Unfit {
            what: "address",
            value: text.escape_debug().take(80).collect(),
        })?),
    };
    // Without an address there is nothing to pin to, and a certificate that promises less must not come out.
    if grant.pin_source_ip && login_ip.is_none() {
        return Err(IssueError::Missing("the address it is pinned to"));
    }

    let mut principals = grant.logins.clone();
    if principals.is_empty() {
        principals.push(format!("{NO_LOGIN_PREFIX}{}", uuid(entropy)));
    }
    principals.push(JOIN_PRINCIPAL.to_owned());
    Ok(Identity {
        username: grant.user.clone(),
        groups: grant.roles.clone(),
        usage: grant.usage.clone(),
        principals,
        route_to_cluster: cluster.to_owned(),
        traits: grant.traits.clone(),
        cluster: cluster.to_owned(),
        kubernetes_users: grant.kubernetes_users.clone(),
        kubernetes_groups: grant.kubernetes_groups.clone(),
        login_ip,
        pinned_ip: login_ip.filter(|_| grant.pin_source_ip),
        renewable: grant.renewable,
        generation: grant.generation,
        private_key_policy: Some("none".to_owned()),
        user_type: Some("local".to_owned()),
        impersonator: grant.impersonator.clone(),
        active_requests: grant.active_requests.clone(),
        disallow_reissue: grant.disallow_reissue,
        allowed_resources: grant.allowed_resources.clone(),
        previous_not_after: grant.previous_not_after.map(time::whole),
        bot_name: grant.bot_name.clone(),
        bot_instance: grant.bot_instance.clone(),
        join_attributes: grant.join_method.as_deref().map(join_attributes),
        ..Identity::empty(not_before, not_after)
    })
}

/// What a certificate says of how its holder joined.
fn join_attributes(method: &str) -> String {
    serde_json::json!({"meta": {"join_method": method}}).to_string()
}

fn critical_options(identity: &Identity) -> BTreeMap<String, String> {
    let pinned = identity.pinned_ip.map(|ip| {
        let bits = if ip.is_ipv4() { 32 } else { 128 };
        ("source-address".to_owned(), format!("{ip}/{bits}"))
    });
    pinned.into_iter().collect()
}

fn extensions(grant: &UserGrant, identity: &Identity) -> BTreeMap<String, String> {
    let mut extensions: BTreeMap<String, String> = grant
        .extensions
        .iter()
        .filter(|(name, _)| !name.starts_with("teleport-") && !OWN_EXTENSIONS.contains(&name.as_str()))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    let flags = [
        ("permit-pty", true),
        ("permit-port-forwarding", grant.permit_port_forwarding),
        ("permit-agent-forwarding", grant.permit_agent_forwarding),
        ("permit-X11-forwarding", grant.permit_x11_forwarding),
    ];
    for (name, _) in flags.into_iter().filter(|(_, set)| *set) {
        extensions.insert(name.to_owned(), String::new());
    }
    extensions.extend(identity.ssh_extensions());
    extensions
}
