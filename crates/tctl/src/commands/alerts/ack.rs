//! `tctl alerts ack`: says that an alert was seen, and shows which were.

use cli::{Failure, Table, text};
use jiff::SignedDuration;
use wire::convert;
use wire::pb::proto::{ClearAlertAcksRequest, GetAlertAcksRequest};
use wire::pb::types::AlertAcknowledgement;

use crate::connection::Connection;
use crate::output;

/// Says that an alert was seen, so that it is not shown for a while.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Ack {
    #[command(subcommand)]
    what: Option<What>,
    /// The alert, by its id
    #[arg(value_name = "ID", required = true)]
    id: Option<String>,
    /// When it is shown again
    #[arg(long, value_name = "DURATION", default_value = "24h", value_parser = cli::duration::parse)]
    ttl: SignedDuration,
    /// Why nothing more needs to be done
    #[arg(long, value_name = "TEXT", default_value = "")]
    reason: String,
    /// Show the alert again, now
    #[arg(long)]
    clear: bool,
}

/// What else there is to do with acknowledgements.
#[derive(Debug, clap::Subcommand)]
enum What {
    /// Show which alerts were seen
    Ls,
}

impl Ack {
    /// Does it.
    pub async fn run(self, connection: &Connection) -> Result<(), Failure> {
        match (self.what, self.id) {
            (Some(What::Ls), _) => list(connection).await,
            (None, Some(id)) if self.clear => clear(connection, id).await,
            (None, Some(id)) => create(connection, id, self.ttl, self.reason).await,
            (None, None) => {
                Err(Failure::new("which alert? give its id").hint("`tctl alerts ls` shows the ids"))
            }
        }
    }
}

async fn create(
    connection: &Connection,
    id: String,
    ttl: SignedDuration,
    reason: String,
) -> Result<(), Failure> {
    let expires = connection
        .now()
        .checked_add(ttl)
        .map_err(|_| Failure::new("--ttl: the alert would never be shown again"))?;
    let session = connection.session().await?;
    session.before_change().await?;
    let mut auth = session.cluster().auth();
    let ack = AlertAcknowledgement {
        alert_id: id.clone(),
        reason,
        expires: Some(convert::timestamp(expires)),
    };
    session.call(auth.create_alert_ack(ack)).await?;
    let ttl = cli::duration::print(ttl);
    output::line(&format!(
        "Successfully acknowledged alert {}. Alerts with this ID won't be pushed for {ttl}.",
        text::quoted(&id)
    ))
}

async fn clear(connection: &Connection, id: String) -> Result<(), Failure> {
    let session = connection.session().await?;
    session.before_change().await?;
    let mut auth = session.cluster().auth();
    let request = ClearAlertAcksRequest { alert_id: id.clone() };
    session.call(auth.clear_alert_acks(request)).await?;
    output::line(&format!(
        "Successfully cleared acknowledgement for alert {}. Alerts with this ID will resume being pushed.",
        text::quoted(&id)
    ))
}

async fn list(connection: &Connection) -> Result<(), Failure> {
    let session = connection.session().await?;
    let mut auth = session.cluster().auth();
    let acks = session
        .call(auth.get_alert_acks(GetAlertAcksRequest {}))
        .await?
        .acks;
    let mut table = Table::new(["ID", "Reason", "Expires"]);
    for ack in acks {
        let expires = convert::moment(ack.expires.as_ref());
        table.row([
            ack.alert_id,
            text::quoted(&ack.reason),
            expires.map(cli::moment::rfc822).unwrap_or_default(),
        ]);
    }
    output::print(&(table.print(usize::MAX) + "\n"))
}
