//! Where words go: data to standard output, talk to standard error.

use std::io::{self, Write as _};

use cli::Failure;

/// Prints data, as it is, and sees to it that it has left this program.
///
/// Text from people must have been made visible by then.
pub fn data(text: &str) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush())
        .map_err(|error| Failure::new(format!("cannot write to standard output: {error}")))
}

/// Prints a line of talk.
pub fn talk(text: &str) {
    // A lost terminal is no reason to stop.
    let _ = writeln!(io::stderr(), "{}", cli::text::visible_lines(text));
}
