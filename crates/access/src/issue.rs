//! Certificates: who gets which, with which roles, until when. Everything here ends in an [`IssuancePermit`] or a
//! refusal.

use jiff::{SignedDuration, Timestamp};

use crate::class::Class;
use crate::impersonation::Impersonation;
use crate::permit::{IssuancePermit, UserGrant};
use crate::pin::Pin;
use crate::request::{self, AssumeError, Request, Requester, ResourceId};
use crate::role::{Role, Traits};
use crate::template;

/// Life of a certificate for which nobody named an end.
pub const LIFETIME_DEFAULT: SignedDuration = SignedDuration::from_hours(12);
/// Shortest life of a user certificate.
pub const LIFETIME_MIN: SignedDuration = SignedDuration::from_mins(1);

/// A person or bot as stored now, with the roles that exist.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// Name.
    pub user: &'a str,
    /// Identity that outlives re-creation.
    pub subject: &'a str,
    /// Roles.
    pub roles: &'a [Role],
    /// Traits.
    pub traits: &'a Traits,
}

/// What the caller's certificate says, as far as issuing goes.
#[derive(Debug, Clone, Default)]
pub struct Holder {
    /// Name.
    pub user: String,
    /// Requests inside.
    pub active_requests: Vec<String>,
    /// Who made it in the holder's name.
    pub impersonator: Option<String>,
    /// It cannot be used for another.
    pub disallow_reissue: bool,
    /// Its end; `None` only for parts of the system.
    pub not_after: Option<Timestamp>,
    /// Address of the sign-in.
    pub login_ip: Option<String>,
    /// It may be renewed beyond its end.
    pub renewable: bool,
    /// Which run of which bot holds it, if one does.
    pub machine: Option<crate::machine::Run>,
}

/// How firmly an end was wished.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// At most until then; less is fine.
    AtMost(Timestamp),
    /// Until then or not at all.
    Exactly(Timestamp),
}

