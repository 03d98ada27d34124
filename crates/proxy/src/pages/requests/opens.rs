//! What a role opens, in plain words: dangerous things first, each with why it is dangerous.

use access::role::{Labels, Role, Rule};

use super::sentence::{Gap, Piece, pieces};
use crate::text::{self, visible};
use crate::words::{Language, t};

/// One thing a role opens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opening {
    /// The sentence.
    pub says: Vec<Piece>,
    /// Why it is dangerous; empty if it is not.
    pub danger: &'static str,
}

/// Kinds through which the rules of the cluster can be changed: whoever writes them can give themselves anything.
const RULES: &[&str] = &[
    "*",
    "role",
    "user",
    "token",
    "bot",
    "cert_authority",
    "cluster_auth_preference",
    "saml",
    "oidc",
    "github",
    "auth_connector",
    "access_list",
    "trusted_cluster",
    "login_rule",
    "lock",
];
const CHANGING: &[&str] = &["*", "create", "update", "delete", "rotate"];
/// So many labels or names are shown of one list.
const SHOWN_MAX: usize = 12;

/// Everything a role opens, dangerous things first.
pub fn openings(role: &Role, language: Language) -> Vec<Opening> {
    let allow = &role.allow;
    let mut found = Vec::new();
    let logins = real(&allow.logins);
    if !logins.is_empty() && (!allow.node_labels.is_empty() || !allow.label_expressions.node.is_empty()) {
        let danger = if is_everything(&allow.node_labels) {
            t("every server, now and later")
        } else if logins
            .iter()
            .any(|login| login == "root" || login == "Administrator")
        {
            t("full control of these servers")
        } else {
            ""
        };
        found.push(Opening {
            says: reach(
                [
                    t("log in as {who} on every server"),
                    t("log in as {who} on servers with {labels}"),
                ],
                &logins,
                &allow.node_labels,
                &allow.label_expressions.node,
                language,
            ),
            danger,
        });
    }
    let kubernetes: Vec<String> = allow
        .kubernetes_groups
        .iter()
        .chain(&allow.kubernetes_users)
        .cloned()
        .collect();
    if !kubernetes.is_empty()
        && (!allow.kubernetes_labels.is_empty() || !allow.label_expressions.kubernetes.is_empty())
    {
        let danger = if kubernetes.iter().any(|group| group == "system:masters") {
            t("full control of these clusters")
        } else if is_everything(&allow.kubernetes_labels) {
            t("every Kubernetes cluster, now and later")
        } else {
            ""
        };
        found.push(Opening {
            says: reach(
                [
                    t("use every Kubernetes cluster as {who}"),
                    t("use Kubernetes clusters with {labels} as {who}"),
                ],
                &kubernetes,
                &allow.kubernetes_labels,
                &allow.label_expressions.kubernetes,
                language,
            ),
            danger,
        });
    }
    for (labels, expression, sentences, danger) in [
        (
            &allow.db_labels,
            &allow.label_expressions.db,
            [t("use every database"), t("use databases with {labels}")],
            t("every database, now and later"),
        ),
        (
            &allow.app_labels,
            &allow.label_expressions.app,
            [t("open every application"), t("open applications with {labels}")],
            t("every application, now and later"),
        ),
    ] {
        if !labels.is_empty() || !expression.is_empty() {
            found.push(Opening {
                says: reach(sentences, &[], labels, expression, language),
                danger: if is_everything(labels) { danger } else { "" },
            });
        }
    }
    found.extend(allow.rules.iter().map(|rule| of_rule(rule, language)));
    let impersonated: Vec<String> = allow
        .impersonate
        .users
        .iter()
        .chain(&allow.impersonate.roles)
        .cloned()
        .collect();
    if !impersonated.is_empty() {
        found.push(Opening {
            says: pieces(
                language.say("act in the name of {who}"),
                &[("who", chips(&impersonated))],
            ),
            danger: t("what is done so looks as if others had done it"),
        });
    }
    let reviewed: Vec<String> = allow.review_requests.roles.clone();
    if !reviewed.is_empty() {
        found.push(Opening {
            says: pieces(
                language.say("review requests for {roles}"),
                &[("roles", chips(&reviewed))],
            ),
            danger: if reviewed.iter().any(|role| role == "*") {
                t("a say in every request")
            } else {
                ""
            },
        });
    }
    let requested: Vec<String> = allow
        .request
        .roles
        .iter()
        .chain(&allow.request.search_as_roles)
        .cloned()
        .collect();
    if !requested.is_empty() {
        found.push(Opening {
            says: pieces(language.say("ask for {roles}"), &[("roles", chips(&requested))]),
            danger: "",
        });
    }
    found.sort_by_key(|opening| opening.danger.is_empty());
    found
}

