//! `tsh request drop`: back to one's own roles.

use cli::{Failure, text};

use crate::args::Drop;
use crate::commands::status;
use crate::out;
use crate::session::Session;
use crate::world::World;

/// Runs the command.
pub async fn run(world: &World, asked: &Drop) -> Result<(), Failure> {
    let session = Session::require(world)?;
    let all = asked.ids.is_empty() || asked.ids.iter().any(|id| id == "*");
    let ids = if all {
        vec!["*".to_owned()]
    } else {
        asked.ids.clone()
    };
    out::data(&if all {
        "Dropping all active access requests...\n\n".to_owned()
    } else {
        format!(
            "Dropping access request(s): {}...\n\n",
            text::visible(&ids.join(", "))
        )
    })?;
    let cluster = session.connect(world).await?;
    let session = session.reissue(world, &cluster, &[], &ids).await?;
    status::show(world, &session)
}
