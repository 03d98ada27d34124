//! `tctl alerts ls`: the alerts there are.

use cli::{Failure, Table, duration, text};
use jiff::Timestamp;
use serde_json::{Map, Value};
use wire::convert;
use wire::pb::types::{AlertSeverity, ClusterAlert, GetClusterAlertsRequest};
use wire::resource::json;

use crate::commands::requests::Format;
use crate::connection::Connection;
use crate::output;

/// Shows the alerts, also those that are for others.
#[derive(Debug, clap::Args)]
pub struct List {
    /// When they were made and their labels, too
    #[arg(short, long)]
    verbose: bool,
    /// Only alerts with these labels
    #[arg(long, value_name = "LABELS")]
    labels: Vec<String>,
    /// text or json
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

impl List {
    /// Prints them.
    pub async fn run(self, connection: &Connection) -> Result<(), Failure> {
        let session = connection.session().await?;
        let mut auth = session.cluster().auth();
        let request = GetClusterAlertsRequest {
            labels: super::labels(&self.labels)?,
            with_untargeted: true,
            ..GetClusterAlertsRequest::default()
        };
        let alerts = session.call(auth.get_cluster_alerts(request)).await?.alerts;
        match self.format {
            Format::Json => {
                let documents = Value::Array(alerts.iter().map(document).collect());
                output::print(&(json::pretty(&documents, 4) + "\n"))
            }
            Format::Text if alerts.is_empty() => output::line("no alerts"),
            Format::Text => output::print(&(table(&alerts, self.verbose, connection.now()) + "\n")),
        }
    }
}

fn table(alerts: &[ClusterAlert], verbose: bool, now: Timestamp) -> String {
    let mut table = if verbose {
        Table::new(["ID", "Severity", "Expires In", "Message", "Created", "Labels"])
    } else {
        Table::new(["ID", "Severity", "Expires In", "Message"])
    };
    for alert in alerts {
        let metadata = alert
            .header
            .clone()
            .unwrap_or_default()
            .metadata
            .unwrap_or_default();
        let spec = alert.spec.clone().unwrap_or_default();
        let left = convert::moment(metadata.expires.as_ref())
            .map(|ends| duration::print_minutes(ends.duration_since(now)));
        let mut row = vec![
            metadata.name,
            severity(spec.severity),
            left.unwrap_or_else(|| "never".to_owned()),
            text::quoted(&spec.message),
        ];
        if verbose {
            let created = convert::moment(spec.created.as_ref());
            let labels: Vec<String> = metadata
                .labels
                .iter()
                .map(|(label, value)| format!("{label}={value}"))
                .collect();
            row.push(created.map(cli::moment::rfc822).unwrap_or_default());
            row.push(labels.join(","));
        }
        table.row(row);
    }
    table.print(usize::MAX)
}

fn severity(number: i32) -> String {
    AlertSeverity::try_from(number)
        .map_or_else(|_| number.to_string(), |known| known.as_str_name().to_owned())
}

fn document(alert: &ClusterAlert) -> Value {
    let header = alert.header.clone().unwrap_or_default();
    let metadata = header.metadata.unwrap_or_default();
    let spec = alert.spec.clone().unwrap_or_default();
    let mut about = Map::new();
    about.insert("name".to_owned(), metadata.name.into());
    if !metadata.labels.is_empty() {
        about.insert("labels".to_owned(), serde_json::json!(metadata.labels));
    }
    if let Some(ends) = convert::moment(metadata.expires.as_ref()) {
        about.insert("expires".to_owned(), ends.to_string().into());
    }
    serde_json::json!({
        "kind": header.kind,
        "version": header.version,
        "metadata": about,
        "spec": {
            "severity": spec.severity,
            "message": spec.message,
            "created": convert::moment(spec.created.as_ref()).map(|created| created.to_string()),
        },
    })
}