/// Why a certificate is not issued.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs)]
pub enum IssueError {
    #[error("access denied: identity is not allowed to reissue certificates")]
    DisallowReissue,
    #[error("access denied: impersonated user can not request new roles")]
    ImpersonatedAsks,
    #[error("access denied: impersonated user can not impersonate anyone else")]
    ImpersonatedImpersonates,
    #[error("access denied: impersonation is not allowed")]
    NoImpersonation,
    #[error("access denied: user {caller:?} has requested to generate certs for [{roles}].")]
    MayNotImpersonate { caller: String, roles: String },
    #[error("access denied: certificates for another user cannot carry access requests")]
    RequestsForAnother,
    #[error("access denied: client credentials have expired, please relogin.")]
    InThePast,
    #[error("a certificate until {wanted} cannot be given: {limit} allows it until {possible} at the latest")]
    TooLong {
        wanted: Timestamp,
        possible: Timestamp,
        limit: String,
    },
    #[error("cannot generate certificate with multiple resource access requests")]
    SeveralResourceRequests,
    #[error(transparent)]
    Assume(#[from] AssumeError),
}

impl IssueError {
    /// The kind of refusal.
    pub fn class(&self) -> Class {
        match self {
            Self::TooLong { .. } | Self::SeveralResourceRequests => Class::InvalidArgument,
            Self::Assume(error) => error.class(),
            _ => Class::PermissionDenied,
        }
    }
}

/// Somebody has just proven who they are: a certificate with their stored roles.
pub fn sign_in(
    subject: &Subject<'_>,
    wish: Option<Wish>,
    login_ip: Option<String>,
    now: Timestamp,
) -> Result<IssuancePermit, IssueError> {
    let wish = wish.unwrap_or(Wish::AtMost(request::ttl::after(now, LIFETIME_DEFAULT)));
    let not_after = end(wish, subject.roles, &[], now)?;
    let mut grant = grant(subject, not_after);
    grant.login_ip = login_ip;
    Ok(IssuancePermit::of(grant))
}

/// Somebody renews their own certificate, with the given requests inside (those already active that were not dropped,
/// and new ones). `requested` holds the roles of those requests, as they are now.
pub fn renew(
    holder: &Holder,
    subject: &Subject<'_>,
    requests: &[Request],
    requested: &[Pin],
    wish: Wish,
    now: Timestamp,
) -> Result<IssuancePermit, IssueError> {
    if holder.disallow_reissue {
        return Err(IssueError::DisallowReissue);
    }
    let asks_for_new = requests
        .iter()
        .any(|request| !holder.active_requests.contains(&request.id));
    if holder.impersonator.is_some() && asks_for_new {
        return Err(IssueError::ImpersonatedAsks);
    }
    let requester = Requester {
        user: subject.user,
        subject: subject.subject,
        roles: subject.roles,
        traits: subject.traits,
    };
    let mut limits: Vec<(String, Timestamp)> = Vec::new();
    limits.extend(
        holder
            .not_after
            .map(|end| ("your present certificate".to_owned(), end)),
    );
    let mut roles = subject.roles.to_vec();
    // Where one request is for single resources, the whole certificate is good for those alone.
    let mut allowed_resources: Vec<String> = Vec::new();
    for request in requests {
        request::assume(request, &requester, requested, now)?;
        if !request.resource_ids.is_empty() {
            if !allowed_resources.is_empty() {
                return Err(IssueError::SeveralResourceRequests);
            }
            allowed_resources = request.resource_ids.iter().map(ResourceId::text).collect();
        }
        limits.push((format!("access request `{}`", request.id), request.expires));
        for name in &request.roles {
            if roles.iter().all(|role| role.name != *name) {
                let found = requested.iter().find(|pin| pin.role.name == *name);
                roles.extend(found.map(|pin| pin.role.clone()));
            }
        }
    }
    let whole = Subject {
        roles: &roles,
        ..*subject
    };
    let not_after = end(wish, &roles, &limits, now)?;
    let mut grant = grant(&whole, not_after);
    grant.active_requests = requests.iter().map(|request| request.id.clone()).collect();
    grant.allowed_resources = allowed_resources;
    grant.impersonator = holder.impersonator.clone();
    grant.login_ip = holder.login_ip.clone();
    Ok(IssuancePermit::of(grant))
}

/// Somebody asks for a certificate in another's name: all of the target's roles must be theirs to impersonate.
pub fn impersonate(
    holder: &Holder,
    caller: &Subject<'_>,
    target: &Subject<'_>,
    wish: Wish,
    now: Timestamp,
) -> Result<IssuancePermit, IssueError> {
    if holder.disallow_reissue {
        return Err(IssueError::DisallowReissue);
    }
    if holder.impersonator.is_some() {
        return Err(IssueError::ImpersonatedImpersonates);
    }
    if !holder.active_requests.is_empty() {
        return Err(IssueError::RequestsForAnother);
    }
    if !may_impersonate_anyone(caller) {
        return Err(IssueError::NoImpersonation);
    }
    if Impersonation::of(*caller).in_the_name_of(target).is_none() {
        let roles: Vec<&str> = target.roles.iter().map(|role| role.name.as_str()).collect();
        return Err(IssueError::MayNotImpersonate {
            caller: caller.user.to_owned(),
            roles: roles.join(" "),
        });
    }
    let limits: Vec<(String, Timestamp)> = holder
        .not_after
        .map(|end| ("your present certificate".to_owned(), end))
        .into_iter()
        .collect();
    let not_after = end(wish, target.roles, &limits, now)?;
    let mut grant = grant(target, not_after);
    grant.impersonator = Some(caller.user.to_owned());
    grant.login_ip = holder.login_ip.clone();
    Ok(IssuancePermit::of(grant))
}

/// The administrator on the Auth Service's host asks for a certificate in somebody's name. The roles' limits hold for
/// them too; reviews made with such a certificate never count.
pub fn local_admin(
    admin: &str,
    target: &Subject<'_>,
    wish: Wish,
    now: Timestamp,
) -> Result<IssuancePermit, IssueError> {
    let not_after = end(wish, target.roles, &[], now)?;
    let mut grant = grant(target, not_after);
    grant.impersonator = Some(admin.to_owned());
    Ok(IssuancePermit::of(grant))
}

/// Whether any role lets `caller` impersonate users at all.
pub fn may_impersonate_anyone(caller: &Subject<'_>) -> bool {
    caller.roles.iter().any(|role| {
        let conditions = &role.allow.impersonate;
        !conditions.users.is_empty() && !conditions.roles.is_empty()
    })
}

/// The end of a certificate: the wish, cut by the roles' limits and by `limits`; whole seconds, rounded down.
pub(crate) fn end(
    wish: Wish,
    roles: &[Role],
    limits: &[(String, Timestamp)],
    now: Timestamp,
) -> Result<Timestamp, IssueError> {
    let (Wish::AtMost(wanted) | Wish::Exactly(wanted)) = wish;
    if wanted <= now {
        return Err(IssueError::InThePast);
    }
    // A minute at least, as far as the limits allow: shorter certificates are a rounding error of somebody's clock.
    let wanted = wanted.max(request::ttl::after(now, LIFETIME_MIN));
    let tightest = roles
        .iter()
        .filter_map(|role| {
            let ttl = role.max_session_ttl()?;
            Some((
                format!("`max_session_ttl` of role `{}`", role.name),
                request::ttl::after(now, ttl),
            ))
        })
        .chain(limits.iter().cloned())
        .min_by_key(|(_, end)| *end);
    let possible = match tightest {
        Some((limit, possible)) if possible < wanted => {
            if let Wish::Exactly(_) = wish {
                return Err(IssueError::TooLong {
                    wanted,
                    possible,
                    limit,
                });
            }
            possible
        }
        _ => wanted,
    };
    if possible <= now {
        return Err(IssueError::InThePast);
    }
    Ok(Timestamp::from_second(possible.as_second()).unwrap_or(possible))
}

/// What a certificate with these roles says.
pub(crate) fn grant(subject: &Subject<'_>, not_after: Timestamp) -> UserGrant {
    let allowed = |pick: fn(&Role) -> (&Vec<String>, &Vec<String>)| {
        let mut values = Vec::new();
        let mut denied = Vec::new();
        for role in subject.roles {
            let (allow, deny) = pick(role);
            values.extend(template::expand_all(allow, subject.traits));
            denied.extend(template::expand_all(deny, subject.traits));
        }
        let mut kept: Vec<String> = Vec::new();
        for value in values {
            if !denied.contains(&value)
                && !denied.iter().any(|denied| denied == "*")
                && !kept.contains(&value)
            {
                kept.push(value);
            }
        }
        kept
    };
    let mut extensions = std::collections::BTreeMap::new();
    for (name, value) in subject
        .roles
        .iter()
        .flat_map(|role| &role.options.cert_extensions)
    {
        if let Some(value) = template::expand(value, subject.traits)
            .ok()
            .and_then(|values| values.into_iter().next())
        {
            extensions.insert(name.clone(), value);
        }
    }
    let mut logins = allowed(|role| (&role.allow.logins, &role.deny.logins));
    logins.retain(|login| is_login(login));
    UserGrant {
        user: subject.user.to_owned(),
        roles: subject.roles.iter().map(|role| role.name.clone()).collect(),
        traits: subject.traits.clone(),
        logins,
        kubernetes_groups: allowed(|role| (&role.allow.kubernetes_groups, &role.deny.kubernetes_groups)),
        kubernetes_users: allowed(|role| (&role.allow.kubernetes_users, &role.deny.kubernetes_users)),
        active_requests: Vec::new(),
        allowed_resources: Vec::new(),
        not_after,
        impersonator: None,
        disallow_reissue: false,
        renewable: false,
        generation: 0,
        bot_name: None,
        bot_instance: None,
        join_method: None,
        usage: Vec::new(),
        login_ip: None,
        pin_source_ip: subject.roles.iter().any(|role| role.options.pin_source_ip),
        previous_not_after: None,
        permit_agent_forwarding: subject.roles.iter().any(|role| role.options.forward_agent),
        permit_port_forwarding: subject
            .roles
            .iter()
            .any(|role| role.options.port_forwarding.unwrap_or(true)),
        permit_x11_forwarding: subject
            .roles
            .iter()
            .any(|role| role.options.permit_x11_forwarding),
        extensions,
    }
}

/// Whether a text can be a Unix login: what is no login after expansion is dropped.
fn is_login(login: &str) -> bool {
    !login.is_empty()
        && login.len() <= 256
        && !login.starts_with('-')
        && login
            .chars()
            .all(|c| !c.is_control() && !c.is_whitespace() && !matches!(c, ',' | ':' | '"'))
}
