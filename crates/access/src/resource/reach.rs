//! Which resources somebody may reach: labels and expressions of roles, deny over allow.

use crate::pattern::{self, Pattern};
use crate::predicate::{LABEL_NAMES, Predicate, Scope, Value};
use crate::rbac::Verdict;
use crate::request::ResourceId;
use crate::role::{Conditions, Labels, Role, Traits};
use crate::template;

use super::{Kind, Resource};

/// What some roles let a person with some traits reach, compiled once.
#[derive(Debug)]
pub struct Reach {
    roles: Vec<Compiled>,
    traits: Traits,
    limit: Option<Limit>,
}

/// A certificate that was given for single resources opens those and nothing else.
#[derive(Debug, Clone)]
pub struct Limit {
    /// The cluster that asks.
    pub cluster: String,
    /// What is named in the certificate.
    pub ids: Vec<ResourceId>,
}

impl Limit {
    fn includes(&self, resource: &Resource) -> bool {
        self.ids.iter().any(|id| {
            id.cluster == self.cluster && id.reached() == Some(resource.kind) && id.name == resource.name
        })
    }
}

#[derive(Debug)]
struct Compiled {
    role: String,
    /// For each kind in the order of [`Kind::ALL`].
    sides: Vec<(Side, Side)>,
}

/// `allow` or `deny` of a role for one kind.
#[derive(Debug)]
struct Side {
    labels: Option<Selector>,
    expression: Option<Expression>,
}

/// The labels of a role. There are none where a role names none.
#[derive(Debug)]
enum Selector {
    Everything,
    /// All of them, each with one of its values.
    Each(Vec<(String, Vec<Pattern>)>),
    /// A template or pattern in it cannot be read.
    Unreadable,
}

#[derive(Debug)]
enum Expression {
    Read(Predicate),
    Unreadable,
}

impl Reach {
    /// Compiles what `roles` say about labels. What cannot be read allows nothing and denies everything.
    pub fn of(roles: &[Role], traits: &Traits) -> Self {
        let compiled = roles.iter().map(|role| Compiled {
            role: role.name.clone(),
            sides: Kind::ALL
                .into_iter()
                .map(|kind| {
                    (
                        Side::of(&role.allow, kind, traits, true),
                        Side::of(&role.deny, kind, traits, false),
                    )
                })
                .collect(),
        });
        Self {
            roles: compiled.collect(),
            traits: traits.clone(),
            limit: None,
        }
    }

    /// The same, no further than a certificate goes that names single resources.
    #[must_use]
    pub fn within(mut self, limit: Option<Limit>) -> Self {
        self.limit = limit;
        self
    }

    /// Whether `resource` may be reached, and by which role.
    pub fn verdict(&self, resource: &Resource) -> Verdict {
        if self.limit.as_ref().is_some_and(|limit| !limit.includes(resource)) {
            return Verdict::NotGranted;
        }
        let at = Kind::ALL
            .into_iter()
            .position(|kind| kind == resource.kind)
            .unwrap_or_default();
        let scope = Scope::from([
            ("labels", Value::Labels(resource.labels.clone())),
            ("user.spec.traits", Value::Map(self.traits.clone())),
        ]);
        for role in &self.roles {
            if role.sides[at].1.denies(resource, &scope) {
                return Verdict::Deny {
                    role: role.role.clone(),
                };
            }
        }
        for role in &self.roles {
            if role.sides[at].0.allows(resource, &scope) {
                return Verdict::Allow {
                    role: role.role.clone(),
                };
            }
        }
        Verdict::NotGranted
    }
}

impl Side {
    fn of(conditions: &Conditions, kind: Kind, traits: &Traits, allow: bool) -> Self {
        let expressions = &conditions.label_expressions;
        let (labels, expression) = match kind {
            Kind::Node => (&conditions.node_labels, &expressions.node),
            Kind::App => (&conditions.app_labels, &expressions.app),
            Kind::Db => (&conditions.db_labels, &expressions.db),
            Kind::KubeCluster => (&conditions.kubernetes_labels, &expressions.kubernetes),
        };
        Self {
            labels: (!labels.is_empty()).then(|| Selector::of(labels, traits, allow)),
            expression: (!expression.trim().is_empty()).then(|| {
                Predicate::parse(expression, LABEL_NAMES).map_or(Expression::Unreadable, Expression::Read)
            }),
        }
    }

