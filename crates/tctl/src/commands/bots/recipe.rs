//! What to run on the machine that is to join, with everything it needs.

use cli::Failure;
use jiff::SignedDuration;

use super::Entry;
use crate::commands::tokens::{add::pins, spoken};
use crate::session::Session;

/// The token and the command, for people.
pub async fn text(session: &Session, entry: &Entry) -> Result<String, Failure> {
    let token = &entry.name;
    let mut text = format!("The bot token: {token}\n");
    if let Some(left) = entry.left {
        // A moment has passed since it was made.
        let left = left.saturating_sub(SignedDuration::from_secs(1));
        text.push_str(&format!("This token will expire in {}.\n", spoken(left)));
    }
    let proxy = &session.ping().proxy_public_addr;
    let (server, trust) = if proxy.is_empty() {
        let pins: String = pins(session)
            .await?
            .iter()
            .flat_map(|pin| [" \\\n   --ca-pin=", pin.as_str()])
            .collect();
        (format!("--auth-server={}", session.address()), pins)
    } else {
        (format!("--proxy-server={proxy}"), String::new())
    };
    text.push_str(&format!(
        "\nRun this on the machine, as the user whose programs are to read the identity:\n\n\
         > tbot start identity \\\n   --destination=./tbot-user \\\n   --storage=./tbot-data \\\n   --token={token} \\\n   \
         {server} \\\n   --join-method=token{trust}\n\n\
         Please note:\n\n  \
         - The token is a secret and lets one machine in, once.\n  \
         - Keep `--storage` for the bot alone: whoever reads it is the bot.\n  \
         - A copy of it is noticed when both are used, and the bot is locked then.\n"
    ));
    Ok(text)
}
