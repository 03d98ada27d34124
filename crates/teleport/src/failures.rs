//! Errors of the crates below as a person who starts a server reads them: what happened, then what to do.

use auth::failure::{Class, Failure as Refusal};
use cli::Failure;
use client::files::FileError;
use store::{CommitError, SealError, SealKeyError};
use transport::listen::ListenError;
use transport::tls::TlsError;

/// What to do about a full disk.
const MAKE_ROOM: &str = "make room and start again; nothing was changed";

/// An error and its causes in one line.
pub fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        let next_text = next.to_string();
        if !text.ends_with(&next_text) {
            text = format!("{text}: {next_text}");
        }
        cause = next.source();
    }
    text
}

/// The store did not open.
pub fn store(error: &store::OpenError) -> Failure {
    use store::OpenError;
    let failure = Failure::new(with_causes(error));
    match error {
        OpenError::InUse { .. } => {
            failure.hint("one server works on one data directory: stop that one, or give this one its own with `--data-dir`")
        }
        OpenError::Full { .. } => failure.hint(MAKE_ROOM),
        OpenError::Corrupt { .. } => {
            failure.hint("restore the data directory from a backup; nothing is repaired in silence")
        }
        OpenError::Blocked { .. } => failure.hint("close the program that has the database open"),
        OpenError::Io { source, .. } => file_hint(failure, source),
        _ => failure,
    }
}

/// The Auth Service did not open.
pub fn auth(error: &auth::OpenError) -> Failure {
    let failure = Failure::new(with_causes(error));
    match error {
        auth::OpenError::Seal(SealError::Key(key)) => match key {
            SealKeyError::Missing { .. } => failure
                .hint("put it back, or name its place with `teleport.seal_key_file`; without it the secrets are lost"),
            SealKeyError::Open { path, .. } => {
                failure.hint(format!("chmod 600 {}, and think about who has read it", path.display()))
            }
            SealKeyError::Malformed { .. } => failure.hint("restore it from a backup"),
            SealKeyError::Io { .. } => {
                failure.hint("choose a place that this user may read and write with `teleport.seal_key_file`")
            }
        },
        auth::OpenError::Seal(SealError::WrongKey { .. }) => {
            failure.hint("bring the data directory and the seal key that it was made with together")
        }
        auth::OpenError::Seal(SealError::Commit(CommitError::Full { .. })) => failure.hint(MAKE_ROOM),
        auth::OpenError::Seal(SealError::Read(_) | SealError::Commit(_) | SealError::Library) => failure,
        auth::OpenError::Failed(refused) => explained(failure, refused),
        _ => match error.hint() {
            Some(hint) => failure.hint(hint),
            None => failure,
        },
    }
}

/// A port could not be had.
pub fn listen(error: &ListenError) -> Failure {
    let failure = Failure::new(with_causes(error));
    match error.hint() {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}

/// A certificate cannot be used.
pub fn tls(what: &str, error: &TlsError) -> Failure {
    Failure::new(format!("{what}: {}", with_causes(error)))
}

/// A file cannot be used.
pub fn file(error: &FileError) -> Failure {
    file_hint(Failure::new(with_causes(error)), &error.source)
}

/// The Auth Service refused something to itself.
pub fn own(refused: &Refusal) -> Failure {
    explained(Failure::new(refused.message()), refused)
}

/// The log says which; at a start this is nearly always it.
fn explained(failure: Failure, refused: &Refusal) -> Failure {
    if refused.class() == Class::ConnectionProblem {
        failure.hint("the log above says why; make room if the disk is full, and start again")
    } else {
        failure
    }
}

fn file_hint(failure: Failure, source: &std::io::Error) -> Failure {
    use std::io::ErrorKind;
    match source.kind() {
        ErrorKind::PermissionDenied => {
            failure.hint("start it as the owner of that directory, or choose another one with `--data-dir`")
        }
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => failure.hint(MAKE_ROOM),
        ErrorKind::ReadOnlyFilesystem => {
            failure.hint("the file system is mounted read-only; choose another directory with `--data-dir`")
        }
        _ => failure,
    }
}
