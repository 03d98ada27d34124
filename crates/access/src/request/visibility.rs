//! Who may see a request.

use super::{Request, ReviewRights};
use crate::role::{Role, Traits};

/// Who looks.
#[derive(Debug)]
pub struct Viewer<'a> {
    /// Name.
    pub user: &'a str,
    /// Stored roles.
    pub roles: &'a [Role],
    /// Stored traits.
    pub traits: &'a Traits,
    /// Has the verbs `list` and `read` on `access_request`.
    pub sees_all: bool,
    /// A role forbids one of them.
    pub denied: bool,
    /// What they may review; `None` if nothing.
    pub rights: Option<ReviewRights>,
}

/// Whether `viewer` may see `request`. What cannot be decided is hidden.
pub fn may_see(viewer: &Viewer<'_>, request: &Request) -> bool {
    if viewer.denied {
        return false;
    }
    viewer.sees_all
        || request.user == viewer.user
        || viewer.rights.as_ref().is_some_and(|rights| {
            rights.any()
                && rights
                    .cover(request, viewer.roles, viewer.traits)
                    .unwrap_or(false)
        })
}

/// Whether `viewer` could review `request` now: not their own, theirs to review, not reviewed by them.
pub fn may_review(viewer: &Viewer<'_>, request: &Request) -> bool {
    request.user != viewer.user
        && !request.reviews.iter().any(|review| review.author == viewer.user)
        && viewer.rights.as_ref().is_some_and(|rights| {
            rights
                .cover(request, viewer.roles, viewer.traits)
                .unwrap_or(false)
        })
}
