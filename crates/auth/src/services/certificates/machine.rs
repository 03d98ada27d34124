//! A bot's own certificate, renewed, and what it gives out.
//!
//! Each renewal counts one up, in the certificate and in what is stored of the instance. Who shows another count than the
//! stored one holds a copy, or has had one taken: nobody can tell which, so the bot is locked and people decide. Only
//! who asks again for the very certificate that was issued last is believed to have lost it on its way.

use access::issue::{IssueError, Wish};
use access::machine::{self, Run};
use access::{IssuancePermit, Role};
use store::Revision;
use wire::keep::Kept;
use wire::pb::proto::{Certs, UserCertsRequest};
use wire::pb::teleport::machineid::v1 as machineid;
use wire::pb::types;

use super::lost_answer::is_asked_again;
use super::{Wanted, here, holder, refused, sign_along, subject};
use crate::audit::{machines, people};
use crate::auth::Auth;
use crate::call::Call;
use crate::caller::UserCaller;
use crate::failure::{Answer, Failure};
use crate::moment;
use crate::services::bots::instances::{AUTHENTICATIONS_MAX, ends, generation_of};
use crate::services::locks::target_fields;
use crate::state::instances;
use crate::state::resource::Resource as _;
use crate::state::{Change, Read, Refused, Tries};

/// Which run of which bot a certificate belongs to.
pub fn run_of(identity: &pki::Identity) -> Option<Run> {
    Some(Run {
        bot: identity.bot_name.clone()?,
        instance: identity.bot_instance.clone()?,
        join_method: crate::services::tokens::METHOD_TOKEN.to_owned(),
    })
}

/// Another certificate with the next count.
pub async fn renew(auth: &Auth, call: &Call, user: &UserCaller, wish: Wish, keys: &Wanted) -> Answer<Certs> {
    let Some(run) = run_of(&user.identity) else {
        return Err(refused(IssueError::DisallowReissue));
    };
    let mut tries = Tries::default();
    loop {
        let found = auth.state.bot_instance(&run.bot, &run.instance, call.now).await?;
        let Some(found) = found else {
            return Err(Failure::access_denied(format!(
                "the instance {} of bot {:?} is not known any more; let it join again with a new token",
                run.instance, run.bot
            )));
        };
        let (stored, presented) = (generation_of(&found.value), user.identity.generation);
        let again = is_asked_again(&found.value, presented, keys, call.now);
        if stored != presented && !again {
            return Err(copied(auth, call, user, &run, stored).await?);
        }
        let person = here(auth, call, user.name()).await?;
        let next = presented.saturating_add(1);
        let permit =
            machine::renew(&holder(user), &subject(&person), &run, next, wish, call.now).map_err(refused)?;
        let instance = if again {
            lasting(found.value.clone(), &permit)
        } else {
            renewed(&found, &permit, call, keys)?
        };
        let key = instances::key(&run.bot, &run.instance);
        let issued = sign_along(auth, call, &permit, keys, |change| {
            change
                .require_same(&key, Some(found.revision))
                .put_bot_instance(&instance)
        });
        match issued.await {
            Ok(certificates) => return Ok(certificates),
            // Somebody has renewed at the same moment, with the same certificate.
            Err(refused) => tries.again(refused)?,
        }
    }
}

/// What is stored of the instance after this renewal.
fn renewed(
    found: &Read<machineid::BotInstance>,
    permit: &IssuancePermit,
    call: &Call,
    keys: &Wanted,
) -> Answer<machineid::BotInstance> {
    let grant = permit.grant();
    let generation = i32::try_from(grant.generation)
        .map_err(|_| Failure::limit_exceeded("this instance was renewed too often; let it join again"))?;
    let mut instance = lasting(found.value.clone(), permit);
    let status = instance.status.get_or_insert_default();
    status
        .latest_authentications
        .push(machineid::BotInstanceStatusAuthentication {
            authenticated_at: Some(moment::write(call.now)),
            join_method: crate::services::tokens::METHOD_TOKEN.to_owned(),
            generation,
            public_key: public_key(keys)?,
            ..Default::default()
        });
    let surplus = status
        .latest_authentications
        .len()
        .saturating_sub(AUTHENTICATIONS_MAX);
    status.latest_authentications.drain(..surplus);
    Ok(instance)
}

