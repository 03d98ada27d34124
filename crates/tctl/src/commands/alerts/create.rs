//! `tctl alerts create`: tells everybody something.

use cli::Failure;
use jiff::SignedDuration;
use wire::convert;
use wire::pb::proto::UpsertClusterAlertRequest;
use wire::pb::types;

use crate::commands::new_id;
use crate::connection::Connection;

/// What an alert without labels is given: everybody sees it, also when signing in.
const FOR_EVERYBODY: [&str; 2] = [
    "teleport.internal/alert-on-login",
    "teleport.internal/alert-permit-all",
];

/// Tells everybody something, or whom the labels say.
#[derive(Debug, clap::Args)]
pub struct Create {
    /// What to tell, on one line
    #[arg(value_name = "MESSAGE")]
    message: String,
    /// How long the alert is shown
    #[arg(long, value_name = "DURATION", default_value = "24h", value_parser = cli::duration::parse)]
    ttl: SignedDuration,
    /// How important it is; high alerts are printed after each command
    #[arg(long, value_enum, default_value_t = Severity::Low)]
    severity: Severity,
    /// Labels, such as teleport.internal/alert-verb-permit=role:update; for everybody, if there are none
    #[arg(long, value_name = "LABELS")]
    labels: Vec<String>,
}

/// How important an alert is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Severity {
    Low,
    Medium,
    High,
}

impl Create {
    /// Makes the alert. Nothing is printed: a high one is seen at once, as after each command.
    pub async fn run(self, connection: &Connection) -> Result<(), Failure> {
        let severity = match self.severity {
            Severity::Low => types::AlertSeverity::Low,
            Severity::Medium => types::AlertSeverity::Medium,
            Severity::High => types::AlertSeverity::High,
        };
        let mut labels = super::labels(&self.labels)?;
        if labels.is_empty() {
            labels = FOR_EVERYBODY
                .map(|label| (label.to_owned(), "yes".to_owned()))
                .into();
        }
        let now = connection.now();
        let expires = now
            .checked_add(self.ttl)
            .map_err(|_| Failure::new("--ttl: the alert would end too far in the future"))?;
        let alert = types::ClusterAlert {
            header: Some(types::ResourceHeader {
                kind: "cluster_alert".to_owned(),
                version: "v1".to_owned(),
                metadata: Some(types::Metadata {
                    name: new_id(connection),
                    labels,
                    expires: Some(convert::timestamp(expires)),
                    ..types::Metadata::default()
                }),
                ..types::ResourceHeader::default()
            }),
            spec: Some(types::ClusterAlertSpec {
                severity: severity.into(),
                message: self.message,
                created: Some(convert::timestamp(now)),
            }),
        };
        let session = connection.session().await?;
        session.before_change().await?;
        let mut auth = session.cluster().auth();
        let request = UpsertClusterAlertRequest { alert: Some(alert) };
        session.call(auth.upsert_cluster_alert(request)).await?;
        Ok(())
    }
}
