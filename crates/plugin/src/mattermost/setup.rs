//! The start-up check: is this Mattermost, does it take the token, and can the bot write where it is to write?

use super::api::CallError;
use super::{Bot, Mattermost};
use crate::chat::{Chat as _, ChatError, Trouble};

/// What to do when the token is refused.
pub(crate) const TOKEN_HINT: &str = "make a new token for the bot in Mattermost (Integrations, Bot Accounts) and set `token` to it; a token also \
     ends when the bot, or the person who made it, is deactivated";

/// What is wrong with the set-up of Mattermost.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct SetupError {
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub hint: String,
}

impl Mattermost {
    /// Asks who the bot is, and finds the place of each of `recipients`.
    pub async fn check_setup(&self, recipients: &[String]) -> Result<Bot, SetupError> {
        let bot = self.bot().await.map_err(|error| server(&error))?;
        for recipient in recipients {
            self.place(recipient).await.map_err(refused)?;
        }
        Ok(bot)
    }
}

fn server(error: &CallError) -> SetupError {
    let message = error.to_string();
    let hint = match error {
        CallError::Unreachable { cause, .. } if cause.contains("certificate") => {
            "the server's certificate must be valid for the name in `url`, and this machine must trust who signed it"
        }
        CallError::Unreachable { .. } => "check `url` in `[mattermost]`, and that the server is up",
        CallError::NoAnswer { .. } => {
            "check that `url` in `[mattermost]` leads to Mattermost, and that the server is well"
        }
        CallError::Refused { status: 401, .. } => {
            return SetupError {
                message: "Mattermost does not accept the bot's token".to_owned(),
                hint: TOKEN_HINT.to_owned(),
            };
        }
        CallError::Refused { .. } => "the server's log says more",
        CallError::TooMany { .. } => "start the plugin again in a moment",
        CallError::Foreign { status: 300..400, .. } => {
            "it leads somewhere else: set `url` to the address it leads to"
        }
        CallError::Foreign { status: 500.., .. } => {
            "Mattermost is down, or starting: start the plugin again when it is up"
        }
        CallError::Foreign { .. } => {
            "set `url` to the address of the Mattermost server itself, without a path to a team"
        }
    };
    SetupError {
        message,
        hint: hint.to_owned(),
    }
}

fn refused(error: ChatError) -> SetupError {
    let fallback = match error.trouble {
        Trouble::Busy { .. } | Trouble::Down | Trouble::Hiccup => {
            "start the plugin again when Mattermost is well"
        }
        _ => super::places::FORMS,
    };
    SetupError {
        hint: error.hint.unwrap_or_else(|| fallback.to_owned()),
        message: error.message,
    }
}
