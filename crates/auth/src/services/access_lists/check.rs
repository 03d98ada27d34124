//! What must be true of a list or a member before it is stored, and what is filled in.

use std::collections::BTreeSet;

use access::list::nest::may_nest;
use access::list::schedule::{self, NOTICE_DEFAULT};
use access::list::{Book, Kind, Part};
use jiff::Timestamp;
use wire::convert;
use wire::pb::teleport::accesslist::v1 as pb;
use wire::pb::teleport::header::v1::ResourceHeader;
use wire::pb::types;

use super::{BOT_LABEL, KIND, missing};
use crate::auth::Auth;
use crate::call::Call;
use crate::failure::{Answer, Failure};
use crate::moment;
use crate::names;
use crate::state::access_lists::{AccessList, Headed as _, Member};
use crate::state::resource::Resource as _;

/// Longest text of a list, a member or a review, in bytes.
pub const TEXT_BYTES_MAX: usize = 4096;
/// Most owners of a list.
pub const OWNERS_MAX: usize = 100;
/// Most roles, and most traits, that a list gives or asks for.
const ROLES_MAX: usize = 100;
/// Most values of a trait.
const VALUES_MAX: usize = 100;

/// A list as a client sent it, checked and filled in; warnings go into the call. `before` is what is stored.
pub async fn list(
    auth: &Auth,
    call: &Call,
    sent: Option<AccessList>,
    before: Option<&pb::AccessList>,
) -> Answer<AccessList> {
    let mut list = sent.ok_or_else(|| Failure::bad_parameter("missing parameter access_list"))?;
    let fresh = || auth.chance.uuid();
    header(list.header_mut(), KIND, fresh)?;
    names::check_resource("access list", list.name())?;
    let name = list.name().to_owned();
    list.status = None;
    let spec = list.spec.get_or_insert_default();
    if spec.title.trim().is_empty() {
        return Err(Failure::bad_parameter("access list title required"));
    }
    names::check_mentioned("the title of the access list", &spec.title)?;
    check_text("description", &spec.description)?;
    check_owners(auth, call, &name, &mut spec.owners).await?;
    for (what, requires) in [
        ("membership_requires", &spec.membership_requires),
        ("ownership_requires", &spec.ownership_requires),
    ] {
        let Some(requires) = requires else { continue };
        set(what, &requires.roles, &convert::pairs(&requires.traits))?;
        for role in &requires.roles {
            if auth.state.role(role, call.now).await?.is_none() {
                return Err(Failure::not_found(format!("role {role} is not found")));
            }
        }
    }
    for (what, grants) in [("grants", &spec.grants), ("owner_grants", &spec.owner_grants)] {
        let Some(grants) = grants else { continue };
        set(what, &grants.roles, &convert::pairs(&grants.traits))?;
        for role in &grants.roles {
            if auth.state.role(role, call.now).await?.is_none() {
                call.warn(format!(
                    "role {role:?} does not exist: until it does, the access list {:?} gives nothing to {}",
                    spec.title,
                    if what == "grants" {
                        "its members"
                    } else {
                        "its owners"
                    }
                ));
            }
        }
    }
    let stored = before.and_then(|before| before.spec.as_ref()?.audit);
    audit(spec.audit.get_or_insert_default(), stored, call.now)?;
    Ok(list)
}

/// Fills in kind, version and name, and refuses others.
pub fn header(header: &mut ResourceHeader, kind: &str, name: impl FnOnce() -> String) -> Answer<()> {
    if !matches!(header.kind.as_str(), "") && header.kind != kind {
        return Err(Failure::bad_parameter(format!(
            "resource is of kind {:?}, not {kind:?}",
            header.kind
        )));
    }
    if !matches!(header.version.as_str(), "" | "v1") {
        return Err(Failure::bad_parameter(format!(
            "{kind} version {:?} is not supported",
            header.version
        )));
    }
    kind.clone_into(&mut header.kind);
    "v1".clone_into(&mut header.version);
    let metadata = header.metadata.get_or_insert_default();
    metadata.namespace.clear();
    if metadata.name.is_empty() {
        metadata.name = name();
    }
    Ok(())
}