    /// Both forms must hold where both are there.
    fn allows(&self, resource: &Resource, scope: &Scope) -> bool {
        if self.labels.is_none() && self.expression.is_none() {
            return false;
        }
        let labels = match &self.labels {
            None => true,
            Some(Selector::Unreadable) => false,
            Some(selector) => selector.matches(resource),
        };
        labels
            && match &self.expression {
                None => true,
                Some(Expression::Unreadable) => false,
                Some(Expression::Read(predicate)) => predicate.holds(scope).unwrap_or(false),
            }
    }

    /// One form is enough.
    fn denies(&self, resource: &Resource, scope: &Scope) -> bool {
        let labels = match &self.labels {
            None => false,
            Some(Selector::Unreadable) => true,
            Some(selector) => selector.matches(resource),
        };
        labels
            || match &self.expression {
                None => false,
                Some(Expression::Unreadable) => true,
                Some(Expression::Read(predicate)) => predicate.holds(scope).unwrap_or(true),
            }
    }
}

impl Selector {
    fn of(labels: &Labels, traits: &Traits, allow: bool) -> Self {
        if labels
            .get("*")
            .is_some_and(|values| values.iter().any(|value| value == "*"))
        {
            return Self::Everything;
        }
        let mut each = Vec::with_capacity(labels.len());
        for (key, values) in labels {
            let Ok(keys) = template::expand(key, traits) else {
                return Self::Unreadable;
            };
            let Some(key) = keys.into_iter().find(|key| !key.is_empty()) else {
                // A condition that is not there any more would let in more, or forbid more. Only the latter is safe.
                if allow {
                    return Self::Unreadable;
                }
                continue;
            };
            let mut patterns = Vec::with_capacity(values.len());
            for value in values {
                let Ok(texts) = template::expand(value, traits) else {
                    return Self::Unreadable;
                };
                for text in texts {
                    match matcher(&text) {
                        Some(pattern) => patterns.push(pattern),
                        None => return Self::Unreadable,
                    }
                }
            }
            each.push((key, patterns));
        }
        Self::Each(each)
    }

    fn matches(&self, resource: &Resource) -> bool {
        match self {
            Self::Everything => true,
            Self::Unreadable => false,
            Self::Each(each) => {
                !each.is_empty()
                    && each.iter().all(|(key, patterns)| {
                        resource
                            .labels
                            .get(key)
                            .is_some_and(|value| patterns.iter().any(|pattern| pattern.matches(value)))
                    })
            }
        }
    }
}

