//! Access lists: people who have roles and traits for good, put there by the owners of the list, and reviewed from time to
//! time.
//!
//! `access::list` decides who has a place; [`lent()`] asks it for every call and every decision. Here lists, members and
//! reviews are read and changed.
//!
//! | who | may |
//! | --- | --- |
//! | roles with rules for `access_list` | what their verbs say, with any list |
//! | owners of a list | read it, add and remove its members, review it; never make themselves members |
//! | members | read the list and their own membership |
//!
//! A change names who made it; what was there before, who added whom and since when is the server's to say.

mod check;
mod lent;
pub mod members;
pub mod read;
pub mod reviews;
pub mod standing;
pub mod write;

use wire::convert;
use wire::pb::teleport::accesslist::v1 as pb;

pub use lent::{Lent, lent, tell_skipped};

use crate::audit::lists::{About, Deed, MemberFacts, failed};
use crate::auth::Auth;
use crate::call::Call;
use crate::failure::{Answer, Failure};
use crate::moment;
use crate::state::access_lists::Headed;

/// The kind, as rules of roles call it.
pub const KIND: &str = "access_list";
/// The label that a bot's user carries.
const BOT_LABEL: &str = "teleport.internal/bot";

/// What clients are told of a list that is not there.
pub fn missing(name: &str) -> Failure {
    Failure::not_found(format!("access list {name:?} not found"))
}

fn missing_member(list: &str, member: &str) -> Failure {
    Failure::not_found(format!("access list {list:?} has no member {member:?}"))
}

/// A list as records name it.
pub fn about(list: &pb::AccessList) -> About<'_> {
    About {
        name: list.name(),
        title: list.spec.as_ref().map_or("", |spec| spec.title.as_str()),
        ends: list.ends(),
    }
}

/// A member as records name it.
pub fn facts(member: &pb::Member) -> MemberFacts<'_> {
    static NOTHING: pb::MemberSpec = pb::MemberSpec {
        access_list: String::new(),
        name: String::new(),
        joined: None,
        expires: None,
        reason: String::new(),
        added_by: String::new(),
        ineligible_status: 0,
        membership_kind: 0,
    };
    let spec = member.spec.as_ref().unwrap_or(&NOTHING);
    MemberFacts {
        name: &spec.name,
        kind: match convert::membership_kind(spec.membership_kind) {
            access::list::Kind::User => "MEMBERSHIP_KIND_USER",
            access::list::Kind::List => "MEMBERSHIP_KIND_LIST",
        },
        joined: moment::read_option(spec.joined.as_ref()),
        removed: None,
        expires: moment::read_option(spec.expires.as_ref()),
        reason: &spec.reason,
    }
}

/// Passes an answer on; what failed is recorded, as far as the caller may fill the record with it.
async fn noted<T>(auth: &Auth, call: &Call, deed: Deed, list: &str, answer: Answer<T>) -> Answer<T> {
    if let Err(failure) = &answer
        && call.caller.require_certificate().is_ok()
        && auth.limits.refusal(call)
    {
        let name = crate::names::bounded(list);
        let about = About {
            name: &name,
            ..About::default()
        };
        let event = failed(call.actor(), deed, about, failure.message());
        if let Err(error) = auth.state.tell(call.now, &call.actor().user, event).await {
            tracing::warn!(%error, "a failed change of an access list could not be recorded");
        }
    }
    answer
}