async fn check_owners(
    auth: &Auth,
    call: &Call,
    list: &str,
    owners: &mut Vec<pb::AccessListOwner>,
) -> Answer<()> {
    if owners.is_empty() {
        return Err(Failure::bad_parameter("owners are missing"));
    }
    let mut seen = BTreeSet::new();
    owners.retain(|owner| seen.insert(owner.name.clone()));
    if owners.len() > OWNERS_MAX {
        return Err(Failure::bad_parameter(format!(
            "an access list has at most {OWNERS_MAX} owners, not {}",
            owners.len()
        )));
    }
    for owner in owners {
        if owner.name.is_empty() {
            return Err(Failure::bad_parameter("owner name is missing"));
        }
        check_text("description of an owner", &owner.description)?;
        owner.ineligible_status = 0;
        let kind = known_kind(owner.membership_kind)?;
        owner.membership_kind = convert::membership_kind_number(kind);
        check_who(auth, call, kind, &owner.name).await?;
        if kind == Kind::List {
            let mut book = auth.state.whole_book(call.now).await?;
            book.lists.entry(list.to_owned()).or_default().name = list.to_owned();
            nested(&book, &owner.name, list, Part::Owner)?;
        }
    }
    Ok(())
}

/// A member as a client sent it, checked and filled in. `before` is the member of that name that is there.
pub async fn member(
    auth: &Auth,
    call: &Call,
    mut member: Member,
    before: Option<&pb::Member>,
) -> Answer<Member> {
    let spec = member.spec.get_or_insert_default();
    if spec.access_list.is_empty() {
        return Err(Failure::bad_parameter("access list is missing"));
    }
    if spec.name.is_empty() {
        return Err(Failure::bad_parameter("member name is missing"));
    }
    let name = spec.name.clone();
    check_text("reason", &spec.reason)?;
    let kind = known_kind(spec.membership_kind)?;
    spec.membership_kind = convert::membership_kind_number(kind);
    spec.ineligible_status = 0;
    let earlier = before.and_then(|before| before.spec.as_ref());
    let joined = earlier.and_then(|earlier| earlier.joined);
    spec.joined = Some(joined.unwrap_or_else(|| moment::write(call.now)));
    spec.added_by = match earlier {
        Some(earlier) => earlier.added_by.clone(),
        None => call.caller.short_name().to_owned(),
    };
    if let Some(expires) = moment::read_option(spec.expires.as_ref())
        && expires <= call.now
    {
        return Err(Failure::bad_parameter(format!(
            "the membership would have ended at {expires}; the end must be in the future"
        )));
    }
    check_who(auth, call, kind, &name).await?;
    let fallback = name.clone();
    header(member.header_mut(), "access_list_member", || fallback)?;
    if member.name() != name {
        return Err(Failure::bad_parameter(format!(
            "the member is called {:?} in its metadata and {name:?} in its specification",
            member.name()
        )));
    }
    Ok(member)
}

/// Refuses what no member or owner can be; warns of a user who is not there.
async fn check_who(auth: &Auth, call: &Call, kind: Kind, name: &str) -> Answer<()> {
    match kind {
        Kind::List => {
            if auth.state.access_list(name, call.now).await?.is_none() {
                return Err(missing(name));
            }
        }
        Kind::User => {
            names::check_user(name)?;
            match auth.state.user(name, call.now).await? {
                None => call.warn(format!(
                    "user {name:?} does not exist: the place in the list is kept, and counts once there is such a user"
                )),
                Some(user) => {
                    let labels = user.metadata().map(|metadata| &metadata.labels);
                    if labels.is_some_and(|labels| labels.contains_key(BOT_LABEL)) {
                        return Err(Failure::bad_parameter(format!(
                            "{name:?} is a bot; access lists are for people"
                        )));
                    }
                }
            }
        }
    }
    Ok(())
}

