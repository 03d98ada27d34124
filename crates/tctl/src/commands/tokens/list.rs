//! `tctl tokens ls`: which tokens there are, and how long they last. Secrets are shown to those alone who ask for them.

use cli::{Failure, Table, moment};
use jiff::Timestamp;
use wire::convert;
use wire::pb::types;
use wire::resource::{Kind, json_of};

use crate::commands::users::Format;
use crate::connection::Connection;
use crate::kinds::read::masked;
use crate::kinds::resource;
use crate::output;

/// Shows the tokens; their secrets are hidden.
#[derive(Debug, clap::Args)]
pub struct List {
    /// Show the secrets
    #[arg(long)]
    with_secrets: bool,
    /// text or json
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

impl List {
    /// Prints them.
    pub async fn run(self, connection: &Connection) -> Result<(), Failure> {
        let session = connection.session().await?;
        let answer = session.call(session.cluster().auth().get_tokens(())).await?;
        let mut tokens: Vec<types::ProvisionTokenV2> = answer
            .provision_tokens
            .iter()
            .map(|token| types::ProvisionTokenV2::clone(token))
            .collect();
        if !self.with_secrets {
            for token in &mut tokens {
                let metadata = token.metadata.get_or_insert_default();
                metadata.name = masked(&metadata.name);
            }
        }
        if self.format == Format::Json {
            let tokens: Vec<_> = tokens
                .iter()
                .map(|token| resource(Kind::Token, token))
                .collect::<Result<_, _>>()?;
            return output::print(&json_of(&tokens, 4));
        }
        let mut table = Table::new(["Token", "Type", "Labels", "Expiry Time (UTC)"]);
        for token in tokens {
            let metadata = token.metadata.unwrap_or_default();
            let labels: Vec<String> = metadata
                .labels
                .iter()
                .map(|(key, value)| format!("{key}={value}"))
                .collect();
            let roles = token.spec.unwrap_or_default().roles;
            table.row([
                metadata.name,
                roles.join(","),
                labels.join(","),
                expiry(convert::moment(metadata.expires.as_ref()), connection.now()),
            ]);
        }
        output::print(&table.print(usize::MAX))
    }
}

fn expiry(ends: Option<Timestamp>, now: Timestamp) -> String {
    match ends {
        Some(ends) => format!(
            "{} ({})",
            moment::rfc822(ends),
            cli::duration::print(jiff::SignedDuration::from_secs(
                ends.duration_since(now).as_secs()
            ))
        ),
        None => "never".to_owned(),
    }
}