fn of_rule(rule: &Rule, language: Language) -> Opening {
    let changes = rule.verbs.iter().any(|verb| CHANGING.contains(&verb.as_str()));
    let on_rules = rule.resources.iter().any(|kind| RULES.contains(&kind.as_str()));
    let sentence = if rule.verbs.iter().any(|verb| verb == "*") {
        t("do everything with {kinds}")
    } else {
        t("{verbs} {kinds}")
    };
    Opening {
        says: pieces(
            language.say(sentence),
            &[
                (
                    "verbs",
                    Gap::Words(text::listed(
                        &rule.verbs.iter().map(|verb| visible(verb)).collect::<Vec<_>>(),
                        language,
                    )),
                ),
                ("kinds", chips(&rule.resources)),
            ],
        ),
        danger: if changes && on_rules {
            t("whoever changes these can give themselves more")
        } else {
            ""
        },
    }
}

/// Logins that are somebody's: templates that stand for none are left out.
fn real(logins: &[String]) -> Vec<String> {
    logins
        .iter()
        .filter(|login| !login.starts_with('-') && *login != "{{internal.logins}}")
        .cloned()
        .collect()
}

fn is_everything(labels: &Labels) -> bool {
    labels
        .get("*")
        .is_some_and(|values| values.iter().any(|value| value == "*"))
}

fn reach(
    [all, some]: [&'static str; 2],
    who: &[String],
    labels: &Labels,
    expression: &str,
    language: Language,
) -> Vec<Piece> {
    let mut shown: Vec<String> = labels
        .iter()
        .flat_map(|(label, values)| values.iter().map(move |value| format!("{label}={value}")))
        .collect();
    if !expression.is_empty() {
        shown.push(expression.to_owned());
    }
    let sentence = if is_everything(labels) { all } else { some };
    pieces(
        language.say(sentence),
        &[("who", chips(who)), ("labels", chips(&shown))],
    )
}

fn chips(names: &[String]) -> Gap {
    let mut shown: Vec<String> = names.iter().take(SHOWN_MAX).map(|name| visible(name)).collect();
    if names.len() > SHOWN_MAX {
        shown.push(format!("… +{}", names.len() - SHOWN_MAX));
    }
    Gap::Chips(shown)
}

#[cfg(test)]
mod tests {
    use access::role::Conditions;

    use super::*;

    fn said(role: &Role) -> Vec<String> {
        openings(role, Language::English)
            .into_iter()
            .map(|opening| {
                let text: String = opening
                    .says
                    .into_iter()
                    .map(|piece| match piece {
                        Piece::Words(words) => words,
                        Piece::Chips(chips) => format!("[{}]", chips.join(" ")),
                        Piece::Name(name) => name,
                    })
                    .collect();
                if opening.danger.is_empty() {
                    text
                } else {
                    format!("{text}: {}", opening.danger)
                }
            })
            .collect()
    }

    #[test]
    fn dangerous_things_come_first_and_say_why() {
        let labels = |pairs: &[(&str, &str)]| -> Labels {
            pairs
                .iter()
                .map(|(label, value)| ((*label).to_owned(), vec![(*value).to_owned()]))
                .collect()
        };
        let rule = |kind: &str, verbs: &[&str]| Rule {
            resources: vec![kind.to_owned()],
            verbs: verbs.iter().map(|verb| (*verb).to_owned()).collect(),
            where_: String::new(),
        };
        let role = Role {
            allow: Conditions {
                logins: vec!["root".to_owned(), "{{internal.logins}}".to_owned()],
                node_labels: labels(&[("env", "prod"), ("type", "db")]),
                app_labels: labels(&[("team", "orders")]),
                db_labels: labels(&[("*", "*")]),
                rules: vec![
                    rule("session", &["list", "read"]),
                    rule("role", &["create", "update"]),
                ],
                ..Conditions::default()
            },
            ..Role::empty("dba")
        };
        assert_eq!(
            said(&role),
            [
                "log in as [root] on servers with [env=prod type=db]: full control of these servers",
                "use every database: every database, now and later",
                "create and update [role]: whoever changes these can give themselves more",
                "open applications with [team=orders]",
                "list and read [session]",
            ]
        );
    }

    #[test]
    fn an_empty_role_opens_nothing() {
        assert!(said(&Role::empty("empty")).is_empty());
    }
}
