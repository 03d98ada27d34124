//! What a resource means where it says nothing, filled in before it is stored, so that every reader sees the same.
//!
//! What a role's version opens or closes by itself is decided in `access` (`Role::with_defaults`); here the same is written
//! into the message, as the original writes it. Nothing is checked here.

use crate::convert::label_values;
use crate::pb::types;

const NAMESPACE: &str = "default";
const HOUR: i64 = 3_600_000_000_000;

/// Where settings came from: `defaults`, `config-file` or `dynamic`.
pub const ORIGIN_LABEL: &str = "teleport.dev/origin";

/// Fills in a role as its version asks for.
pub fn role(role: &mut types::RoleV6) {
    header(&mut role.kind, "role", &mut role.metadata);
    let version = role.version.clone();
    let spec = role.spec.get_or_insert_default();
    options(spec.options.get_or_insert_default(), &version);
    let allow = spec.allow.get_or_insert_default();
    let deny = spec.deny.get_or_insert_default();
    for conditions in [&mut *allow, deny] {
        if conditions.namespaces.is_empty() {
            conditions.namespaces.push(NAMESPACE.to_owned());
        }
    }
    if version == "v3" {
        let open = !allow.logins.is_empty();
        for (labels, wanted) in [
            (&mut allow.node_labels, open),
            (&mut allow.app_labels, true),
            (&mut allow.kubernetes_labels, true),
            (&mut allow.database_labels, true),
        ] {
            if wanted && labels.as_ref().is_none_or(|labels| labels.values.is_empty()) {
                let everything = [("*".to_owned(), vec!["*".to_owned()])];
                *labels = Some(label_values(&everything.into()));
            }
        }
    }
    kubernetes_resources(allow, &version);
}

fn options(options: &mut types::RoleOptions, version: &str) {
    if options.max_session_ttl <= 0 {
        options.max_session_ttl = 30 * HOUR;
    }
    fill(&mut options.certificate_format, "standard");
    if options.bpf.is_empty() {
        options.bpf = vec!["command".to_owned(), "network".to_owned()];
    }
    let recording = options.record_session.get_or_insert_default();
    flag(&mut recording.desktop, true);
    fill(&mut recording.default, "best_effort");
    flag(&mut options.desktop_clipboard, true);
    flag(&mut options.desktop_directory_sharing, true);
    flag(&mut options.ssh_file_copy, true);
    flag(&mut options.create_desktop_user, false);
    flag(&mut options.create_database_user, false);
    if version != "v8" {
        let saml = options.idp.get_or_insert_default().saml.get_or_insert_default();
        flag(&mut saml.enabled, true);
    }
}

/// Who may enter a cluster may see what roles of its version have always shown.
fn kubernetes_resources(allow: &mut types::RoleConditions, version: &str) {
    let enters = !allow.kubernetes_labels_expression.is_empty()
        || allow
            .kubernetes_labels
            .as_ref()
            .is_some_and(|labels| !labels.values.is_empty());
    if !enters || !allow.kubernetes_resources.is_empty() {
        return;
    }
    let any = || "*".to_owned();
    let (kind, api_group) = match version {
        "v3" | "v4" | "v5" => ("pod".to_owned(), String::new()),
        "v7" => (any(), String::new()),
        "v8" => (any(), any()),
        _ => return,
    };
    allow.kubernetes_resources.push(types::KubernetesResource {
        kind,
        namespace: any(),
        name: any(),
        verbs: vec![any()],
        api_group,
    });
}

/// Fills in a user.
pub fn user(user: &mut types::UserV2) {
    header(&mut user.kind, "user", &mut user.metadata);
    fill(&mut user.version, "v2");
    user.spec.get_or_insert_default();
}

/// Fills in a lock.
pub fn lock(lock: &mut types::LockV2) {
    header(&mut lock.kind, "lock", &mut lock.metadata);
    fill(&mut lock.version, "v2");
}

/// Fills in a join token.
pub fn token(token: &mut types::ProvisionTokenV2) {
    header(&mut token.kind, "token", &mut token.metadata);
    fill(&mut token.version, "v2");
    let spec = token.spec.get_or_insert_default();
    let method = if spec.allow.is_empty() { "token" } else { "ec2" };
    fill(&mut spec.join_method, method);
}

