//! `tctl bots instances`: which machines have joined as which bot, and a token for one more.

use cli::{Failure, Table, duration, moment};
use jiff::SignedDuration;
use wire::convert;
use wire::pb::teleport::machineid::v1 as machineid;
use wire::resource::{Kind, json_of};

use super::{given_token, new_token, recipe};
use crate::commands::users::Format;
use crate::connection::Connection;
use crate::kinds::read::{bot_instance, instances_of};
use crate::kinds::resource;
use crate::output;

/// Machines that have joined as a bot.
#[derive(Debug, clap::Subcommand)]
pub enum Instances {
    /// Show the machines that have joined
    #[command(visible_alias = "list")]
    Ls(List),
    /// Show one of them
    Show(Show),
    /// Make a token with which another machine can join as a bot
    Add(Add),
}

impl Instances {
    /// Does it.
    pub async fn run(self, connection: &Connection) -> Result<(), Failure> {
        match self {
            Self::Ls(command) => command.run(connection).await,
            Self::Show(command) => command.run(connection).await,
            Self::Add(command) => command.run(connection).await,
        }
    }
}

/// Shows the machines that have joined.
#[derive(Debug, clap::Args)]
pub struct List {
    /// Of this bot alone
    #[arg(value_name = "BOT", default_value = "")]
    bot: String,
    /// text or json
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

impl List {
    async fn run(self, connection: &Connection) -> Result<(), Failure> {
        let session = connection.session().await?;
        let found = instances_of(session, &self.bot).await?;
        if self.format == Format::Json {
            let found: Vec<_> = found
                .iter()
                .map(|instance| resource(Kind::BotInstance, instance))
                .collect::<Result<_, _>>()?;
            return output::print(&json_of(&found, 4));
        }
        if found.is_empty() {
            return output::line("No bot instances found.");
        }
        let mut table = Table::new([
            "ID",
            "Join Method",
            "Hostname",
            "Joined",
            "Last Seen",
            "Generation",
        ]);
        for instance in &found {
            let spec = instance.spec.clone().unwrap_or_default();
            let status = instance.status.clone().unwrap_or_default();
            let first = status.initial_authentication.clone().unwrap_or_default();
            let last = last_authentication(&status);
            let beat = last_heartbeat(&status);
            let proved = convert::moment(last.authenticated_at.as_ref());
            let beaten = beat
                .as_ref()
                .and_then(|beat| convert::moment(beat.recorded_at.as_ref()));
            let seen = proved.max(beaten);
            let text = |at: Option<jiff::Timestamp>| at.map(moment::rfc3339).unwrap_or_default();
            table.row([
                format!("{}/{}", spec.bot_name, spec.instance_id),
                first.join_method,
                beat.map(|beat| beat.hostname).unwrap_or_default(),
                text(convert::moment(first.authenticated_at.as_ref())),
                text(seen),
                last.generation.to_string(),
            ]);
        }
        output::print(&table.print(usize::MAX))?;
        output::line(
            "\n\nTo view more information on a particular instance, run:\n\n> tctl bots instances show [id]",
        )
    }
}

fn last_authentication(status: &machineid::BotInstanceStatus) -> machineid::BotInstanceStatusAuthentication {
    status
        .latest_authentications
        .last()
        .cloned()
        .or_else(|| status.initial_authentication.clone())
        .unwrap_or_default()
}

fn last_heartbeat(status: &machineid::BotInstanceStatus) -> Option<machineid::BotInstanceStatusHeartbeat> {
    status
        .latest_heartbeats
        .last()
        .cloned()
        .or_else(|| status.initial_heartbeat.clone())
}

/// Shows one of them.
#[derive(Debug, clap::Args)]
pub struct Show {
    /// Which: `BOT/ID`
    #[arg(value_name = "ID")]
    id: String,
}

impl Show {
    async fn run(self, connection: &Connection) -> Result<(), Failure> {
        let (bot, id) = self.id.split_once('/').ok_or_else(|| {
            Failure::new(format!("invalid bot instance {:?}", self.id))
                .hint("name it as `tctl bots instances ls` shows it: BOT/ID")
        })?;
        let session = connection.session().await?;
        let instance = bot_instance(session, bot, id).await?;
        let status = instance.status.unwrap_or_default();
        let mut text = format!("Bot: {bot}\nID:  {id}\n\n");
        if let Some(first) = &status.initial_authentication {
            text.push_str(&format!(
                "Initial Authentication: \n{}\n\n",
                authentication(first)
            ));
        }
        if let Some(last) = status.latest_authentications.last() {
            text.push_str(&format!("Latest Authentication: \n{}\n\n", authentication(last)));
        }
        match last_heartbeat(&status) {
            Some(beat) => text.push_str(&format!("Latest Heartbeat: \n{}\n\n", heartbeat(&beat))),
            None => text.push_str("No heartbeat yet.\n\n"),
        }
        text.push_str(&format!(
            "To view a full, machine-readable record including past heartbeats and\nauthentication records, run:\n\n\
             > tctl get bot_instance/{bot}/{id}\n\n\
             To onboard a new instance for this bot, run:\n\n> tctl bots instances add {bot}\n"
        ));
        output::print(&text)
    }
}

fn at(moment: Option<&prost_types::Timestamp>) -> String {
    convert::moment(moment).map(moment::rfc3339).unwrap_or_default()
}

fn authentication(one: &machineid::BotInstanceStatusAuthentication) -> String {
    indented(&[
        ("Authenticated At:", at(one.authenticated_at.as_ref())),
        ("Join Method:", one.join_method.clone()),
        ("Join Token:", one.join_token.clone()),
        ("Generation:", one.generation.to_string()),
        ("Public Key:", format!("<{} bytes>", one.public_key.len())),
    ])
}

fn heartbeat(beat: &machineid::BotInstanceStatusHeartbeat) -> String {
    let uptime = beat.uptime.as_ref();
    let uptime = uptime.map(|uptime| SignedDuration::new(uptime.seconds, uptime.nanos));
    indented(&[
        ("Recorded At:", at(beat.recorded_at.as_ref())),
        ("Is Startup:", beat.is_startup.to_string()),
        ("Version:", beat.version.clone()),
        ("Hostname:", beat.hostname.clone()),
        ("Uptime:", uptime.map(duration::print).unwrap_or_default()),
        ("Join Method:", beat.join_method.clone()),
        ("One Shot:", beat.one_shot.to_string()),
        ("Architecture:", beat.architecture.clone()),
        ("OS:", beat.os.clone()),
    ])
}

fn indented(rows: &[(&str, String)]) -> String {
    let mut table = Table::headless(2);
    for (name, value) in rows {
        table.row([*name, value.as_str()]);
    }
    table
        .print(usize::MAX)
        .lines()
        .flat_map(|line| ["  ", line, "\n"])
        .collect()
}

/// Makes a token with which another machine can join as a bot.
#[derive(Debug, clap::Args)]
pub struct Add {
    /// The bot
    #[arg(value_name = "BOT")]
    bot: String,
    /// How long a machine can join with the token
    #[arg(long, value_name = "DURATION", default_value = "1h", value_parser = duration::parse)]
    ttl: SignedDuration,
    /// A token that is there already, instead of a new one
    #[arg(long, value_name = "TOKEN")]
    token: Option<String>,
}

impl Add {
    async fn run(self, connection: &Connection) -> Result<(), Failure> {
        let session = connection.session().await?;
        let request = machineid::GetBotRequest {
            bot_name: self.bot.clone(),
        };
        session.call(session.cluster().bots().get_bot(request)).await?;
        session.before_change().await?;
        let entry = match &self.token {
            Some(name) => given_token(session, connection, &self.bot, name).await?,
            None => new_token(session, connection, &self.bot, self.ttl).await?,
        };
        output::print(&recipe::text(session, &entry).await?)
    }
}
