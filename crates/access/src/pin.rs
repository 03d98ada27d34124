//! Pins: what a role granted when somebody said yes to it, and whether it grants more now.
//!
//! Bob asks for `elevated-access`, Alice and Ivan read what it opens and approve. If somebody widens the role afterwards,
//! nobody has approved what it is then. So each approval is kept together with the roles it was given for, and counts only
//! as long as they grant the same or less. What cannot be *proven* to be the same or less counts as more.
//!
//! Nothing here knows patterns, templates or predicates: texts are compared as texts. That refuses a few edits that would
//! be harmless, and lets none through that is not.

use std::sync::Arc;

use crate::role::{Conditions, Impersonate, KubernetesResource, Labels, Options, Role, Rule};

/// A role at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pin {
    /// As decisions read it, with the defaults of its version.
    pub role: Role,
    /// Digest of all that the role says and that is not compared piece by piece here: it must stay as it is.
    pub rest: [u8; 32],
    /// The whole role without what is for people only (description, labels, dates), encoded.
    pub content: Arc<[u8]>,
}

/// The roles of one request at one moment; a role that did not exist then is missing.
pub type Pins = Arc<[Pin]>;

/// What may have grown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Growth {
    /// The role.
    pub role: String,
    /// The field that says more, or says something else.
    pub field: &'static str,
}

/// Where the roles named grant more `now` than they did `then`, or may do so; `None` if they provably do not.
///
/// A role that is gone grants nothing. One that was not there then has grown, whatever it says.
pub fn growth(names: &[String], then: &[Pin], now: &[Pin]) -> Option<Growth> {
    let of = |pins: &[Pin], name: &str| pins.iter().position(|pin| pin.role.name == name);
    names.iter().find_map(|name| {
        let present = &now[of(now, name)?];
        let field = match of(then, name) {
            Some(at) => grown(&then[at], present)?,
            None => "metadata.name",
        };
        Some(Growth {
            role: name.clone(),
            field,
        })
    })
}

/// The field by which `now` may grant more than `then`.
fn grown(then: &Pin, now: &Pin) -> Option<&'static str> {
    if then.content == now.content {
        return None;
    }
    if then.rest != now.rest || then.role.version != now.role.version {
        return Some("spec");
    }
    grown_options(&then.role.options, &now.role.options)
        .or_else(|| grown_grants(&then.role.allow, &now.role.allow))
        .or_else(|| shrunk_prohibitions(&then.role.deny, &now.role.deny))
}

fn first(checks: &[(&'static str, bool)]) -> Option<&'static str> {
    checks
        .iter()
        .find(|(_, same_or_less)| !same_or_less)
        .map(|(field, _)| *field)
}

fn grown_options(then: &Options, now: &Options) -> Option<&'static str> {
    // No limit is the longest.
    let limit = |options: &Options| options.max_session_ttl.filter(|ttl| ttl.is_positive());
    let no_longer = match (limit(then), limit(now)) {
        (None, _) => true,
        (Some(_), None) => false,
        (Some(then), Some(now)) => now <= then,
    };
    first(&[
        ("options.max_session_ttl", no_longer),
        ("options.forward_agent", then.forward_agent || !now.forward_agent),
        (
            "options.port_forwarding",
            then.port_forwarding.unwrap_or(true) || !now.port_forwarding.unwrap_or(true),
        ),
        (
            "options.permit_x11_forwarding",
            then.permit_x11_forwarding || !now.permit_x11_forwarding,
        ),
        ("options.pin_source_ip", now.pin_source_ip || !then.pin_source_ip),
        (
            "options.request_access",
            then.request_access == now.request_access,
        ),
        (
            "options.cert_extensions",
            // Of two with one name the later one counts, so that a part may say something else than the whole.
            now.cert_extensions.is_empty() || now.cert_extensions == then.cert_extensions,
        ),
    ])
}

fn grown_grants(then: &Conditions, now: &Conditions) -> Option<&'static str> {
    let (expressions, at_first) = (&now.label_expressions, &then.label_expressions);
    first(&[
        ("allow.logins", within(&now.logins, &then.logins)),
        (
            "allow.kubernetes_groups",
            within(&now.kubernetes_groups, &then.kubernetes_groups),
        ),
        (
            "allow.kubernetes_users",
            within(&now.kubernetes_users, &then.kubernetes_users),
        ),
        (
            "allow.node_labels",
            reach_no_more(
                (&now.node_labels, &expressions.node),
                (&then.node_labels, &at_first.node),
            ),
        ),
        (
            "allow.app_labels",
            reach_no_more(
                (&now.app_labels, &expressions.app),
                (&then.app_labels, &at_first.app),
            ),
        ),
        (
            "allow.db_labels",
            reach_no_more((&now.db_labels, &expressions.db), (&then.db_labels, &at_first.db)),
        ),
        (
            "allow.kubernetes_labels",
            reach_no_more(
                (&now.kubernetes_labels, &expressions.kubernetes),
                (&then.kubernetes_labels, &at_first.kubernetes),
            ),
        ),
        (
            "allow.kubernetes_resources",
            objects_no_more(&now.kubernetes_resources, &then.kubernetes_resources),
        ),
        ("allow.rules", rules_cover(&then.rules, &now.rules)),
        (
            "allow.impersonate",
            impersonates_no_more(&now.impersonate, &then.impersonate),
        ),
        ("allow.request", now.request == then.request),
        (
            "allow.review_requests",
            now.review_requests == then.review_requests,
        ),
    ])
}

/// The prohibition that says less than it did.
fn shrunk_prohibitions(then: &Conditions, now: &Conditions) -> Option<&'static str> {
    let (expressions, at_first) = (&now.label_expressions, &then.label_expressions);
    let still = |then: &Labels, now: &Labels| then.is_empty() || then == now;
    let still_said = |then: &str, now: &str| then.is_empty() || then == now;
    let impersonate = &then.impersonate;
    first(&[
        ("deny.logins", within(&then.logins, &now.logins)),
        (
            "deny.kubernetes_groups",
            within(&then.kubernetes_groups, &now.kubernetes_groups),
        ),
        (
            "deny.kubernetes_users",
            within(&then.kubernetes_users, &now.kubernetes_users),
        ),
        ("deny.node_labels", still(&then.node_labels, &now.node_labels)),
        ("deny.app_labels", still(&then.app_labels, &now.app_labels)),
        ("deny.db_labels", still(&then.db_labels, &now.db_labels)),
        (
            "deny.kubernetes_labels",
            still(&then.kubernetes_labels, &now.kubernetes_labels),
        ),
        (
            "deny.node_labels_expression",
            still_said(&at_first.node, &expressions.node),
        ),
        (
            "deny.app_labels_expression",
            still_said(&at_first.app, &expressions.app),
        ),
        (
            "deny.db_labels_expression",
            still_said(&at_first.db, &expressions.db),
        ),
        (
            "deny.kubernetes_labels_expression",
            still_said(&at_first.kubernetes, &expressions.kubernetes),
        ),
        (
            "deny.kubernetes_resources",
            within(&then.kubernetes_resources, &now.kubernetes_resources),
        ),
        ("deny.rules", rules_cover(&now.rules, &then.rules)),
        (
            "deny.impersonate",
            *impersonate == Impersonate::default() || *impersonate == now.impersonate,
        ),
        ("deny.request", then.request == now.request),
        (
            "deny.review_requests",
            then.review_requests == now.review_requests,
        ),
    ])
}

