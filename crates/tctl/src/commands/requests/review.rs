//! `tctl requests review`: a review in somebody's name.
//!
//! The original lets the local administrator vote as anybody. Our Auth Service refuses that, and keeps a record of who
//! tried; the command is here so that this is what people read.

use std::io::{self, Write as _};

use cli::Failure;
use wire::pb::types::{AccessReview, AccessReviewSubmission, RequestState};

use super::state;
use crate::commands::lists::split;
use crate::connection::Connection;

/// Submits a review in the name of a user.
#[derive(Debug, clap::Args)]
pub struct Review {
    /// The id of the request
    #[arg(value_name = "ID")]
    id: String,
    /// Whose review it is
    #[arg(long, value_name = "NAME", required = true)]
    author: String,
    /// The review approves
    #[arg(long)]
    approve: bool,
    /// The review denies
    #[arg(long)]
    deny: bool,
}

impl Review {
    /// Submits it.
    pub async fn run(self, connection: &Connection) -> Result<(), Failure> {
        let proposed = match (self.approve, self.deny) {
            (true, false) => RequestState::Approved,
            (false, true) => RequestState::Denied,
            _ => {
                return Err(Failure::new("must supply exactly one of '--approve' or '--deny'"));
            }
        };
        let session = connection.session().await?;
        session.before_change().await?;
        let submission = AccessReviewSubmission {
            request_id: split(&[self.id]).into_iter().next().unwrap_or_default(),
            review: Some(AccessReview {
                author: self.author,
                proposed_state: proposed.into(),
                ..AccessReview::default()
            }),
        };
        let mut auth = session.cluster().auth();
        let answer = session.call(auth.submit_access_review(submission)).await;
        let reviewed = answer.map_err(|refusal| {
            Failure::from(refusal).hint("reviewers sign in themselves: `tsh request review --approve ID`")
        })?;
        let now = reviewed.spec.as_ref().map_or("", |spec| state(spec.state));
        // Talk, not data; nobody is left to be told when standard error is gone.
        let _ = writeln!(
            io::stderr(),
            "Successfully submitted review.  Request state: {now}"
        );
        Ok(())
    }
}
