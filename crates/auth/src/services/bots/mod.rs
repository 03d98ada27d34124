//! Bots: reading, making, changing, deleting. A bot is a user and a role of its own, which are made, changed and deleted in
//! one commit with it; nothing else is stored of it, so the three cannot disagree.
//!
//! The role lets the bot read the certificates of the authorities and take the roles it was given; the user holds that one
//! role and carries the bot's traits.

pub mod create;
pub mod delete;
pub mod get;
pub mod instances;
pub mod list;
pub mod update;
pub mod upsert;

use std::collections::BTreeMap;

use access::machine::LIFETIME_MAX;
use jiff::SignedDuration;
use wire::convert;
use wire::keep::Kept;
use wire::pb::teleport::header::v1 as header;
use wire::pb::teleport::machineid::v1 as machineid;
use wire::pb::types;

use crate::auth::Auth;
use crate::call::Call;
use crate::failure::{Answer, Failure};
use crate::moment;
use crate::names;
use crate::state::resource::{Found, Resource as _};

/// The label that names the bot of a user or a role.
pub const BOT_LABEL: &str = "teleport.internal/bot";
/// The label in which the original counts, for its older versions.
const GENERATION_LABEL: &str = "teleport.internal/bot-generation";

/// How long the bot's own role lets certificates live if nobody says.
const SESSION_TTL_DEFAULT: SignedDuration = SignedDuration::from_hours(12);
/// The longest that may be said.
const SESSION_TTL_MAX: SignedDuration = SignedDuration::from_hours(7 * 24);

/// A bot with everything that is stored of it.
#[derive(Debug)]
pub struct Stored {
    /// Its user.
    pub user: Found<types::UserV2>,
    /// Its role, unless somebody has deleted it.
    pub role: Option<Found<types::RoleV6>>,
}

/// What the user and the role of a bot are called.
pub fn user_name(bot: &str) -> String {
    format!("bot-{}", bot.replace(' ', "-"))
}

/// The bot that a user is, if it is one.
pub fn bot_of_user(user: &types::UserV2) -> Option<&str> {
    let labels = user.metadata().map(|metadata| &metadata.labels)?;
    labels.get(BOT_LABEL).map(String::as_str)
}

/// The bot called `name`, if there is one.
pub async fn find(auth: &Auth, call: &Call, name: &str) -> Answer<Option<Stored>> {
    let user = auth
        .state
        .find::<types::UserV2>(&user_name(name), call.now)
        .await?;
    let Some(user) = user.filter(|user| bot_of_user(&user.resource) == Some(name)) else {
        return Ok(None);
    };
    let role = auth
        .state
        .find::<types::RoleV6>(&user_name(name), call.now)
        .await?;
    Ok(Some(Stored { user, role }))
}

/// A bot as a client sent it, checked.
fn accept(call: &Call, mut bot: Kept<machineid::Bot>) -> Answer<Kept<machineid::Bot>> {
    if !matches!(bot.kind.as_str(), "" | "bot") {
        return Err(Failure::bad_parameter(format!(
            "resource is of kind {:?}, not \"bot\"",
            bot.kind
        )));
    }
    if !matches!(bot.version.as_str(), "" | "v1") {
        return Err(Failure::bad_parameter(format!(
            "bot version {:?} is not supported",
            bot.version
        )));
    }
    let metadata = bot.metadata.get_or_insert_default();
    let name = metadata.name.clone();
    if name.is_empty() {
        return Err(Failure::bad_parameter("metadata.name: must be non-empty"));
    }
    names::check_user(&user_name(&name))?;
    metadata
        .labels
        .retain(|label, _| !label.starts_with("teleport.internal/"));
    if moment::read_option(metadata.expires.as_ref()).is_some_and(|ends| ends <= call.now) {
        return Err(Failure::bad_parameter("the bot's end lies in the past"));
    }
    let spec = bot.spec.get_or_insert_default();
    for role in &spec.roles {
        names::check_role(role).map_err(|_| {
            Failure::bad_parameter(
                "spec.roles: must not contain empty strings or names that no role can have",
            )
        })?;
    }
    spec.roles.dedup();
    session_ttl(spec)?;
    Ok(bot)
}

/// How long the certificates of the bot's own role may live.
fn session_ttl(spec: &machineid::BotSpec) -> Answer<SignedDuration> {
    let Some(asked) = &spec.max_session_ttl else {
        return Ok(SESSION_TTL_DEFAULT);
    };
    let asked = SignedDuration::new(asked.seconds, asked.nanos);
    if !asked.is_positive() || asked > SESSION_TTL_MAX {
        return Err(Failure::bad_parameter(format!(
            "spec.max_session_ttl: must be more than nothing and at most {} h",
            SESSION_TTL_MAX.as_hours()
        )));
    }
    Ok(asked)
}

/// Says which of the bot's roles nobody has made yet: it will be able to take them when somebody does.
async fn warn_of_missing_roles(auth: &Auth, call: &Call, spec: &machineid::BotSpec) -> Answer<()> {
    for role in &spec.roles {
        if auth.state.role(role, call.now).await?.is_none() {
            call.warn(format!(
                "role {role} is not found; the bot cannot use it until it is made"
            ));
        }
    }
    if session_ttl(spec)? > LIFETIME_MAX {
        call.warn(format!(
            "certificates of bots live {} h at most, whatever `max_session_ttl` says",
            LIFETIME_MAX.as_hours()
        ));
    }
    Ok(())
}