/// Fills in a server.
pub fn node(node: &mut types::ServerV2) {
    header(&mut node.kind, "node", &mut node.metadata);
    fill(&mut node.version, "v2");
    node.spec.get_or_insert_default();
}

/// Fills in an application.
pub fn app(app: &mut types::AppV3) {
    header(&mut app.kind, "app", &mut app.metadata);
    fill(&mut app.version, "v3");
    app.spec.get_or_insert_default();
}

/// Fills in a database.
pub fn database(database: &mut types::DatabaseV3) {
    header(&mut database.kind, "db", &mut database.metadata);
    fill(&mut database.version, "v3");
    database.spec.get_or_insert_default();
    database.status.get_or_insert_default();
}

/// Fills in a Kubernetes cluster.
pub fn kube_cluster(cluster: &mut types::KubernetesClusterV3) {
    header(&mut cluster.kind, "kube_cluster", &mut cluster.metadata);
    fill(&mut cluster.version, "v3");
    cluster.spec.get_or_insert_default();
}

/// Fills in the settings of signing in, but for the second factors and the suite of algorithms: the
/// cluster knows which there can be.
pub fn auth_preference(preference: &mut types::AuthPreferenceV2) {
    header(
        &mut preference.kind,
        "cluster_auth_preference",
        &mut preference.metadata,
    );
    fill(&mut preference.version, "v2");
    singleton(&mut preference.metadata, "cluster-auth-preference");
    let spec = preference.spec.get_or_insert_default();
    fill(&mut spec.r#type, "local");
    fill(&mut spec.locking_mode, "best_effort");
    flag(&mut spec.allow_local_auth, true);
    flag(&mut spec.disconnect_expired_cert, false);
    let webauthn = spec.webauthn.is_some();
    flag(&mut spec.allow_passwordless, webauthn);
    flag(&mut spec.allow_headless, webauthn);
    if spec.default_session_ttl <= 0 {
        spec.default_session_ttl = 12 * HOUR;
    }
    let saml = spec.idp.get_or_insert_default().saml.get_or_insert_default();
    flag(&mut saml.enabled, true);
    spec.okta.get_or_insert_default();
}

/// Fills in the settings of the network.
pub fn networking_config(config: &mut types::ClusterNetworkingConfigV2) {
    use types::tunnel_strategy_v1::Strategy;
    header(
        &mut config.kind,
        "cluster_networking_config",
        &mut config.metadata,
    );
    fill(&mut config.version, "v2");
    singleton(&mut config.metadata, "cluster-networking-config");
    let spec = config.spec.get_or_insert_default();
    if spec.keep_alive_interval == 0 {
        spec.keep_alive_interval = HOUR / 12;
    }
    if spec.keep_alive_count_max == 0 {
        spec.keep_alive_count_max = 3;
    }
    let strategy = spec.tunnel_strategy.get_or_insert_default();
    strategy
        .strategy
        .get_or_insert(Strategy::AgentMesh(types::AgentMeshTunnelStrategy::default()));
}

/// Fills in the settings of session recordings.
pub fn recording_config(config: &mut types::SessionRecordingConfigV2) {
    header(&mut config.kind, "session_recording_config", &mut config.metadata);
    fill(&mut config.version, "v2");
    singleton(&mut config.metadata, "session-recording-config");
    let spec = config.spec.get_or_insert_default();
    fill(&mut spec.mode, "node");
    flag(&mut spec.proxy_checks_host_keys, true);
}

fn header(kind: &mut String, name: &str, metadata: &mut Option<types::Metadata>) {
    name.clone_into(kind);
    NAMESPACE.clone_into(&mut metadata.get_or_insert_default().namespace);
}

fn singleton(metadata: &mut Option<types::Metadata>, name: &str) {
    let metadata = metadata.get_or_insert_default();
    name.clone_into(&mut metadata.name);
    metadata
        .labels
        .entry(ORIGIN_LABEL.to_owned())
        .or_insert_with(|| "dynamic".to_owned());
}

fn fill(field: &mut String, text: &str) {
    if field.is_empty() {
        text.clone_into(field);
    }
}

fn flag(field: &mut Option<types::BoolValue>, value: bool) {
    field.get_or_insert(types::BoolValue { value });
}
