//! From a recipient's name to the channel where it reads, with what stands in the way said exactly.
//!
//! What the server answers is checked against what was asked: a server that gives another channel or another person for
//! a name does not get the message.

use serde_json::{Value, json};

use super::api::{Api, CallError, segment};
use super::{Bot, failed, is_id};
use crate::audience::is_email;
use crate::chat::{ChatError, Trouble};

/// The two forms of a recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recipient {
    /// `team/channel`, by the names in their addresses.
    Channel {
        /// The team.
        team: String,
        /// The channel.
        channel: String,
    },
    /// An e-mail address: a direct message to whoever has it.
    Person {
        /// The address.
        email: String,
    },
}

impl Recipient {
    /// Reads a recipient; `None` if it has neither form.
    pub fn of(text: &str) -> Option<Self> {
        if is_email(text) {
            return Some(Self::Person {
                email: text.to_owned(),
            });
        }
        let (team, channel) = text.split_once('/')?;
        let is_name = |name: &str| {
            !name.is_empty()
                && name
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
        };
        (is_name(team) && is_name(channel)).then(|| Self::Channel {
            team: team.to_owned(),
            channel: channel.to_owned(),
        })
    }
}

/// What a recipient must look like.
pub const FORMS: &str = "a recipient is `team/channel` (the names in their addresses) or an e-mail address";

/// The id of the channel where `recipient` reads.
pub async fn find(api: &Api, bot: &Bot, recipient: &str) -> Result<String, ChatError> {
    match Recipient::of(recipient) {
        Some(Recipient::Channel { team, channel }) => by_names(api, bot, &team, &channel).await,
        Some(Recipient::Person { email }) => direct(api, bot, &email).await,
        None => Err(ChatError::new(Trouble::Closed, format!("`{recipient}` is no recipient")).hint(FORMS)),
    }
}

async fn by_names(api: &Api, bot: &Bot, team: &str, channel: &str) -> Result<String, ChatError> {
    let path = format!("/teams/name/{}/channels/name/{}", segment(team), segment(channel));
    let found = match api.get(&path).await {
        Ok(found) => found,
        Err(error) => return Err(why_no_channel(api, bot, team, channel, error).await),
    };
    let id = id_in(&found)?;
    if !text(&found, "name").eq_ignore_ascii_case(channel) {
        return Err(mistaken(format!("the channel `{team}/{channel}`")));
    }
    if found["delete_at"].as_i64().unwrap_or(0) > 0 {
        return Err(archived(team, channel));
    }
    // A public channel is found by everybody in the team, and takes posts of its members alone.
    match api.get(&format!("/channels/{id}/members/{}", bot.id)).await {
        Ok(_) => Ok(id),
        Err(error) if matches!(error.status(), Some(403 | 404)) => Err(closed(
            format!("the bot `{}` is not in the channel `{team}/{channel}`", bot.name),
            format!("write `/invite @{}` in that channel", bot.name),
        )),
        Err(error) => Err(failed(error)),
    }
}

/// Asks further, to tell apart what the server answers alike.
async fn why_no_channel(api: &Api, bot: &Bot, team: &str, channel: &str, error: CallError) -> ChatError {
    let not_in_team = || {
        closed(
            format!("the bot `{}` is not in the team `{team}`", bot.name),
            format!(
                "add the bot `{}` to the team `{team}`, then to the channel `{channel}`",
                bot.name
            ),
        )
    };
    match (error.status(), error.id()) {
        (Some(404), "app.team.get_by_name.missing.app_error") => closed(
            format!("there is no team `{team}` on {}", api.origin()),
            "use the name that stands in the team's address, not its display name",
        ),
        (Some(403), _) => not_in_team(),
        (Some(404), "app.channel.get_by_name.missing.app_error") => {
            if let Err(error) = api.get(&format!("/teams/name/{}", segment(team))).await {
                return if error.status() == Some(403) {
                    not_in_team()
                } else {
                    failed(error)
                };
            }
            let path = format!(
                "/teams/name/{}/channels/name/{}?include_deleted=true",
                segment(team),
                segment(channel)
            );
            match api.get(&path).await {
                Ok(found) if found["delete_at"].as_i64().unwrap_or(0) > 0 => archived(team, channel),
                _ => closed(
                    format!(
                        "there is no channel `{channel}` in the team `{team}` that the bot `{}` can see",
                        bot.name
                    ),
                    format!(
                        "use the name that stands in the channel's address; a private channel is seen by its members \
                         alone: write `/invite @{}` there",
                        bot.name
                    ),
                ),
            }
        }
        (Some(400), _) => closed(
            format!("`{team}/{channel}` cannot be a team and a channel"),
            "use the names that stand in their addresses",
        ),
        _ => failed(error),
    }
}

