//! One module for each command, one function in it; [`run`] is the match between them.

mod alerts;
mod credentials;
mod invite;
mod login;
mod logout;
mod mfa;
mod request;
mod status;
mod version;

use cli::Failure;

use crate::args::{Command, Invite};
use crate::world::World;

/// Does what was asked.
pub async fn run(world: &World, command: Command) -> Result<(), Failure> {
    match command {
        Command::Login(asked) => login::run(world, &asked).await,
        Command::Logout => logout::run(world),
        Command::Status(asked) => status::run(world, &asked).await,
        Command::Request(asked) => request::run(world, asked).await,
        Command::Mfa(asked) => mfa::run(world, asked).await,
        Command::Invite(Invite::Accept(asked)) => invite::run(world, &asked).await,
        Command::Version(asked) => version::run(world, &asked).await,
    }
}
