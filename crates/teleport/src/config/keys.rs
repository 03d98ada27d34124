//! Every key that a configuration file may hold: what it takes, what it means, and whether it does anything yet.
//!
//! The reader ([`super::section`]) refuses what is not in this table, and `docs/reference/configuration.md` is printed
//! from it. Nothing is read here.

/// What becomes of a key's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It is read and followed.
    Used,
    /// A group of keys of its own.
    Group(&'static [Key]),
    /// A list of groups.
    Groups(&'static [Key]),
    /// It is accepted and changes nothing, for this reason; the log says so at the start.
    Idle(&'static str),
    /// It belongs to this part, which does not exist yet: only "nothing" and "off" are accepted.
    NotYet(&'static str),
    /// A whole service that does not exist yet; `on` says whether it would run if the section said nothing.
    Service {
        /// The part, in the plural.
        part: &'static str,
        /// Whether the section switches it on by standing there.
        on: bool,
    },
}

/// One key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    /// As written in the file.
    pub name: &'static str,
    /// What it takes, in words.
    pub takes: &'static str,
    /// What holds without it; empty if nothing does.
    pub default: &'static str,
    /// What it means.
    pub about: &'static str,
    /// What becomes of it.
    pub standing: Standing,
}

use Standing::{Group, Groups, Idle, NotYet, Service, Used};

const fn used(name: &'static str, takes: &'static str, default: &'static str, about: &'static str) -> Key {
    Key {
        name,
        takes,
        default,
        about,
        standing: Used,
    }
}

const fn group(name: &'static str, about: &'static str, keys: &'static [Key]) -> Key {
    Key {
        name,
        takes: "a group",
        default: "",
        about,
        standing: Group(keys),
    }
}

const fn idle(name: &'static str, reason: &'static str) -> Key {
    Key {
        name,
        takes: "anything",
        default: "",
        about: "",
        standing: Idle(reason),
    }
}

const fn not_yet(name: &'static str, part: &'static str) -> Key {
    Key {
        name,
        takes: "nothing yet",
        default: "",
        about: "",
        standing: NotYet(part),
    }
}

const fn service(name: &'static str, part: &'static str, on: bool) -> Key {
    Key {
        name,
        takes: "a group with `enabled: no`",
        default: "",
        about: "",
        standing: Service { part, on },
    }
}

/// The keys of a whole file.
pub const FILE: &[Key] = &[
    used(
        "version",
        "`v1`, `v2` or `v3`",
        "`v1`",
        "The version of the file's form. `v2` and `v3`: everything on the one port of the proxy.",
    ),
    group("teleport", "What belongs to the process.", PROCESS),
    group("auth_service", "The Auth Service.", AUTH),
    group("proxy_service", "The proxy: the one public port.", PROXY),
    service("ssh_service", "SSH nodes", true),
    service("kubernetes_service", "Kubernetes services", false),
    service("app_service", "application services", false),
    service("db_service", "database services", false),
    service("windows_desktop_service", "desktop services", false),
    service("discovery_service", "discovery services", false),
    service("okta_service", "Okta services", false),
    service("jamf_service", "Jamf services", false),
    service("relay_service", "relay services", false),
    service("metrics_service", "separate metrics services", false),
    service("tracing_service", "tracing services", false),
    idle("debug_service", "there is no debug service, and nothing listens"),
];

/// The keys of `teleport`.
pub const PROCESS: &[Key] = &[
    used(
        "nodename",
        "text",
        "the host's name",
        "What this host calls itself; stands in its certificates.",
    ),
    used(
        "data_dir",
        "a directory",
        "see [Running](../operations/running.md)",
        "Where everything is kept. It belongs to one server alone.",
    ),
    used(
        "seal_key_file",
        "a file",
        "see [Running](../operations/running.md)",
        "The key that seals secrets in the store. Not in the data directory. A key of ours.",
    ),
    used(
        "pid_file",
        "a file",
        "",
        "Gets the number of the process while it runs.",
    ),
    used(
        "diag_addr",
        "an address",
        "",
        "Serves `/metrics`, `/healthz` and `/readyz` over plain HTTP. Without a port: 3000.",
    ),
    used(
        "advertise_ip",
        "an IP address",
        "",
        "One more address in the certificates.",
    ),
    group("log", "The log.", LOG),
    group("connection_limits", "How many may connect.", CONNECTION_LIMITS),
    group("storage", "Where state is kept.", STORAGE),
    used(
        "auth_server",
        "an address",
        "",
        "Where the Auth Service is, for a process without one of its own. Needs `version: v3`.",
    ),
    used(
        "auth_servers",
        "addresses",
        "",
        "The same in files of the versions before; any of them will do.",
    ),
    used(
        "auth_token",
        "a token, or a file that holds it",
        "",
        "Lets this process into the cluster once; it goes on with what it got.",
    ),
    used(
        "ca_pin",
        "pins, or a file that holds them",
        "",
        "By which the cluster is recognised before the token is sent: `tctl status` prints them.",
    ),
    group(
        "join_params",
        "The same token, as newer files say it.",
        JOIN_PARAMS,
    ),
    not_yet(
        "proxy_server",
        "joining through a proxy (name the Auth Service with `auth_server`)",
    ),
    idle(
        "cache",
        "what was acknowledged is read at once; there is no cache to tune",
    ),
    not_yet("ciphers", "the SSH port"),
    not_yet("kex_algos", "the SSH port"),
    not_yet("mac_algos", "the SSH port"),
    not_yet(
        "ciphersuites",
        "choosing cipher suites (TLS 1.2 and 1.3 with the suites of rustls are always used)",
    ),
];

/// The keys of `teleport.join_params`.
pub const JOIN_PARAMS: &[Key] = &[
    used(
        "token_name",
        "a token, or a file that holds it",
        "",
        "As `auth_token`.",
    ),
    used("method", "`token`", "`token`", "How to join."),
];

/// The keys of `teleport.log`.
pub const LOG: &[Key] = &[
    used(
        "output",
        "`stderr`, `stdout` or a file",
        "`stderr`",
        "Where the log goes. A file is opened anew on SIGHUP, so that it can be rotated.",
    ),
    used(
        "severity",
        "`error`, `warn`, `info`, `debug` or `trace`",
        "`info`",
        "The least that is told.",
    ),
    group("format", "What a line looks like.", LOG_FORMAT),
];

/// The keys of `teleport.log.format`.
pub const LOG_FORMAT: &[Key] = &[
    used(
        "output",
        "`text` or `json`",
        "`text`",
        "Lines for people, or one JSON object a line.",
    ),
    used(
        "extra_fields",
        "a list of `timestamp`, `level`, `component`, `caller`",
        "text: all but `caller`; JSON: all",
        "What stands beside the message.",
    ),
];

/// The keys of `teleport.connection_limits`.
pub const CONNECTION_LIMITS: &[Key] = &[
    used(
        "max_connections",
        "a number",
        "15000",
        "Open connections of one port.",
    ),
    used(
        "max_users",
        "a number",
        "",
        "Old, and without a meaning; accepted.",
    ),
    not_yet(
        "rates",
        "rates of one's own (calls that guess are always limited)",
    ),
];

/// The keys of `teleport.storage`.
pub const STORAGE: &[Key] = &[
    used(
        "type",
        "`sqlite` or `dir`",
        "`sqlite`",
        "The store in the data directory. Others are not available yet.",
    ),
    not_yet("path", "a store outside the data directory"),
    idle("sync", "a change is on the disk before it is answered, always"),
    idle(
        "journal",
        "the store always keeps a log of its own in front of it",
    ),
    idle("audit_sessions_uri", "no sessions are recorded yet"),
    not_yet(
        "audit_events_uri",
        "a second place for the audit log (it is in the store)",
    ),
    not_yet(
        "retention_period",
        "retention of the audit log (nothing is removed)",
    ),
    not_yet("peers", "the etcd store"),
    not_yet("prefix", "the etcd store"),
    not_yet("tls_cert_file", "the etcd store"),
    not_yet("tls_key_file", "the etcd store"),
    not_yet("tls_ca_file", "the etcd store"),
    not_yet("conn_string", "the PostgreSQL store"),
    not_yet("region", "stores in a cloud"),
    not_yet("table_name", "stores in a cloud"),
];

/// The keys of `auth_service`.
pub const AUTH: &[Key] = &[
    used(
        "enabled",
        "`yes` or `no`",
        "`yes`",
        "A process without it is not available yet.",
    ),
    used(
        "listen_addr",
        "an address",
        "`0.0.0.0:3025`",
        "Where clients reach it directly.",
    ),
    used(
        "public_addr",
        "an address or a list",
        "",
        "Names and IP addresses that its certificate has besides the usual ones.",
    ),
    used(
        "cluster_name",
        "text",
        "the host's name",
        "The cluster's name; given at the first start, and never changed.",
    ),
    used(
        "proxy_protocol",
        "`on`, `off`",
        "`off`",
        "Whether PROXY headers are believed; `on` needs `proxy_protocol_trusted_peers`.",
    ),
    used(
        "proxy_protocol_trusted_peers",
        "a list of IP addresses and networks",
        "none",
        "Load balancers whose PROXY headers are believed. A key of ours.",
    ),
    group("authentication", "How people sign in.", AUTHENTICATION),
    used(
        "session_recording",
        "`node`, `node-sync`, `proxy`, `proxy-sync` or `off`",
        "`node`",
        "Where sessions are recorded, once there are nodes.",
    ),
    used("proxy_checks_host_keys", "`yes` or `no`", "`yes`", "The same."),
    used(
        "client_idle_timeout",
        "a duration or `never`",
        "`never`",
        "Ends sessions in which nothing happens.",
    ),
    used(
        "client_idle_timeout_message",
        "text",
        "",
        "What such a session is told.",
    ),
    used("web_idle_timeout", "a duration", "", "The same for pages."),
    used(
        "disconnect_expired_cert",
        "`yes` or `no`",
        "`no`",
        "Ends sessions with their certificate.",
    ),
    used(
        "keep_alive_interval",
        "a duration",
        "`5m`",
        "How often a silent session is asked for a sign of life.",
    ),
    used(
        "keep_alive_count_max",
        "a number",
        "3",
        "How many of them may stay unanswered.",
    ),
    used(
        "session_control_timeout",
        "a duration",
        "",
        "How long a lease of a session is waited for.",
    ),
    used(
        "ssh_dial_timeout",
        "a duration",
        "",
        "How long a node may take to answer.",
    ),
    used(
        "routing_strategy",
        "`unambiguous_match` or `most_recent`",
        "`unambiguous_match`",
        "Which node is meant by a name that several have.",
    ),
    used(
        "proxy_listener_mode",
        "`multiplex` or `separate`",
        "`multiplex`; in a `v1` file `separate`",
        "What clients are told. TLS routing answers on the web port in either mode.",
    ),
    used(
        "case_insensitive_routing",
        "`yes` or `no`",
        "`no`",
        "Whether host names are compared without case.",
    ),
    used(
        "message_of_the_day",
        "text",
        "",
        "Shown to everybody who signs in.",
    ),
    idle(
        "tokens",
        "tokens are made with `tctl tokens add`; one that stands in a file never ends",
    ),
    idle("license_file", "no licence is needed"),
    idle("load_all_cas", "clients learn of every authority that there is"),
    not_yet("tunnel_strategy", "tunnels between proxies"),
    not_yet("ca_key_params", "keys in hardware"),
    not_yet("reverse_tunnels", "trusted clusters"),
    not_yet("trusted_clusters", "trusted clusters"),
    not_yet("access_monitoring", "access monitoring queries"),
    not_yet("hosted_plugins", "plugins inside the Auth Service"),
];

/// The keys of `auth_service.authentication`.
pub const AUTHENTICATION: &[Key] = &[
    used(
        "type",
        "`local`",
        "`local`",
        "Who vouches for people. Identity providers are not available yet.",
    ),
    used(
        "local_auth",
        "`yes` or `no`",
        "`yes`",
        "Whether people of the cluster's own may sign in.",
    ),
    used(
        "connector_name",
        "`local` or nothing",
        "",
        "The connector that is offered first.",
    ),
    used(
        "second_factors",
        "a list of `otp`, `webauthn`",
        "`[webauthn, otp]`",
        "What people prove besides their password.",
    ),
    used(
        "second_factor",
        "`otp`, `webauthn` or `on`",
        "`on`",
        "The older form; `second_factors` wins if both are there.",
    ),
    group("webauthn", "Authenticators.", WEBAUTHN),
    used(
        "passwordless",
        "`yes` or `no`",
        "`yes` where `webauthn` is a second factor",
        "Whether an authenticator that finds out who touches it signs in without a password.",
    ),
    used(
        "vote_confirmation",
        "`off`, `optional` or `required`",
        "`optional`",
        "Which votes on access requests are confirmed with an authenticator: none; those in the browser, of people who \
         have one; all.",
    ),
    used(
        "require_session_mfa",
        "`yes` or `no`",
        "`no`",
        "Whether each session asks for a second factor.",
    ),
    used(
        "locking_mode",
        "`best_effort` or `strict`",
        "`best_effort`",
        "What holds when locks cannot be read. Here a call is refused in either case.",
    ),
    used(
        "default_session_ttl",
        "a duration",
        "`12h`",
        "How long a certificate lives when nobody says.",
    ),
    used(
        "signature_algorithm_suite",
        "`balanced-v1`",
        "`balanced-v1`",
        "Ed25519 for SSH, P-256 for TLS. Others are not available yet.",
    ),
    not_yet("headless", "headless sign-in"),
    not_yet("device_trust", "trusted devices"),
    not_yet("hardware_key", "keys in hardware"),
    not_yet("u2f", "U2F keys (use `webauthn`)"),
    not_yet("stable_unix_user_config", "stable numbers of host users"),
];

/// The keys of `auth_service.authentication.webauthn`.
pub const WEBAUTHN: &[Key] = &[
    used(
        "rp_id",
        "a host name",
        "the host of the proxy's first public address",
        "The name that authenticators are registered for.",
    ),
    not_yet("attestation_allowed_cas", "attestation of authenticators"),
    not_yet("attestation_denied_cas", "attestation of authenticators"),
    not_yet(
        "disabled",
        "switching authenticators off here (leave them out of `second_factors`)",
    ),
];

/// The keys of `proxy_service`.
pub const PROXY: &[Key] = &[
    used(
        "enabled",
        "`yes` or `no`",
        "`yes`",
        "Whether the proxy runs in this process.",
    ),
    used(
        "web_listen_addr",
        "an address",
        "`0.0.0.0:3080`",
        "The one port: pages, web API, and everything else by TLS routing.",
    ),
    used(
        "public_addr",
        "an address or a list",
        "`localhost` and the port",
        "Where people find it: in links, and in its certificate. Without a port: that of `web_listen_addr`.",
    ),
    used(
        "https_key_file",
        "a file",
        "",
        "The private key for HTTPS, PEM; with `https_cert_file`.",
    ),
    used(
        "https_cert_file",
        "a file",
        "",
        "The certificate chain for HTTPS, PEM; with `https_key_file`.",
    ),
    Key {
        name: "https_keypairs",
        takes: "a list of groups",
        default: "a certificate that the proxy makes for itself",
        about: "Certificates for HTTPS; the one that fits the name asked for is shown.",
        standing: Groups(HTTPS_KEYPAIR),
    },
    used(
        "https_keypairs_reload_interval",
        "a duration",
        "`1m`",
        "How often the files are looked at; SIGHUP does it at once. `0s` is the default too.",
    ),
    used(
        "proxy_protocol",
        "`on`, `off`",
        "`off`",
        "Whether PROXY headers are believed; `on` needs `proxy_protocol_trusted_peers`.",
    ),
    used(
        "proxy_protocol_trusted_peers",
        "a list of IP addresses and networks",
        "none",
        "Load balancers whose PROXY headers are believed. A key of ours.",
    ),
    used(
        "announce_clients",
        "`yes` or `no`",
        "`no`",
        "Whether an Auth Service on another host is told where clients come from, by a PROXY header. It must list this host in its own `proxy_protocol_trusted_peers`. A key of ours.",
    ),
    not_yet("proxy_protocol_allow_downgrade", "mixed PROXY headers"),
    not_yet(
        "trust_x_forwarded_for",
        "believing X-Forwarded-For (use `proxy_protocol_trusted_peers`)",
    ),
    not_yet("acme", "certificates by ACME"),
    not_yet(
        "listen_addr",
        "an SSH port of its own (the web port serves everything by TLS routing)",
    ),
    not_yet(
        "ssh_public_addr",
        "an SSH port of its own (the web port serves everything by TLS routing)",
    ),
    not_yet(
        "tunnel_listen_addr",
        "a tunnel port of its own (the web port serves everything by TLS routing)",
    ),
    not_yet(
        "tunnel_public_addr",
        "a tunnel port of its own (the web port serves everything by TLS routing)",
    ),
    not_yet("peer_listen_addr", "tunnels between proxies"),
    not_yet("peer_public_addr", "tunnels between proxies"),
    not_yet("kube_listen_addr", "Kubernetes access"),
    not_yet("kube_public_addr", "Kubernetes access"),
    not_yet("kubernetes", "Kubernetes access"),
    not_yet("mysql_listen_addr", "database access"),
    not_yet("mysql_public_addr", "database access"),
    not_yet("mysql_server_version", "database access"),
    not_yet("postgres_listen_addr", "database access"),
    not_yet("postgres_public_addr", "database access"),
    not_yet("mongo_listen_addr", "database access"),
    not_yet("mongo_public_addr", "database access"),
    not_yet("ui", "settings of the pages"),
    idle("idp", "this proxy is nobody's identity provider"),
    not_yet("assist", "the assistant"),
    not_yet("automatic_upgrades_channels", "automatic upgrades"),
];

/// The keys of one entry of `proxy_service.https_keypairs`.
pub const HTTPS_KEYPAIR: &[Key] = &[
    used("key_file", "a file", "", "The private key, PEM."),
    used("cert_file", "a file", "", "The certificate chain, PEM."),
];
