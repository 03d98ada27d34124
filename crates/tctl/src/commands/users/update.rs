//! `tctl users update`: other roles, other traits. What is named replaces what was there.

use cli::{Failure, text};
use wire::convert;
use wire::pb::teleport::users::v1::UpdateUserRequest;

use super::traits::Traits;
use super::{check_roles, stored};
use crate::commands::lists::split;
use crate::connection::Connection;
use crate::output;

/// Changes the roles and traits of a user. Each flag replaces the whole list.
#[derive(Debug, clap::Args)]
pub struct Update {
    /// The user's name
    #[arg(value_name = "ACCOUNT")]
    account: String,
    /// The user's roles
    #[arg(long, value_name = "LIST")]
    set_roles: Vec<String>,
    #[command(flatten)]
    traits: Traits<true>,
}

impl Update {
    /// Writes the user as it is now, with what was named.
    pub async fn run(self, connection: &Connection) -> Result<(), Failure> {
        let roles = split(&self.set_roles);
        if roles.is_empty() && self.traits.is_empty() {
            return Err(Failure::new(
                "Nothing to update. Please provide at least one --set flag.",
            ));
        }
        let session = connection.session().await?;
        let mut user = stored(session, &self.account).await?;
        check_roles(session, &roles).await?;
        session.before_change().await?;
        let mut told = String::new();
        let spec = user.spec.get_or_insert_default();
        if !roles.is_empty() {
            told.push_str(&format!("\tNew roles: {}\n", roles.join(",")));
            spec.roles = roles;
        }
        let mut traits = convert::traits(spec.traits.as_ref());
        for (name, values) in self.traits.given() {
            told.push_str(&format!(
                "\tNew {}: {}\n",
                name.replace('_', " "),
                values.join(",")
            ));
            traits.insert(name.to_owned(), values.to_vec());
        }
        spec.traits = (!traits.is_empty()).then(|| convert::label_values(&traits));
        // As it was read a moment ago: of two changes at the same time, the second is told to look again.
        let request = UpdateUserRequest { user: Some(user) };
        session
            .call(session.cluster().users().update_user(request))
            .await?;
        output::print(&format!(
            "User {} has been updated:\n{}",
            text::visible(&self.account),
            text::visible_lines(&told)
        ))
    }
}