/// The user of a bot.
fn user_of(bot: &machineid::Bot) -> Kept<types::UserV2> {
    let metadata = bot.metadata.clone().unwrap_or_default();
    let mut labels = metadata.labels;
    labels.insert(BOT_LABEL.to_owned(), metadata.name.clone());
    labels.insert(GENERATION_LABEL.to_owned(), "0".to_owned());
    let name = user_name(&metadata.name);
    let traits: BTreeMap<String, Vec<String>> = bot
        .spec
        .iter()
        .flat_map(|spec| &spec.traits)
        .map(|one| (one.name.clone(), one.values.clone()))
        .collect();
    let mut user = types::UserV2 {
        version: "v2".to_owned(),
        metadata: Some(types::Metadata {
            name: name.clone(),
            labels,
            expires: metadata.expires,
            ..types::Metadata::default()
        }),
        spec: Some(types::UserSpecV2 {
            roles: vec![name],
            traits: Some(convert::label_values(&traits)),
            ..types::UserSpecV2::default()
        }),
        ..types::UserV2::default()
    };
    wire::resource::defaults::user(&mut user);
    Kept::from(user)
}

/// The role of a bot.
fn role_of(bot: &machineid::Bot) -> Answer<Kept<types::RoleV6>> {
    let metadata = bot.metadata.clone().unwrap_or_default();
    let spec = bot.spec.clone().unwrap_or_default();
    let mut role = types::RoleV6 {
        version: "v8".to_owned(),
        metadata: Some(types::Metadata {
            name: user_name(&metadata.name),
            description: format!("Automatically generated role for bot {}", metadata.name),
            labels: [(BOT_LABEL.to_owned(), metadata.name)].into(),
            expires: metadata.expires,
            ..types::Metadata::default()
        }),
        spec: Some(types::RoleSpecV6 {
            options: Some(types::RoleOptions {
                max_session_ttl: moment::nanos(session_ttl(&spec)?),
                ..types::RoleOptions::default()
            }),
            allow: Some(types::RoleConditions {
                rules: vec![types::Rule {
                    resources: vec!["cert_authority".to_owned()],
                    verbs: vec!["readnosecrets".to_owned()],
                    ..types::Rule::default()
                }],
                impersonate: Some(types::ImpersonateConditions {
                    roles: spec.roles,
                    ..types::ImpersonateConditions::default()
                }),
                ..types::RoleConditions::default()
            }),
            ..types::RoleSpecV6::default()
        }),
        ..types::RoleV6::default()
    };
    wire::resource::defaults::role(&mut role);
    Ok(Kept::from(role))
}

/// The bot that a user and a role are, as clients see it.
fn shown(user: &types::UserV2, role: Option<&types::RoleV6>) -> Kept<machineid::Bot> {
    let metadata = user.metadata.clone().unwrap_or_default();
    let mut labels = metadata.labels;
    let name = labels.remove(BOT_LABEL).unwrap_or_default();
    labels.retain(|label, _| !label.starts_with("teleport.internal/"));
    let spec = role.and_then(|role| role.spec.as_ref());
    let roles = spec
        .and_then(|spec| spec.allow.as_ref())
        .and_then(|allow| allow.impersonate.as_ref())
        .map(|impersonate| impersonate.roles.clone());
    let ttl = spec
        .and_then(|spec| spec.options.as_ref())
        .map(|options| moment::span(options.max_session_ttl));
    let traits = convert::traits(user.spec.as_ref().and_then(|spec| spec.traits.as_ref()));
    Kept::from(machineid::Bot {
        kind: "bot".to_owned(),
        version: "v1".to_owned(),
        metadata: Some(header::Metadata {
            name,
            labels,
            expires: metadata.expires,
            ..header::Metadata::default()
        }),
        spec: Some(machineid::BotSpec {
            roles: roles.unwrap_or_default(),
            traits: traits
                .into_iter()
                .map(|(name, values)| machineid::Trait { name, values })
                .collect(),
            max_session_ttl: ttl.map(|ttl| prost_types::Duration {
                seconds: ttl.as_secs(),
                nanos: ttl.subsec_nanos(),
            }),
        }),
        status: Some(machineid::BotStatus {
            user_name: metadata.name,
            role_name: role
                .and_then(|role| role.metadata.as_ref())
                .map(|metadata| metadata.name.clone())
                .unwrap_or_default(),
        }),
        ..machineid::Bot::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bot() -> machineid::Bot {
        machineid::Bot {
            metadata: Some(header::Metadata {
                name: "robot".to_owned(),
                labels: [("team".to_owned(), "db".to_owned())].into(),
                ..header::Metadata::default()
            }),
            spec: Some(machineid::BotSpec {
                roles: vec!["access".to_owned()],
                traits: vec![machineid::Trait {
                    name: "logins".to_owned(),
                    values: vec!["root".to_owned()],
                }],
                max_session_ttl: Some(prost_types::Duration {
                    seconds: 3_600,
                    nanos: 0,
                }),
            }),
            ..machineid::Bot::default()
        }
    }

    #[test]
    fn a_bot_is_read_back_from_its_user_and_its_role() {
        let bot = bot();
        let back = shown(&user_of(&bot), Some(&role_of(&bot).unwrap()));
        assert_eq!(back.spec, bot.spec);
        assert_eq!(
            back.metadata
                .as_ref()
                .map(|metadata| (&metadata.name, &metadata.labels)),
            bot.metadata
                .as_ref()
                .map(|metadata| (&metadata.name, &metadata.labels))
        );
        assert_eq!(back.status.as_ref().unwrap().user_name, "bot-robot");
    }

    #[test]
    fn a_bots_role_can_be_saved_and_decided_with() {
        let role = crate::policy::role(&role_of(&bot()).unwrap()).unwrap();
        assert_eq!(access::role_check::check(&role), Ok(Vec::new()));
        assert_eq!(role.allow.impersonate.roles, ["access"]);
        assert!(role.allow.impersonate.users.is_empty());
    }
}
