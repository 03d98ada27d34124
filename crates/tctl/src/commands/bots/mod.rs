//! `tctl bots`: machines with an identity of their own, the roles they may use, and which of them have joined.

pub mod add;
pub mod instances;
pub mod list;
mod recipe;
pub mod remove;
pub mod update;

use cli::Failure;
use jiff::SignedDuration;
use wire::convert;
use wire::keep::Kept;
use wire::pb::proto::{UpsertTokenV2Request, upsert_token_v2_request};
use wire::pb::types;
use wire::resource::defaults;

use super::tokens::secret;
use crate::connection::Connection;
use crate::session::Session;

/// Make, show, change and remove bots.
#[derive(Debug, clap::Subcommand)]
pub enum Bots {
    /// Make a bot and a token with which one machine can join as it
    Add(add::Add),
    /// Show the bots
    Ls(list::List),
    /// Change the roles and logins of a bot
    Update(update::Update),
    /// Remove a bot; its certificates count no more
    #[command(visible_alias = "del")]
    Rm(remove::Remove),
    /// Machines that have joined as a bot
    #[command(subcommand, visible_alias = "instance")]
    Instances(instances::Instances),
}

impl Bots {
    /// Does it.
    pub async fn run(self, connection: &Connection) -> Result<(), Failure> {
        match self {
            Self::Add(command) => command.run(connection).await,
            Self::Ls(command) => command.run(connection).await,
            Self::Update(command) => command.run(connection).await,
            Self::Rm(command) => command.run(connection).await,
            Self::Instances(command) => command.run(connection).await,
        }
    }
}

/// A token with which one machine can join as a bot: a new one, or the one that is named.
struct Entry {
    name: String,
    /// How long it lasts; `None` if it lasts for good.
    left: Option<SignedDuration>,
}

/// Makes a token for `bot` that lasts for `ttl`.
async fn new_token(
    session: &Session,
    connection: &Connection,
    bot: &str,
    ttl: SignedDuration,
) -> Result<Entry, Failure> {
    let name = secret(connection);
    let expires = connection
        .now()
        .checked_add(ttl)
        .map_err(|_| Failure::new("--ttl: the token would end too far in the future"))?;
    let mut token = types::ProvisionTokenV2 {
        metadata: Some(types::Metadata {
            name: name.clone(),
            expires: convert::timestamp_option(Some(expires)),
            ..types::Metadata::default()
        }),
        spec: Some(types::ProvisionTokenSpecV2 {
            roles: vec!["Bot".to_owned()],
            bot_name: bot.to_owned(),
            ..types::ProvisionTokenSpecV2::default()
        }),
        ..types::ProvisionTokenV2::default()
    };
    defaults::token(&mut token);
    let request = UpsertTokenV2Request {
        token: Some(upsert_token_v2_request::Token::V2(Kept::from(token))),
    };
    session
        .call(session.cluster().auth().upsert_token_v2(request))
        .await?;
    Ok(Entry {
        name,
        left: Some(ttl),
    })
}

/// The token called `name`, which must be for `bot`.
async fn given_token(
    session: &Session,
    connection: &Connection,
    bot: &str,
    name: &str,
) -> Result<Entry, Failure> {
    let request = types::ResourceRequest {
        name: name.to_owned(),
    };
    let found = session.call(session.cluster().auth().get_token(request)).await;
    let token = found.map_err(|refusal| {
        Failure::new(format!(
            "token with name {name:?} not found, create the token or do not set TokenName: {}",
            refusal.message
        ))
    })?;
    let spec = token.spec.clone().unwrap_or_default();
    if spec.bot_name != bot {
        return Err(Failure::new(format!(
            "token {name:?} is not for bot {bot:?}, but for {:?}",
            spec.bot_name
        )));
    }
    let ends = token
        .metadata
        .as_ref()
        .and_then(|metadata| convert::moment(metadata.expires.as_ref()));
    Ok(Entry {
        name: name.to_owned(),
        left: ends.map(|ends| ends.duration_since(connection.now())),
    })
}
