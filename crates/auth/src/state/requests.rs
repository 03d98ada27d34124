//! Access requests, as far as callers and certificates rest on them.

use jiff::Timestamp;
use wire::pb::types;

use super::State;
use crate::failure::Answer;
use crate::moment;
use crate::state::resource::Resource as _;

impl State {
    /// The roles that request `id` lends to `user` now; `None` if it is not approved, not that user's, not
    /// begun or over.
    pub async fn roles_of_request(&self, id: &str, user: &str, now: Timestamp) -> Answer<Option<Vec<String>>> {
        let Some(found) = self.find::<types::AccessRequestV3>(id, now).await? else {
            return Ok(None);
        };
        let request = found.resource;
        let Some(spec) = request.spec.as_ref() else { return Ok(None) };
        let ends = moment::read_option(spec.expires.as_ref());
        let starts = moment::read_option(spec.assume_start_time.as_ref());
        let good = spec.user == user
            && spec.state == i32::from(types::RequestState::Approved)
            && ends.is_some_and(|ends| now < ends)
            && starts.is_none_or(|starts| starts <= now)
            && request.name() == id;
        Ok(good.then(|| spec.roles.clone()))
    }
}
