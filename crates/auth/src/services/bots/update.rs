//! `BotService.UpdateBot`: what the mask names of a bot that is there.

use wire::convert;
use wire::keep::Kept;
use wire::pb::teleport::machineid::v1 as machineid;
use wire::pb::types;

use super::Stored;
use super::get::no_such_bot;
use super::{BOT_LABEL, accept, find, role_of, shown, user_of, warn_of_missing_roles};
use crate::audit::machines::{BotChange, bot as record};
use crate::auth::Auth;
use crate::call::Call;
use crate::failure::{Answer, Failure};
use crate::state::resource::Resource as _;
use crate::state::{Change, Refused, Tries};

/// Handles the call.
pub async fn handle(
    auth: &Auth,
    call: &Call,
    request: machineid::UpdateBotRequest,
) -> Answer<Kept<machineid::Bot>> {
    call.allow("bot", &["update"])?;
    let bot = request
        .bot
        .ok_or_else(|| Failure::bad_parameter("bot: must be non-nil"))?;
    let paths = request.update_mask.map(|mask| mask.paths).unwrap_or_default();
    if paths.is_empty() {
        return Err(Failure::bad_parameter("update_mask.paths: must be non-empty"));
    }
    let bot = accept(call, bot)?;
    let given = bot.spec.clone().unwrap_or_default();
    let name = bot.metadata.as_ref().map_or("", |metadata| &metadata.name);
    let mut tries = Tries::default();
    loop {
        let stored = find(auth, call, name).await?.ok_or_else(|| no_such_bot(name))?;
        let present = shown(
            &stored.user.resource,
            stored.role.as_ref().map(|role| &*role.resource),
        );
        let mut wanted = Wanted {
            spec: present.spec.clone().unwrap_or_default(),
            metadata: None,
        };
        for path in &paths {
            match path.as_str() {
                "spec.roles" => wanted.spec.roles.clone_from(&given.roles),
                "spec.traits" => wanted.spec.traits.clone_from(&given.traits),
                "spec.max_session_ttl" => wanted.spec.max_session_ttl = given.max_session_ttl,
                other => {
                    return Err(Failure::bad_parameter(format!(
                        "update_mask: unsupported path {other:?}"
                    )));
                }
            }
        }
        warn_of_missing_roles(auth, call, &wanted.spec).await?;
        match write(auth, call, &stored, &wanted, BotChange::Updated).await {
            Ok(bot) => return Ok(bot),
            Err(refused) => tries.again(refused)?,
        }
    }
}

/// What a bot is to be.
pub(super) struct Wanted {
    /// Roles, traits, longest life.
    pub spec: machineid::BotSpec,
    /// Labels and end, if they change too.
    pub metadata: Option<wire::pb::teleport::header::v1::Metadata>,
}

impl Wanted {
    /// Everything as `bot` says.
    pub fn all(bot: &machineid::Bot) -> Self {
        Self {
            spec: bot.spec.clone().unwrap_or_default(),
            metadata: bot.metadata.clone(),
        }
    }
}

/// Writes user and role of a bot that is there, in one commit.
pub(super) async fn write(
    auth: &Auth,
    call: &Call,
    stored: &Stored,
    wanted: &Wanted,
    what: BotChange,
) -> Result<Kept<machineid::Bot>, Refused> {
    let present = shown(
        &stored.user.resource,
        stored.role.as_ref().map(|role| &*role.resource),
    );
    let whole = machineid::Bot {
        metadata: wanted.metadata.clone().or_else(|| present.metadata.clone()),
        spec: Some(wanted.spec.clone()),
        ..machineid::Bot::default()
    };
    let name = whole.metadata.as_ref().map_or("", |metadata| &metadata.name);
    let (fresh, role) = (user_of(&whole), role_of(&whole).map_err(Refused::Failed)?);
    // A role of that name that is not the bot's own is somebody else's.
    if let Some(found) = &stored.role
        && found
            .resource
            .metadata()
            .and_then(|metadata| metadata.labels.get(BOT_LABEL))
            .is_none_or(|bot| bot != name)
    {
        return Err(Refused::Failed(Failure::bad_parameter(format!(
            "role {:?} does not belong to bot {name:?}",
            role.name()
        ))));
    }
    let mut user = stored.user.resource.clone();
    let traits = convert::traits(fresh.spec.as_ref().and_then(|spec| spec.traits.as_ref()));
    let spec = user.spec.get_or_insert_default();
    spec.traits = Some(convert::label_values(&traits));
    spec.roles = vec![role.name().to_owned()];
    if let Some(metadata) = fresh.metadata() {
        user.metadata_mut().labels.clone_from(&metadata.labels);
        user.metadata_mut().expires = metadata.expires;
    }
    let told = record(what, call.actor(), name);
    let change = Change::new(call.now, &call.actor().user, told)
        .require_same(&types::UserV2::key(user.name()), Some(stored.user.revision))
        .require_same(
            &types::RoleV6::key(role.name()),
            stored.role.as_ref().map(|role| role.revision),
        )
        .put_resource(&user)
        .put_resource(&role);
    auth.state.commit(change).await?;
    Ok(shown(&user, Some(&role)))
}
