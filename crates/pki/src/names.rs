//! The names services answer to.

use access::{HostGrant, SystemRole};

/// The name under which clients verify every service of a cluster, and what it is the root of.
pub const CLUSTER_DOMAIN: &str = "teleport.cluster.local";
/// How every machine calls itself.
pub const LOOPBACK: [&str; 3] = ["localhost", "127.0.0.1", "::1"];
/// The name under which a proxy reaches another's Kubernetes port.
const REMOTE_KUBERNETES_PROXY: &str = "remote.kube.proxy.teleport.cluster.local";

/// The names for a permit of the Auth Service or a proxy: the machine's own, the public ones, loopback.
///
/// `public` are addresses as configured, with or without a port.
pub fn service_names<'a>(
    role: SystemRole,
    node_name: &str,
    public: impl IntoIterator<Item = &'a str>,
) -> Vec<String> {
    let mut names = vec![node_name.to_owned()];
    names.extend(public.into_iter().map(|address| host_part(address).to_owned()));
    names.extend(LOOPBACK.map(str::to_owned));
    if role == SystemRole::Proxy {
        names.push(REMOTE_KUBERNETES_PROXY.to_owned());
    }
    each_once(names)
}

/// The part of an address before its port, without brackets.
pub fn host_part(address: &str) -> &str {
    if let Some((host, _)) = address.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        return host;
    }
    match address.split_once(':') {
        // Several colons without brackets: an IPv6 address without a port.
        Some((_, port)) if port.contains(':') => address,
        Some((host, _)) => host,
        None => address,
    }
}

/// The names in the X.509 certificate of a service.
pub(crate) fn tls_names(grant: &HostGrant) -> Vec<String> {
    let mut names = grant.principals.clone();
    if matches!(
        grant.role,
        SystemRole::Auth | SystemRole::Admin | SystemRole::Proxy
    ) {
        names.push(format!("*.{CLUSTER_DOMAIN}"));
        names.push(CLUSTER_DOMAIN.to_owned());
    }
    each_once(names)
}

/// The names in the SSH certificate of a host.
pub(crate) fn ssh_principals(grant: &HostGrant) -> Vec<String> {
    let HostGrant {
        host_id,
        cluster,
        principals,
        ..
    } = grant;
    if host_id.is_empty() {
        return each_once(principals.clone());
    }
    if grant.role == SystemRole::Admin {
        return vec![host_id.clone()];
    }
    let mut names = vec![format!("{host_id}.{cluster}"), host_id.clone()];
    for name in principals {
        // A machine's short name is also known inside its cluster.
        if !name.contains(['.', ':']) && name != "localhost" {
            names.push(format!("{name}.{cluster}"));
        }
        names.push(name.clone());
    }
    each_once(names)
}

/// The names in the certificate a proxy makes for itself.
pub(crate) fn web_names(node_name: &str, listed: &[String]) -> Vec<String> {
    let mut names = vec![node_name.to_owned()];
    names.extend(listed.iter().cloned());
    names.extend(["localhost", "localhost.local", "127.0.0.1", "::1"].map(str::to_owned));
    each_once(names)
}

/// The list in its order, without empty and repeated names.
fn each_once(names: Vec<String>) -> Vec<String> {
    let mut seen = Vec::with_capacity(names.len());
    for name in names {
        if !name.is_empty() && !seen.contains(&name) {
            seen.push(name);
        }
    }
    seen
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    fn grant(host_id: &str, role: SystemRole, principals: Vec<String>) -> HostGrant {
        HostGrant {
            host_id: host_id.to_owned(),
            cluster: "example.com".to_owned(),
            role,
            principals,
            not_after: Timestamp::MAX,
        }
    }

    #[test]
    fn an_address_gives_its_host() {
        for (address, host) in [
            ("example.com:443", "example.com"),
            ("example.com", "example.com"),
            ("[::1]:3025", "::1"),
            ("::1", "::1"),
            ("10.0.0.1:3025", "10.0.0.1"),
        ] {
            assert_eq!(host_part(address), host);
        }
    }

    #[test]
    fn the_auth_service_answers_to_its_own_public_loopback_and_cluster_names() {
        let names = service_names(SystemRole::Auth, "demo", ["auth.example.com:3025", "demo:1"]);
        assert_eq!(
            tls_names(&grant("id", SystemRole::Auth, names)),
            [
                "demo",
                "auth.example.com",
                "localhost",
                "127.0.0.1",
                "::1",
                "*.teleport.cluster.local",
                "teleport.cluster.local"
            ]
        );
    }

    #[test]
    fn ssh_names_begin_with_the_host_id() {
        let names = service_names(SystemRole::Node, "demo", []);
        assert_eq!(
            ssh_principals(&grant("id", SystemRole::Node, names)),
            [
                "id.example.com",
                "id",
                "demo.example.com",
                "demo",
                "localhost",
                "127.0.0.1",
                "::1"
            ]
        );
        let listed = || vec!["demo".to_owned(), "demo".to_owned()];
        assert_eq!(ssh_principals(&grant("", SystemRole::Node, listed())), ["demo"]);
        assert_eq!(ssh_principals(&grant("id", SystemRole::Admin, listed())), ["id"]);
    }
}