async fn direct(api: &Api, bot: &Bot, email: &str) -> Result<String, ChatError> {
    let user = match api.get(&format!("/users/email/{}", segment(email))).await {
        Ok(user) => user,
        Err(error) => {
            return Err(match error.status() {
                Some(404 | 400) => closed(
                    format!("nobody on {} has the e-mail address `{email}`", api.origin()),
                    "name reviewers by the address that they have in Mattermost",
                ),
                Some(403) => closed(
                    format!("Mattermost does not tell the bot who has the e-mail address `{email}`"),
                    "set `PrivacySettings.ShowEmailAddress` to true in Mattermost, or name channels as recipients",
                ),
                _ => failed(error),
            });
        }
    };
    let id = id_in(&user)?;
    let shown = text(&user, "email");
    if !shown.is_empty() && !shown.eq_ignore_ascii_case(email) {
        return Err(mistaken(format!("the e-mail address `{email}`")));
    }
    if user["delete_at"].as_i64().unwrap_or(0) > 0 {
        return Err(closed(
            format!("the Mattermost account with the e-mail address `{email}` is deactivated"),
            "activate the account, or name somebody else",
        ));
    }
    let channel = match api.post("/channels/direct", &json!([bot.id, id])).await {
        Ok(channel) => channel,
        Err(error) if error.status() == Some(403) => {
            return Err(closed(
                format!(
                    "Mattermost does not let the bot `{}` write to `{email}`",
                    bot.name
                ),
                "add the bot to a team of that person: `TeamSettings.RestrictDirectMessage` asks for one in common",
            ));
        }
        Err(error) => return Err(failed(error)),
    };
    let (first, second) = if bot.id <= id {
        (&bot.id, &id)
    } else {
        (&id, &bot.id)
    };
    if text(&channel, "type") != "D" || text(&channel, "name") != format!("{first}__{second}") {
        return Err(mistaken(format!("a direct message to `{email}`")));
    }
    id_in(&channel)
}

fn closed(message: impl Into<String>, hint: impl Into<String>) -> ChatError {
    ChatError::new(Trouble::Closed, message).hint(hint)
}

fn archived(team: &str, channel: &str) -> ChatError {
    closed(
        format!("the channel `{team}/{channel}` is archived"),
        "unarchive it, or name another channel",
    )
}

fn mistaken(what: String) -> ChatError {
    closed(
        format!("Mattermost gives something else when asked for {what}: nothing is sent there"),
        "find out what stands between the plugin and Mattermost",
    )
}

fn id_in(answer: &Value) -> Result<String, ChatError> {
    let id = text(answer, "id");
    if is_id(id) {
        Ok(id.to_owned())
    } else {
        Err(ChatError::new(
            Trouble::Hiccup,
            "Mattermost gives something without an id",
        ))
    }
}

fn text<'a>(answer: &'a Value, key: &str) -> &'a str {
    answer[key].as_str().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recipients_have_two_forms() {
        assert_eq!(
            Recipient::of("team-name/channel_name"),
            Some(Recipient::Channel {
                team: "team-name".to_owned(),
                channel: "channel_name".to_owned(),
            })
        );
        assert_eq!(
            Recipient::of("a@example.com"),
            Some(Recipient::Person {
                email: "a@example.com".to_owned(),
            })
        );
        for odd in [
            "", "channel", "a/b/c", "/x", "x/", "../x", "a b/c", "@alice", "a/../b",
        ] {
            assert_eq!(Recipient::of(odd), None, "{odd}");
        }
    }
}
