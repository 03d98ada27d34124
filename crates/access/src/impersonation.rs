//! Whose name, and which roles, somebody may take: compiled once from their roles.
//!
//! Conditions that name users speak of acting in another's name, conditions without users of taking roles for one's own
//! certificate. One role has to allow, and none may forbid. A condition that cannot be read forbids, and allows nothing.

use crate::issue::Subject;
use crate::pattern::Pattern;
use crate::predicate::{Predicate, RULE_NAMES, Value};
use crate::rbac::{self, Asker, Touched};
use crate::role::{Impersonate, Role};
use crate::template;

/// What one role says.
#[derive(Debug)]
struct Condition<'a> {
    role: &'a Role,
    /// Of acting in another's name; of taking roles otherwise.
    names_users: bool,
    users: Vec<Pattern>,
    roles: Vec<Pattern>,
    /// What must hold besides, of what is allowed; nothing forbids only sometimes.
    where_: Option<Predicate>,
}

/// Whose name, and which roles, somebody may take.
#[derive(Debug)]
pub struct Impersonation<'a> {
    subject: Subject<'a>,
    allow: Vec<Condition<'a>>,
    deny: Vec<Condition<'a>>,
    /// A condition that cannot be read forbids to act in another's name.
    forbids_names: bool,
    /// A condition that cannot be read forbids to take roles.
    forbids_taking: bool,
}

impl<'a> Impersonation<'a> {
    /// Compiles what the roles of `subject` say, with their traits.
    pub fn of(subject: Subject<'a>) -> Self {
        let mut found = Self {
            subject,
            allow: Vec::new(),
            deny: Vec::new(),
            forbids_names: false,
            forbids_taking: false,
        };
        for role in subject.roles {
            let (allow, deny) = (&role.allow.impersonate, &role.deny.impersonate);
            if !allow.roles.is_empty() {
                let where_ = match allow.where_.trim() {
                    "" => Ok(None),
                    text => Predicate::parse(text, RULE_NAMES).map(Some),
                };
                if let Ok(where_) = where_ {
                    let condition = compiled(&subject, role, allow);
                    found
                        .allow
                        .extend(condition.map(|condition| Condition { where_, ..condition }));
                }
            }
            if !deny.roles.is_empty() {
                match compiled(&subject, role, deny) {
                    Some(condition) => found.deny.push(condition),
                    None if deny.users.is_empty() => found.forbids_taking = true,
                    None => found.forbids_names = true,
                }
            }
        }
        found
    }

    /// The role that lets a certificate in the name of `target` be had: who is named and holds named roles only, and is not
    /// forbidden by name or for one of the roles.
    pub fn in_the_name_of(&self, target: &Subject<'_>) -> Option<&'a Role> {
        let denied = self.forbids_names
            || self.deny.iter().filter(|deny| deny.names_users).any(|deny| {
                matched(&deny.users, target.user)
                    || target.roles.iter().any(|role| matched(&deny.roles, &role.name))
            });
        let allows = |allow: &&Condition<'a>| {
            allow.names_users
                && matched(&allow.users, target.user)
                && target
                    .roles
                    .iter()
                    .all(|role| matched(&allow.roles, &role.name) && self.holds(allow, target.user, role))
        };
        if denied {
            return None;
        }
        self.allow.iter().find(allows).map(|allow| allow.role)
    }

    /// The role that lets all of `wanted` be taken; none may be forbidden.
    pub fn takes(&self, wanted: &[Role]) -> Option<&'a Role> {
        let denied = self.forbids_taking
            || self
                .deny
                .iter()
                .filter(|deny| !deny.names_users)
                .any(|deny| wanted.iter().any(|role| matched(&deny.roles, &role.name)));
        let allows = |allow: &&Condition<'a>| {
            !allow.names_users
                && wanted.iter().all(|role| {
                    matched(&allow.roles, &role.name) && self.holds(allow, self.subject.user, role)
                })
        };
        if denied || wanted.is_empty() {
            return None;
        }
        self.allow.iter().find(allows).map(|allow| allow.role)
    }

    fn holds(&self, allow: &Condition<'_>, user: &str, role: &Role) -> bool {
        let Some(predicate) = &allow.where_ else {
            return true;
        };
        let asker = Asker {
            user: self.subject.user,
            roles: self.subject.roles,
            traits: self.subject.traits,
        };
        let mut scope = rbac::rule_scope(&asker, Touched::default());
        let labels = role
            .labels
            .iter()
            .map(|(key, value)| (key.clone(), vec![value.clone()]))
            .collect();
        scope.insert("impersonate_role.metadata.name", Value::Text(role.name.clone()));
        scope.insert("impersonate_role.metadata.labels", Value::Map(labels));
        scope.insert("impersonate_user.metadata.name", Value::Text(user.to_owned()));
        predicate.holds(&scope).unwrap_or(false)
    }
}

/// Who and what a condition names; `None` if it cannot be read.
fn compiled<'a>(subject: &Subject<'_>, role: &'a Role, conditions: &Impersonate) -> Option<Condition<'a>> {
    let patterns = |templates: &[String]| -> Option<Vec<Pattern>> {
        template::expand_all(templates, subject.traits)
            .iter()
            .map(|text| Pattern::compile(text).ok())
            .collect()
    };
    Some(Condition {
        role,
        names_users: !conditions.users.is_empty(),
        users: patterns(&conditions.users)?,
        roles: patterns(&conditions.roles)?,
        where_: None,
    })
}

fn matched(patterns: &[Pattern], name: &str) -> bool {
    patterns.iter().any(|pattern| pattern.matches(name))
}
