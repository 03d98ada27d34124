//! Who is calling: from the client certificate alone, judged by what the cluster knows now.
//!
//! A certificate proves a name. What the name may do follows from the state at this moment: a user who
//! was deleted calls nobody, a role that was taken away is gone at the next call, a request that was
//! revoked takes its roles along. A certificate can only lose by this, never gain: what is not in it
//! needs a new one. Headers, bodies and names in messages are never asked.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;

use access::{Role, SystemRole, Traits};
use jiff::{SignedDuration, Timestamp};
use pki::Identity;
use pki::identity::{Caller as Named, VouchedBy};
use transport::peer::{Authority, Peer};
use wire::convert;
use wire::keep::Kept;
use wire::pb::types;

use crate::audit::{Actor, ActorKind};
use crate::failure::{Answer, Failure, denied};
use crate::services::access_lists::lent;
use crate::signed::Signed;
use crate::state::State;
use crate::state::people::Subject;
use crate::state::resource::Resource as _;

/// Certificates begin this long before they are issued.
const BACKDATED: SignedDuration = SignedDuration::from_mins(1);

/// Who is calling.
#[derive(Debug, Clone)]
pub enum Who {
    /// Nobody has shown a certificate.
    Nobody,
    /// A person or a bot.
    User(Box<UserCaller>),
    /// A part of the cluster.
    BuiltIn(BuiltIn),
}

/// A person or a bot, as the cluster knows them now.
#[derive(Debug, Clone)]
pub struct UserCaller {
    /// The user resource.
    pub user: Arc<Kept<types::UserV2>>,
    /// Who is behind the name.
    pub subject: Subject,
    /// What the certificate says.
    pub identity: Arc<Identity>,
    /// First the roles the user holds for good and the certificate carries, then those it carries
    /// through access requests that are still good.
    roles: Vec<Role>,
    /// How many of them are held for good.
    held: usize,
    /// What stored roles forbid that the certificate does not carry.
    forbidding: Vec<Role>,
    /// The access requests of the certificate that are still good.
    pub requests: Vec<String>,
    /// The user's traits.
    pub traits: Traits,
}

/// A part of the cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuiltIn {
    /// What it is.
    pub role: SystemRole,
    /// Its host.
    pub host_id: String,
    /// Its whole name, `HOSTID.CLUSTER`.
    pub name: String,
}

/// The caller of one call.
#[derive(Debug, Clone)]
pub struct Caller {
    who: Who,
    actor: Actor,
    signed: Option<Signed>,
}

impl UserCaller {
    /// The user's name.
    pub fn name(&self) -> &str {
        self.user.name()
    }

    /// All roles that count for ordinary rights, the held ones first.
    pub fn roles(&self) -> &[Role] {
        &self.roles
    }

    /// The roles the user holds for good and the certificate carries.
    pub fn held_roles(&self) -> &[Role] {
        &self.roles[..self.held]
    }

    /// Roles that the user was given after the certificate: they grant nothing yet, and what they forbid is forbidden.
    pub fn forbidding(&self) -> &[Role] {
        &self.forbidding
    }

    /// Whether somebody else uses this name. A bot's own certificate names the bot itself.
    pub fn is_impersonated(&self) -> bool {
        let by = self.identity.impersonator.as_deref();
        by.is_some_and(|by| by != self.name())
    }

    /// Whether this is a bot.
    pub fn is_bot(&self) -> bool {
        self.identity.bot_name.is_some()
            || self
                .user
                .metadata()
                .is_some_and(|metadata| metadata.labels.contains_key("teleport.internal/bot"))
    }
}

