//! Roles: what they allow and deny, and what each version means where it says nothing.

use std::collections::BTreeMap;

use jiff::SignedDuration;

/// A user's traits: name to values.
pub type Traits = BTreeMap<String, Vec<String>>;

/// Label matchers: label name to accepted values; `*` matches everything.
pub type Labels = BTreeMap<String, Vec<String>>;

/// Longest life of a certificate where no role says less.
pub const MAX_SESSION_TTL_DEFAULT: SignedDuration = SignedDuration::from_hours(30);

/// Longest `max_duration` of a role or a request.
pub const MAX_DURATION: SignedDuration = SignedDuration::from_hours(14 * 24);

/// Versions of the role format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum RoleVersion {
    V3,
    V4,
    V5,
    V6,
    V7,
    V8,
}

impl RoleVersion {
    /// The version of that name (`v3` to `v8`).
    pub fn of_name(name: &str) -> Option<Self> {
        Some(match name {
            "v3" => Self::V3,
            "v4" => Self::V4,
            "v5" => Self::V5,
            "v6" => Self::V6,
            "v7" => Self::V7,
            "v8" => Self::V8,
            _ => return None,
        })
    }
}

/// A role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Role {
    /// Its name.
    pub name: String,
    /// The format it was written in.
    pub version: RoleVersion,
    /// Its own labels.
    pub labels: BTreeMap<String, String>,
    /// Session and certificate options.
    pub options: Options,
    /// What it grants.
    pub allow: Conditions,
    /// What it forbids; wins over grants of any role.
    pub deny: Conditions,
}

/// Options of a role. `None` means that the role does not say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    /// Longest life of a certificate; 0 and below: no limit of this role.
    pub max_session_ttl: Option<SignedDuration>,
    /// SSH agent forwarding.
    pub forward_agent: bool,
    /// SSH port forwarding; not said means allowed.
    pub port_forwarding: Option<bool>,
    /// X11 forwarding.
    pub permit_x11_forwarding: bool,
    /// Certificates are bound to the address of the sign-in.
    pub pin_source_ip: bool,
    /// Whether and how its holders ask for more at sign-in.
    pub request_access: RequestAccess,
    /// Text that asks for a reason.
    pub request_prompt: String,
    /// Further SSH certificate extensions: name to value template.
    pub cert_extensions: Vec<(String, String)>,
}

/// `options.request_access`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum RequestAccess {
    /// Whoever wants to, asks.
    #[default]
    Optional,
    /// Asks at every sign-in.
    Always,
    /// Asks at every sign-in, with a reason.
    Reason,
}

/// One side of a role, `allow` or `deny`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Conditions {
    /// Unix logins, templates.
    pub logins: Vec<String>,
    /// Kubernetes groups, templates.
    pub kubernetes_groups: Vec<String>,
    /// Kubernetes users, templates.
    pub kubernetes_users: Vec<String>,
    /// Labels of nodes.
    pub node_labels: Labels,
    /// Labels of applications.
    pub app_labels: Labels,
    /// Labels of databases.
    pub db_labels: Labels,
    /// Labels of Kubernetes clusters.
    pub kubernetes_labels: Labels,
    /// A predicate over labels, for each kind of resource.
    pub label_expressions: LabelExpressions,
    /// Objects inside Kubernetes clusters.
    pub kubernetes_resources: Vec<KubernetesResource>,
    /// Who may do what to which kind of resource.
    pub rules: Vec<Rule>,
    /// Who may be impersonated.
    pub impersonate: Impersonate,
    /// What may be asked for.
    pub request: RequestConditions,
    /// Whose requests may be reviewed.
    pub review_requests: ReviewConditions,
}

/// `node_labels_expression` and its like: predicates over labels; an empty one says nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct LabelExpressions {
    pub node: String,
    pub app: String,
    pub db: String,
    pub kubernetes: String,
}

/// `kubernetes_resources[]`: objects of a kind, by namespace and name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KubernetesResource {
    /// Kind, or `*`.
    pub kind: String,
    /// Pattern of namespaces, a template.
    pub namespace: String,
    /// Pattern of names, a template.
    pub name: String,
}

/// `rules[]`: verbs on kinds of resources.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rule {
    /// Kinds, or `*`.
    pub resources: Vec<String>,
    /// Verbs, or `*`.
    pub verbs: Vec<String>,
    /// Predicate that must hold; empty holds.
    pub where_: String,
}

/// `impersonate`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Impersonate {
    /// Users, patterns.
    pub users: Vec<String>,
    /// Roles, patterns.
    pub roles: Vec<String>,
    /// Predicate that must hold; empty holds.
    pub where_: String,
}