/// Whether all of `part` is in `whole`.
fn within<T: PartialEq>(part: &[T], whole: &[T]) -> bool {
    part.iter().all(|one| whole.contains(one))
}

/// Whether labels with their expression reach no more than others do. All labels have to match, each by one of its
/// values; no labels and no expression reach nothing.
fn reach_no_more((now, expression): (&Labels, &str), (then, at_first): (&Labels, &str)) -> bool {
    let everywhere = |labels: &Labels| labels.get("*").is_some_and(|values| is_any(values));
    if now.is_empty() && expression.is_empty() {
        return true;
    }
    if expression != at_first {
        return false;
    }
    if now == then {
        return true;
    }
    // With no labels the expression alone decides, which is more than both together.
    if now.is_empty() || then.is_empty() {
        return false;
    }
    everywhere(then)
        || (!everywhere(now)
            && then.iter().all(|(label, accepted)| {
                now.get(label).is_some_and(|values| {
                    values == accepted || (within(values, accepted) && readable(accepted))
                })
            }))
}

/// Whether none of these texts can be unreadable. One that is takes all others with it, and they come back when it goes.
fn readable(texts: &[String]) -> bool {
    !texts.iter().any(|text| text.contains(['{', '}', '^', '$']))
}

fn is_any(values: &[String]) -> bool {
    values.iter().any(|value| value == "*")
}

fn objects_no_more(now: &[KubernetesResource], then: &[KubernetesResource]) -> bool {
    // What an empty list means depends on the version, so it is only ever the same as an empty one.
    now == then || (!now.is_empty() && within(now, then))
}

/// Whether `wide` applies wherever `narrow` does.
fn rules_cover(wide: &[Rule], narrow: &[Rule]) -> bool {
    let named = |list: &[String], name: &String| list.iter().any(|one| one == name || one == "*");
    narrow.iter().all(|rule| {
        rule.resources.iter().all(|kind| {
            rule.verbs.iter().all(|verb| {
                wide.iter().any(|other| {
                    named(&other.resources, kind)
                        && named(&other.verbs, verb)
                        && (other.where_.is_empty() || other.where_ == rule.where_)
                })
            })
        })
    })
}

fn impersonates_no_more(now: &Impersonate, then: &Impersonate) -> bool {
    let nobody = now.users.is_empty() || now.roles.is_empty();
    nobody
        || now == then
        || (readable(&then.users)
            && readable(&then.roles)
            && within(&now.users, &then.users)
            && within(&now.roles, &then.roles)
            && (then.where_.is_empty() || then.where_ == now.where_))
}
