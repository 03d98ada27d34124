//! Writes the descriptor set of the wire contract to a file, for programs in other languages
//! that compare it with theirs: `cargo run -p wire --example descriptors -- PATH`.

use std::process::ExitCode;

fn main() -> ExitCode {
    let path = std::env::args_os()
        .nth(1)
        .or_else(|| std::env::var_os("COUNTERSIGN_DESCRIPTORS"));
    let Some(path) = path else {
        eprintln!("ERROR: no path to write the descriptor set to");
        return ExitCode::FAILURE;
    };
    match std::fs::write(&path, wire::descriptor_set()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("ERROR: cannot write {}: {error}", path.display());
            ExitCode::FAILURE
        }
    }
}
