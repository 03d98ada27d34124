//! Who may do what to which kind of resource: deny over allow over the hidden role everybody has.

use crate::permit::SystemRole;
use crate::predicate::{Predicate, RULE_NAMES, Scope, Value};
use crate::role::{Role, Rule, Traits};

/// A verdict with its evidence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// A rule of this role grants it; `built-in` for parts of the system.
    Allow {
        /// The role.
        role: String,
    },
    /// A deny rule of this role forbids it.
    Deny {
        /// The role.
        role: String,
    },
    /// No rule grants it.
    NotGranted,
}

impl Verdict {
    /// Whether the answer is yes.
    pub fn allows(&self) -> bool {
        matches!(self, Self::Allow { .. })
    }

    /// Whether a role says no, as opposed to no role saying yes.
    pub fn is_explicit_denial(&self) -> bool {
        matches!(self, Self::Deny { .. })
    }
}

/// The words of a refusal.
pub fn refusal(kind: &str, verb: &str) -> String {
    format!("access denied to perform action \"{verb}\" on \"{kind}\"")
}

/// Kinds that everybody who is signed in may read and list.
const READABLE_BY_ALL: &[&str] = &[
    "node",
    "proxy",
    "auth_server",
    "tunnel",
    "cluster_auth_preference",
    "cluster_name",
    "ssh_session",
    "app_server",
    "app",
    "remote_cluster",
    "kube_server",
    "kube_cluster",
    "db_server",
    "db",
    "windows_desktop",
    "windows_desktop_service",
    "dynamic_windows_desktop",
    "vnet_config",
    "spiffe_federation",
    "saml_idp_service_provider",
    "aws_identity_center",
    "git_server",
];

/// Who asks, as far as rules can see.
#[derive(Debug, Clone, Copy)]
pub struct Asker<'a> {
    /// User name.
    pub user: &'a str,
    /// Roles that count.
    pub roles: &'a [Role],
    /// Traits.
    pub traits: &'a Traits,
}

/// What is touched, where a rule's `where` may look at it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Touched<'a> {
    /// Name of the resource.
    pub name: Option<&'a str>,
    /// Labels of the resource.
    pub labels: Option<&'a std::collections::BTreeMap<String, String>>,
}

/// Whether `asker` may `verb` on `kind`.
pub fn check(asker: &Asker<'_>, kind: &str, verb: &str, touched: Touched<'_>) -> Verdict {
    let scope = rule_scope(asker, touched);
    for role in asker.roles {
        // A predicate that cannot be read denies: closed is the safe side of a deny rule.
        if role
            .deny
            .rules
            .iter()
            .any(|rule| applies(rule, kind, verb, &scope, true))
        {
            return Verdict::Deny {
                role: role.name.clone(),
            };
        }
    }
    for role in asker.roles {
        if role
            .allow
            .rules
            .iter()
            .any(|rule| applies(rule, kind, verb, &scope, false))
        {
            return Verdict::Allow {
                role: role.name.clone(),
            };
        }
    }
    let implicit = match kind {
        "cert_authority" => matches!(verb, "readnosecrets" | "list"),
        _ => READABLE_BY_ALL.contains(&kind) && matches!(verb, "read" | "readnosecrets" | "list"),
    };
    if implicit {
        Verdict::Allow {
            role: "default-implicit-role".to_owned(),
        }
    } else {
        Verdict::NotGranted
    }
}

/// What a part of the system may do. The local administrator may do everything that has a verb; a proxy reads
/// what it needs to serve and writes nothing.
pub fn check_system(role: SystemRole, kind: &str, verb: &str) -> Verdict {
    let allowed = match role {
        SystemRole::Admin | SystemRole::Auth => true,
        SystemRole::Proxy => {
            let readable = READABLE_BY_ALL.contains(&kind)
                || matches!(
                    kind,
                    "cluster_networking_config"
                        | "session_recording_config"
                        | "cluster_config"
                        | "lock"
                        | "namespace"
                        | "user"
                        | "role"
                        | "auth_connector"
                        | "ui_config"
                );
            match kind {
                "cert_authority" => matches!(verb, "readnosecrets" | "list"),
                "proxy" => true,
                _ => readable && matches!(verb, "read" | "readnosecrets" | "list"),
            }
        }
        SystemRole::Node => {
            let readable = READABLE_BY_ALL.contains(&kind) || matches!(kind, "lock" | "role");
            match kind {
                "cert_authority" => matches!(verb, "readnosecrets" | "list"),
                _ => readable && matches!(verb, "read" | "readnosecrets" | "list"),
            }
        }
    };
    if allowed {
        Verdict::Allow {
            role: format!("built-in {}", role.name()),
        }
    } else {
        Verdict::NotGranted
    }
}

