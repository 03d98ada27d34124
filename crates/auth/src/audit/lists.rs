//! Access lists: made, changed, deleted, reviewed; members put in and taken out.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Actor, Event, moment_text};

/// What was done to a list or to members of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Deed {
    Created,
    Updated,
    Deleted,
    Reviewed,
    MemberAdded,
    MemberUpdated,
    MemberRemoved,
    AllMembersRemoved,
}

impl Deed {
    /// The type of its event, and the codes of what was done and of what failed.
    fn code(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Created => ("access_list.create", "TAL001I", "TAL001E"),
            Self::Updated => ("access_list.update", "TAL002I", "TAL002E"),
            Self::Deleted => ("access_list.delete", "TAL003I", "TAL003E"),
            Self::Reviewed => ("access_list.review", "TAL004I", "TAL004E"),
            Self::MemberAdded => ("access_list.member.create", "TAL005I", "TAL005E"),
            Self::MemberUpdated => ("access_list.member.update", "TAL006I", "TAL006E"),
            Self::MemberRemoved => ("access_list.member.delete", "TAL007I", "TAL007E"),
            Self::AllMembersRemoved => (
                "access_list.member.delete_all_for_access_list",
                "TAL008I",
                "TAL008E",
            ),
        }
    }
}

/// A list as records name it.
#[derive(Debug, Clone, Copy, Default)]
pub struct About<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its title.
    pub title: &'a str,
    /// When it ends.
    pub ends: Option<Timestamp>,
}

/// A member as records name it.
#[derive(Debug, Clone, Copy)]
pub struct MemberFacts<'a> {
    /// User or list.
    pub name: &'a str,
    /// `user` or `list`.
    pub kind: &'a str,
    /// Since when.
    pub joined: Option<Timestamp>,
    /// When it was taken out, if it was.
    pub removed: Option<Timestamp>,
    /// Until when.
    pub expires: Option<Timestamp>,
    /// Why.
    pub reason: &'a str,
}

impl MemberFacts<'_> {
    fn told(&self) -> Value {
        json!({
            "joined_on": moment_text(self.joined),
            "removed_on": moment_text(self.removed),
            "expires": moment_text(self.expires),
            "reason": self.reason,
            "member_name": self.name,
            "membership_kind": self.kind,
        })
    }
}

fn begun(name: &'static str, code: &'static str, actor: &Actor, list: About<'_>) -> Event {
    Event::new(name, code)
        .actor(actor)
        .resource(list.name, list.ends)
        .text("updated_by", &actor.user)
        .text("access_list_title", list.title)
}

/// Something was done to a list.
pub fn done(actor: &Actor, deed: Deed, list: About<'_>) -> Event {
    let (name, code, _) = deed.code();
    begun(name, code, actor, list).with("success", true).remote(actor)
}

/// Members were put in, changed or taken out.
pub fn members(actor: &Actor, deed: Deed, list: About<'_>, members: &[MemberFacts<'_>]) -> Event {
    let (name, code, _) = deed.code();
    let told: Vec<Value> = members.iter().map(MemberFacts::told).collect();
    begun(name, code, actor, list)
        .text("access_list_name", list.name)
        .with("members", told)
        .with("success", true)
        .remote(actor)
}

/// What a review of a list says and changes.
#[derive(Debug, Clone, Default)]
pub struct ReviewFacts {
    /// Its id.
    pub id: String,
    /// Its text.
    pub notes: String,
    /// When the next one is due.
    pub next: Option<Timestamp>,
    /// Roles that members must hold from now on, where that changed.
    pub roles: Option<Vec<String>>,
    /// Traits that members must have from now on, where that changed.
    pub traits: Option<Value>,
    /// Months between reviews, where that changed.
    pub frequency: Option<String>,
    /// The day they are due on, where that changed.
    pub day: Option<String>,
    /// Members taken out by it.
    pub removed: Vec<String>,
}

/// A list was reviewed.
pub fn reviewed(actor: &Actor, list: About<'_>, review: &ReviewFacts) -> Event {
    let (name, code, _) = Deed::Reviewed.code();
    let mut event = begun(name, code, actor, list)
        .with("review_id", review.id.as_str())
        .text("message", &review.notes)
        .text(
            "review_frequency_changed",
            review.frequency.as_deref().unwrap_or_default(),
        )
        .text(
            "review_day_of_month_changed",
            review.day.as_deref().unwrap_or_default(),
        )
        .list("removed_members", &review.removed)
        .moment("next_audit_date", review.next);
    if review.roles.is_some() || review.traits.is_some() {
        event = event.with(
            "membership_requirements_changed",
            json!({"roles": review.roles, "traits": review.traits}),
        );
    }
    event.with("success", true).remote(actor)
}

/// Something was refused or went wrong.
pub fn failed(actor: &Actor, deed: Deed, list: About<'_>, error: &str) -> Event {
    let (name, _, code) = deed.code();
    begun(name, code, actor, list)
        .with("success", false)
        .with("error", error)
        .remote(actor)
}

/// A list gave somebody nothing at sign-in, because roles of it are gone.
pub fn skipped(actor: &Actor, user: &str, list: &str, missing: &[String]) -> Event {
    Event::new("user_login.invalid_access_list", "TAL009W")
        .actor(&actor.acting_for(user))
        .with("access_list_name", list)
        .list("missing_roles", missing)
        .remote(actor)
}
