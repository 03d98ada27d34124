//! Access requests and reviews.

use access::request::{Proposal, Request, ResourceId, Review, State, Submission, Target, Voter};
use jiff::Timestamp;

use super::lists::{label_values, traits};
use super::moment::{moment, timestamp, timestamp_option};
use super::role::threshold;
use crate::pb::types;

/// Why a message is no request or review.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConvertError {
    /// The number stands for no state.
    #[error("invalid request state {0}")]
    State(i32),
    /// A part that cannot be missing is.
    #[error("the access request has no {0}")]
    Missing(&'static str),
    /// A stored moment is unset.
    #[error("the stored access request has no {0}")]
    Moment(&'static str),
}

/// The state a number stands for; 0 stands for none.
pub fn state(number: i32) -> Result<Option<State>, ConvertError> {
    Ok(Some(match types::RequestState::try_from(number) {
        Ok(types::RequestState::None) => return Ok(None),
        Ok(types::RequestState::Pending) => State::Pending,
        Ok(types::RequestState::Approved) => State::Approved,
        Ok(types::RequestState::Denied) => State::Denied,
        Ok(types::RequestState::Promoted) => State::Promoted,
        Err(_) => return Err(ConvertError::State(number)),
    }))
}

/// The number of a state.
pub fn state_number(state: State) -> i32 {
    i32::from(match state {
        State::Pending => types::RequestState::Pending,
        State::Approved => types::RequestState::Approved,
        State::Denied => types::RequestState::Denied,
        State::Promoted => types::RequestState::Promoted,
    })
}

/// What a client asks for in a create call: only what is the client's to say.
pub fn proposal(message: &types::AccessRequestV3) -> Result<Proposal, ConvertError> {
    let spec = message.spec.as_ref().ok_or(ConvertError::Missing("spec"))?;
    let annotations = spec.resolve_annotations.as_ref();
    let metadata = message.metadata.as_ref();
    Ok(Proposal {
        user: spec.user.clone(),
        roles: spec.roles.clone(),
        state: state(spec.state)?.unwrap_or(State::Pending),
        reason: spec.request_reason.clone(),
        resolve_reason: spec.resolve_reason.clone(),
        has_resolve_annotations: annotations.is_some_and(|annotations| !annotations.values.is_empty()),
        access_list_title: spec
            .access_list
            .as_ref()
            .map(|list| list.title.clone())
            .unwrap_or_default(),
        suggested_reviewers: spec.suggested_reviewers.clone(),
        resource_ids: spec.requested_resource_i_ds.iter().map(resource_id).collect(),
        login_hint: spec.login_hint.clone(),
        dry_run: spec.dry_run,
        max_duration: moment(spec.max_duration.as_ref()),
        session_end: moment(spec.expires.as_ref()),
        // Clients of older releases say it in the metadata.
        pending_end: moment(spec.resource_expiry.as_ref()).or_else(|| moment(metadata?.expires.as_ref())),
        assume_start: moment(spec.assume_start_time.as_ref()),
        labels: metadata
            .map(|metadata| metadata.labels.clone())
            .unwrap_or_default(),
    })
}

/// A stored request. Who the authors are beyond their names is not in the message: subjects are empty, voters people.
pub fn request(message: &types::AccessRequestV3) -> Result<Request, ConvertError> {
    let spec = message.spec.as_ref().ok_or(ConvertError::Missing("spec"))?;
    let metadata = message
        .metadata
        .as_ref()
        .ok_or(ConvertError::Missing("metadata"))?;
    let needed = |what, stamp: &Option<prost_types::Timestamp>| -> Result<Timestamp, ConvertError> {
        moment(stamp.as_ref()).ok_or(ConvertError::Moment(what))
    };
    let expires = needed("access expiry", &spec.expires)?;
    Ok(Request {
        id: metadata.name.clone(),
        user: spec.user.clone(),
        subject: String::new(),
        roles: spec.roles.clone(),
        state: state(spec.state)?.ok_or(ConvertError::State(0))?,
        created: needed("creation time", &spec.created)?,
        expires,
        expiry: moment(spec.resource_expiry.as_ref())
            .or_else(|| moment(metadata.expires.as_ref()))
            .unwrap_or(expires),
        session_ttl: moment(spec.session_ttl.as_ref()).unwrap_or(expires),
        max_duration: moment(spec.max_duration.as_ref()).unwrap_or(expires),
        reason: spec.request_reason.clone(),
        resolve_reason: spec.resolve_reason.clone(),
        resolve_annotations: traits(spec.resolve_annotations.as_ref()),
        system_annotations: traits(spec.system_annotations.as_ref()),
        thresholds: spec.thresholds.iter().map(threshold).collect(),
        role_thresholds: spec
            .role_threshold_mapping
            .iter()
            .map(|(role, sets)| {
                (
                    role.clone(),
                    sets.sets.iter().map(|set| set.indexes.clone()).collect(),
                )
            })
            .collect(),
        reviews: spec.reviews.iter().map(review).collect::<Result<_, _>>()?,
        suggested_reviewers: spec.suggested_reviewers.clone(),
        resource_ids: spec.requested_resource_i_ds.iter().map(resource_id).collect(),
        login_hint: spec.login_hint.clone(),
        assume_start: moment(spec.assume_start_time.as_ref()),
        dry_run: spec.dry_run,
        labels: metadata.labels.clone(),
    })
}

/// A request as clients see it.
pub fn request_message(request: &Request) -> types::AccessRequestV3 {
    let list =
        |map: &std::collections::BTreeMap<String, Vec<String>>| (!map.is_empty()).then(|| label_values(map));
    let sets = |sets: &Vec<Vec<u32>>| types::ThresholdIndexSets {
        sets: sets
            .iter()
            .map(|set| types::ThresholdIndexSet { indexes: set.clone() })
            .collect(),
    };
    types::AccessRequestV3 {
        kind: "access_request".to_owned(),
        sub_kind: String::new(),
        version: "v3".to_owned(),
        metadata: Some(types::Metadata {
            name: request.id.clone(),
            namespace: "default".to_owned(),
            labels: request.labels.clone(),
            expires: Some(timestamp(request.expiry)),
            ..types::Metadata::default()
        }),
        spec: Some(types::AccessRequestSpecV3 {
            user: request.user.clone(),
            roles: request.roles.clone(),
            state: state_number(request.state),
            created: Some(timestamp(request.created)),
            expires: Some(timestamp(request.expires)),
            request_reason: request.reason.clone(),
            resolve_reason: request.resolve_reason.clone(),
            resolve_annotations: list(&request.resolve_annotations),
            system_annotations: list(&request.system_annotations),
            thresholds: request
                .thresholds
                .iter()
                .map(|threshold| types::AccessReviewThreshold {
                    name: threshold.name.clone(),
                    filter: threshold.filter.clone(),
                    approve: threshold.approve,
                    deny: threshold.deny,
                })
                .collect(),
            role_threshold_mapping: request
                .role_thresholds
                .iter()
                .map(|(role, indexes)| (role.clone(), sets(indexes)))
                .collect(),
            reviews: request.reviews.iter().map(review_message).collect(),
            suggested_reviewers: request.suggested_reviewers.clone(),
            requested_resource_i_ds: request.resource_ids.iter().map(resource_id_message).collect(),
            login_hint: request.login_hint.clone(),
            dry_run: request.dry_run,
            max_duration: Some(timestamp(request.max_duration)),
            session_ttl: Some(timestamp(request.session_ttl)),
            access_list: request.promoted_to().map(target_message),
            assume_start_time: timestamp_option(request.assume_start),
            resource_expiry: Some(timestamp(request.expiry)),
            dry_run_enrichment: None,
        }),
    }
}

/// A review as a client submits it. Its time, its thresholds and everything else that is the server's is not read.
pub fn submission(message: &types::AccessReview) -> Result<Submission, ConvertError> {
    let annotations = message.annotations.as_ref();
    Ok(Submission {
        author: message.author.clone(),
        state: state(message.proposed_state)?.unwrap_or(State::Pending),
        reason: message.reason.clone(),
        roles: message.roles.clone(),
        has_annotations: annotations.is_some_and(|annotations| !annotations.values.is_empty()),
        assume_start: moment(message.assume_start_time.as_ref()),
    })
}

fn review(message: &types::AccessReview) -> Result<Review, ConvertError> {
    Ok(Review {
        author: message.author.clone(),
        subject: String::new(),
        voter: Voter::Person,
        state: state(message.proposed_state)?.ok_or(ConvertError::State(0))?,
        target: message.access_list.as_ref().map(|list| Target {
            name: list.name.clone(),
            title: list.title.clone(),
        }),
        reason: message.reason.clone(),
        created: moment(message.created.as_ref()).ok_or(ConvertError::Moment("time of a review"))?,
        thresholds: message.threshold_indexes.clone(),
        assume_start: moment(message.assume_start_time.as_ref()),
        roles: message.roles.clone(),
        // Not in the message: nobody but the cluster says what somebody saw.
        saw: access::pin::Pins::default(),
    })
}

fn review_message(review: &Review) -> types::AccessReview {
    types::AccessReview {
        author: review.author.clone(),
        roles: review.roles.clone(),
        proposed_state: state_number(review.state),
        reason: review.reason.clone(),
        created: Some(timestamp(review.created)),
        annotations: None,
        threshold_indexes: review.thresholds.clone(),
        access_list: review.target.as_ref().map(target_message),
        assume_start_time: timestamp_option(review.assume_start),
    }
}

fn target_message(target: &Target) -> types::PromotedAccessList {
    types::PromotedAccessList {
        name: target.name.clone(),
        title: target.title.clone(),
    }
}

/// The identifier of a resource.
pub fn resource_id(message: &types::ResourceId) -> ResourceId {
    ResourceId {
        cluster: message.cluster_name.clone(),
        kind: message.kind.clone(),
        name: message.name.clone(),
        sub_resource: message.sub_resource_name.clone(),
    }
}

/// The same as clients see it.
pub fn resource_id_message(id: &ResourceId) -> types::ResourceId {
    types::ResourceId {
        cluster_name: id.cluster.clone(),
        kind: id.kind.clone(),
        name: id.name.clone(),
        sub_resource_name: id.sub_resource.clone(),
    }
}
