//! What people apply: a file, or standard input. Never more of it than can be a document.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use cli::Failure;
use wire::resource::Limits;

/// The text of a file, or of standard input.
pub fn text(path: Option<&Path>) -> Result<String, Failure> {
    match path {
        Some(path) => {
            // The words of the original's programs for a file that is not there.
            let failed =
                |error: io::Error| Failure::new(format!("lstat {}: {}", path.display(), said(&error)));
            let file = File::open(path).map_err(failed)?;
            read(file, &path.display().to_string())
        }
        None => read(io::stdin().lock(), "standard input"),
    }
}

fn read(source: impl Read, name: &str) -> Result<String, Failure> {
    let bytes_max = Limits::FILE.bytes_max;
    // One byte more than is allowed shows that there is too much.
    let room = u64::try_from(bytes_max).unwrap_or(u64::MAX).saturating_add(1);
    let mut bytes = Vec::new();
    source
        .take(room)
        .read_to_end(&mut bytes)
        .map_err(|error| Failure::new(format!("cannot read {name}: {}", said(&error))))?;
    if bytes.len() > bytes_max {
        return Err(Failure::new(format!("{name} is longer than {bytes_max} bytes"))
            .hint("apply it in several parts"));
    }
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        Failure::new(format!("{name} is not text: byte {at} is not UTF-8")).hint("save the file as UTF-8")
    })
}

/// What the system says, without its number.
pub fn said(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "no such file or directory".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        io::ErrorKind::IsADirectory => "it is a directory".to_owned(),
        _ => error.to_string(),
    }
}
