//! Objects inside Kubernetes clusters: which kinds may be asked for, and which of them a role opens.

use std::collections::BTreeSet;

use crate::pattern::{self, Pattern};
use crate::request::ResourceId;
use crate::role::{KubernetesResource, Role, Traits};
use crate::template;

use super::id::kubernetes_objects;

const CLUSTER: &str = "kube_cluster";

/// No role lets objects of the asked kinds be asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "your Teleport role's \"request.kubernetes_resources\" field did not allow requesting to some or all of the \
     requested Kubernetes resources. allowed kinds for each {word} roles: {allowed}"
)]
pub struct Refused {
    word: &'static str,
    allowed: String,
}

/// The kinds that one role may be asked for with; `None` where nobody has said anything.
fn kinds_of(requester: &[Role], searched: &str) -> Option<BTreeSet<&'static str>> {
    let granting: Vec<&Role> = requester
        .iter()
        .filter(|role| {
            role.allow
                .request
                .search_as_roles
                .iter()
                .any(|name| name == searched)
        })
        .collect();
    let denied: Vec<&String> = requester
        .iter()
        .flat_map(|role| &role.deny.request.kubernetes_kinds)
        .collect();
    let open = granting.is_empty()
        || granting
            .iter()
            .any(|role| role.allow.request.kubernetes_kinds.is_empty());
    if open && denied.is_empty() {
        return None;
    }
    let named = |listed: &str, kind: &str| listed == kind || listed == plural(kind);
    let listed: Vec<&String> = granting
        .iter()
        .flat_map(|role| &role.allow.request.kubernetes_kinds)
        .collect();
    let every = |texts: &[&String]| texts.iter().any(|text| *text == "*");
    let mut kinds: BTreeSet<&'static str> = kubernetes_objects()
        .filter(|kind| open || every(&listed) || listed.iter().any(|text| named(text, kind)))
        .filter(|kind| !every(&denied) && !denied.iter().any(|text| named(text, kind)))
        .collect();
    let cluster = |texts: &[&String]| texts.iter().any(|text| *text == CLUSTER);
    if (open || cluster(&listed)) && !cluster(&denied) {
        kinds.insert(CLUSTER);
    }
    Some(kinds)
}

/// The names in `roles` with which all Kubernetes kinds of `ids` may be asked for; an error if there are none, or, where
/// the roles were `explicit`, if one of them is not.
pub fn check_roles(
    requester: &[Role],
    roles: Vec<String>,
    ids: &[ResourceId],
    explicit: bool,
) -> Result<Vec<String>, Refused> {
    let asked: BTreeSet<&str> = ids
        .iter()
        .map(|id| id.kind.as_str())
        .filter(|kind| *kind == CLUSTER || kubernetes_objects().any(|object| object == *kind))
        .collect();
    if asked.is_empty() || roles.is_empty() {
        return Ok(roles);
    }
    let mut allowed = Vec::new();
    let mut kept = Vec::new();
    let every = roles.len();
    for role in roles {
        match kinds_of(requester, &role) {
            None => kept.push(role),
            Some(kinds) => {
                let kinds: Vec<&str> = kinds.into_iter().collect();
                allowed.push(format!("{role}: [{}]", kinds.join(" ")));
                if asked.iter().all(|kind| kinds.contains(kind)) {
                    kept.push(role);
                }
            }
        }
    }
    if kept.is_empty() || (explicit && kept.len() < every) {
        return Err(Refused {
            word: if explicit { "requested" } else { "requestable" },
            allowed: allowed.join(", "),
        });
    }
    Ok(kept)
}

/// Whether `role` opens the object `id`, once its cluster is reached.
pub(super) fn opens(role: &Role, traits: &Traits, id: &ResourceId) -> bool {
    let matched = |rules: &[KubernetesResource], unreadable: bool| {
        rules
            .iter()
            .any(|rule| covers(rule, traits, id).unwrap_or(unreadable))
    };
    !matched(&role.deny.kubernetes_resources, true) && matched(&role.allow.kubernetes_resources, false)
}

/// `None` if the rule cannot be read.
fn covers(rule: &KubernetesResource, traits: &Traits, id: &ResourceId) -> Option<bool> {
    if rule.kind != "*" && rule.kind != id.kind && rule.kind != plural(&id.kind) {
        return Some(false);
    }
    let (namespace, name) = match id.sub_resource.split_once('/') {
        Some((namespace, name)) => (Some(namespace), name),
        None => (None, id.sub_resource.as_str()),
    };
    let fits = |template: &str, text: &str| -> Option<bool> {
        let mut fitting = false;
        for expanded in template::expand(template, traits).ok()? {
            let pattern = if pattern::is_expression(&expanded) || expanded.contains('*') {
                Pattern::Whole(pattern::whole(&expanded).ok()?)
            } else {
                Pattern::Exact(expanded)
            };
            fitting |= pattern.matches(text);
        }
        Some(fitting)
    };
    let within = match namespace {
        Some(namespace) => fits(&rule.namespace, namespace)?,
        None => true,
    };
    Some(within && fits(&rule.name, name)?)
}

