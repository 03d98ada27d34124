//! Access lists: who has roles and traits because a list says so.
//!
//! A list gives its members one set of roles and traits and its owners another. Members and owners are users or other lists:
//! the members of a list that is a member are members, the members of a list that is an owner are owners. Nobody has a place
//! who does not meet what the list requires, and a membership that has ended is none.
//!
//! What a list requires has to be met by what a user holds **in person**: what another list gives does not count, so that
//! no order of lists matters. A list never gives a role it cannot give whole: if one of its roles is gone, it gives nothing.
//!
//! Here is only decided; which lists there are, the caller has read. See [`nest`] for what may be put into what, and
//! [`schedule`] for when a list is due for review.

pub mod nest;
pub mod schedule;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use jiff::Timestamp;

use crate::role::Traits;

/// Most lists between a person and the outermost list.
pub const DEPTH_MAX: usize = 10;

/// What a member or an owner is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A user.
    User,
    /// All members of another list.
    List,
}

/// A part that somebody has in a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// Has what the list gives.
    Member,
    /// May add and remove members and reviews the list.
    Owner,
}

impl Part {
    /// In a sentence: `member`, `owner`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Member => "member",
            Self::Owner => "owner",
        }
    }
}

/// What somebody must hold in person.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Requires {
    /// All of these roles.
    pub roles: Vec<String>,
    /// Of each of these traits all of these values.
    pub traits: Traits,
}

/// What a list gives.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Grants {
    /// Roles.
    pub roles: Vec<String>,
    /// Traits, added to those a user has.
    pub traits: Traits,
}

impl Grants {
    /// Whether it gives nothing at all.
    pub fn is_empty(&self) -> bool {
        self.roles.is_empty() && self.traits.is_empty()
    }
}

/// An owner as the list names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// User or list.
    pub name: String,
    /// Which of the two.
    pub kind: Kind,
}

/// A list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct List {
    /// Its name, which nothing else has.
    pub name: String,
    /// What people call it.
    pub title: String,
    /// Its owners.
    pub owners: Vec<Owner>,
    /// What its members must hold.
    pub membership_requires: Requires,
    /// What its owners must hold.
    pub ownership_requires: Requires,
    /// What its members get.
    pub grants: Grants,
    /// What its owners get.
    pub owner_grants: Grants,
}

impl List {
    /// What it gives to whoever has this part.
    pub fn gives(&self, part: Part) -> &Grants {
        match part {
            Part::Member => &self.grants,
            Part::Owner => &self.owner_grants,
        }
    }

    /// What it asks of whoever is to have this part.
    pub fn asks(&self, part: Part) -> &Requires {
        match part {
            Part::Member => &self.membership_requires,
            Part::Owner => &self.ownership_requires,
        }
    }
}

/// A member of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// User or list.
    pub name: String,
    /// Which of the two.
    pub kind: Kind,
    /// When the membership ends.
    pub expires: Option<Timestamp>,
}

impl Member {
    /// Whether the membership has not ended.
    pub fn is_current(&self, now: Timestamp) -> bool {
        self.expires.is_none_or(|expires| now < expires)
    }
}

/// What somebody holds in person.
#[derive(Debug, Clone, Copy)]
pub struct Person<'a> {
    /// User name.
    pub name: &'a str,
    /// Roles of the user resource.
    pub roles: &'a [String],
    /// Traits of the user resource.
    pub traits: &'a Traits,
}

impl Person<'_> {
    /// Whether this person meets what a list asks.
    pub fn meets(&self, requires: &Requires) -> bool {
        let has_role = |role: &String| self.roles.contains(role);
        let has_trait = |(name, values): (&String, &Vec<String>)| {
            let own = self.traits.get(name);
            values
                .iter()
                .all(|value| own.is_some_and(|own| own.contains(value)))
        };
        requires.roles.iter().all(has_role) && requires.traits.iter().all(has_trait)
    }
}

/// A place that somebody has in a list.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Name of the list.
    pub list: String,
    /// As what.
    pub part: Part,
    /// The lists in between, the one that names the person first; none if the list itself names the person.
    pub through: Vec<String>,
}

/// Lists with their members, as far as they were read.
#[derive(Debug, Clone, Default)]
pub struct Book {
    /// By name.
    pub lists: BTreeMap<String, List>,
    /// Members by the name of the list.
    pub members: BTreeMap<String, Vec<Member>>,
}

impl Book {
    /// The title of a list; its name if it is not in the book.
    pub fn title<'a>(&'a self, name: &'a str) -> &'a str {
        self.lists.get(name).map_or(name, |list| list.title.as_str())
    }

