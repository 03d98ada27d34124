//! Asking: may this person ask for this, and what exactly is then asked.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::ttl::{self, Inputs, StartError, TtlError};
use super::{
    REASON_MAX, RESOURCES_BYTES_MAX, RESOURCES_MAX, Request, Requestable, ResourceId, State, THRESHOLDS_MAX,
    thresholds,
};
use crate::class::Class;
use crate::pattern::PatternError;
use crate::resource::{self, Catalogue, ChoiceError, IdError, KubernetesRefused, Reach, Resource};
use crate::role::{RequestAccess, Role, Traits};
use crate::template;

/// What a client may say about a request; everything else is ours (R1).
#[derive(Debug, Clone)]
pub struct Proposal {
    /// For whom.
    pub user: String,
    /// Which roles; exactly `*` means all that may be asked for.
    pub roles: Vec<String>,
    /// Wished state.
    pub state: State,
    /// Why.
    pub reason: String,
    /// A reason for a resolution, which a pending request cannot have.
    pub resolve_reason: String,
    /// Whether annotations of a resolution were given.
    pub has_resolve_annotations: bool,
    /// Title of an access list, which only a promoted request can have.
    pub access_list_title: String,
    /// Who should look at it.
    pub suggested_reviewers: Vec<String>,
    /// Resources instead of roles.
    pub resource_ids: Vec<ResourceId>,
    /// Wished login.
    pub login_hint: String,
    /// Only try.
    pub dry_run: bool,
    /// `--max-duration`, as a moment.
    pub max_duration: Option<Timestamp>,
    /// `--session-ttl`, as a moment.
    pub session_end: Option<Timestamp>,
    /// `--request-ttl`, as a moment.
    pub pending_end: Option<Timestamp>,
    /// Not before.
    pub assume_start: Option<Timestamp>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
}

impl Proposal {
    /// Whether everything is asked for that may be asked for.
    pub fn is_wildcard(&self) -> bool {
        !self.roles.is_empty() && self.roles.iter().all(|role| role == "*")
    }
}

/// The person it is for, as stored now.
#[derive(Debug, Clone, Copy)]
pub struct Requester<'a> {
    /// Name.
    pub user: &'a str,
    /// Identity that outlives re-creation.
    pub subject: &'a str,
    /// Stored roles.
    pub roles: &'a [Role],
    /// Stored traits.
    pub traits: &'a Traits,
}

/// Who calls, as far as creating goes.
#[derive(Debug, Clone, Copy)]
pub struct Creator<'a> {
    /// Name.
    pub user: &'a str,
    /// Has the verb `create` on `access_request`.
    pub may_create: bool,
    /// A role forbids that verb.
    pub create_denied: bool,
    /// Has the verb `create` on `user`.
    pub may_create_users: bool,
    /// The certificate carries active requests.
    pub has_active_requests: bool,
}

