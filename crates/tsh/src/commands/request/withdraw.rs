//! `tsh request withdraw`: takes back one's own pending request, or one's own review.

use cli::Failure;
use tonic::Code;
use wire::pb::countersign::v1::WithdrawRequest;

use super::flow;
use crate::args::Withdraw;
use crate::out;
use crate::refusal;
use crate::session::Session;
use crate::world::World;

/// Runs the command.
pub async fn run(world: &World, asked: &Withdraw) -> Result<(), Failure> {
    let session = Session::require(world)?;
    let cluster = session.connect(world).await?;
    let withdrawal = WithdrawRequest {
        request_id: asked.id.clone(),
        review: asked.review,
        reason: asked.reason.clone().unwrap_or_default(),
    };
    cluster.access().withdraw(withdrawal).await.map_err(|status| {
        if status.code() == Code::Unimplemented {
            Failure::new("this cluster cannot take back requests or reviews")
                .hint("an administrator can delete a request with `tctl requests rm`")
        } else {
            refusal::of_call(&cluster, &status)
        }
    })?;
    let id = cli::text::visible(&asked.id);
    if asked.review {
        out::talk(&format!("Your review of request {id} is taken back."));
        flow::say_standing(&cluster, &asked.id).await;
    } else {
        out::talk(&format!("Request {id} is taken back."));
    }
    Ok(())
}