/// `request`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RequestConditions {
    /// Patterns of requestable roles.
    pub roles: Vec<String>,
    /// Further patterns, from traits.
    pub claims_to_roles: Vec<ClaimMapping>,
    /// Annotations added to requests; value templates.
    pub annotations: BTreeMap<String, Vec<String>>,
    /// How many must approve or deny; empty means one and one.
    pub thresholds: Vec<Threshold>,
    /// Who is suggested when the request names nobody.
    pub suggested_reviewers: Vec<String>,
    /// Roles for resource requests, literal names.
    pub search_as_roles: Vec<String>,
    /// Longest access; zero means the certificate's ordinary life.
    pub max_duration: SignedDuration,
    /// `required`, `optional` or empty.
    pub reason_mode: String,
    /// Kinds of Kubernetes objects that may be asked for; empty says nothing.
    pub kubernetes_kinds: Vec<String>,
}

/// `review_requests`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReviewConditions {
    /// Patterns of roles.
    pub roles: Vec<String>,
    /// Further patterns, from traits.
    pub claims_to_roles: Vec<ClaimMapping>,
    /// Predicate that must hold; empty holds.
    pub where_: String,
    /// Roles whose view of resources a reviewer borrows.
    pub preview_as_roles: Vec<String>,
}

/// `claims_to_roles[]`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClaimMapping {
    /// Name of the trait.
    pub claim: String,
    /// Pattern of its values.
    pub value: String,
    /// Role patterns, or templates with `$1`.
    pub roles: Vec<String>,
}

/// `thresholds[]`: reaching `approve` or `deny` among the reviews that pass the filter decides.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Threshold {
    /// For people.
    pub name: String,
    /// Predicate that a review must pass to count here; empty passes.
    pub filter: String,
    /// Approvals needed; 0 never approves.
    pub approve: u32,
    /// Denials needed; 0 never denies.
    pub deny: u32,
}

impl Threshold {
    /// What a role without thresholds means: one approval approves, one denial denies.
    pub fn default_of_a_role() -> Self {
        Self {
            name: "default".to_owned(),
            filter: String::new(),
            approve: 1,
            deny: 1,
        }
    }
}

impl Role {
    /// An empty role of the latest version.
    pub fn empty(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            version: RoleVersion::V8,
            labels: BTreeMap::new(),
            options: Options::default(),
            allow: Conditions::default(),
            deny: Conditions::default(),
        }
    }

    /// The limit that this role sets to a certificate's life; `None` if it sets none.
    pub fn max_session_ttl(&self) -> Option<SignedDuration> {
        Some(self.options.max_session_ttl.unwrap_or(MAX_SESSION_TTL_DEFAULT)).filter(|ttl| ttl.is_positive())
    }

    /// Fills in what the role's version means where the role says nothing.
    #[must_use]
    pub fn with_defaults(mut self) -> Self {
        let everything = || Labels::from([("*".to_owned(), vec!["*".to_owned()])]);
        if self.version == RoleVersion::V3 {
            if self.allow.node_labels.is_empty() && !self.allow.logins.is_empty() {
                self.allow.node_labels = everything();
            }
            for labels in [
                &mut self.allow.app_labels,
                &mut self.allow.kubernetes_labels,
                &mut self.allow.db_labels,
            ] {
                if labels.is_empty() {
                    *labels = everything();
                }
            }
        }
        let enters_kubernetes =
            !self.allow.kubernetes_labels.is_empty() || !self.allow.label_expressions.kubernetes.is_empty();
        if enters_kubernetes && self.allow.kubernetes_resources.is_empty() {
            // What roles of the version have always shown to who may enter a cluster.
            let kind = match self.version {
                RoleVersion::V3 | RoleVersion::V4 | RoleVersion::V5 => Some("pod"),
                RoleVersion::V6 => None,
                RoleVersion::V7 | RoleVersion::V8 => Some("*"),
            };
            self.allow
                .kubernetes_resources
                .extend(kind.map(|kind| KubernetesResource {
                    kind: kind.to_owned(),
                    namespace: "*".to_owned(),
                    name: "*".to_owned(),
                }));
        }
        self.options
            .max_session_ttl
            .get_or_insert(MAX_SESSION_TTL_DEFAULT);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_version_3_opens_what_it_does_not_name() {
        for version in [
            RoleVersion::V3,
            RoleVersion::V4,
            RoleVersion::V5,
            RoleVersion::V6,
            RoleVersion::V7,
            RoleVersion::V8,
        ] {
            let mut role = Role {
                version,
                ..Role::empty("r")
            };
            role.allow.logins = vec!["root".to_owned()];
            let role = role.with_defaults();
            let open = version == RoleVersion::V3;
            assert_eq!(!role.allow.node_labels.is_empty(), open, "{version:?}");
            assert_eq!(!role.allow.db_labels.is_empty(), open, "{version:?}");
            assert_eq!(role.max_session_ttl(), Some(MAX_SESSION_TTL_DEFAULT));
        }
        let without_logins = Role {
            version: RoleVersion::V3,
            ..Role::empty("r")
        }
        .with_defaults();
        assert!(without_logins.allow.node_labels.is_empty());
    }
}