/// The word that roles of version 8 use for a kind.
fn plural(kind: &str) -> String {
    match kind {
        "kube_role" => "roles".to_owned(),
        "kube_node" => "nodes".to_owned(),
        "ingress" => "ingresses".to_owned(),
        other => format!("{other}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn role(searched: &[&str], allowed: &[&str], denied: &[&str]) -> Role {
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        let mut role = Role::empty("asker");
        role.allow.request.search_as_roles = texts(searched);
        role.allow.request.kubernetes_kinds = texts(allowed);
        role.deny.request.kubernetes_kinds = texts(denied);
        role
    }

    fn asks(requester: &[Role], kind: &str) -> bool {
        let sub = if kind == CLUSTER { "" } else { "/ns/x" };
        let sub = if kind == "namespace" { "/x" } else { sub };
        let id = ResourceId::parse(&format!("/c/{kind}/k{sub}")).unwrap();
        check_roles(requester, vec!["view".to_owned()], &[id], false).is_ok()
    }

    #[test]
    fn the_kinds_that_may_be_asked_for_are_those_of_the_table() {
        for (roles, cluster, pod, namespace) in [
            (vec![role(&["view"], &[], &[])], true, true, true),
            (vec![role(&["view"], &["pod"], &[])], false, true, false),
            (vec![role(&["view"], &["pods"], &[])], false, true, false),
            (vec![role(&["view"], &["*"], &[])], false, true, true),
            (
                vec![
                    role(&["view"], &["pod"], &[]),
                    role(&["view"], &["namespace"], &[]),
                ],
                false,
                true,
                true,
            ),
            (
                vec![role(&["view"], &["pod"], &[]), role(&["view"], &[], &[])],
                true,
                true,
                true,
            ),
            (
                vec![role(&["view"], &["pod"], &[]), role(&["other"], &[], &[])],
                false,
                true,
                false,
            ),
            (vec![role(&["view"], &[], &["pod"])], true, false, true),
            (vec![role(&["view"], &[], &["*"])], true, false, false),
            (vec![role(&["view"], &["*"], &["*"])], false, false, false),
            (
                vec![role(&["view"], &["kube_cluster", "pod"], &["pod"])],
                true,
                false,
                false,
            ),
        ] {
            let found = (
                asks(&roles, CLUSTER),
                asks(&roles, "pod"),
                asks(&roles, "namespace"),
            );
            assert_eq!(found, (cluster, pod, namespace), "{roles:?}");
        }
    }

    #[test]
    fn the_refusal_names_what_is_allowed() {
        let requester = [role(&["view", "edit"], &["pod", "namespace"], &[])];
        let ids = [ResourceId::parse("/c/kube_cluster/k").unwrap()];
        let both = vec!["edit".to_owned(), "view".to_owned()];
        assert_eq!(
            check_roles(&requester, both, &ids, false)
                .unwrap_err()
                .to_string(),
            "your Teleport role's \"request.kubernetes_resources\" field did not allow requesting to some or all of \
             the requested Kubernetes resources. allowed kinds for each requestable roles: edit: [namespace pod], \
             view: [namespace pod]"
        );
        let other = [ResourceId::parse("/c/node/n").unwrap()];
        assert!(check_roles(&requester, vec!["view".to_owned()], &other, true).is_ok());
    }

    #[test]
    fn a_role_opens_the_objects_that_its_rules_name() {
        let rule = |kind: &str, namespace: &str, name: &str| KubernetesResource {
            kind: kind.to_owned(),
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        };
        let pod = ResourceId::parse("/c/pod/k/dev/web-1").unwrap();
        for (allow, deny, open) in [
            (rule("pod", "*", "*"), None, true),
            (rule("pods", "dev", "web-*"), None, true),
            (rule("*", "{{external.space}}", "*"), None, true),
            (rule("secret", "*", "*"), None, false),
            (rule("pod", "prod", "*"), None, false),
            (rule("pod", "*", "*"), Some(rule("pod", "dev", "*")), false),
            (
                rule("pod", "*", "*"),
                Some(rule("pod", "{{nothing}}", "*")),
                false,
            ),
        ] {
            let traits = Traits::from([("space".to_owned(), vec!["dev".to_owned()])]);
            let mut role = Role::empty("r");
            role.allow.kubernetes_resources = vec![allow.clone()];
            role.deny.kubernetes_resources = deny.clone().into_iter().collect();
            assert_eq!(opens(&role, &traits, &pod), open, "{allow:?} {deny:?}");
        }
    }
}
