//! A bot joins: the token is used up, an instance begins, and its first certificate leaves, all in one commit.

use access::issue::Wish;
use access::machine::{self, LIFETIME_DEFAULT, Run};
use jiff::Timestamp;
use wire::convert;
use wire::pb::proto::Certs;
use wire::pb::types;

use super::refused;
use crate::audit::machines::{Joined, bot_joined};
use crate::auth::Auth;
use crate::call::Call;
use crate::failure::{Answer, Failure};
use crate::services::bots::{bot_of_user, instances, user_name};
use crate::services::certificates::{self, Wanted, public_key};
use crate::services::requests::person;
use crate::services::tokens::{METHOD_TOKEN, bot_of};
use crate::state::Refused;
use crate::state::resource::{Found, Resource as _};

/// Lets the bot of `token` in.
pub async fn join(
    auth: &Auth,
    call: &Call,
    asked: &types::RegisterUsingTokenRequest,
    token: &Found<types::ProvisionTokenV2>,
) -> Answer<Certs> {
    let keys = Wanted {
        ssh: certificates::key(&asked.public_ssh_key)?,
        tls: certificates::key(&asked.public_tls_key)?,
    };
    let bot = bot_of(&token.resource);
    let user = user_name(bot);
    let stored = auth.state.user(&user, call.now).await?;
    let known = stored.is_some_and(|user| bot_of_user(&user) == Some(bot));
    let Some(person) = person(auth, &user, call.now).await?.filter(|_| known) else {
        return Err(refused(asked));
    };
    let end = convert::moment(asked.expires.as_ref()).unwrap_or_else(|| {
        call.now
            .saturating_add(LIFETIME_DEFAULT)
            .unwrap_or(Timestamp::MAX)
    });
    let run = Run {
        bot: bot.to_owned(),
        instance: auth.chance.uuid(),
        join_method: METHOD_TOKEN.to_owned(),
    };
    let address = call.source().map(|source| source.to_string());
    let subject = certificates::subject(&person);
    let permit =
        machine::join(&subject, &run, Wish::AtMost(end), address, call.now).map_err(certificates::refused)?;
    let secret = token.resource.name();
    let instance = instances::joined(
        bot,
        &run.instance,
        secret,
        METHOD_TOKEN,
        public_key(&keys)?,
        permit.grant().not_after,
        call.now,
    );
    let told = bot_joined(
        call.actor(),
        &Joined {
            bot,
            user: &user,
            instance: &run.instance,
            method: METHOD_TOKEN,
            token: secret,
        },
    );
    let key = auth.state.token_key(secret)?;
    let issued = certificates::sign_along(auth, call, &permit, &keys, |change| {
        change
            .telling(&user, told.clone())
            .require_same(&key, Some(token.revision))
            .delete(key.clone())
            .put_bot_instance(&instance)
    });
    match issued.await {
        Ok(certificates) => Ok(certificates),
        // Somebody else was quicker with the same token.
        Err(Refused::Conflict(_)) => Err(refused(asked)),
        Err(other) => Err(Failure::from(other)),
    }
}
