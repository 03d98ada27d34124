//! `tsh request`: asking for access, and deciding what others ask for.
//!
//! [`flow`] is what asking means: the request is made, waited for and used. [`block`], [`table`] and [`standing`]
//! are how requests look.

mod block;
mod create;
mod drop;
pub mod flow;
mod list;
mod lookup;
mod resource_names;
mod review;
mod search;
mod show;
mod span;
mod standing;
mod table;
mod wait;
mod withdraw;

use cli::Failure;

use crate::args::Request;
use crate::world::World;

/// Does what was asked.
pub async fn run(world: &World, asked: Request) -> Result<(), Failure> {
    match asked {
        Request::Ls(asked) => list::run(world, &asked).await,
        Request::Show(asked) => show::run(world, &asked).await,
        Request::Create(asked) => create::run(world, &asked).await,
        Request::Review(asked) => review::run(world, &asked).await,
        Request::Search(asked) => search::run(world, &asked).await,
        Request::Drop(asked) => drop::run(world, &asked).await,
        Request::Withdraw(asked) => withdraw::run(world, &asked).await,
    }
}
