//! `tctl bots update`: other roles and logins for a bot. They count from the next call on, in what it has given out too.

use cli::Failure;
use wire::keep::Kept;
use wire::pb::teleport::machineid::v1 as machineid;

use crate::commands::lists::split;
use crate::commands::users::check_roles;
use crate::connection::Connection;

/// Changes the roles and logins of a bot.
#[derive(Debug, clap::Args)]
pub struct Update {
    /// The bot
    #[arg(value_name = "NAME")]
    name: String,
    /// Roles that the bot may use from now on, and no others
    #[arg(long, value_name = "LIST", conflicts_with = "add_roles")]
    set_roles: Vec<String>,
    /// Further roles that the bot may use
    #[arg(long, value_name = "LIST")]
    add_roles: Vec<String>,
    /// Logins that the bot has from now on, and no others
    #[arg(long, value_name = "LIST", conflicts_with = "add_logins")]
    set_logins: Vec<String>,
    /// Further logins
    #[arg(long, value_name = "LIST")]
    add_logins: Vec<String>,
}

impl Update {
    /// Changes it.
    pub async fn run(self, connection: &Connection) -> Result<(), Failure> {
        if [
            &self.set_roles,
            &self.add_roles,
            &self.set_logins,
            &self.add_logins,
        ]
        .iter()
        .all(|list| list.is_empty())
        {
            return Err(Failure::new("nothing to change was given")
                .hint("use `--set-roles`, `--add-roles`, `--set-logins` or `--add-logins`"));
        }
        let session = connection.session().await?;
        let request = machineid::GetBotRequest {
            bot_name: self.name.clone(),
        };
        let mut bot = session.call(session.cluster().bots().get_bot(request)).await?;
        let mut paths = Vec::new();
        let spec = bot.spec.get_or_insert_default();
        let before = spec.clone();
        replace(&mut spec.roles, &self.set_roles, &self.add_roles);
        if spec.roles != before.roles {
            check_roles(session, &spec.roles).await?;
            paths.push("spec.roles".to_owned());
        }
        let place = spec.traits.iter().position(|one| one.name == "logins");
        let mut logins = place
            .map(|place| spec.traits.remove(place).values)
            .unwrap_or_default();
        replace(&mut logins, &self.set_logins, &self.add_logins);
        if !logins.is_empty() {
            let logins = machineid::Trait {
                name: "logins".to_owned(),
                values: logins,
            };
            spec.traits.insert(place.unwrap_or(spec.traits.len()), logins);
        }
        if spec.traits != before.traits {
            paths.push("spec.traits".to_owned());
        }
        if paths.is_empty() {
            return Ok(());
        }
        session.before_change().await?;
        let request = machineid::UpdateBotRequest {
            bot: Some(Kept::clone(&bot)),
            update_mask: Some(prost_types::FieldMask { paths }),
        };
        session.call(session.cluster().bots().update_bot(request)).await?;
        Ok(())
    }
}

/// Sets a list, or adds to it what is not there yet.
fn replace(list: &mut Vec<String>, set: &[String], add: &[String]) {
    if !set.is_empty() {
        *list = split(set);
    }
    for more in split(add) {
        if !list.contains(&more) {
            list.push(more);
        }
    }
}