/// An instance that is known as long as its certificate is good.
fn lasting(mut instance: machineid::BotInstance, permit: &IssuancePermit) -> machineid::BotInstance {
    instance.metadata.get_or_insert_default().expires = Some(moment::write(ends(permit.grant().not_after)));
    instance
}

/// The key of the certificate, as instances list it.
pub fn public_key(keys: &Wanted) -> Answer<bytes::Bytes> {
    let key = keys.tls.as_ref().or(keys.ssh.as_ref());
    let key = key.ok_or_else(|| Failure::bad_parameter("a certificate needs a public key"))?;
    Ok(key.to_ssh_line().into_bytes().into())
}

/// Locks the bot, tells of it, and gives the refusal.
async fn copied(auth: &Auth, call: &Call, user: &UserCaller, run: &Run, stored: u64) -> Answer<Failure> {
    let actor = call.actor();
    let target = types::LockTarget {
        user: user.name().to_owned(),
        ..types::LockTarget::default()
    };
    let lock = Kept::from(types::LockV2 {
        kind: "lock".to_owned(),
        version: "v2".to_owned(),
        metadata: Some(types::Metadata {
            name: auth.chance.uuid(),
            namespace: "default".to_owned(),
            ..types::Metadata::default()
        }),
        spec: Some(types::LockSpecV2 {
            target: Some(target.clone()),
            message: format!(
                "The bot user {:?} has been locked due to a certificate generation mismatch, possibly indicating a stolen certificate.",
                user.name()
            ),
            created_at: Some(moment::write(call.now)),
            created_by: user.name().to_owned(),
            ..types::LockSpecV2::default()
        }),
        ..types::LockV2::default()
    });
    let fields = target_fields(Some(&target));
    let change = Change::new(call.now, &actor.user, machines::generation_mismatch(actor))
        .telling(
            &actor.user,
            people::lock_created(actor, lock.name(), None, &fields),
        )
        .require_same(&types::LockV2::key(lock.name()), None::<Revision>)
        .put_resource(&lock);
    auth.state.commit(change).await.map_err(|refused| match refused {
        Refused::Conflict(_) => Failure::internal("the name of a new lock is taken"),
        Refused::Failed(failure) => failure,
    })?;
    Ok(Failure::access_denied(format!(
        "renewable cert generation mismatch for bot {}/{}: stored={stored}, presented={}",
        run.bot, run.instance, user.identity.generation
    )))
}

/// A certificate with roles that one's own role lets one take.
pub async fn take_roles(
    auth: &Auth,
    call: &Call,
    user: &UserCaller,
    asked: &UserCertsRequest,
    wish: Wish,
) -> Answer<IssuancePermit> {
    if !asked.access_requests.is_empty() {
        return Err(refused(IssueError::RequestsForAnother));
    }
    let person = here(auth, call, user.name()).await?;
    let mut requested: Vec<Role> = Vec::new();
    for name in &asked.role_requests {
        if requested.iter().any(|role| role.name == *name) {
            continue;
        }
        match auth.state.role(name, call.now).await? {
            Some(role) => requested.push(Role::clone(&role)),
            None => {
                // Whether a role exists is told to whoever may take it, and to nobody else.
                let missing = Role::empty(name.as_str());
                if machine::may_take(&subject(&person), std::slice::from_ref(&missing)) {
                    return Err(crate::services::roles::no_such_role(name));
                }
                requested.push(missing);
            }
        }
    }
    machine::take_roles(&holder(user), &subject(&person), &requested, wish, call.now).map_err(refused)
}
