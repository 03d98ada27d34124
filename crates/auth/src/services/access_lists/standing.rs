//! What a caller is to a list, as things stand now: by a rule of a role, as an owner, as a member.

use access::list::{Part, Person, Place};
use wire::convert;

use super::KIND;
use crate::auth::Auth;
use crate::authorize::verdict;
use crate::call::Call;
use crate::failure::{Answer, Failure};
use crate::services::users::roles_of;

/// The caller's places in lists.
#[derive(Debug, Default)]
pub struct Standing {
    places: Vec<Place>,
    /// Name of the user; empty for parts of the cluster.
    user: String,
}

impl Standing {
    /// Of the caller now. Whoever acts in somebody's name, and a machine, has no place.
    pub async fn of(auth: &Auth, call: &Call) -> Answer<Self> {
        let Some(caller) = call.caller.user() else {
            return Ok(Self::default());
        };
        let user = caller.name().to_owned();
        if caller.is_impersonated() || caller.is_bot() {
            return Ok(Self {
                user,
                ..Self::default()
            });
        }
        let ended = caller.subject.namesake_until;
        let book = auth.state.book_about(&user, ended, call.now).await?;
        let spec = caller.user.spec.as_ref();
        let traits = convert::traits(spec.and_then(|spec| spec.traits.as_ref()));
        let person = Person {
            name: &user,
            roles: roles_of(&caller.user),
            traits: &traits,
        };
        Ok(Self {
            places: book.places(&person, call.now),
            user,
        })
    }

    /// The place as `part` of `list`.
    pub fn place(&self, list: &str, part: Part) -> Option<&Place> {
        self.places
            .iter()
            .find(|place| place.list == list && place.part == part)
    }

    /// Whether the caller owns `list`.
    pub fn owns(&self, list: &str) -> bool {
        self.place(list, Part::Owner).is_some()
    }

    /// Whether the caller is a member of `list`.
    pub fn is_in(&self, list: &str) -> bool {
        self.place(list, Part::Member).is_some()
    }

    /// The lists in which the caller has any place.
    pub fn lists(&self) -> impl Iterator<Item = &str> {
        self.places.iter().map(|place| place.list.as_str())
    }

    /// The user, empty for parts of the cluster.
    pub fn user(&self) -> &str {
        &self.user
    }
}

/// Whether a rule lets the caller do all of `verbs` with any list.
pub fn has_verbs(call: &Call, verbs: &[&str]) -> bool {
    verbs
        .iter()
        .all(|verb| verdict(&call.caller, KIND, verb, None).allows())
}

/// By what somebody may change the members of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// A rule of a role.
    Rule,
    /// Being an owner.
    Ownership,
}

/// Whether the caller may change members of `list` and review it, and by what.
///
/// What a role forbids explicitly is forbidden to owners too.
pub fn may_manage(call: &Call, standing: &Standing, list: &str) -> Answer<By> {
    crate::authorize::refuse_explicit(&call.caller, KIND, "update")?;
    if has_verbs(call, &["update"]) {
        return Ok(By::Rule);
    }
    if standing.owns(list) {
        return Ok(By::Ownership);
    }
    Err(Failure::access_denied(access::rbac::refusal(KIND, "update")))
}

/// Whether the caller may read `list`: by a rule, or having a place in it.
pub fn may_read(call: &Call, standing: &Standing, list: &str) -> Answer<()> {
    crate::authorize::refuse_explicit(&call.caller, KIND, "read")?;
    if has_verbs(call, &["read"]) || standing.lists().any(|own| own == list) {
        return Ok(());
    }
    Err(Failure::access_denied(access::rbac::refusal(KIND, "read")))
}
