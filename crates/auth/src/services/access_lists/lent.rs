//! What access lists give to a user at this moment: read for every call and every decision, like the user's own roles.
//!
//! A role that a list gives is held for good as long as the list gives it: it counts for asking and for reviewing. What a
//! certificate does not carry it does not gain by this. Machines get nothing from lists.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use access::list::{Part, Person, Place};
use access::{Role, Traits};
use jiff::Timestamp;
use wire::convert;
use wire::pb::types;

use crate::audit::lists::skipped;
use crate::auth::Auth;
use crate::call::Call;
use crate::failure::Answer;
use crate::services::users::roles_of;
use crate::state::people::Subject;
use crate::state::{Change, State};

/// What lists give to one user.
#[derive(Debug, Clone, Default)]
pub struct Lent {
    /// Roles that the user does not hold in person.
    pub roles: Vec<Arc<Role>>,
    /// The lists that give each of them, by their titles, as people read it.
    pub by: BTreeMap<String, Vec<String>>,
    /// Traits.
    pub traits: Traits,
    /// Roles of lists that give nothing because another role of theirs is gone: what they forbid is forbidden.
    pub forbidding: Vec<Arc<Role>>,
    /// Those lists with the roles that are gone.
    pub skipped: Vec<(String, Vec<String>)>,
}

impl Lent {
    /// The user's traits with those that lists add.
    pub fn with_traits(&self, mut own: Traits) -> Traits {
        for (name, values) in &self.traits {
            let known = own.entry(name.clone()).or_default();
            for value in values {
                if !known.contains(value) {
                    known.push(value.clone());
                }
            }
        }
        own
    }
}

/// Records beside a sign-in which lists give the user nothing, because roles of them are gone.
pub async fn tell_skipped(auth: &Auth, call: &Call, user: &str, change: Change) -> Answer<Change> {
    let found = auth.state.user(user, call.now).await?;
    let subject = auth.state.subject(user, call.now).await?;
    let Some((found, subject)) = found.zip(subject) else {
        return Ok(change);
    };
    let lent = lent(&auth.state, &found, &subject.value, call.now).await?;
    Ok(lent.skipped.iter().fold(change, |change, (list, missing)| {
        change.telling(user, skipped(call.actor(), user, list, missing))
    }))
}

/// What lists give to `user`, who is `subject`.
pub async fn lent(state: &State, user: &types::UserV2, subject: &Subject, now: Timestamp) -> Answer<Lent> {
    let Some(metadata) = &user.metadata else {
        return Ok(Lent::default());
    };
    if metadata.labels.contains_key(super::BOT_LABEL) {
        return Ok(Lent::default());
    }
    let book = state
        .book_about(&metadata.name, subject.namesake_until, now)
        .await?;
    if book.lists.is_empty() {
        return Ok(Lent::default());
    }
    let own = convert::traits(user.spec.as_ref().and_then(|spec| spec.traits.as_ref()));
    let held = roles_of(user);
    let person = Person {
        name: &metadata.name,
        roles: held,
        traits: &own,
    };
    let places = book.places(&person, now);
    let named: BTreeSet<&String> = places
        .iter()
        .filter_map(|place| Some(&book.lists.get(&place.list)?.gives(place.part).roles))
        .flatten()
        .collect();
    let mut roles = BTreeMap::new();
    for name in named {
        if let Some(role) = state.role(name, now).await? {
            roles.insert(name.clone(), role);
        }
    }
    let granted = book.granted(&places, &|name| roles.contains_key(name));
    let role = |name: &String| roles.get(name).cloned();
    let words = |place: &Place| {
        let title = book.title(&place.list);
        match place.part {
            Part::Member => title.to_owned(),
            Part::Owner => format!("{title} (as an owner)"),
        }
    };
    Ok(Lent {
        roles: granted
            .roles
            .keys()
            .filter(|name| !held.contains(name))
            .filter_map(role)
            .collect(),
        by: granted
            .roles
            .iter()
            .map(|(name, places)| (name.clone(), places.iter().map(words).collect()))
            .collect(),
        forbidding: granted
            .skipped
            .iter()
            .flat_map(|skipped| &skipped.forbidding)
            .filter_map(role)
            .collect(),
        skipped: granted
            .skipped
            .into_iter()
            .map(|skipped| (skipped.list, skipped.missing))
            .collect(),
        traits: granted.traits,
    })
}
