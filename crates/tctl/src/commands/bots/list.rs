//! `tctl bots ls`: which bots there are, and which roles they may use.

use cli::{Failure, Table};
use wire::resource::{Kind, json_of};

use crate::commands::users::Format;
use crate::connection::Connection;
use crate::kinds::read::all_bots;
use crate::kinds::resource;
use crate::output;

/// Shows the bots.
#[derive(Debug, clap::Args)]
pub struct List {
    /// text or json
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

impl List {
    /// Prints them.
    pub async fn run(self, connection: &Connection) -> Result<(), Failure> {
        let session = connection.session().await?;
        let bots = all_bots(session).await?;
        if self.format == Format::Json {
            let bots: Vec<_> = bots
                .iter()
                .map(|bot| resource(Kind::Bot, bot))
                .collect::<Result<_, _>>()?;
            return output::print(&json_of(&bots, 4));
        }
        if bots.is_empty() {
            return output::line("No bots found");
        }
        let mut table = Table::new(["Bot", "User", "Roles"]);
        for bot in &bots {
            let name = bot.metadata.clone().unwrap_or_default().name;
            let user = bot.status.clone().unwrap_or_default().user_name;
            table.row([name, user, bot.spec.clone().unwrap_or_default().roles.join(",")]);
        }
        output::print(&table.print(usize::MAX))?;
        output::line("\n\nTo view active instances of a bot, run:\n\n> tctl bots instances list [name]")
    }
}