impl Caller {
    /// Finds out who is calling.
    ///
    /// # Errors
    /// Access is denied if the certificate is of no use here, if its user is gone or is another one of
    /// that name, or if the call comes from another address than the certificate is pinned to. Locks
    /// are checked by [`crate::locks`].
    pub async fn of(state: &State, peer: &Peer, user_agent: &str, now: Timestamp) -> Answer<Self> {
        let anonymous = Actor {
            user: String::new(),
            remote: Some(peer.address()),
            user_agent: user_agent.to_owned(),
            ..Actor::system()
        };
        let Some((identity, authority)) = peer.identity().zip(peer.authority()) else {
            return Ok(Self {
                who: Who::Nobody,
                actor: anonymous,
                signed: None,
            });
        };
        let identity = identity.map_err(|error| {
            tracing::debug!(%error, peer = %peer.address(), "a certificate tells no identity");
            Failure::access_denied("access denied: invalid client certificate")
        })?;
        if identity.cluster != state.cluster() {
            return Err(Failure::access_denied(
                "access denied: the certificate is of another cluster",
            ));
        }
        // The handshake checked this when the connection began; connections last longer than that.
        if identity.not_after < now {
            return Err(Failure::access_denied(
                "access denied: client credentials have expired, please relogin.",
            ));
        }
        if identity
            .pinned_ip
            .is_some_and(|pinned| pinned != peer.address().ip())
        {
            return Err(Failure::access_denied(
                "access denied: the certificate is good from one address only",
            ));
        }
        let signed = Signed::of(peer).ok_or_else(denied)?;
        signed.check(state, now).await?;
        let signed = Some(signed);
        let vouched = match authority {
            Authority::User => VouchedBy::User,
            Authority::Host => VouchedBy::Host,
        };
        let named = identity
            .caller(vouched)
            .map_err(|error| Failure::access_denied(error.to_string()))?;
        match named {
            Named::Service { role, host_id } => {
                let name = identity.username.clone();
                Ok(Self {
                    actor: Actor {
                        user: name.clone(),
                        kind: Some(ActorKind::System),
                        ..anonymous
                    },
                    who: Who::BuiltIn(BuiltIn {
                        role,
                        host_id: host_id.to_owned(),
                        name,
                    }),
                    signed,
                })
            }
            Named::User { name } => {
                let user = read_user(state, name, Arc::clone(identity), now).await?;
                let actor = Actor {
                    user: user.name().to_owned(),
                    kind: Some(if user.is_bot() {
                        ActorKind::Bot
                    } else {
                        ActorKind::Human
                    }),
                    impersonator: identity.impersonator.clone().unwrap_or_default(),
                    access_requests: identity.active_requests.clone(),
                    bot_name: identity.bot_name.clone().unwrap_or_default(),
                    bot_instance: identity.bot_instance.clone().unwrap_or_default(),
                    ..anonymous
                };
                Ok(Self {
                    who: Who::User(Box::new(user)),
                    actor,
                    signed,
                })
            }
        }
    }

    /// The same caller as the cluster knows them at this moment: roles that were taken away since the call began are gone.
    pub async fn again(&self, state: &State, now: Timestamp) -> Answer<Self> {
        if let Some(signed) = &self.signed {
            signed.check(state, now).await?;
        }
        let who = match &self.who {
            Who::User(user) => {
                let identity = Arc::clone(&user.identity);
                Who::User(Box::new(read_user(state, user.name(), identity, now).await?))
            }
            other => other.clone(),
        };
        Ok(Self {
            who,
            actor: self.actor.clone(),
            signed: self.signed.clone(),
        })
    }

    /// The Auth Service itself.
    pub fn system(cluster: &str, host_id: &str) -> Self {
        Self {
            who: Who::BuiltIn(BuiltIn {
                role: SystemRole::Auth,
                host_id: host_id.to_owned(),
                name: format!("{host_id}.{cluster}"),
            }),
            actor: Actor::system(),
            signed: None,
        }
    }

    /// Who has signed the caller's certificate, if there is one.
    pub fn signed(&self) -> Option<&Signed> {
        self.signed.as_ref()
    }

    /// Who it is.
    pub fn who(&self) -> &Who {
        &self.who
    }

    /// How audit records name the caller.
    pub fn actor(&self) -> &Actor {
        &self.actor
    }

    /// Where the call comes from.
    pub fn address(&self) -> Option<SocketAddr> {
        self.actor.remote
    }

    /// The proxy vouches for where its own client calls from.
    pub(crate) fn on_behalf_of(&mut self, client: SocketAddr, user_agent: Option<&str>) {
        if self.is(SystemRole::Proxy) {
            self.actor.remote = Some(client);
            if let Some(user_agent) = user_agent {
                user_agent.clone_into(&mut self.actor.user_agent);
            }
        }
    }

    /// The user, if it is one.
    pub fn user(&self) -> Option<&UserCaller> {
        match &self.who {
            Who::User(user) => Some(user),
            _ => None,
        }
    }

    /// The user's name, if it is one.
    pub fn user_name(&self) -> Option<&str> {
        self.user().map(UserCaller::name)
    }

    /// The user, or the refusal that only users may do this.
    pub fn require_user(&self) -> Answer<&UserCaller> {
        self.user()
            .ok_or_else(|| Failure::access_denied("this call is for users"))
    }

    /// Whether it is the part of the cluster with that role.
    pub fn is(&self, role: SystemRole) -> bool {
        matches!(&self.who, Who::BuiltIn(part) if part.role == role)
    }

    /// Whether it is the local administrator, or the Auth Service itself.
    pub fn is_admin(&self) -> bool {
        self.is(SystemRole::Admin) || self.is(SystemRole::Auth)
    }

    /// Refuses everybody but the local administrator.
    pub fn require_admin(&self) -> Answer<()> {
        if self.is_admin() {
            Ok(())
        } else {
            Err(Failure::access_denied(
                "this request can be only executed by an admin",
            ))
        }
    }

