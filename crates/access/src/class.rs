//! What kind of refusal an error is: one name for each gRPC status that clients tell apart.

/// The kind of a refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// What was asked is malformed or impossible.
    InvalidArgument,
    /// The caller may not.
    PermissionDenied,
    /// It does not exist, or not for this caller.
    NotFound,
    /// It exists already.
    AlreadyExists,
    /// It changed meanwhile, or is in no state for this.
    FailedPrecondition,
    /// A limit is reached.
    ResourceExhausted,
    /// Not offered.
    Unimplemented,
}
