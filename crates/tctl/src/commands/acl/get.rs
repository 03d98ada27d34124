//! `tctl acl get`: one access list.

use cli::Failure;

use super::{Format, list};
use crate::connection::Connection;
use crate::kinds::access_lists;

/// Shows one access list.
#[derive(Debug, clap::Args)]
pub struct Get {
    /// Name of the list
    #[arg(value_name = "LIST")]
    name: String,
    /// yaml, json or text
    #[arg(long, value_enum, default_value_t = Format::Yaml)]
    format: Format,
}

impl Get {
    /// Prints it.
    pub async fn run(self, connection: &Connection) -> Result<(), Failure> {
        let session = connection.session().await?;
        list::print(&[access_lists::one(session, &self.name).await?], self.format)
    }
}