    /// Names of the lists that name `who` as a member whose time is not over.
    fn lists_with<'a>(
        &'a self,
        who: &'a str,
        kind: Kind,
        now: Timestamp,
    ) -> impl Iterator<Item = &'a List> + 'a {
        self.members.iter().filter_map(move |(list, members)| {
            let named = members
                .iter()
                .any(|member| member.kind == kind && member.name == who && member.is_current(now));
            named.then(|| self.lists.get(list)).flatten()
        })
    }

    /// The places of `person` in all lists of the book, at `now`: one for each list and part, the shortest way to it.
    ///
    /// Ends for every book, also one with lists that contain each other.
    pub fn places(&self, person: &Person<'_>, now: Timestamp) -> Vec<Place> {
        let mut memberships: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        let mut open: VecDeque<&str> = VecDeque::new();
        for list in self.lists_with(person.name, Kind::User, now) {
            if person.meets(&list.membership_requires) {
                memberships.insert(&list.name, Vec::new());
                open.push_back(&list.name);
            }
        }
        while let Some(inner) = open.pop_front() {
            let mut through = memberships.get(inner).cloned().unwrap_or_default();
            through.push(inner.to_owned());
            if through.len() > DEPTH_MAX {
                continue;
            }
            for outer in self.lists_with(inner, Kind::List, now) {
                if !memberships.contains_key(outer.name.as_str()) && person.meets(&outer.membership_requires)
                {
                    memberships.insert(&outer.name, through.clone());
                    open.push_back(&outer.name);
                }
            }
        }
        let mut places: Vec<Place> = Vec::new();
        for list in self.lists.values() {
            let shortest = list.owners.iter().filter_map(|owner| match owner.kind {
                Kind::User => (owner.name == person.name).then(Vec::new),
                Kind::List => memberships.get(owner.name.as_str()).map(|through| {
                    let mut through = through.clone();
                    through.push(owner.name.clone());
                    through
                }),
            });
            let shortest = shortest.min_by_key(Vec::len);
            if let Some(through) = shortest.filter(|_| person.meets(&list.ownership_requires)) {
                places.push(Place {
                    list: list.name.clone(),
                    part: Part::Owner,
                    through,
                });
            }
        }
        places.extend(memberships.into_iter().map(|(list, through)| Place {
            list: list.to_owned(),
            part: Part::Member,
            through,
        }));
        places.sort();
        places
    }

    /// What those places give. `exists` says whether there is a role of a name.
    pub fn granted(&self, places: &[Place], exists: &dyn Fn(&str) -> bool) -> Granted {
        let mut granted = Granted::default();
        for place in places {
            let Some(list) = self.lists.get(&place.list) else {
                continue;
            };
            let given = list.gives(place.part);
            let missing: Vec<String> = given.roles.iter().filter(|role| !exists(role)).cloned().collect();
            if !missing.is_empty() {
                granted.skipped.push(Skipped {
                    list: list.name.clone(),
                    forbidding: given.roles.iter().filter(|role| exists(role)).cloned().collect(),
                    missing,
                });
                continue;
            }
            for role in &given.roles {
                granted.roles.entry(role.clone()).or_default().push(place.clone());
            }
            for (name, values) in &given.traits {
                let own = granted.traits.entry(name.clone()).or_default();
                own.extend(values.iter().cloned());
            }
        }
        for values in granted.traits.values_mut() {
            values.sort();
            values.dedup();
        }
        granted
    }

    /// Everybody whom the members of `list` name in the end, each once; users that do not exist among them.
    pub fn users_of(&self, list: &str, now: Timestamp) -> BTreeSet<String> {
        let mut users = BTreeSet::new();
        let mut seen = BTreeSet::from([list]);
        let mut open = vec![list];
        while let Some(list) = open.pop() {
            let members = self.members.get(list).into_iter().flatten();
            for member in members.filter(|member| member.is_current(now)) {
                match member.kind {
                    Kind::User => {
                        users.insert(member.name.clone());
                    }
                    Kind::List => {
                        if seen.insert(&member.name) {
                            open.push(&member.name);
                        }
                    }
                }
            }
        }
        users
    }
}

/// What lists give to one person.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Granted {
    /// Roles, each with the places that give it.
    pub roles: BTreeMap<String, Vec<Place>>,
    /// Traits, sorted and without doubles.
    pub traits: Traits,
    /// Lists that give nothing, because a role of theirs is gone.
    pub skipped: Vec<Skipped>,
}

/// A list that gives nothing, because a role of it is gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// Its name.
    pub list: String,
    /// The roles that are gone.
    pub missing: Vec<String>,
    /// Its other roles: they allow nothing, and what they forbid stays forbidden.
    pub forbidding: Vec<String>,
}

/// Whether a member or an owner has the part that a list names them for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Eligibility {
    /// Has it.
    Eligible,
    /// There is no such user or list.
    Missing,
    /// Does not hold what the list requires.
    Unmet,
    /// The membership has ended.
    Expired,
}

/// Whether a user named as a member or owner has that part; `person` is the user if there is one.
///
/// `expires` is the end of a membership.
pub fn eligibility(
    person: Option<&Person<'_>>,
    requires: &Requires,
    expires: Option<Timestamp>,
    now: Timestamp,
) -> Eligibility {
    if expires.is_some_and(|expires| expires <= now) {
        return Eligibility::Expired;
    }
    match person {
        None => Eligibility::Missing,
        Some(person) if !person.meets(requires) => Eligibility::Unmet,
        Some(_) => Eligibility::Eligible,
    }
}

#[cfg(test)]
mod tests;
