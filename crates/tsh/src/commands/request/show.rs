//! `tsh request show`: what a request asks for, who has decided, and what is missing.

use cli::{Failure, text};

use super::{block, list, lookup, resource_names, standing};
use crate::args::{Shape, Show};
use crate::out;
use crate::session::Session;
use crate::world::World;

/// Runs the command.
pub async fn run(world: &World, asked: &Show) -> Result<(), Failure> {
    let session = Session::require(world)?;
    let cluster = session.connect(world).await?;
    let Some(request) = lookup::find(&cluster, &asked.id).await? else {
        return Err(
            Failure::new(format!("no access request matching {}", text::quoted(&asked.id)))
                .hint("`tsh request ls` lists the requests that you may see; one that has expired is gone"),
        );
    };
    match asked.format.format {
        Shape::Text => {}
        Shape::Json => {
            let value = list::resource(&request)?.to_json();
            return out::data(&format!("{}\n", wire::resource::json::pretty(&value, 2)));
        }
        Shape::Yaml => return out::data(&list::resource(&request)?.to_yaml()),
    }
    out::data(&block::print(&request))?;
    let ids = lookup::spec(&request).requested_resource_i_ds;
    let names = resource_names::lines(&cluster, &ids).await;
    if !names.is_empty() {
        out::data(&format!("\n{names}"))?;
    }
    match lookup::explain(&cluster, &asked.id).await {
        Ok(Some(evidence)) => out::data(&format!("\n{}", standing::rows(&evidence, world.clock.now()))),
        // A server of another make; what there is has been shown.
        Ok(None) => Ok(()),
        Err(status) => {
            out::talk(&format!(
                "why it stands there cannot be said: {}",
                status.message()
            ));
            Ok(())
        }
    }
}
