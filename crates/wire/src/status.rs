//! Errors on the wire: every error has a class, every class a gRPC code, and none is `Unknown`.
//!
//! Clients rebuild the class from the code alone, some open a circuit breaker after a few
//! answers with the code `Unknown`, and a few texts are compared literally ([`text`]).

use std::fmt;

use tonic::{Code, Status};

/// Texts that clients compare.
pub mod text {
    /// Makes clients run a ceremony with a second factor and repeat the call.
    pub const MFA_REQUIRED: &str = "admin-level API request requires MFA verification";
    /// The client is older than the server's minimum.
    pub const CLIENT_TOO_OLD: &str = "client version is unsupported";
    /// The store cannot be reached while a caller is being authorised.
    pub const STORE_DOWN: &str = "failed to connect to the database";
    /// A refusal that says nothing about why.
    pub const ACCESS_DENIED: &str = "access denied";
}

/// What kind of error it is: what a client may do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// It does not exist, or the caller must not know that it does.
    NotFound,
    /// The name is taken.
    AlreadyExists,
    /// The caller may not.
    AccessDenied,
    /// The request can never succeed as it stands.
    BadParameter,
    /// Somebody else changed it meanwhile, or its state forbids it.
    CompareFailed,
    /// Something needed is not there now. Try again.
    ConnectionProblem,
    /// Too much, too many, too often.
    LimitExceeded,
    /// This server does not do that.
    NotImplemented,
    /// Who is calling is not known.
    Unauthenticated,
    /// The caller went away.
    Cancelled,
    /// It took longer than the caller allows.
    DeadlineExceeded,
    /// The server is at fault.
    Internal,
}

impl Class {
    /// The gRPC code of the class.
    pub fn code(self) -> Code {
        match self {
            Self::NotFound => Code::NotFound,
            Self::AlreadyExists => Code::AlreadyExists,
            Self::AccessDenied => Code::PermissionDenied,
            Self::BadParameter => Code::InvalidArgument,
            Self::CompareFailed => Code::FailedPrecondition,
            Self::ConnectionProblem => Code::Unavailable,
            Self::LimitExceeded => Code::ResourceExhausted,
            Self::NotImplemented => Code::Unimplemented,
            Self::Unauthenticated => Code::Unauthenticated,
            Self::Cancelled => Code::Cancelled,
            Self::DeadlineExceeded => Code::DeadlineExceeded,
            Self::Internal => Code::Internal,
        }
    }

    /// The class of a gRPC code; `None` for success.
    pub fn of(code: Code) -> Option<Self> {
        Some(match code {
            Code::Ok => return None,
            Code::NotFound => Self::NotFound,
            Code::AlreadyExists => Self::AlreadyExists,
            Code::PermissionDenied => Self::AccessDenied,
            Code::InvalidArgument | Code::OutOfRange => Self::BadParameter,
            Code::FailedPrecondition | Code::Aborted => Self::CompareFailed,
            Code::Unavailable => Self::ConnectionProblem,
            Code::ResourceExhausted => Self::LimitExceeded,
            Code::Unimplemented => Self::NotImplemented,
            Code::Unauthenticated => Self::Unauthenticated,
            Code::Cancelled => Self::Cancelled,
            Code::DeadlineExceeded => Self::DeadlineExceeded,
            Code::Internal | Code::DataLoss | Code::Unknown => Self::Internal,
        })
    }

    /// The status code of the older HTTP calls.
    pub fn http(self) -> u16 {
        match self {
            Self::NotFound => 404,
            Self::AlreadyExists => 409,
            Self::AccessDenied | Self::Unauthenticated => 403,
            Self::BadParameter => 400,
            Self::CompareFailed => 412,
            Self::ConnectionProblem | Self::DeadlineExceeded => 504,
            Self::LimitExceeded => 429,
            Self::NotImplemented => 501,
            Self::Cancelled => 499,
            Self::Internal => 500,
        }
    }

    /// Whether the same call may succeed later without anybody changing anything.
    pub fn is_transient(self) -> bool {
        matches!(
            self,
            Self::ConnectionProblem | Self::LimitExceeded | Self::DeadlineExceeded
        )
    }
}

/// An error type that knows its class. Its `Display` is what people read.
pub trait Classified: fmt::Display {
    /// The class of this error.
    fn class(&self) -> Class;
}

/// The status of an error.
pub fn status(error: &impl Classified) -> Status {
    Failure::new(error.class(), error.to_string()).into()
}

/// An error as it travels: a class and a text for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    class: Class,
    message: String,
}

impl Failure {
    /// An error of `class` that people read as `message`.
    pub fn new(class: Class, message: impl Into<String>) -> Self {
        Self {
            class,
            message: message.into(),
        }
    }

