//! Access requests: asking, reviewing, setting, deleting, reading. `access` decides; here is read what it decides on,
//! and written what it decided, in one commit with its record.

pub mod capabilities;
mod catalogue;
pub mod create;
pub mod delete;
mod desk;
pub mod explain;
pub mod list;
mod offer;
mod people;
mod possible;
pub mod promote;
mod prospect;
pub mod review;
pub mod set_state;
pub mod sweep;
mod turns;
pub mod votes;
pub mod withdraw;

use access::rbac::Verdict;
use access::request::visibility::{Viewer, may_see};
use access::request::{Request, ReviewRights};
use jiff::Timestamp;
use store::Require;
use wire::keep::Kept;
use wire::pb::types;

pub use catalogue::Catalogue;
pub use desk::Desks;
pub use people::{Person, person, voter};
pub use review::Ballot;
pub use turns::Turns;

use crate::auth::Auth;
use crate::authorize::verdict;
use crate::call::Call;
use crate::failure::{Answer, Class, Failure};
use crate::state::resource::Resource as _;
use crate::state::{Change, access_lists};

/// A decision's refusal as clients see it.
fn refused(class: access::Class, error: &impl std::fmt::Display) -> Failure {
    let class = match class {
        access::Class::InvalidArgument => Class::BadParameter,
        access::Class::PermissionDenied => Class::AccessDenied,
        access::Class::NotFound => Class::NotFound,
        access::Class::AlreadyExists => Class::AlreadyExists,
        access::Class::FailedPrecondition => Class::CompareFailed,
        access::Class::ResourceExhausted => Class::LimitExceeded,
        access::Class::Unimplemented => Class::NotImplemented,
    };
    Failure::new(class, error.to_string())
}

/// Makes a change fail if users, roles, locks or access lists have changed since `since`: the decision rests on all of them.
fn resting_on_people(change: Change, since: store::Revision) -> Change {
    [
        types::UserV2::prefix(),
        types::RoleV6::prefix(),
        types::LockV2::prefix(),
        access_lists::lists(),
        access_lists::members(),
    ]
    .into_iter()
    .fold(change, |change, prefix| {
        change.require(Require::Unchanged { prefix, since })
    })
}

/// Whether the caller has all of `verbs` on requests.
fn has_verbs(call: &Call, verbs: &[&str]) -> bool {
    verbs
        .iter()
        .all(|verb| verdict(&call.caller, "access_request", verb, None).allows())
}

/// The caller as somebody who looks at requests.
pub(in crate::services) fn viewer(call: &Call) -> Viewer<'_> {
    let denied = ["list", "read"].iter().any(|verb| {
        matches!(
            verdict(&call.caller, "access_request", verb, None),
            Verdict::Deny { .. }
        )
    });
    let sees_all = has_verbs(call, &["list", "read"]);
    match call.caller.user() {
        Some(user) => Viewer {
            user: user.name(),
            roles: user.held_roles(),
            traits: &user.traits,
            sees_all,
            denied,
            rights: ReviewRights::of(user.held_roles(), &user.traits)
                .ok()
                .filter(|_| !user.forbidding().iter().any(forbids_reviewing)),
        },
        None => {
            static NOTHING: access::Traits = access::Traits::new();
            Viewer {
                user: "",
                roles: &[],
                traits: &NOTHING,
                sees_all,
                denied,
                rights: None,
            }
        }
    }
}

fn forbids_reviewing(role: &access::Role) -> bool {
    !role.deny.review_requests.roles.is_empty()
}

/// The request `id` if the caller may see it.
async fn visible(auth: &Auth, call: &Call, id: &str) -> Answer<Option<crate::state::requests::FoundRequest>> {
    call.caller.require_certificate()?;
    let found = auth.state.request(id, call.now).await?;
    let viewer = viewer(call);
    Ok(found.filter(|found| may_see(&viewer, &found.request)))
}

/// A lock on a request whose approval was taken back, until its access would have ended.
fn revoking_lock(auth: &Auth, call: &Call, request: &Request) -> Kept<types::LockV2> {
    let expires = Some(wire::convert::timestamp(request.expires));
    Kept::from(types::LockV2 {
        kind: "lock".to_owned(),
        version: "v2".to_owned(),
        metadata: Some(types::Metadata {
            name: auth.chance.uuid(),
            namespace: "default".to_owned(),
            expires,
            ..types::Metadata::default()
        }),
        spec: Some(types::LockSpecV2 {
            target: Some(types::LockTarget {
                access_request: request.id.clone(),
                ..types::LockTarget::default()
            }),
            message: "the approval of this access request was taken back".to_owned(),
            expires,
            created_at: Some(wire::convert::timestamp(call.now)),
            created_by: call.actor().user.clone(),
        }),
        ..types::LockV2::default()
    })
}

/// The record of such a lock.
fn lock_told(call: &Call, lock: &types::LockV2) -> crate::audit::Event {
    let target = lock.spec.as_ref().and_then(|spec| spec.target.as_ref());
    let fields = crate::services::locks::target_fields(target);
    crate::audit::people::lock_created(call.actor(), lock.name(), lock.expires(), &fields)
}

/// Whether an approval is being taken back while certificates may still carry it.
fn takes_back(before: &Request, now: Timestamp) -> bool {
    before.state == access::request::State::Approved && now < before.expires
}

/// Handles `AccessService.GetSettings`: every switch is off until it exists.
pub async fn settings(
    _: &Auth,
    call: &Call,
    _: wire::pb::countersign::v1::GetSettingsRequest,
) -> Answer<wire::pb::countersign::v1::Settings> {
    call.caller.require_certificate()?;
    Ok(wire::pb::countersign::v1::Settings::default())
}
