//! `tctl requests rm`: out of the list, and, for what was approved, out of force.

use cli::Failure;
use wire::pb::proto::RequestId;
use wire::pb::types::RequestState;

use super::find;
use crate::commands::lists::named;
use crate::connection::Connection;
use crate::output;

/// Deletes requests.
#[derive(Debug, clap::Args)]
pub struct Remove {
    /// Their ids, between commas
    #[arg(value_name = "IDS")]
    ids: String,
    /// Delete approved requests too
    #[arg(short, long)]
    force: bool,
}

impl Remove {
    /// Looks at all of them first; with an approved one among them nothing is deleted without `--force`.
    pub async fn run(self, connection: &Connection) -> Result<(), Failure> {
        let ids = named(&self.ids, "request")?;
        let session = connection.session().await?;
        let mut approved = Vec::new();
        for id in &ids {
            let found = find(session, id).await?;
            let state = found.spec.as_ref().map(|spec| spec.state());
            if state == Some(RequestState::Approved) {
                approved.push(id.clone());
            }
        }
        if !approved.is_empty() && !self.force {
            return output::print(&warning(&approved));
        }
        session.before_change().await?;
        for id in ids {
            let mut auth = session.cluster().auth();
            session.call(auth.delete_access_request(RequestId { id })).await?;
        }
        output::line("Access request deleted successfully.")
    }
}

/// What is said in place of deleting.
fn warning(approved: &[String]) -> String {
    let locks: Vec<String> = approved
        .iter()
        .map(|id| format!("> tctl lock --access-request {id}\n"))
        .collect();
    let locks = locks.concat();
    format!(
        "\nNothing was deleted: access that was approved may be in use. Deleting such a request also takes the access \
         back, by a lock on it. To lock it and keep it in the list, run\n\n\
         {locks}\n\
         To delete it, run the command again with --force.\n\n"
    )
}