fn matcher(text: &str) -> Option<Pattern> {
    if pattern::is_expression(text) || text.contains('*') {
        pattern::whole(text).ok().map(Pattern::Whole)
    } else {
        Some(Pattern::Exact(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(labels: &[(&str, &str)]) -> Resource {
        Resource {
            labels: labels
                .iter()
                .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
                .collect(),
            ..Resource::new(Kind::Node, "n")
        }
    }

    fn labels(pairs: &[(&str, &[&str])]) -> Labels {
        pairs
            .iter()
            .map(|(key, values)| {
                let values = values.iter().map(|value| (*value).to_owned()).collect();
                ((*key).to_owned(), values)
            })
            .collect()
    }

    fn allowing(pairs: &[(&str, &[&str])]) -> Role {
        let mut role = Role::empty("allowing");
        role.allow.node_labels = labels(pairs);
        role
    }

    fn traits() -> Traits {
        Traits::from([("team".to_owned(), vec!["red".to_owned(), "blue".to_owned()])])
    }

    fn reaches(roles: &[Role], resource: &Resource) -> bool {
        Reach::of(roles, &traits()).verdict(resource).allows()
    }

    #[test]
    fn labels_must_all_be_there_with_one_of_their_values() {
        let production = node(&[("env", "prod"), ("team", "red")]);
        for (wanted, expected) in [
            (&[][..], false),
            (&[("*", &["*"][..])][..], true),
            (&[("env", &["prod"])], true),
            (&[("env", &["stage", "prod"])], true),
            (&[("env", &["stage"])], false),
            (&[("env", &["pr*"])], true),
            (&[("env", &["^pro[cd]$"])], true),
            (&[("env", &["pro"])], false),
            (&[("env", &["prod"]), ("team", &["blue"])], false),
            (&[("env", &["*"]), ("team", &["red"])], true),
            (&[("region", &["*"])], false),
            (&[("env", &[])], false),
        ] {
            assert_eq!(reaches(&[allowing(wanted)], &production), expected, "{wanted:?}");
        }
        assert!(reaches(&[allowing(&[("*", &["*"])])], &node(&[])));
    }

    #[test]
    fn traits_stand_in_labels() {
        let red = node(&[("team", "red"), ("red", "yes")]);
        assert!(reaches(&[allowing(&[("team", &["{{external.team}}"])])], &red));
        assert!(reaches(&[allowing(&[("{{external.team}}", &["yes"])])], &red));
        assert!(!reaches(
            &[allowing(&[("team", &["{{external.missing}}"])])],
            &red
        ));
        assert!(!reaches(
            &[allowing(&[("team", &["red"]), ("{{external.missing}}", &["x"])])],
            &red
        ));
    }

    #[test]
    fn a_denial_of_any_role_wins_and_what_cannot_be_read_is_closed() {
        let all = allowing(&[("*", &["*"])]);
        let production = node(&[("env", "prod")]);
        for (wanted, expression, denied) in [
            (&[("env", &["prod"][..])][..], "", true),
            (&[("env", &["stage"])], "", false),
            (&[("env", &["{{nothing}}"])], "", true),
            (&[("env", &["^(a$"])], "", true),
            (&[], "labels[\"env\"] == \"prod\"", true),
            (&[], "labels[\"env\"] == \"stage\"", false),
            (&[], "label[\"env\"] == \"stage\"", true),
            (&[], "contains(email.local(labels[\"env\"]), \"x\")", true),
            (&[("env", &["stage"])], "labels.env == \"prod\"", true),
        ] {
            let mut deny = Role::empty("denying");
            deny.deny.node_labels = labels(wanted);
            deny.deny.label_expressions.node = expression.to_owned();
            let verdict = Reach::of(&[all.clone(), deny], &traits()).verdict(&production);
            assert_eq!(verdict.is_explicit_denial(), denied, "{wanted:?} {expression}");
            assert_eq!(verdict.allows(), !denied);
        }
    }

    #[test]
    fn expressions_speak_of_labels_and_traits() {
        let resource = node(&[("env", "prod"), ("team", "red"), ("team-lead", "Ann")]);
        for (expression, expected) in [
            ("labels[\"env\"] == \"prod\"", true),
            ("labels[\"missing\"] == \"\"", true),
            ("contains(user.spec.traits[\"team\"], labels[\"team\"])", true),
            (
                "contains_any(user.spec.traits.team, labels_matching(\"team*\"))",
                true,
            ),
            (
                "contains_all(labels_matching(\"^team$\"), user.spec.traits.team)",
                false,
            ),
            ("contains(strings.lower(labels[\"team-lead\"]), \"ann\")", true),
            ("contains(strings.upper(labels.env), \"PROD\")", true),
            (
                "contains(regexp.replace(labels.env, \"^pr(.*)$\", \"$1\"), \"od\")",
                true,
            ),
            (
                "regexp.match(labels[\"env\"], \"p*\") && !(labels.team == \"blue\")",
                true,
            ),
            ("contains(email.local(labels.env), \"prod\")", false),
        ] {
            let mut role = Role::empty("r");
            role.allow.label_expressions.node = expression.to_owned();
            assert_eq!(reaches(&[role.clone()], &resource), expected, "{expression}");
            role.allow.node_labels = labels(&[("env", &["stage"])]);
            assert!(!reaches(&[role], &resource), "both forms must hold: {expression}");
        }
    }

    #[test]
    fn a_certificate_for_one_resource_opens_no_other() {
        let roles = [allowing(&[("*", &["*"])])];
        let limit = |texts: &[&str]| Limit {
            cluster: "c".to_owned(),
            ids: texts
                .iter()
                .map(|text| ResourceId::parse(text).unwrap())
                .collect(),
        };
        let reach = |texts: &[&str]| Reach::of(&roles, &traits()).within(Some(limit(texts)));
        assert!(reach(&["/c/node/n"]).verdict(&node(&[])).allows());
        for others in [&["/c/node/m"][..], &["/d/node/n"], &["/c/app/n"], &[]] {
            assert_eq!(reach(others).verdict(&node(&[])), Verdict::NotGranted);
        }
        let mut kubernetes = Role::empty("k");
        kubernetes.allow.kubernetes_labels = labels(&[("*", &["*"])]);
        let reach = Reach::of(&[kubernetes], &traits()).within(Some(limit(&["/c/pod/k/ns/p"])));
        assert!(reach.verdict(&Resource::new(Kind::KubeCluster, "k")).allows());
        assert!(!reach.verdict(&Resource::new(Kind::KubeCluster, "l")).allows());
    }
}
