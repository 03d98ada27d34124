//! People as stored now: their roles, traits and standing.

use std::collections::BTreeMap;

use access::automatic::REVIEWER;
use access::pin::Pin;
use access::request::{Requester, Reviewer, Voter};
use access::{Role, Traits};
use jiff::Timestamp;
use wire::convert;

use crate::auth::Auth;
use crate::failure::Answer;
use crate::locks::{self, Targets};
use crate::services::access_lists::lent;
use crate::services::users::roles_of;
use crate::state::resource::Resource as _;

/// A person or bot as stored now.
#[derive(Debug, Clone)]
pub struct Person {
    /// Name.
    pub name: String,
    /// Identity that outlives re-creation.
    pub subject: String,
    /// Stored roles that exist, and those that access lists give now.
    pub roles: Vec<Role>,
    /// Traits.
    pub traits: Traits,
    /// Whether it is a bot.
    pub is_bot: bool,
    /// Whether a lock is in force on it or one of its roles.
    pub locked: bool,
    /// The access lists that give each of the roles that lists give, in words.
    pub by_lists: BTreeMap<String, Vec<String>>,
}

impl Person {
    /// As somebody who asks.
    pub fn requester(&self) -> Requester<'_> {
        Requester {
            user: &self.name,
            subject: &self.subject,
            roles: &self.roles,
            traits: &self.traits,
        }
    }

    /// As somebody who reviews with this certificate: a machine stays one, whatever became of its user's labels.
    pub fn reviewer_with<'a>(
        &'a self,
        certificate: &pki::Identity,
        impersonated: bool,
        sees: &'a [Pin],
    ) -> Reviewer<'a> {
        let reviewer = self.reviewer(impersonated, sees);
        Reviewer {
            voter: if certificate.bot_name.is_some() {
                Voter::Machine
            } else {
                reviewer.voter
            },
            ..reviewer
        }
    }

    /// As somebody who reviews, and to whom the requested roles look like `sees`.
    pub fn reviewer<'a>(&'a self, impersonated: bool, sees: &'a [Pin]) -> Reviewer<'a> {
        Reviewer {
            user: &self.name,
            subject: &self.subject,
            roles: &self.roles,
            traits: &self.traits,
            voter: if self.is_bot {
                Voter::Machine
            } else {
                Voter::Person
            },
            impersonated,
            locked: self.locked,
            sees,
        }
    }
}

/// The person called `name`; `None` if there is none.
pub async fn person(auth: &Auth, name: &str, now: Timestamp) -> Answer<Option<Person>> {
    person_among(auth, name, None, now).await
}

/// The same where many are looked at and the locks were read for all of them.
pub async fn person_among(
    auth: &Auth,
    name: &str,
    locks: Option<&locks::View>,
    now: Timestamp,
) -> Answer<Option<Person>> {
    let Some(user) = auth.state.user(name, now).await? else {
        return Ok(None);
    };
    let Some(subject) = auth
        .state
        .subject(name, now)
        .await?
        .filter(|subject| subject.value.ended.is_none())
    else {
        return Ok(None);
    };
    let mut roles = Vec::new();
    for role in roles_of(&user) {
        if let Some(role) = auth.state.role(role, now).await? {
            roles.push(Role::clone(&role));
        }
    }
    let lent = lent(&auth.state, &user, &subject.value, now).await?;
    roles.extend(lent.roles.iter().map(|role| Role::clone(role)));
    let lent_names = lent.roles.iter().map(|role| role.name.as_str());
    let targets = Targets {
        users: vec![name],
        roles: roles_of(&user)
            .iter()
            .map(String::as_str)
            .chain(lent_names)
            .collect(),
        ..Targets::default()
    };
    let locked = match locks {
        Some(locks) => locks.shuts_out(&targets, now),
        None => match locks::check(&auth.state, &targets, now).await {
            Ok(_) => false,
            Err(failure) if failure.class() == crate::failure::Class::AccessDenied => true,
            Err(failure) => return Err(failure),
        },
    };
    let is_bot = user
        .metadata()
        .is_some_and(|metadata| metadata.labels.contains_key("teleport.internal/bot"));
    Ok(Some(Person {
        name: name.to_owned(),
        subject: subject.value.id,
        roles,
        traits: lent.with_traits(convert::traits(
            user.spec.as_ref().and_then(|spec| spec.traits.as_ref()),
        )),
        is_bot,
        locked,
        by_lists: lent.by,
    }))
}

/// What rules say by themselves is said by a machine that may review everything.
fn rules_as_a_voter() -> Person {
    let mut role = Role::empty("@teleport-access-approver");
    role.allow.review_requests.roles = vec!["*".to_owned()];
    Person {
        name: REVIEWER.to_owned(),
        subject: String::new(),
        roles: vec![role],
        traits: Traits::new(),
        is_bot: true,
        locked: false,
        by_lists: BTreeMap::new(),
    }
}

/// The one called `name` as somebody who reviews. A bot reviews with the roles that its own role lets it take now; it
/// stays a machine all the same.
pub async fn voter(auth: &Auth, name: &str, now: Timestamp) -> Answer<Option<Person>> {
    if name == REVIEWER {
        return Ok(Some(rules_as_a_voter()));
    }
    let Some(mut found) = person(auth, name, now).await? else {
        return Ok(None);
    };
    if found.is_bot {
        let mut taken = Vec::new();
        for name in found.roles.iter().flat_map(|role| &role.allow.impersonate.roles) {
            // A pattern names no role: a bot's own role holds names.
            if let Some(role) = auth.state.role(name, now).await?
                && access::machine::may_take(
                    &crate::services::certificates::subject(&found),
                    std::slice::from_ref(&*role),
                )
            {
                taken.push(Role::clone(&role));
            }
        }
        found.roles.extend(taken);
    }
    Ok(Some(found))
}
