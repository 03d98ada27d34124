//! The section `auth_service`: the Auth Service and the settings of the cluster.

use auth::services::requests::votes::VoteConfirmation;
use auth::state::cluster as stored;
use jiff::SignedDuration;
use transport::Address;
use transport::proxy_header::TrustedPeers;
use wire::keep::Kept;
use wire::pb::types;

use super::process::Process;
use super::section::{Findings, Section};
use super::{Flags, Version, values};

/// The port of the Auth Service.
pub const PORT: u16 = 3025;
/// The most bytes that a cluster's name may have, so that it fits into certificates and TLS names.
const NAME_BYTES_MAX: usize = 63;

/// What the Auth Service is told.
#[derive(Debug, Clone)]
pub struct AuthConfig {
    /// Where it listens.
    pub listen_address: Address,
    /// Names that its certificate has besides the usual ones.
    pub public_addresses: Vec<Address>,
    /// The cluster's name.
    pub cluster_name: Option<String>,
    /// Load balancers whose PROXY headers are believed.
    pub trusted_peers: TrustedPeers,
    /// How people sign in, if the file says anything about it.
    pub preference: Option<Kept<types::AuthPreferenceV2>>,
    /// Which votes are confirmed with an authenticator.
    pub vote_confirmation: VoteConfirmation,
    /// How the cluster is reached, if the file says anything about it.
    pub networking: Option<Kept<types::ClusterNetworkingConfigV2>>,
    /// How sessions are recorded, if the file says anything about it.
    pub recording: Option<Kept<types::SessionRecordingConfigV2>>,
}

/// `version` is `None` when there is no file; `runs` says whether the service runs here at all.
pub(super) fn read(
    section: &Section<'_>,
    version: Option<Version>,
    flags: &Flags,
    process: &Process,
    runs: bool,
    found: &Findings,
) -> AuthConfig {
    let listen = section.value("listen_addr", values::listen_address(PORT));
    let cluster_name = section.value("cluster_name", |node| {
        let name = values::word(node)?;
        check_name(&name).map(|()| name)
    });
    if runs
        && cluster_name.is_none()
        && section.at("cluster_name").is_none()
        && let Err(problem) = check_name(&process.node_name)
    {
        let what =
            format!("the host's name cannot be the cluster's: {problem}; set `auth_service.cluster_name`");
        found.wrong(None, what);
    }
    AuthConfig {
        listen_address: listen.unwrap_or_else(|| listen_default(flags, PORT)),
        public_addresses: section
            .value("public_addr", values::list(values::address(PORT)))
            .unwrap_or_default(),
        cluster_name,
        trusted_peers: trusted_peers(section),
        preference: preference(section),
        vote_confirmation: vote_confirmation(section),
        networking: networking(section, version),
        recording: recording(section),
    }
}

/// Where a service listens when the file does not say.
pub(super) fn listen_default(flags: &Flags, port: u16) -> Address {
    Address::new(flags.listen_ip.as_deref().unwrap_or("0.0.0.0"), port)
}

/// Whose PROXY headers are believed.
pub(super) fn trusted_peers(section: &Section<'_>) -> TrustedPeers {
    let peers = section.value("proxy_protocol_trusted_peers", |node| {
        let peers = values::list(values::word)(node)?;
        TrustedPeers::parse(&peers).map_err(|error| error.to_string())
    });
    let on = section.value("proxy_protocol", values::switch);
    let peers = peers.unwrap_or_default();
    let none = peers == TrustedPeers::default();
    let name = section.full("proxy_protocol");
    match on {
        Some(true) if none => section.wrong(
            "proxy_protocol",
            format!(
                "`{name}: on` would let anybody claim any address; list your load balancers in `proxy_protocol_trusted_peers`"
            ),
        ),
        Some(false) if !none => section.wrong(
            "proxy_protocol",
            format!("`{name}: off` contradicts `proxy_protocol_trusted_peers`; keep one of them"),
        ),
        _ => {}
    }
    peers
}

/// A name that can stand in certificates and in TLS names.
fn check_name(name: &str) -> Result<(), String> {
    let shown = cli::text::visible(name);
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    if name.len() > NAME_BYTES_MAX {
        return Err(format!("`{shown}` is longer than {NAME_BYTES_MAX} bytes"));
    }
    if name.is_empty()
        || !name.chars().all(fits)
        || name.starts_with(['.', '-'])
        || name.ends_with(['.', '-'])
    {
        return Err(format!(
            "`{shown}` is not made of letters, digits, dots and hyphens"
        ));
    }
    Ok(())
}