    /// See [`Class::NotFound`].
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(Class::NotFound, message)
    }

    /// See [`Class::AlreadyExists`].
    pub fn already_exists(message: impl Into<String>) -> Self {
        Self::new(Class::AlreadyExists, message)
    }

    /// See [`Class::AccessDenied`].
    pub fn access_denied(message: impl Into<String>) -> Self {
        Self::new(Class::AccessDenied, message)
    }

    /// See [`Class::BadParameter`].
    pub fn bad_parameter(message: impl Into<String>) -> Self {
        Self::new(Class::BadParameter, message)
    }

    /// See [`Class::CompareFailed`].
    pub fn compare_failed(message: impl Into<String>) -> Self {
        Self::new(Class::CompareFailed, message)
    }

    /// See [`Class::ConnectionProblem`].
    pub fn connection_problem(message: impl Into<String>) -> Self {
        Self::new(Class::ConnectionProblem, message)
    }

    /// See [`Class::LimitExceeded`].
    pub fn limit_exceeded(message: impl Into<String>) -> Self {
        Self::new(Class::LimitExceeded, message)
    }

    /// See [`Class::NotImplemented`].
    pub fn not_implemented(message: impl Into<String>) -> Self {
        Self::new(Class::NotImplemented, message)
    }

    /// See [`Class::Internal`].
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(Class::Internal, message)
    }

    /// The usual refusal of a verb on a kind of resource.
    pub fn no_rule(verb: &str, kind: &str) -> Self {
        Self::access_denied(format!(
            "access denied to perform action \"{verb}\" on \"{kind}\""
        ))
    }

    /// The class.
    pub fn class(&self) -> Class {
        self.class
    }

    /// The text for people.
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

impl Classified for Failure {
    fn class(&self) -> Class {
        self.class
    }
}

impl From<Failure> for Status {
    fn from(failure: Failure) -> Self {
        Self::new(failure.class.code(), failure.message)
    }
}

impl From<Status> for Failure {
    fn from(status: Status) -> Self {
        Self::from(&status)
    }
}

impl From<&Status> for Failure {
    /// What a client shows. Errors of the connection itself carry their cause behind them, and
    /// say "transport error" in front of it: the cause is what people need.
    fn from(status: &Status) -> Self {
        let class = match (status.code(), std::error::Error::source(status)) {
            // Nothing answered: the code was made up on this side.
            (Code::Unknown, Some(_)) => Class::ConnectionProblem,
            (code, _) => Class::of(code).unwrap_or(Class::Internal),
        };
        let mut message = status.message().trim().to_owned();
        let causes = causes(status);
        if matches!(
            message.as_str(),
            "" | "transport error" | "error trying to connect"
        ) {
            message = causes.join(": ");
        } else if class == Class::ConnectionProblem {
            for cause in causes {
                if !message.contains(&cause) {
                    message = format!("{message}: {cause}");
                }
            }
        }
        if message.is_empty() {
            status.code().description().clone_into(&mut message);
        }
        Self { class, message }
    }
}

fn causes(status: &Status) -> Vec<String> {
    let mut causes: Vec<String> = Vec::new();
    let mut source = std::error::Error::source(status);
    while let Some(error) = source {
        let text = error.to_string();
        let empty = matches!(text.as_str(), "" | "transport error" | "error trying to connect");
        if !empty && causes.last().is_none_or(|last| !last.contains(&text)) {
            causes.push(text);
        }
        source = error.source();
    }
    causes
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Class; 12] = [
        Class::NotFound,
        Class::AlreadyExists,
        Class::AccessDenied,
        Class::BadParameter,
        Class::CompareFailed,
        Class::ConnectionProblem,
        Class::LimitExceeded,
        Class::NotImplemented,
        Class::Unauthenticated,
        Class::Cancelled,
        Class::DeadlineExceeded,
        Class::Internal,
    ];

    #[test]
    fn every_class_comes_back_from_its_code() {
        for class in ALL {
            assert_ne!(class.code(), Code::Unknown);
            assert_eq!(Class::of(class.code()), Some(class));
        }
    }

    #[test]
    fn the_text_travels_unchanged() {
        let failure = Failure::no_rule("update", "role");
        let status = Status::from(failure.clone());
        assert_eq!(status.code(), Code::PermissionDenied);
        assert_eq!(
            status.message(),
            r#"access denied to perform action "update" on "role""#
        );
        assert_eq!(Failure::from(status), failure);
    }

    #[test]
    fn errors_of_the_connection_show_their_cause() {
        let refused = std::io::Error::new(
            std::io::ErrorKind::ConnectionRefused,
            "connection refused by 127.0.0.1:3025",
        );
        let mut status = Status::unknown("transport error");
        status.set_source(std::sync::Arc::new(refused));
        let failure = Failure::from(&status);
        assert_eq!(failure.class(), Class::ConnectionProblem);
        assert_eq!(failure.message(), "connection refused by 127.0.0.1:3025");
    }

    #[test]
    fn an_empty_text_is_never_shown() {
        let failure = Failure::from(Status::new(Code::NotFound, ""));
        assert!(!failure.message().is_empty());
    }
}
