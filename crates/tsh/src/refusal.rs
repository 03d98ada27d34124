//! How what went wrong becomes an error for people: one cause, and what to do next.
//!
//! The server's words are kept, because scripts know them; the next step is added here.

use cli::Failure;
use client::identity::IdentityError;
use client::profile::ProfileError;
use client::web::WebError;
use client::{Cluster, ConnectError};
use tonic::{Code, Status};
use transport::tls::TlsError;

/// A server's answer to a call.
pub fn of_call(cluster: &Cluster, status: &Status) -> Failure {
    if let Some(error) = client::cluster::connection_failure(status) {
        return of_connection(error, false);
    }
    let passing = matches!(status.code(), Code::Unavailable | Code::Cancelled | Code::Unknown);
    if passing && status.message().is_empty() || is_transport(status) {
        return of_connection(&cluster.explain(status), false);
    }
    of_status(status)
}

/// Whether the connection failed rather than the call.
fn is_transport(status: &Status) -> bool {
    std::error::Error::source(status).is_some()
}

/// A server's words with the next step.
fn of_status(status: &Status) -> Failure {
    let message = status.message();
    let failure = Failure::new(if message.is_empty() {
        status.code().description().to_owned()
    } else {
        message.to_owned()
    });
    match hint(status.code(), message) {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}

/// What to do about a refusal, known by its words.
fn hint(code: Code, message: &str) -> Option<&'static str> {
    const KNOWN: &[(&str, &str)] = &[
        (
            "cannot submit reviews",
            "reviewing takes a role with `review_requests`; ask an administrator, then sign in again",
        ),
        (
            "cannot review request",
            "nobody reviews their own request, and your roles must allow reviewing every role it asks for",
        ),
        (
            "has already reviewed this request",
            "a person counts once; while the request is pending, `tsh request withdraw --review ID` takes your review back",
        ),
        (
            "the access request has been already",
            "`tsh request show ID` says who decided",
        ),
        (
            "cannot apply review to access request",
            "`tsh request ls --reviewable` lists the requests that wait for you; one that has expired is gone",
        ),
        (
            "no access request matching",
            "`tsh request ls` lists the requests that you may see; one that has expired is gone",
        ),
        (
            "invalid access request",
            "`tsh request ls --my-requests` lists your own; one that has expired is gone",
        ),
        ("is awaiting approval", "`tsh login --request-id=ID` waits for it"),
        ("has expired", "ask again with `tsh request create`"),
        (
            "can not request role",
            "the role does not exist, or none of your roles lets you ask for it",
        ),
        ("request reason must be specified", "say why with `--reason`"),
        (
            "greater than maximum allowed",
            "ask for less, or leave the flag out: the default is as long as your roles allow",
        ),
        (
            "lock targeting AccessRequest",
            "the approval was taken back; `tsh logout` and a new `tsh login` bring your own roles back",
        ),
        ("is in force", "ask an administrator to lift the lock"),
        ("please relogin", "sign in again with `tsh login`"),
    ];
    if let Some((_, hint)) = KNOWN.iter().find(|(words, _)| message.contains(words)) {
        return Some(hint);
    }
    match code {
        Code::Unauthenticated => Some("sign in again with `tsh login`"),
        Code::ResourceExhausted => Some("wait a little, then try again"),
        Code::Unimplemented => Some("this cluster does not know that; it may run another version"),
        Code::Unavailable => Some("try again; the cluster's log says more if it goes on"),
        _ => None,
    }
}

/// Why no connection came about.
pub fn of_connection(error: &ConnectError, debug: bool) -> Failure {
    let failure = Failure::new(error.to_string());
    if debug {
        for attempt in error.attempts() {
            crate::out::talk(&format!(
                "tried {} {}: {}",
                attempt.address, attempt.road, attempt.outcome
            ));
        }
    }
    let words = || hint(Code::PermissionDenied, failure.message()).map(str::to_owned);
    match error.hint().or_else(words) {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}

/// Why a profile cannot be read or written.
#[allow(clippy::needless_pass_by_value, reason = "for `map_err`")]
pub fn of_profile(error: ProfileError) -> Failure {
    let hint = error.hint();
    with(with_cause(&error), hint)
}

/// Why credentials cannot be used.
#[allow(clippy::needless_pass_by_value, reason = "for `map_err`")]
pub fn of_identity(error: IdentityError) -> Failure {
    let hint = error.hint();
    with(with_cause(&error), hint)
}

/// What a proxy's web API answered, or why it did not.
#[allow(clippy::needless_pass_by_value, reason = "for `map_err`")]
pub fn of_web(error: WebError) -> Failure {
    if let WebError::Tls(TlsError::ServerAuthorities(_)) = error {
        return Failure::new("this machine trusts no authority at all, so no proxy can be believed").hint(
            "install the system's certificates (`ca-certificates`), name the proxy's in SSL_CERT_FILE, or use \
             `--insecure` for a test",
        );
    }
    let hint = error.hint().or_else(|| {
        let known = match error.status()?.as_u16() {
            429 => hint(Code::ResourceExhausted, ""),
            _ => hint(Code::PermissionDenied, &error.to_string()),
        };
        known.map(str::to_owned)
    });
    with(error.to_string(), hint)
}

fn with(message: String, hint: Option<String>) -> Failure {
    let failure = Failure::new(message);
    match hint {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}

/// An error and what is below it, in one line.
pub fn with_cause(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        next = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_refusal_has_its_own_next_step() {
        let mut seen = Vec::new();
        for (code, message) in [
            (
                Code::PermissionDenied,
                r#"user "bob@example.com" cannot submit reviews"#,
            ),
            (
                Code::PermissionDenied,
                r#"user "carol" cannot review request "ID""#,
            ),
            (
                Code::AlreadyExists,
                r#"user "alice" has already reviewed this request"#,
            ),
            (
                Code::PermissionDenied,
                "the access request has been already approved",
            ),
            (
                Code::NotFound,
                r#"cannot apply review to access request "ID" (not found)"#,
            ),
            (Code::NotFound, r#"no access request matching "ID""#),
            (Code::InvalidArgument, r#"access request "ID" has expired"#),
            (Code::Unauthenticated, "who are you"),
        ] {
            let failure = of_status(&Status::new(code, message));
            assert_eq!(failure.message(), message);
            let lines = failure.lines(false);
            let hint = lines.lines().nth(1).map(str::to_owned);
            assert!(hint.is_some() && !seen.contains(&hint), "{message}");
            seen.push(hint);
        }
    }

    #[test]
    fn an_answer_without_words_still_says_something() {
        let failure = of_status(&Status::new(Code::Internal, ""));
        assert!(!failure.message().is_empty());
    }
}
