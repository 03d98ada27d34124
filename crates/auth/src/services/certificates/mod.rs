//! `AuthService.GenerateUserCerts`: a certificate for the caller, with requests or without, or in somebody's name.
//!
//! `access::issue` and, for bots, `access::machine` decide and give the permit; here is read what it decides on, and the deed is recorded before the
//! certificate leaves.

pub mod host;
mod lost_answer;
mod machine;
pub mod part;
mod sign;

use access::issue::{self, Holder, IssueError, LIFETIME_DEFAULT, Subject, Wish};
use access::pin::Pin;
use access::request::{AssumeError, Request};
use jiff::Timestamp;
use wire::convert;
use wire::pb::proto::user_certs_request::CertPurpose;
use wire::pb::proto::{Certs, UserCertsRequest};

pub use machine::public_key;
pub use sign::{Wanted, key, sign, sign_along, sign_proven, sign_proven_along};

use crate::auth::Auth;
use crate::call::Call;
use crate::caller::UserCaller;
use crate::failure::{Answer, Class, Failure};
use crate::services::requests::{Person, person};

/// Handles the call.
pub async fn handle(auth: &Auth, call: &Call, asked: UserCertsRequest) -> Answer<Certs> {
    check_form(auth.cluster(), &asked)?;
    let wanted_end = convert::moment(asked.expires.as_ref()).unwrap_or_else(|| {
        call.now
            .saturating_add(LIFETIME_DEFAULT)
            .unwrap_or(Timestamp::MAX)
    });
    let wish = if call.wants_exact_ttl() {
        Wish::Exactly(wanted_end)
    } else {
        Wish::AtMost(wanted_end)
    };
    let keys = Wanted::of(&asked)?;
    let permit = match call.caller.user() {
        None => {
            call.caller
                .require_admin()
                .map_err(|_| Failure::access_denied(IssueError::NoImpersonation.to_string()))?;
            if !asked.access_requests.is_empty() || asked.use_role_requests {
                return Err(refused(IssueError::RequestsForAnother));
            }
            let target = target(auth, call, &asked.username).await?;
            issue::local_admin(call.caller.actor_name(), &subject(&target), wish, call.now)
                .map_err(refused)?
        }
        Some(user) if user.name() == asked.username || asked.username.is_empty() => {
            if asked.use_role_requests {
                machine::take_roles(auth, call, user, &asked, wish).await?
            } else if user.identity.renewable {
                return machine::renew(auth, call, user, wish, &keys).await;
            } else {
                own(auth, call, user, &asked, wish).await?
            }
        }
        Some(user) => {
            if !asked.access_requests.is_empty() || asked.use_role_requests {
                return Err(refused(IssueError::RequestsForAnother));
            }
            let caller = here(auth, call, user.name()).await?;
            let caller_subject = subject(&caller);
            if !issue::may_impersonate_anyone(&caller_subject) {
                return Err(refused(IssueError::NoImpersonation));
            }
            let target = target(auth, call, &asked.username).await?;
            issue::impersonate(&holder(user), &caller_subject, &subject(&target), wish, call.now)
                .map_err(refused)?
        }
    };
    sign(auth, call, &permit, &keys).await
}

/// A certificate for the caller: the stored roles, and those of requests that are active, added or not dropped.
async fn own(
    auth: &Auth,
    call: &Call,
    user: &UserCaller,
    asked: &UserCertsRequest,
    wish: Wish,
) -> Answer<access::IssuancePermit> {
    let person = here(auth, call, user.name()).await?;
    let mut ids: Vec<&String> = Vec::new();
    let drops_all = asked.drop_access_requests.iter().any(|id| id == "*");
    let kept = user
        .identity
        .active_requests
        .iter()
        .filter(|id| !drops_all && !asked.drop_access_requests.contains(id));
    for id in kept.chain(&asked.access_requests) {
        if !ids.contains(&id) && !asked.drop_access_requests.contains(id) {
            ids.push(id);
        }
    }
    with_requests(auth, call, &holder(user), &person, ids, wish).await
}