/// Why a request is not made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs)]
pub enum ProposeError {
    #[error("pending requests cannot include resolve reason")]
    ResolveReason,
    #[error("pending requests cannot include resolve annotations")]
    ResolveAnnotations,
    #[error("access request user name not set")]
    NoUser,
    #[error("access request does not specify any roles or resources")]
    Nothing,
    #[error("access request reason is too long, max {REASON_MAX} bytes")]
    ReasonTooLong,
    #[error("access request resolve reason is too long, max {REASON_MAX} bytes")]
    ResolveReasonTooLong,
    #[error("{}", crate::rbac::refusal("access_request", "create"))]
    MayNotCreate,
    #[error("cannot create access request for self in non-pending state")]
    ResolvedForSelf,
    #[error("cannot create access requests in non-pending state while using an access request")]
    ResolvedWhileElevated,
    #[error("the rule of a requested role asks for two or more approvals, which nobody can replace")]
    TwoAreNeeded,
    #[error("only promoted requests can set the promoted access list title")]
    AccessListTitle,
    #[error("state promoted can be only set when promoting to access list")]
    Promoted,
    #[error("wildcard requests are not permitted in state {}", .0.name())]
    WildcardResolved(State),
    #[error("no requestable roles, please verify static RBAC configuration")]
    NothingRequestable,
    #[error("request reason must be specified (required request_access option in one of the roles)")]
    ReasonForEveryRequest,
    #[error("request reason must be specified (required for role {0:?})")]
    ReasonForRole(String),
    #[error("user {user:?} can not request role {role:?}")]
    NotRequestable { user: String, role: String },
    #[error("access request contains too many resources ({0}), max {RESOURCES_MAX}")]
    TooManyResources(usize),
    #[error("access request exceeds maximum length: try reducing the number of resources in the request")]
    ResourcesTooLong,
    #[error("access request contains invalid or unknown cluster names: {0}")]
    UnknownCluster(String),
    #[error(transparent)]
    ResourceId(#[from] IdError),
    #[error(transparent)]
    Choice(#[from] ChoiceError),
    #[error(transparent)]
    Kubernetes(#[from] KubernetesRefused),
    #[error("role {0:?} matches no threshold sets (this is a bug)")]
    NoThresholds(String),
    #[error("an access request may not have more than {THRESHOLDS_MAX} thresholds")]
    TooManyThresholds,
    #[error("invalid session TTL: role {0} is not found")]
    UnknownRole(String),
    #[error(transparent)]
    Ttl(#[from] TtlError),
    #[error(transparent)]
    Start(#[from] StartError),
    #[error("the roles of the user cannot be used: {0}")]
    Pattern(#[from] PatternError),
}

impl ProposeError {
    /// The kind of refusal.
    pub fn class(&self) -> Class {
        match self {
            Self::MayNotCreate | Self::ResolvedForSelf | Self::ResolvedWhileElevated | Self::TwoAreNeeded => {
                Class::PermissionDenied
            }
            Self::TooManyThresholds => Class::ResourceExhausted,
            Self::UnknownCluster(_) => Class::NotFound,
            Self::Choice(error) => error.class(),
            _ => Class::InvalidArgument,
        }
    }
}

/// Whether `creator` may make a request for `user` in `state`.
pub fn may_create(creator: &Creator<'_>, user: &str, state: State) -> Result<(), ProposeError> {
    let own = creator.user == user;
    if state == State::Pending {
        let allowed = !creator.create_denied && (own || creator.may_create || creator.may_create_users);
        return if allowed {
            Ok(())
        } else {
            Err(ProposeError::MayNotCreate)
        };
    }
    if !creator.may_create {
        Err(ProposeError::MayNotCreate)
    } else if own {
        Err(ProposeError::ResolvedForSelf)
    } else if creator.has_active_requests {
        Err(ProposeError::ResolvedWhileElevated)
    } else {
        Ok(())
    }
}

/// Makes the request that `proposal` asks for.
///
/// `certificate_left` is what the caller's certificate has left (`None` for one without end), `catalogue` is what there
/// is to ask for. The result carries a fresh `id` and nothing that the
/// client could have chosen about thresholds, reviews or state beyond what [`may_create()`] allowed.
pub fn propose(
    proposal: &Proposal,
    requester: &Requester<'_>,
    certificate_left: Option<SignedDuration>,
    catalogue: &Catalogue<'_>,
    id: String,
    now: Timestamp,
) -> Result<Request, ProposeError> {
    check_fields(proposal)?;
    check_clusters(proposal, catalogue.cluster)?;
    let requestable = Requestable::of(requester.roles, requester.traits)?;
    let named = roles_named(proposal, requester, &requestable, catalogue.every_role)?;
    let resource_ids = resources_asked(proposal)?;
    if !proposal.dry_run {
        let applicable = applicable_roles(&named, &resource_ids, requester, catalogue);
        check_reason(requester, &applicable, &proposal.reason)?;
    }
    check_requestable(requester, &requestable, &named, &resource_ids)?;
    let roles = if named.is_empty() {
        resource::choose(requester, &resource_ids, &proposal.login_hint, catalogue)?
    } else {
        named
    };
    let compiled = thresholds::compile(&requestable, &roles).ok_or(ProposeError::TooManyThresholds)?;
    if let Some((name, _)) = compiled.role_thresholds.iter().find(|(_, sets)| sets.is_empty()) {
        return Err(ProposeError::NoThresholds(name.clone()));
    }
    let left = |moment: Option<Timestamp>| moment.map(|moment| moment.duration_since(now));
    let mut inputs = Inputs {
        certificate_left,
        session: left(proposal.session_end),
        max_duration: left(proposal.max_duration),
        pending: left(proposal.pending_end),
        roles: Vec::with_capacity(roles.len()),
        dry_run: proposal.dry_run,
    };
    for name in &roles {
        let requested = (catalogue.role)(name).ok_or_else(|| ProposeError::UnknownRole(name.clone()))?;
        let longest = requestable
            .granting(name)
            .map(|granting| granting.allow.request.max_duration)
            .fold(SignedDuration::ZERO, SignedDuration::max);
        inputs.roles.push((requested.max_session_ttl(), longest));
    }
    let lifetimes = ttl::lifetimes(&inputs)?;
    let expires = ttl::after(now, lifetimes.access);
    if let Some(start) = proposal.assume_start {
        ttl::check_start(start, now, expires)?;
    }
    let suggested_reviewers = if proposal.suggested_reviewers.is_empty() {
        default_reviewers(requester.roles)
    } else {
        proposal.suggested_reviewers.clone()
    };
    let request = Request {
        id,
        user: requester.user.to_owned(),
        subject: requester.subject.to_owned(),
        state: proposal.state,
        created: now,
        expires,
        expiry: if proposal.state == State::Pending {
            ttl::after(now, lifetimes.pending)
        } else {
            expires
        },
        session_ttl: ttl::after(now, lifetimes.session),
        max_duration: expires,
        reason: proposal.reason.clone(),
        resolve_reason: proposal.resolve_reason.clone(),
        resolve_annotations: BTreeMap::new(),
        system_annotations: annotations(requester, &roles, !resource_ids.is_empty()),
        roles,
        thresholds: compiled.thresholds,
        role_thresholds: compiled.role_thresholds,
        reviews: Vec::new(),
        suggested_reviewers,
        resource_ids,
        login_hint: proposal.login_hint.clone(),
        assume_start: proposal.assume_start,
        dry_run: proposal.dry_run,
        labels: proposal.labels.clone(),
    };
    if request.state == State::Approved && request.asks_for_two() {
        return Err(ProposeError::TwoAreNeeded);
    }
    Ok(request)
}

fn check_fields(proposal: &Proposal) -> Result<(), ProposeError> {
    let pending = proposal.state == State::Pending;
    if pending && !proposal.resolve_reason.is_empty() {
        Err(ProposeError::ResolveReason)
    } else if pending && proposal.has_resolve_annotations {
        Err(ProposeError::ResolveAnnotations)
    } else if proposal.user.is_empty() {
        Err(ProposeError::NoUser)
    } else if proposal.roles.is_empty() && proposal.resource_ids.is_empty() {
        Err(ProposeError::Nothing)
    } else if proposal.reason.len() > REASON_MAX {
        Err(ProposeError::ReasonTooLong)
    } else if proposal.resolve_reason.len() > REASON_MAX {
        Err(ProposeError::ResolveReasonTooLong)
    } else if !proposal.access_list_title.is_empty() {
        Err(ProposeError::AccessListTitle)
    } else if proposal.state == State::Promoted {
        Err(ProposeError::Promoted)
    } else if proposal.resource_ids.len() > RESOURCES_MAX {
        Err(ProposeError::TooManyResources(proposal.resource_ids.len()))
    } else {
        Ok(proposal.resource_ids.iter().try_for_each(ResourceId::check)?)
    }
}

/// Resources of clusters that nobody here knows are nobody's to ask for.
fn check_clusters(proposal: &Proposal, cluster: &str) -> Result<(), ProposeError> {
    let mut unknown: Vec<&str> = Vec::new();
    for id in &proposal.resource_ids {
        if id.cluster != cluster && !unknown.contains(&id.cluster.as_str()) {
            unknown.push(&id.cluster);
        }
    }
    if unknown.is_empty() {
        Ok(())
    } else {
        Err(ProposeError::UnknownCluster(unknown.join(", ")))
    }
}

/// Each resource once, in the order of the asker.
fn resources_asked(proposal: &Proposal) -> Result<Vec<ResourceId>, ProposeError> {
    let mut seen = std::collections::BTreeSet::new();
    let mut ids = Vec::with_capacity(proposal.resource_ids.len());
    let mut bytes = 0;
    for id in &proposal.resource_ids {
        if seen.insert(id) {
            bytes += id.text().len();
            ids.push(id.clone());
        }
    }
    if bytes > RESOURCES_BYTES_MAX {
        return Err(ProposeError::ResourcesTooLong);
    }
    Ok(ids)
}

/// The roles whose wish for a reason counts: those that were named, and those that open the resources.
fn applicable_roles(
    named: &[String],
    resource_ids: &[ResourceId],
    requester: &Requester<'_>,
    catalogue: &Catalogue<'_>,
) -> Vec<String> {
    let mut roles = named.to_vec();
    if !resource_ids.is_empty() {
        roles.extend(resource::choose(requester, resource_ids, "", catalogue).unwrap_or_default());
        roles.sort();
        roles.dedup();
    }
    roles
}

/// Whether all of `roles` may be asked for, as roles or to reach resources.
pub(super) fn check_requestable(
    requester: &Requester<'_>,
    requestable: &Requestable<'_>,
    roles: &[String],
    resource_ids: &[ResourceId],
) -> Result<(), ProposeError> {
    let refused = roles.iter().find(|name| {
        if resource_ids.is_empty() {
            !requestable.allows(name)
        } else {
            !requestable.allows_search(name)
        }
    });
    if let Some(refused) = refused {
        return Err(ProposeError::NotRequestable {
            user: requester.user.to_owned(),
            role: refused.clone(),
        });
    }
    resource::check_kubernetes_kinds(requester.roles, roles.to_vec(), resource_ids, true)?;
    Ok(())
}

fn roles_named(
    proposal: &Proposal,
    requester: &Requester<'_>,
    requestable: &Requestable<'_>,
    every_role: &dyn Fn() -> Vec<String>,
) -> Result<Vec<String>, ProposeError> {
    let mut roles = proposal.roles.clone();
    if proposal.is_wildcard() {
        if proposal.state != State::Pending {
            return Err(ProposeError::WildcardResolved(proposal.state));
        }
        let held = |name: &String| requester.roles.iter().any(|role| role.name == *name);
        roles = every_role()
            .into_iter()
            .filter(|name| requestable.allows(name) && !held(name))
            .collect();
        if roles.is_empty() {
            return Err(ProposeError::NothingRequestable);
        }
    }
    roles.sort();
    roles.dedup();
    Ok(roles)
}

/// Whether a request for `roles` needs a reason.
pub fn needs_reason(requester: &Requester<'_>, roles: &[String]) -> bool {
    check_reason(requester, roles, "").is_err()
}

/// Whether a reason is needed and missing. The mode of a role covers whatever its patterns cover (R13).
pub(super) fn check_reason(
    requester: &Requester<'_>,
    roles: &[String],
    reason: &str,
) -> Result<(), ProposeError> {
    if !reason.trim().is_empty() {
        return Ok(());
    }
    if requester
        .roles
        .iter()
        .any(|role| role.options.request_access == RequestAccess::Reason)
    {
        return Err(ProposeError::ReasonForEveryRequest);
    }
    let demanding: Vec<Role> = requester
        .roles
        .iter()
        .filter(|role| role.allow.request.reason_mode == "required")
        .cloned()
        .collect();
    let requestable = Requestable::of(&demanding, requester.traits)?;
    match roles
        .iter()
        .find(|role| requestable.granting(role).next().is_some())
    {
        Some(role) => Err(ProposeError::ReasonForRole(role.clone())),
        None => Ok(()),
    }
}

fn default_reviewers(roles: &[Role]) -> Vec<String> {
    let mut reviewers = Vec::new();
    for reviewer in roles
        .iter()
        .flat_map(|role| &role.allow.request.suggested_reviewers)
    {
        if !reviewers.contains(reviewer) {
            reviewers.push(reviewer.clone());
        }
    }
    reviewers
}

/// The annotations that the asker's roles add, minus those that a role denies.
fn annotations(
    requester: &Requester<'_>,
    roles: &[String],
    by_resources: bool,
) -> BTreeMap<String, Vec<String>> {
    let expanded = |templates: &BTreeMap<String, Vec<String>>| -> Vec<(String, String)> {
        templates
            .iter()
            .flat_map(|(key, values)| {
                template::expand_all(values, requester.traits)
                    .into_iter()
                    .map(|value| (key.clone(), value))
            })
            .collect()
    };
    let denied: Vec<_> = requester
        .roles
        .iter()
        .flat_map(|role| expanded(&role.deny.request.annotations))
        .collect();
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for role in requester.roles {
        let alone = std::slice::from_ref(role);
        let Ok(own) = Requestable::of(alone, requester.traits) else {
            continue;
        };
        if !roles.iter().any(|name| own.speaks_of(name, by_resources)) {
            continue;
        }
        for pair in expanded(&role.allow.request.annotations) {
            if !denied.contains(&pair) {
                found.entry(pair.0).or_default().push(pair.1);
            }
        }
    }
    for values in found.values_mut() {
        values.sort();
        values.dedup();
    }
    found
}

/// What somebody could ask for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Capabilities {
    /// Roles that may be asked for and are not held, sorted.
    pub requestable_roles: Vec<String>,
    /// Who is suggested.
    pub suggested_reviewers: Vec<String>,
    /// Text that asks for a reason.
    pub request_prompt: String,
    /// Whether a reason is needed.
    pub require_reason: bool,
    /// Whether to ask at sign-in.
    pub auto_request: bool,
    /// Roles that would be asked for to reach the named resources, sorted.
    pub applicable_roles: Vec<String>,
}

/// What somebody has in mind to ask for.
#[derive(Debug, Clone, Copy, Default)]
pub struct Intent<'a> {
    /// These resources.
    pub resource_ids: &'a [ResourceId],
    /// With this login.
    pub login: &'a str,
    /// Only roles that open all of those resources are of interest.
    pub only_opening: bool,
}

/// What `requester` could ask for, out of what there is.
///
/// With `only_opening`, roles are left out that do not open a resource the requester may see; `visible` says which those
/// are. Resources that the requester may not see are passed over, so that nothing is learnt about them.
pub fn capabilities(
    requester: &Requester<'_>,
    intent: &Intent<'_>,
    catalogue: &Catalogue<'_>,
    visible: &dyn Fn(&Resource) -> bool,
) -> Result<Capabilities, ProposeError> {
    let requestable = Requestable::of(requester.roles, requester.traits)?;
    let held = |name: &String| requester.roles.iter().any(|role| role.name == *name);
    let mut roles: Vec<String> = (catalogue.every_role)()
        .into_iter()
        .filter(|name| requestable.allows(name) && !held(name))
        .collect();
    roles.sort();
    intent.resource_ids.iter().try_for_each(ResourceId::check)?;
    let here = intent
        .resource_ids
        .iter()
        .all(|id| id.cluster == catalogue.cluster);
    let mut applicable_roles = Vec::new();
    if intent.only_opening {
        if here {
            let seen: Vec<Resource> = intent
                .resource_ids
                .iter()
                .filter_map(|id| (catalogue.resource)(id))
                .filter(|resource| visible(resource))
                .collect();
            roles.retain(|name| {
                (catalogue.role)(name).is_some_and(|role| {
                    let reach = Reach::of(std::slice::from_ref(&role), requester.traits);
                    seen.iter().all(|resource| reach.verdict(resource).allows())
                })
            });
        }
    } else if !intent.resource_ids.is_empty() {
        applicable_roles = resource::choose(requester, intent.resource_ids, intent.login, catalogue)?;
    }
    let mut prompts: Vec<&str> = requester
        .roles
        .iter()
        .map(|role| role.options.request_prompt.trim())
        .filter(|prompt| !prompt.is_empty())
        .collect();
    prompts.sort_unstable();
    let asked = if applicable_roles.is_empty() {
        &roles
    } else {
        &applicable_roles
    };
    Ok(Capabilities {
        require_reason: needs_reason(requester, asked),
        requestable_roles: roles,
        applicable_roles,
        suggested_reviewers: default_reviewers(requester.roles),
        request_prompt: prompts
            .first()
            .map(|prompt| (*prompt).to_owned())
            .unwrap_or_default(),
        auto_request: requester
            .roles
            .iter()
            .any(|role| role.options.request_access != RequestAccess::Optional),
    })
}