/// The values that a rule's `where` may ask for.
pub(crate) fn rule_scope(asker: &Asker<'_>, touched: Touched<'_>) -> Scope {
    let mut scope = Scope::from([
        ("user.metadata.name", Value::Text(asker.user.to_owned())),
        (
            "user.spec.roles",
            Value::List(asker.roles.iter().map(|role| role.name.clone()).collect()),
        ),
        ("user.spec.traits", Value::Map(asker.traits.clone())),
    ]);
    if let Some(name) = touched.name {
        scope.insert("resource.metadata.name", Value::Text(name.to_owned()));
    }
    if let Some(labels) = touched.labels {
        let labels = labels
            .iter()
            .map(|(key, value)| (key.clone(), vec![value.clone()]))
            .collect();
        scope.insert("resource.metadata.labels", Value::Map(labels));
    }
    scope
}

fn applies(rule: &Rule, kind: &str, verb: &str, scope: &Scope, when_unclear: bool) -> bool {
    let kind_matches = rule
        .resources
        .iter()
        .any(|listed| listed == kind || listed == "*");
    let verb_matches = rule
        .verbs
        .iter()
        .any(|listed| listed == verb || listed == "*" || (verb == "readnosecrets" && listed == "read"));
    if !kind_matches || !verb_matches {
        return false;
    }
    match Predicate::parse(&rule.where_, RULE_NAMES) {
        Ok(predicate) => predicate.holds(scope).unwrap_or(when_unclear),
        Err(_) => when_unclear,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(resource: &str, verb: &str, where_: &str) -> Rule {
        Rule {
            resources: vec![resource.to_owned()],
            verbs: vec![verb.to_owned()],
            where_: where_.to_owned(),
        }
    }

    fn role(name: &str, allow: Vec<Rule>, deny: Vec<Rule>) -> Role {
        let mut role = Role::empty(name);
        role.allow.rules = allow;
        role.deny.rules = deny;
        role
    }

    fn verdict(roles: &[Role], kind: &str, verb: &str) -> Verdict {
        check(
            &Asker {
                user: "bob",
                roles,
                traits: &Traits::new(),
            },
            kind,
            verb,
            Touched {
                name: Some("x"),
                labels: None,
            },
        )
    }

    #[test]
    fn deny_wins_over_allow_of_any_role() {
        let roles = [
            role("a", vec![rule("*", "*", "")], vec![]),
            role("b", vec![], vec![rule("role", "delete", "")]),
        ];
        assert_eq!(
            verdict(&roles, "role", "read"),
            Verdict::Allow { role: "a".to_owned() }
        );
        assert_eq!(
            verdict(&roles, "role", "delete"),
            Verdict::Deny { role: "b".to_owned() }
        );
    }

    #[test]
    fn without_a_rule_only_the_hidden_role_speaks() {
        assert_eq!(verdict(&[], "role", "read"), Verdict::NotGranted);
        assert!(verdict(&[], "node", "list").allows());
        assert!(verdict(&[], "cert_authority", "readnosecrets").allows());
        assert!(!verdict(&[], "cert_authority", "read").allows());
        assert!(!verdict(&[], "access_request", "list").allows());
    }

    #[test]
    fn where_is_asked_and_what_cannot_be_asked_is_closed() {
        let own = "equals(resource.metadata.name, \"x\")";
        assert!(
            verdict(
                &[role("a", vec![rule("role", "read", own)], vec![])],
                "role",
                "read"
            )
            .allows()
        );
        for unclear in ["nonsense(", "equals(session.participants, user.spec.roles)"] {
            let allow = [role("a", vec![rule("role", "read", unclear)], vec![])];
            assert_eq!(verdict(&allow, "role", "read"), Verdict::NotGranted);
            let deny = [role(
                "a",
                vec![rule("role", "read", "")],
                vec![rule("role", "read", unclear)],
            )];
            assert!(verdict(&deny, "role", "read").is_explicit_denial());
        }
    }

    #[test]
    fn read_satisfies_reading_without_secrets() {
        assert!(
            verdict(
                &[role("a", vec![rule("saml", "read", "")], vec![])],
                "saml",
                "readnosecrets"
            )
            .allows()
        );
        assert!(
            !verdict(
                &[role("a", vec![rule("saml", "readnosecrets", "")], vec![])],
                "saml",
                "read"
            )
            .allows()
        );
    }

    #[test]
    fn a_proxy_changes_nothing() {
        for kind in ["role", "user", "access_request", "cert_authority", "lock"] {
            for verb in ["create", "update", "delete"] {
                assert!(
                    !check_system(SystemRole::Proxy, kind, verb).allows(),
                    "{verb} {kind}"
                );
            }
        }
        assert!(!check_system(SystemRole::Proxy, "cert_authority", "read").allows());
    }
}
