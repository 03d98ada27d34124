//! `tctl users ls`: the users and their roles.

use cli::{Failure, Table};
use wire::pb::types;
use wire::resource::{Kind, Reference, json_of};

use super::Format;
use crate::connection::Connection;
use crate::kinds::message;
use crate::kinds::read::{Secrets, read};
use crate::output;

/// Shows the users and their roles.
#[derive(Debug, clap::Args)]
pub struct List {
    /// text or json
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = Format::Text)]
    format: Format,
}

impl List {
    /// Prints them.
    pub async fn run(self, connection: &Connection) -> Result<(), Failure> {
        let session = connection.session().await?;
        let everybody = Reference {
            kinds: vec![Kind::User],
            sub_kind: None,
            name: None,
        };
        let users = read(session, &everybody, Secrets::Without).await?;
        if self.format == Format::Json {
            return output::print(&json_of(&users, 4));
        }
        if users.is_empty() {
            return output::line("No users found");
        }
        let mut table = Table::new(["User", "Roles"]);
        for user in &users {
            let roles = message::<types::UserV2>(user)?.spec.unwrap_or_default().roles;
            table.row([user.name(), roles.join(",")]);
        }
        output::line(&table.print(usize::MAX))
    }
}
