//! `teleport version`.

use std::io::{self, Write as _};

use cli::Failure;

use crate::arguments::Version;
use crate::version;

/// Prints it.
pub fn run(asked: &Version) -> Result<(), Failure> {
    let line = if asked.raw {
        version::COMPATIBLE.to_owned()
    } else {
        version::line()
    };
    writeln!(io::stdout().lock(), "{line}").map_err(Failure::from)
}