/// A permit for the stored roles of `person` and those of the approved requests `ids`.
pub async fn with_requests(
    auth: &Auth,
    call: &Call,
    holder: &Holder,
    person: &Person,
    ids: impl IntoIterator<Item = &String>,
    wish: Wish,
) -> Answer<access::IssuancePermit> {
    let mut requests: Vec<Request> = Vec::new();
    let mut granted: Vec<Pin> = Vec::new();
    for id in ids {
        let found = auth.state.request(id, call.now).await?;
        let found = found.ok_or_else(|| refused(IssueError::Assume(AssumeError::NotFound(id.clone()))))?;
        for name in &found.request.roles {
            if auth.state.role(name, call.now).await?.is_none() {
                return Err(crate::services::roles::no_such_role(name));
            }
        }
        granted.extend_from_slice(&auth.state.pins(&found.request.roles, call.now).await?);
        requests.push(found.counted());
    }
    issue::renew(holder, &subject(person), &requests, &granted, wish, call.now).map_err(refused)
}

/// What this version does not issue is refused: a certificate that says less than was asked for would do more.
fn check_form(cluster: &str, asked: &UserCertsRequest) -> Answer<()> {
    if asked.use_role_requests && asked.role_requests.is_empty() {
        return Err(Failure::bad_parameter("at least one role request is required"));
    }
    if !asked.use_role_requests && !asked.role_requests.is_empty() {
        return Err(Failure::bad_parameter(
            "roles were named without saying that they are role requests",
        ));
    }
    if !asked.route_to_cluster.is_empty() && asked.route_to_cluster != cluster {
        return Err(Failure::not_found(format!(
            "cluster {:?} is not found",
            asked.route_to_cluster
        )));
    }
    // Go clients send these always, with nothing inside.
    let routed = is_something(asked.route_to_database.as_ref())
        || is_something(asked.route_to_app.as_ref())
        || is_something(asked.route_to_windows_desktop.as_ref())
        || !asked.kubernetes_cluster.is_empty()
        || !asked.node_name.is_empty();
    if routed || asked.usage != 0 {
        return Err(Failure::not_implemented(
            "certificates limited to one server, database, application, desktop or Kubernetes cluster are not available yet",
        ));
    }
    if asked.purpose == CertPurpose::SingleUseCerts as i32 {
        return Err(Failure::not_implemented(
            "certificates for a single use are not available yet",
        ));
    }
    Ok(())
}

fn is_something<M: Default + PartialEq>(message: Option<&M>) -> bool {
    message.is_some_and(|message| *message != M::default())
}

/// The caller as stored now.
async fn here(auth: &Auth, call: &Call, name: &str) -> Answer<Person> {
    person(auth, name, call.now)
        .await?
        .ok_or_else(crate::failure::denied)
}

/// The user a certificate is for; whether such a user exists is nobody's business who may not impersonate.
async fn target(auth: &Auth, call: &Call, name: &str) -> Answer<Person> {
    let found = person(auth, name, call.now).await?;
    match found {
        Some(person) => Ok(person),
        None if call.caller.is_admin() => Err(crate::services::users::no_such_user(name)),
        None => Err(crate::failure::denied()),
    }
}

/// A person as issuing sees them.
pub fn subject(person: &Person) -> Subject<'_> {
    Subject {
        user: &person.name,
        subject: &person.subject,
        roles: &person.roles,
        traits: &person.traits,
    }
}

fn holder(user: &UserCaller) -> Holder {
    let identity = &user.identity;
    Holder {
        user: user.name().to_owned(),
        active_requests: identity.active_requests.clone(),
        impersonator: identity.impersonator.clone(),
        disallow_reissue: identity.disallow_reissue,
        not_after: Some(identity.not_after),
        login_ip: identity.login_ip.map(|ip| ip.to_string()),
        renewable: identity.renewable,
        machine: machine::run_of(identity),
    }
}

/// A refusal as clients see it.
pub fn refused(error: IssueError) -> Failure {
    let class = match error.class() {
        access::Class::InvalidArgument => Class::BadParameter,
        access::Class::NotFound => Class::NotFound,
        _ => Class::AccessDenied,
    };
    Failure::new(class, error.to_string())
}
