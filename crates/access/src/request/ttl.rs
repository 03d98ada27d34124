//! How long: the arithmetic of session, access and waiting time.

use jiff::{SignedDuration, Timestamp};

use super::PENDING_MAX;
use crate::role::MAX_DURATION;

/// Longest certificate.
pub const CERTIFICATE_MAX: SignedDuration = SignedDuration::from_hours(30);

/// What goes into the arithmetic. Durations from the moment of creation; `None` where nothing was said.
#[derive(Debug, Clone, Default)]
pub struct Inputs {
    /// What the caller's own certificate has left; `None` for one without end.
    pub certificate_left: Option<SignedDuration>,
    /// `--session-ttl`.
    pub session: Option<SignedDuration>,
    /// `--max-duration`.
    pub max_duration: Option<SignedDuration>,
    /// `--request-ttl`.
    pub pending: Option<SignedDuration>,
    /// For each requested role its `max_session_ttl`, and the longest `max_duration` that the asker's roles give it
    /// (zero where none does).
    pub roles: Vec<(Option<SignedDuration>, SignedDuration)>,
    /// Only tried.
    pub dry_run: bool,
}

/// What comes out, from the moment of creation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lifetimes {
    /// One web session.
    pub session: SignedDuration,
    /// The access as a whole.
    pub access: SignedDuration,
    /// The waiting for reviews.
    pub pending: SignedDuration,
}

/// Why there is no such lifetime. All are bad arguments.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs)]
pub enum TtlError {
    #[error("invalid session TTL: {} greater than maximum allowed ({})", text(*.wanted), text(*.limit))]
    SessionTooLong {
        wanted: SignedDuration,
        limit: SignedDuration,
    },
    #[error("invalid maxDuration: must be greater than creation time")]
    DurationInThePast,
    #[error("max_duration must be less than or equal to {}", text(MAX_DURATION))]
    DurationTooLong,
    #[error("invalid request TTL: Access Request can not be created in the past")]
    PendingInThePast,
    #[error("invalid request TTL: {} greater than maximum allowed ({})", text(*.wanted), text(*.limit))]
    PendingTooLong {
        wanted: SignedDuration,
        limit: SignedDuration,
    },
}

/// The lifetimes of a request.
///
/// A role without `max_duration` contributes the ordinary session, so that the order of role names does not matter.
pub fn lifetimes(inputs: &Inputs) -> Result<Lifetimes, TtlError> {
    let positive = |duration: &SignedDuration| duration.is_positive();
    let session_wanted = inputs.session.filter(positive);
    let ordinary = [inputs.certificate_left.filter(positive), session_wanted]
        .into_iter()
        .flatten()
        .chain(inputs.roles.iter().filter_map(|(ttl, _)| ttl.filter(positive)))
        .fold(CERTIFICATE_MAX, SignedDuration::min);
    if let Some(wanted) = session_wanted.filter(|wanted| *wanted > ordinary) {
        return Err(TtlError::SessionTooLong {
            wanted,
            limit: ordinary,
        });
    }
    let wanted = if inputs.dry_run {
        Some(MAX_DURATION)
    } else {
        inputs.max_duration
    };
    if wanted.is_some_and(|wanted| wanted.is_negative()) {
        return Err(TtlError::DurationInThePast);
    }
    if wanted.is_some_and(|wanted| wanted > MAX_DURATION) {
        return Err(TtlError::DurationTooLong);
    }
    let extended = inputs.roles.iter().any(|(_, duration)| duration.is_positive());
    let granted = inputs
        .roles
        .iter()
        .map(|(_, duration)| {
            if duration.is_positive() {
                *duration
            } else {
                ordinary
            }
        })
        .min()
        .unwrap_or(ordinary);
    let access = match (extended, wanted) {
        (true, Some(wanted)) => granted.min(wanted),
        (true, None) => granted,
        (false, Some(wanted)) if !inputs.dry_run => ordinary.min(wanted),
        (false, _) => ordinary,
    };
    // A wish of zero is no wish.
    let access = if access.is_positive() { access } else { ordinary };
    let pending_limit = PENDING_MAX.min(access);
    let pending = match inputs.pending {
        None => pending_limit,
        Some(wanted) if wanted.is_negative() => return Err(TtlError::PendingInThePast),
        Some(wanted) if wanted > pending_limit => {
            return Err(TtlError::PendingTooLong {
                wanted,
                limit: pending_limit,
            });
        }
        Some(wanted) => wanted,
    };
    Ok(Lifetimes {
        session: ordinary.min(access),
        access,
        pending,
    })
}

/// `now` plus `duration`, at the latest the end of time.
pub fn after(now: Timestamp, duration: SignedDuration) -> Timestamp {
    now.saturating_add(duration).unwrap_or(Timestamp::MAX)
}

/// `336h0m0s`: the form in which messages print durations.
pub fn text(duration: SignedDuration) -> String {
    let seconds = duration.as_secs();
    let (sign, seconds) = (if seconds < 0 { "-" } else { "" }, seconds.unsigned_abs());
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, seconds) => format!("{sign}{seconds}s"),
        (0, minutes, seconds) => format!("{sign}{minutes}m{seconds}s"),
        (hours, minutes, seconds) => format!("{sign}{hours}h{minutes}m{seconds}s"),
    }
}

/// Whether an access may start at `start`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs)]
pub enum StartError {
    #[error("assume start time has to be after {0}")]
    BeforeCreation(Timestamp),
    #[error("assume start time must be prior to access expiry time at {0}")]
    AfterExpiry(Timestamp),
    #[error("assume start time is too far in the future, latest time allowed is {0}")]
    TooFar(Timestamp),
}

/// Checks a wished start against the creation and the end of the access.
pub fn check_start(start: Timestamp, created: Timestamp, expires: Timestamp) -> Result<(), StartError> {
    let latest = after(created, PENDING_MAX);
    if start < created {
        Err(StartError::BeforeCreation(created))
    } else if start >= expires {
        Err(StartError::AfterExpiry(expires))
    } else if latest < expires && start > latest {
        Err(StartError::TooFar(latest))
    } else {
        Ok(())
    }
}
