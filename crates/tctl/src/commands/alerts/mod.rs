//! `tctl alerts`: what everybody, or those whom it concerns, should know. Alerts of high severity are printed after each
//! command of `tctl` and after `tsh status` and `tsh login`.

pub mod ack;
pub mod create;
pub mod list;

use std::collections::BTreeMap;

use cli::Failure;

use super::lists;
use crate::connection::Connection;

/// Show, make and acknowledge alerts.
#[derive(Debug, clap::Subcommand)]
pub enum Alerts {
    /// Show the alerts
    #[command(visible_alias = "ls")]
    List(list::List),
    /// Tell everybody something
    Create(create::Create),
    /// Say that an alert was seen, so that it is not shown for a while
    Ack(ack::Ack),
}

impl Alerts {
    /// Does it.
    pub async fn run(self, connection: &Connection) -> Result<(), Failure> {
        match self {
            Self::List(command) => command.run(connection).await,
            Self::Create(command) => command.run(connection).await,
            Self::Ack(command) => command.run(connection).await,
        }
    }
}

/// `k=v,k2=v2`, each key once.
fn labels(given: &[String]) -> Result<BTreeMap<String, String>, Failure> {
    let pairs = lists::pairs(given)?;
    pairs
        .into_iter()
        .map(|(key, mut values)| match (values.pop(), values.is_empty()) {
            (Some(value), true) => Ok((key, value)),
            _ => Err(Failure::new(format!("the label {key:?} stands twice"))),
        })
        .collect()
}
