//! Roles.

use access::Role;
use access::role::{
    ClaimMapping, Conditions, Impersonate, KubernetesResource, LabelExpressions, Options, RequestAccess,
    RequestConditions, ReviewConditions, RoleVersion, Rule, Threshold,
};
use jiff::SignedDuration;

use super::lists::{labels, traits};
use crate::pb::types;

/// Why a role cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RoleError {
    /// The version is not one of v3 to v8.
    #[error("unrecognized role version: {0}")]
    Version(String),
    /// `request_access` has another value.
    #[error("unrecognized option request_access: {0:?}, must be one of: [optional always reason]")]
    RequestAccess(String),
}

/// A role as decisions read it, with the defaults of its version.
pub fn role(message: &types::RoleV6) -> Result<Role, RoleError> {
    let version =
        RoleVersion::of_name(&message.version).ok_or_else(|| RoleError::Version(message.version.clone()))?;
    let (name, own_labels) = match &message.metadata {
        Some(metadata) => (metadata.name.clone(), metadata.labels.clone()),
        None => Default::default(),
    };
    let spec = message.spec.as_ref();
    let role = Role {
        name,
        version,
        labels: own_labels,
        options: spec
            .and_then(|spec| spec.options.as_ref())
            .map(options)
            .transpose()?
            .unwrap_or_default(),
        allow: spec
            .and_then(|spec| spec.allow.as_ref())
            .map(conditions)
            .unwrap_or_default(),
        deny: spec
            .and_then(|spec| spec.deny.as_ref())
            .map(conditions)
            .unwrap_or_default(),
    };
    Ok(role.with_defaults())
}

fn options(message: &types::RoleOptions) -> Result<Options, RoleError> {
    Ok(Options {
        max_session_ttl: (message.max_session_ttl != 0)
            .then(|| SignedDuration::from_nanos(message.max_session_ttl)),
        forward_agent: message.forward_agent,
        port_forwarding: message
            .port_forwarding
            .as_ref()
            .map(|port_forwarding| port_forwarding.value),
        permit_x11_forwarding: message.permit_x11_forwarding,
        pin_source_ip: message.pin_source_ip,
        request_access: match message.request_access.as_str() {
            "" | "optional" => RequestAccess::Optional,
            "always" => RequestAccess::Always,
            "reason" => RequestAccess::Reason,
            other => return Err(RoleError::RequestAccess(other.to_owned())),
        },
        request_prompt: message.request_prompt.clone(),
        cert_extensions: message
            .cert_extensions
            .iter()
            .map(|extension| (extension.name.clone(), extension.value.clone()))
            .collect(),
    })
}

fn conditions(message: &types::RoleConditions) -> Conditions {
    Conditions {
        logins: message.logins.clone(),
        kubernetes_groups: message.kube_groups.clone(),
        kubernetes_users: message.kube_users.clone(),
        node_labels: labels(message.node_labels.as_ref()),
        app_labels: labels(message.app_labels.as_ref()),
        db_labels: labels(message.database_labels.as_ref()),
        kubernetes_labels: labels(message.kubernetes_labels.as_ref()),
        label_expressions: LabelExpressions {
            node: message.node_labels_expression.clone(),
            app: message.app_labels_expression.clone(),
            db: message.database_labels_expression.clone(),
            kubernetes: message.kubernetes_labels_expression.clone(),
        },
        kubernetes_resources: message
            .kubernetes_resources
            .iter()
            .map(|resource| KubernetesResource {
                kind: resource.kind.clone(),
                namespace: resource.namespace.clone(),
                name: resource.name.clone(),
            })
            .collect(),
        rules: message
            .rules
            .iter()
            .map(|rule| Rule {
                resources: rule.resources.clone(),
                verbs: rule.verbs.clone(),
                where_: rule.r#where.clone(),
            })
            .collect(),
        impersonate: message
            .impersonate
            .as_ref()
            .map(|impersonate| Impersonate {
                users: impersonate.users.clone(),
                roles: impersonate.roles.clone(),
                where_: impersonate.r#where.clone(),
            })
            .unwrap_or_default(),
        request: message.request.as_ref().map(request).unwrap_or_default(),
        review_requests: message
            .review_requests
            .as_ref()
            .map(|review| ReviewConditions {
                roles: review.roles.clone(),
                claims_to_roles: claims(&review.claims_to_roles),
                where_: review.r#where.clone(),
                preview_as_roles: review.preview_as_roles.clone(),
            })
            .unwrap_or_default(),
    }
}

fn request(message: &types::AccessRequestConditions) -> RequestConditions {
    RequestConditions {
        roles: message.roles.clone(),
        claims_to_roles: claims(&message.claims_to_roles),
        annotations: traits(message.annotations.as_ref()),
        thresholds: message.thresholds.iter().map(threshold).collect(),
        suggested_reviewers: message.suggested_reviewers.clone(),
        search_as_roles: message.search_as_roles.clone(),
        max_duration: SignedDuration::from_nanos(message.max_duration),
        reason_mode: message
            .reason
            .as_ref()
            .map(|reason| reason.mode.clone())
            .unwrap_or_default(),
        kubernetes_kinds: message
            .kubernetes_resources
            .iter()
            .map(|resource| resource.kind.clone())
            .collect(),
    }
}

fn claims(mappings: &[types::ClaimMapping]) -> Vec<ClaimMapping> {
    mappings
        .iter()
        .map(|mapping| ClaimMapping {
            claim: mapping.claim.clone(),
            value: mapping.value.clone(),
            roles: mapping.roles.clone(),
        })
        .collect()
}

pub(super) fn threshold(message: &types::AccessReviewThreshold) -> Threshold {
    Threshold {
        name: message.name.clone(),
        filter: message.filter.clone(),
        approve: message.approve,
        deny: message.deny,
    }
}