    /// Refuses everybody but a proxy.
    pub fn require_proxy(&self) -> Answer<()> {
        if self.is(SystemRole::Proxy) {
            Ok(())
        } else {
            Err(denied())
        }
    }

    /// Refuses whoever has shown no certificate.
    pub fn require_certificate(&self) -> Answer<()> {
        if matches!(self.who, Who::Nobody) {
            Err(denied())
        } else {
            Ok(())
        }
    }

    /// Whether the caller holds a role now, for good or through a request.
    pub fn holds_role(&self, name: &str) -> bool {
        self.user()
            .is_some_and(|user| user.roles().iter().any(|role| role.name == name))
    }

    /// The whole name, as certificates and records say it.
    pub fn actor_name(&self) -> &str {
        &self.actor.user
    }

    /// The name that resources say they were made by.
    pub fn short_name(&self) -> &str {
        match &self.who {
            Who::Nobody => "",
            Who::User(user) => user.name(),
            Who::BuiltIn(part) if part.role == SystemRole::Admin => "Admin",
            Who::BuiltIn(part) => &part.name,
        }
    }
}

async fn read_user(state: &State, name: &str, identity: Arc<Identity>, now: Timestamp) -> Answer<UserCaller> {
    let user = state.user(name, now).await?;
    let subject = state.subject(name, now).await?;
    // Whether a user exists is told to nobody who is not that user.
    let (Some(user), Some(subject)) = (user, subject) else {
        return Err(denied());
    };
    let issued = identity
        .not_before
        .saturating_add(BACKDATED)
        .unwrap_or(identity.not_before);
    if !subject.value.can_hold_certificate_of(issued) {
        return Err(denied());
    }
    let carried: BTreeSet<&str> = identity.groups.iter().map(String::as_str).collect();
    let lent = lent(state, &user, &subject.value, now).await?;
    let mut held_now = Vec::new();
    for name in crate::services::users::roles_of(&user) {
        // What a role that is gone forbade is not known any more.
        let role = state
            .role(name, now)
            .await?
            .ok_or_else(|| Failure::access_denied(format!("access denied: role {name:?} is not found")))?;
        held_now.push(role);
    }
    held_now.extend(lent.roles.iter().cloned());
    let mut roles: Vec<Role> = Vec::new();
    let mut forbidding: Vec<Role> = lent.forbidding.iter().map(|role| forbidden_by(role)).collect();
    for role in held_now {
        if carried.contains(role.name.as_str()) {
            roles.push(Role::clone(&role));
        } else {
            forbidding.push(forbidden_by(&role));
        }
    }
    let own = convert::traits(user.spec.as_ref().and_then(|spec| spec.traits.as_ref()));
    let traits = lent.with_traits(own);
    if identity.disallow_reissue && identity.impersonator.as_deref() == Some(name) {
        roles = taken(state, name, &user, &subject.value, &traits, &carried, now).await?;
    }
    let held = roles.len();
    let mut requests = Vec::new();
    for id in &identity.active_requests {
        let Some(lent) = state.roles_of_request(id, name, now).await? else {
            continue;
        };
        requests.push(id.clone());
        for role in lent {
            let known = roles.iter().any(|known| known.name == role);
            if carried.contains(role.as_str())
                && !known
                && let Some(role) = state.role(&role, now).await?
            {
                roles.push(Role::clone(&role));
            }
        }
    }
    Ok(UserCaller {
        subject: subject.value,
        user,
        identity,
        roles,
        held,
        forbidding,
        requests,
        traits,
    })
}

/// A role of which nothing is left but what it forbids.
fn forbidden_by(role: &Role) -> Role {
    Role {
        deny: role.deny.clone(),
        labels: role.labels.clone(),
        version: role.version,
        ..Role::empty(role.name.as_str())
    }
}

/// The roles of a certificate that a bot gives out: those it carries and that the bot's own role still lets it take.
async fn taken(
    state: &State,
    name: &str,
    user: &types::UserV2,
    subject: &Subject,
    traits: &Traits,
    carried: &BTreeSet<&str>,
    now: Timestamp,
) -> Answer<Vec<Role>> {
    let mut own = Vec::new();
    for role in crate::services::users::roles_of(user) {
        own.extend(state.role(role, now).await?.map(|role| Role::clone(&role)));
    }
    let bot = access::issue::Subject {
        user: name,
        subject: &subject.id,
        roles: &own,
        traits,
    };
    let mut roles = Vec::new();
    for role in carried {
        if let Some(role) = state.role(role, now).await?
            && access::machine::may_take(&bot, std::slice::from_ref(&*role))
        {
            roles.push(Role::clone(&role));
        }
    }
    Ok(roles)
}
