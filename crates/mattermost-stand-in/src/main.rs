//! Runs the stand-in by itself: one team, one channel, one bot, and the people named on the command line.
//!
//! Prints what a plugin's configuration needs as one line of JSON, then serves until it is stopped.

use std::net::SocketAddr;
use std::process::ExitCode;

use clap::Parser;
use mattermost_stand_in::{Settings, StandIn};
use serde_json::json;
use tokio::net::TcpListener;

/// A chat server in memory that keeps Mattermost's contract.
#[derive(Parser)]
#[command(name = "mattermost-stand-in", version)]
struct Arguments {
    /// Where to listen.
    #[arg(long, default_value = "127.0.0.1:8065")]
    listen: SocketAddr,
    /// URL name of the team.
    #[arg(long, default_value = "team-name")]
    team: String,
    /// URL name of the channel.
    #[arg(long, default_value = "channel-name")]
    channel: String,
    /// User name of the bot.
    #[arg(long, default_value = "teleport")]
    bot: String,
    /// A person, as `NAME:EMAIL`; may be given several times.
    #[arg(long = "user", value_name = "NAME:EMAIL", value_parser = person)]
    users: Vec<(String, String)>,
}

fn person(text: &str) -> Result<(String, String), String> {
    text.split_once(':')
        .filter(|(name, email)| !name.is_empty() && email.contains('@'))
        .map(|(name, email)| (name.to_owned(), email.to_owned()))
        .ok_or_else(|| "expected NAME:EMAIL".to_owned())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match serve(arguments).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("ERROR: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn serve(arguments: Arguments) -> Result<(), String> {
    let listener = TcpListener::bind(arguments.listen)
        .await
        .map_err(|error| format!("cannot listen on {}: {error}", arguments.listen))?;
    let server = StandIn::spawn(listener, Settings::default()).map_err(|error| error.to_string())?;
    let admin = server.create_admin("admin");
    let team = server.create_team(&arguments.team, &arguments.team);
    let channel = server.create_channel(&team, &arguments.channel, &arguments.channel, false);
    let bot = server.create_bot(&arguments.bot, "Teleport");
    server.join_team(&team, &bot.user_id);
    server.join_channel(&channel, &bot.user_id);
    for (name, email) in &arguments.users {
        let user = server.create_user(name, email);
        server.join_team(&team, &user);
        server.join_channel(&channel, &user);
    }
    println!(
        "{}",
        json!({
            "url": server.url(), "team": arguments.team, "channel": arguments.channel,
            "channel_page": format!("{}/{}/channels/{}", server.url(), arguments.team, arguments.channel),
            "bot_token": bot.token, "admin_token": admin,
        })
    );
    tokio::signal::ctrl_c()
        .await
        .map_err(|error| format!("cannot wait for a signal: {error}"))?;
    drop(server);
    Ok(())
}