fn flag(value: bool) -> types::BoolValue {
    types::BoolValue { value }
}

fn nanos(span: SignedDuration) -> i64 {
    auth::moment::nanos(span)
}

fn preference(section: &Section<'_>) -> Option<Kept<types::AuthPreferenceV2>> {
    let sign_in = section.group("authentication", "auth_service.authentication");
    let mut spec = types::AuthPreferenceSpecV2::default();
    let kind = sign_in.value("type", |node| match values::text(node)?.as_str() {
        "local" => Ok(()),
        kind @ ("github" | "oidc" | "saml") => Err(format!("`{kind}` is not available yet; `local` is")),
        other => Err(format!(
            "does not know `{}`; it takes `local`",
            cli::text::visible(other)
        )),
    });
    if kind.is_some() {
        "local".clone_into(&mut spec.r#type);
    }
    if let Some(allowed) = sign_in.value("local_auth", values::switch) {
        spec.allow_local_auth = Some(flag(allowed));
    }
    if let Some(name) = sign_in.value("connector_name", |node| match values::text(node)?.as_str() {
        "" => Ok(String::new()),
        "local" => Ok("local".to_owned()),
        other => Err(format!(
            "there is no connector `{}`; connectors are not available yet",
            cli::text::visible(other)
        )),
    }) {
        spec.connector_name = name;
    }
    second_factors(&sign_in, &mut spec);
    if let Some(allowed) = sign_in.value("passwordless", values::switch) {
        spec.allow_passwordless = Some(flag(allowed));
    }
    let webauthn = sign_in.group("webauthn", "auth_service.authentication.webauthn");
    if let Some(rp_id) = webauthn.value("rp_id", |node| {
        let name = values::word(node)?;
        if name.parse::<std::net::IpAddr>().is_ok() || name.contains([':', '/']) {
            return Err(format!("`{}` is not a host name", cli::text::visible(&name)));
        }
        Ok(name)
    }) {
        spec.webauthn = Some(types::Webauthn {
            rpid: rp_id,
            ..types::Webauthn::default()
        });
    }
    if let Some(required) = sign_in.value("require_session_mfa", values::switch) {
        spec.require_mfa_type = if required {
            types::RequireMfaType::Session.into()
        } else {
            types::RequireMfaType::Off.into()
        };
    }
    if let Some(mode) = sign_in.value("locking_mode", values::choice(&["best_effort", "strict"])) {
        mode.clone_into(&mut spec.locking_mode);
    }
    if let Some(ttl) = sign_in.value("default_session_ttl", values::span) {
        spec.default_session_ttl = nanos(ttl);
    }
    if sign_in
        .value("signature_algorithm_suite", |node| {
            match values::text(node)?.as_str() {
                "balanced-v1" => Ok(()),
                other => Err(format!(
                    "`{}` is not available yet; `balanced-v1` is",
                    cli::text::visible(other)
                )),
            }
        })
        .is_some()
    {
        spec.signature_algorithm_suite = types::SignatureAlgorithmSuite::BalancedV1.into();
    }
    // These two stand outside the group and belong to the same setting.
    if let Some(ends) = section.value("disconnect_expired_cert", values::switch) {
        spec.disconnect_expired_cert = Some(flag(ends));
    }
    if let Some(text) = section.value("message_of_the_day", values::text) {
        spec.message_of_the_day = text;
    }
    let said = sign_in.is_there() || section.has_any(&["disconnect_expired_cert", "message_of_the_day"]);
    said.then(|| {
        let mut setting = stored::default_preference();
        setting.spec = Some(stored::complete_preference(spec));
        setting
    })
}

/// Which votes are confirmed with an authenticator.
fn vote_confirmation(section: &Section<'_>) -> VoteConfirmation {
    let sign_in = section.group("authentication", "auth_service.authentication");
    let named = sign_in.value(
        "vote_confirmation",
        values::choice(&["off", "optional", "required"]),
    );
    match named {
        Some("off") => VoteConfirmation::Off,
        Some("required") => VoteConfirmation::Required,
        _ => VoteConfirmation::Optional,
    }
}

fn second_factors(sign_in: &Section<'_>, spec: &mut types::AuthPreferenceSpecV2) {
    use types::SecondFactorType as Factor;
    let several = sign_in.value(
        "second_factors",
        values::list(|node| match values::text(node)?.as_str() {
            "otp" => Ok(Factor::Otp),
            "webauthn" => Ok(Factor::Webauthn),
            "sso" => Err("`sso` is not available yet".to_owned()),
            other => Err(format!(
                "does not know `{}`; it takes `otp` and `webauthn`",
                cli::text::visible(other)
            )),
        }),
    );
    let one = sign_in.value("second_factor", |node| {
        // YAML reads a bare `on` as a boolean; it is written here as it was.
        match values::text(node)?.as_str() {
            "otp" => Ok("otp"),
            "on" => Ok("on"),
            "webauthn" => Ok("webauthn"),
            "off" | "optional" => Err(
                "a password alone does not sign anybody in here; take `otp`, `webauthn` or `on`".to_owned(),
            ),
            other => Err(format!(
                "does not know `{}`; it takes `otp`, `webauthn` or `on`",
                cli::text::visible(other)
            )),
        }
    });
    if let Some(factors) = several {
        if factors.is_empty() {
            sign_in.wrong(
                "second_factors",
                "`auth_service.authentication.second_factors` must hold `webauthn` or `otp`: a password alone does not \
                 sign anybody in here",
            );
        }
        spec.second_factors = factors.into_iter().map(i32::from).collect();
    } else if let Some(factor) = one {
        factor.clone_into(&mut spec.second_factor);
    }
}

/// The keys that make up the networking setting.
const NETWORKING_KEYS: &[&str] = &[
    "client_idle_timeout",
    "client_idle_timeout_message",
    "web_idle_timeout",
    "keep_alive_interval",
    "keep_alive_count_max",
    "session_control_timeout",
    "ssh_dial_timeout",
    "routing_strategy",
    "proxy_listener_mode",
    "case_insensitive_routing",
];

fn networking(
    section: &Section<'_>,
    version: Option<Version>,
) -> Option<Kept<types::ClusterNetworkingConfigV2>> {
    let span = |name: &str| section.value(name, values::span).map_or(0, nanos);
    let mode = section.value("proxy_listener_mode", values::choice(&["multiplex", "separate"]));
    // A file of the first version meant separate ports by saying nothing.
    let separate = mode.map_or(version == Some(Version::V1), |mode| mode == "separate");
    let spec = types::ClusterNetworkingConfigSpecV2 {
        client_idle_timeout: span("client_idle_timeout"),
        client_idle_timeout_message: section
            .value("client_idle_timeout_message", values::text)
            .unwrap_or_default(),
        web_idle_timeout: span("web_idle_timeout"),
        keep_alive_interval: span("keep_alive_interval"),
        keep_alive_count_max: section
            .value("keep_alive_count_max", values::count(1))
            .map_or(0, i64::from),
        session_control_timeout: span("session_control_timeout"),
        ssh_dial_timeout: span("ssh_dial_timeout"),
        routing_strategy: match section.value(
            "routing_strategy",
            values::choice(&["unambiguous_match", "most_recent"]),
        ) {
            Some("most_recent") => types::RoutingStrategy::MostRecent.into(),
            _ => types::RoutingStrategy::UnambiguousMatch.into(),
        },
        proxy_listener_mode: if separate {
            types::ProxyListenerMode::Separate.into()
        } else {
            types::ProxyListenerMode::Multiplex.into()
        },
        case_insensitive_routing: section
            .value("case_insensitive_routing", values::switch)
            .unwrap_or_default(),
        ..types::ClusterNetworkingConfigSpecV2::default()
    };
    (section.has_any(NETWORKING_KEYS) || separate).then(|| {
        let mut setting = stored::default_networking();
        setting.spec = Some(stored::complete_networking(spec));
        setting
    })
}

fn recording(section: &Section<'_>) -> Option<Kept<types::SessionRecordingConfigV2>> {
    let mode = section.value(
        "session_recording",
        values::choice(&["node", "node-sync", "proxy", "proxy-sync", "off"]),
    );
    let checks = section.value("proxy_checks_host_keys", values::switch);
    section
        .has_any(&["session_recording", "proxy_checks_host_keys"])
        .then(|| {
            let mut setting = stored::default_recording();
            setting.spec = Some(stored::complete_recording(types::SessionRecordingConfigSpecV2 {
                mode: mode.unwrap_or_default().to_owned(),
                proxy_checks_host_keys: checks.map(flag),
            }));
            setting
        })
}
