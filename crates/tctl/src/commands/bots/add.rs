//! `tctl bots add`: a bot, and the token with which one machine joins as it.

use cli::{Failure, duration};
use jiff::SignedDuration;
use serde_json::json;
use wire::keep::Kept;
use wire::pb::teleport::header::v1 as header;
use wire::pb::teleport::machineid::v1 as machineid;
use wire::resource::json as printed;

use super::{given_token, new_token, recipe};
use crate::commands::lists::split;
use crate::commands::users::Format;
use crate::connection::Connection;
use crate::output;

/// Makes a bot and a token with which one machine can join as it.
#[derive(Debug, clap::Args)]
pub struct Add {
    /// What the bot is called
    #[arg(value_name = "NAME")]
    name: String,
    /// Roles that the bot may use
    #[arg(long, value_name = "LIST")]
    roles: Vec<String>,
    /// Logins on servers
    #[arg(long, value_name = "LIST")]
    logins: Vec<String>,
    /// How long a machine can join with the token
    #[arg(long, value_name = "DURATION", default_value = "1h", value_parser = duration::parse)]
    ttl: SignedDuration,
    /// A token that is there already, instead of a new one
    #[arg(long, value_name = "TOKEN")]
    token: Option<String>,
    /// Longest life of what the bot's own role gives
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    max_session_ttl: Option<SignedDuration>,
    /// text or json
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

impl Add {
    /// Makes the bot and prints what the machine needs.
    pub async fn run(self, connection: &Connection) -> Result<(), Failure> {
        let session = connection.session().await?;
        session.before_change().await?;
        // The bot first: a token for a bot that could not be made would lie around.
        let existing = match &self.token {
            Some(name) => Some(given_token(session, connection, &self.name, name).await?),
            None => None,
        };
        let logins = split(&self.logins);
        let traits = (!logins.is_empty()).then(|| machineid::Trait {
            name: "logins".to_owned(),
            values: logins,
        });
        let bot = machineid::Bot {
            kind: "bot".to_owned(),
            version: "v1".to_owned(),
            metadata: Some(header::Metadata {
                name: self.name.clone(),
                ..header::Metadata::default()
            }),
            spec: Some(machineid::BotSpec {
                roles: split(&self.roles),
                traits: traits.into_iter().collect(),
                max_session_ttl: self.max_session_ttl.map(|ttl| prost_types::Duration {
                    seconds: ttl.as_secs(),
                    nanos: ttl.subsec_nanos(),
                }),
            }),
            ..machineid::Bot::default()
        };
        let request = machineid::CreateBotRequest {
            bot: Some(Kept::from(bot)),
        };
        let made = session.call(session.cluster().bots().create_bot(request)).await?;
        let entry = match existing {
            Some(entry) => entry,
            None => new_token(session, connection, &self.name, self.ttl)
                .await
                .map_err(|failure| {
                    failure.hint(format!(
                        "the bot was made; `tctl bots instances add {}` makes a token for it",
                        self.name
                    ))
                })?,
        };
        if self.format == Format::Text {
            return output::print(&recipe::text(session, &entry).await?);
        }
        let status = made.status.clone().unwrap_or_default();
        let ttl = entry
            .left
            .map_or(0, |left| i64::try_from(left.as_nanos()).unwrap_or(i64::MAX));
        let shown = json!({
            "user_name": status.user_name,
            "role_name": status.role_name,
            "token_id": entry.name,
            "token_ttl": ttl,
        });
        output::line(&printed::pretty(&shown, 2))
    }
}