/// Refuses circles and chains that are too long.
pub fn nested(book: &Book, child: &str, parent: &str, part: Part) -> Answer<()> {
    may_nest(book, child, parent, part).map_err(|error| Failure::bad_parameter(error.to_string()))
}

fn known_kind(number: i32) -> Answer<Kind> {
    match pb::MembershipKind::try_from(number) {
        Ok(_) => Ok(convert::membership_kind(number)),
        Err(_) => Err(Failure::bad_parameter(format!(
            "unknown membership kind {number}"
        ))),
    }
}

pub(super) fn set(what: &str, roles: &[String], traits: &access::Traits) -> Answer<()> {
    if roles.len() > ROLES_MAX || traits.len() > ROLES_MAX {
        return Err(Failure::bad_parameter(format!(
            "{what} of an access list names more than {ROLES_MAX} roles or traits"
        )));
    }
    for role in roles {
        names::check_role(role)?;
    }
    for (name, values) in traits {
        if name.is_empty() || values.is_empty() || values.len() > VALUES_MAX {
            return Err(Failure::bad_parameter(format!(
                "{what} of an access list needs a name and 1 to {VALUES_MAX} values for each trait"
            )));
        }
        for text in std::iter::once(name).chain(values) {
            names::check_mentioned(what, text)?;
        }
    }
    Ok(())
}

/// Refuses a text that is too long.
pub fn check_text(what: &str, text: &str) -> Answer<()> {
    if text.len() > TEXT_BYTES_MAX {
        return Err(Failure::bad_parameter(format!(
            "{what} is too long, max {TEXT_BYTES_MAX} bytes"
        )));
    }
    Ok(())
}

/// Fills in the schedule; a list keeps its date as long as nobody sets another one.
fn audit(audit: &mut pb::AccessListAudit, stored: Option<pb::AccessListAudit>, now: Timestamp) -> Answer<()> {
    let recurrence = audit.recurrence.get_or_insert_default();
    check_recurrence(recurrence.frequency, recurrence.day_of_month)?;
    let (months, day) = convert::recurrence(Some(recurrence));
    recurrence.frequency = i32::try_from(months).unwrap_or_default();
    if recurrence.day_of_month == 0 {
        recurrence.day_of_month = pb::ReviewDayOfMonth::First.into();
    }
    if audit.next_audit_date.is_none() {
        let kept = stored.and_then(|stored| stored.next_audit_date);
        let due = schedule::next(now, months, day);
        audit.next_audit_date = Some(kept.unwrap_or_else(|| moment::write(due)));
    }
    let notifications = audit.notifications.get_or_insert_default();
    let unset = notifications
        .start
        .is_none_or(|start| start.seconds == 0 && start.nanos == 0);
    if unset {
        notifications.start = Some(prost_types::Duration {
            seconds: NOTICE_DEFAULT.as_secs(),
            nanos: 0,
        });
    }
    Ok(())
}

/// Refuses another rhythm than there is.
pub fn check_recurrence(frequency: i32, day: i32) -> Answer<()> {
    if pb::ReviewFrequency::try_from(frequency).is_err() {
        return Err(Failure::bad_parameter(format!(
            "an access list is reviewed every 1, 3, 6 or 12 months, not every {frequency}"
        )));
    }
    if pb::ReviewDayOfMonth::try_from(day).is_err() {
        return Err(Failure::bad_parameter(format!(
            "an access list is reviewed on day 1, 15 or the last (31) of a month, not on day {day}"
        )));
    }
    Ok(())
}

/// Whether a user is there; machines are not, for lists.
pub async fn person_there(
    auth: &Auth,
    name: &str,
    now: Timestamp,
) -> Answer<Option<std::sync::Arc<wire::keep::Kept<types::UserV2>>>> {
    let found = auth.state.user(name, now).await?;
    Ok(found.filter(|user| {
        !user
            .metadata()
            .is_some_and(|metadata| metadata.labels.contains_key(BOT_LABEL))
    }))
}
