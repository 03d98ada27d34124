//! `tctl requests approve` and `deny`.

use cli::Failure;
use jiff::Timestamp;
use wire::convert;
use wire::pb::proto::RequestStateSetter;
use wire::pb::types::RequestState;
use wire::pb::wrappers::LabelValues;

use crate::commands::lists::{named, pairs, split};
use crate::commands::moments::moment;
use crate::connection::Connection;

/// What both take.
#[derive(Debug, clap::Args)]
struct Decision {
    /// The ids of the requests, between commas
    #[arg(value_name = "IDS")]
    ids: String,
    /// Who has really decided, for the audit log
    #[arg(long, value_name = "NAME", default_value = "")]
    delegator: String,
    /// Why
    #[arg(long, value_name = "TEXT", default_value = "")]
    reason: String,
    /// Annotations for the request, `key=value,…`
    #[arg(long, value_name = "PAIRS")]
    annotations: Vec<String>,
}

/// Approves requests whose rule is content with one approval.
#[derive(Debug, clap::Args)]
pub struct Approve {
    #[command(flatten)]
    decision: Decision,
    /// Only these of the roles asked for
    #[arg(long, value_name = "LIST")]
    roles: Vec<String>,
    /// When the access begins, such as 2026-11-21T18:50:00Z
    #[arg(long, value_name = "TIME", value_parser = moment)]
    assume_start_time: Option<Timestamp>,
}

/// Denies requests; what was approved is taken back.
#[derive(Debug, clap::Args)]
pub struct Deny {
    #[command(flatten)]
    decision: Decision,
}

impl Approve {
    /// Approves one after the other.
    pub async fn run(self, connection: &Connection) -> Result<(), Failure> {
        let wanted = RequestStateSetter {
            state: RequestState::Approved.into(),
            roles: split(&self.roles),
            assume_start_time: convert::timestamp_option(self.assume_start_time),
            ..RequestStateSetter::default()
        };
        self.decision.apply(connection, wanted).await
    }
}

impl Deny {
    /// Denies one after the other.
    pub async fn run(self, connection: &Connection) -> Result<(), Failure> {
        let wanted = RequestStateSetter {
            state: RequestState::Denied.into(),
            ..RequestStateSetter::default()
        };
        self.decision.apply(connection, wanted).await
    }
}

impl Decision {
    async fn apply(self, connection: &Connection, wanted: RequestStateSetter) -> Result<(), Failure> {
        let ids = named(&self.ids, "request")?;
        let annotations = pairs(&self.annotations)?;
        let annotations: Option<LabelValues> =
            (!annotations.is_empty()).then(|| convert::label_values(&annotations));
        let session = connection.session().await?;
        session.before_change().await?;
        for id in ids {
            let request = RequestStateSetter {
                id,
                delegator: self.delegator.clone(),
                reason: self.reason.clone(),
                annotations: annotations.clone(),
                ..wanted.clone()
            };
            let mut auth = session.cluster().auth();
            session.call(auth.set_access_request_state(request)).await?;
        }
        Ok(())
    }
}
