//! The Auth Service's port, and who this process is towards its own Auth Service.

use std::sync::Arc;

use access::ambient::Clock;
use access::{SecretText, SystemRole};
use auth::{Auth, HostIdentity};
use cli::Failure;
use client::Identity;
use client::identity::{IdentityParts, Origin};
use jiff::Timestamp;
use pki::AuthorityKind;
use pki::names::service_names;
use transport::endpoint::TlsEndpoint;
use transport::http::{HttpHandler, HttpLimits};
use transport::names;
use transport::target::Target;
use transport::tls::{ClientAuthorities, Credentials, ServerSettings, ServerTls};
use wire::identity_file::{IdentityFile, known_hosts_line};

use crate::config::{AuthConfig, Config};
use crate::failures;

/// The identities of one process, new at each start and never on a disk.
pub struct Identities {
    /// What the Auth Service shows.
    pub auth: HostIdentity,
    /// As whom the proxy calls.
    pub proxy: HostIdentity,
}

/// Names that the Auth Service's certificate has besides the usual ones.
pub fn public_hosts(config: &Config, told: &AuthConfig) -> Vec<String> {
    let configured = told
        .public_addresses
        .iter()
        .map(|address| address.host().to_owned());
    let advertised = config.advertise_ip.iter().map(ToString::to_string);
    let listens = Some(told.listen_address.host().to_owned()).filter(|host| !is_everywhere(host));
    configured.chain(advertised).chain(listens).collect()
}

fn is_everywhere(host: &str) -> bool {
    host.parse::<std::net::IpAddr>()
        .is_ok_and(|ip| ip.is_unspecified())
}

/// Signs the identities of this process.
///
/// # Errors
/// A name that cannot stand in a certificate, or a store that cannot be written.
pub async fn identities(auth: &Auth, config: &Config, told: &AuthConfig) -> Result<Identities, Failure> {
    let node = config.node_name.as_str();
    let auth_hosts = public_hosts(config, told);
    let proxy_hosts = proxy_hosts(config);
    let names = |role, hosts: &[String]| service_names(role, node, hosts.iter().map(String::as_str));
    let auth_names = names(SystemRole::Auth, &auth_hosts);
    let proxy_names = names(SystemRole::Proxy, &proxy_hosts);
    let (auth, proxy) = tokio::try_join!(
        auth.host_identity(SystemRole::Auth, &auth_names),
        auth.host_identity(SystemRole::Proxy, &proxy_names),
    )
    .map_err(|failure| failures::own(&failure))?;
    Ok(Identities { auth, proxy })
}

/// Names that the proxy's certificate of the cluster has besides the usual ones.
pub fn proxy_hosts(config: &Config) -> Vec<String> {
    let public = config.proxy().into_iter().flat_map(|proxy| {
        proxy
            .public_addresses
            .iter()
            .map(|address| address.host().to_owned())
    });
    public
        .chain(config.advertise_ip.iter().map(ToString::to_string))
        .collect()
}

/// The protocols of the Auth Service's port.
pub fn auth_protocols() -> Vec<Vec<u8>> {
    vec![names::H2.to_vec(), names::HTTP_1_1.to_vec()]
}

/// What serves the Auth Service's port.
pub fn target(auth: &Arc<Auth>, tls: Arc<ServerTls>) -> Arc<dyn Target> {
    Arc::new(TlsEndpoint::new(
        tls,
        HttpHandler::new(auth::server::service(auth)).with_limits_for_strangers(HttpLimits::for_strangers()),
    ))
}

/// Whose certificates the ports of the cluster's own believe at this moment.
///
/// # Errors
/// The authorities cannot be read.
pub async fn authorities(auth: &Auth, now: Timestamp) -> Result<ClientAuthorities, Failure> {
    let trusted = async |kind| {
        let authority = auth
            .state
            .authority(kind, now)
            .await
            .map_err(|failure| failures::own(&failure))?;
        Ok::<_, Failure>(
            authority
                .certificates()
                .map(|certificate| certificate.der().clone())
                .collect(),
        )
    };
    Ok(ClientAuthorities {
        user: trusted(AuthorityKind::User).await?,
        host: trusted(AuthorityKind::Host).await?,
    })
}

/// A certificate of this process, ready to be shown.
///
/// # Errors
/// Its parts do not belong together, which would be our own fault.
pub fn credentials(shown: &HostIdentity) -> Result<Credentials, Failure> {
    Credentials::from_pem(
        shown.certificate.as_bytes(),
        shown.private_key.expose().as_bytes(),
    )
    .map_err(|error| failures::tls("a certificate of this process", &error))
}

/// TLS that shows a certificate of the cluster and asks for one.
///
/// # Errors
/// The authorities cannot be read or used.
pub async fn mutual_tls(
    auth: &Auth,
    shown: &HostIdentity,
    protocols: Vec<Vec<u8>>,
    clock: Arc<dyn Clock>,
) -> Result<Arc<ServerTls>, Failure> {
    let settings = ServerSettings {
        certificates: vec![credentials(shown)?],
        client_authorities: Some(authorities(auth, clock.now()).await?),
        protocols,
        cluster: Some(auth.cluster().to_owned()),
    };
    ServerTls::new(settings, clock).map_err(|error| failures::tls("the ports of the cluster's own", &error))
}

/// An identity as this process uses it.
///
/// # Errors
/// Its parts do not belong together, which would be our own fault.
pub fn own_identity(signed: &HostIdentity) -> Result<Identity, Failure> {
    let parts = IdentityParts {
        private_key: signed.private_key.clone(),
        tls_certificate: signed.certificate.clone(),
        tls_authorities: signed.authorities.clone(),
        ssh_certificate: Some(signed.ssh_certificate.clone()),
    };
    Identity::new(&parts, Origin::Process).map_err(|error| Failure::new(error.to_string()))
}

/// An identity as the tools on this host read it.
///
/// # Errors
/// It cannot be written down, which would be our own fault.
pub fn identity_file(signed: &HostIdentity, cluster: &str) -> Result<SecretText, Failure> {
    let file = IdentityFile {
        private_key: signed.private_key.clone(),
        ssh_certificate: Some(signed.ssh_certificate.trim_end().to_owned()),
        tls_certificate: signed.certificate.clone(),
        ssh_authorities: signed
            .ssh_authorities
            .iter()
            .map(|key| known_hosts_line(None, cluster, key))
            .collect(),
        tls_authorities: vec![signed.authorities.clone()],
    };
    file.write()
        .map_err(|error| Failure::new(format!("the local administrator's identity: {error}")))
}
