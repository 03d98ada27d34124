//! What evidence says between its lines.

use crate::pb::countersign::v1::Evidence;
use crate::pb::types::RequestState;

/// Who took an approval back; `None` if that is not what happened. The reviews still add up to the approval, and the state
/// says otherwise. Empty if nobody knows who it was.
pub fn taken_back_by(evidence: &Evidence) -> Option<&str> {
    let is_denied = evidence.state == i32::from(RequestState::Denied);
    let was_approved = evidence.outcome == i32::from(RequestState::Approved);
    (is_denied && was_approved).then_some(evidence.resolved_by.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_approved_and_is_denied_was_taken_back() {
        let evidence = |state: RequestState, outcome: RequestState| Evidence {
            state: state.into(),
            outcome: outcome.into(),
            resolved_by: "carol".to_owned(),
            ..Evidence::default()
        };
        let (approved, denied) = (RequestState::Approved, RequestState::Denied);
        assert_eq!(taken_back_by(&evidence(denied, approved)), Some("carol"));
        assert_eq!(taken_back_by(&evidence(denied, denied)), None);
        assert_eq!(taken_back_by(&evidence(approved, approved)), None);
        assert_eq!(taken_back_by(&evidence(denied, RequestState::None)), None);
    }
}
