//! How often somebody may call, and how often guess.

use std::net::IpAddr;

use jiff::{SignedDuration, Timestamp};
use transport::limits::network;
use transport::rate::{Limiter, Rate};

use crate::call::Call;
use crate::caller::{Caller, Who};
use crate::failure::{Answer, Failure};

/// The rates. Zero-cost to copy, so that tests can change one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rates {
    /// Calls without a certificate and guesses at secrets, per address.
    pub guesses: Rate,
    /// Calls that set a password or prove one, per address.
    pub credentials: Rate,
    /// Calls of one user.
    pub user: Rate,
    /// Calls that make an access request, per user.
    pub requests: Rate,
    /// Recorded refusals, per caller: more are refused just the same, but one record says enough.
    pub refusals: Rate,
    /// Pending access requests of one user at a time: more are no requests but a siege of the reviewers.
    pub pending_requests: usize,
}

impl Default for Rates {
    fn default() -> Self {
        Self {
            guesses: Rate::per_minute(20, 40),
            credentials: Rate::per_minute(1, 10),
            user: Rate::per_second(2_000, 10_000),
            requests: Rate::per_minute(10, 20),
            refusals: Rate::per_second(1, 100),
            pending_requests: 50,
        }
    }
}

/// The counters of one Auth Service.
#[derive(Debug)]
pub struct Limits {
    guesses: Limiter<IpAddr>,
    credentials: Limiter<IpAddr>,
    user: Limiter<String>,
    requests: Limiter<String>,
    refusals: Limiter<String>,
    pending_requests: usize,
}

/// The most addresses or users that are counted at once.
const KEYS_MAX: usize = 100_000;

impl Limits {
    /// New counters.
    pub fn new(rates: Rates) -> Self {
        Self {
            guesses: Limiter::new(rates.guesses, KEYS_MAX),
            credentials: Limiter::new(rates.credentials, KEYS_MAX),
            user: Limiter::new(rates.user, KEYS_MAX),
            requests: Limiter::new(rates.requests, KEYS_MAX),
            refusals: Limiter::new(rates.refusals, KEYS_MAX),
            pending_requests: rates.pending_requests,
        }
    }

    /// Counts a call, whatever it is.
    pub(crate) fn call(&self, caller: &Caller, now: Timestamp) -> Answer<()> {
        match caller.who() {
            Who::User(user) => self.user.take(user.name().to_owned(), now).map_err(exceeded),
            Who::Nobody | Who::BuiltIn(_) => Ok(()),
        }
    }

    /// Counts a guess at a secret: a password, a code, a link.
    pub fn guess(&self, call: &Call) -> Answer<()> {
        take(&self.guesses, call)
    }

    /// Counts a call that sets a password.
    pub fn credentials(&self, call: &Call) -> Answer<()> {
        take(&self.credentials, call)
    }

    /// Counts a new access request of `user`.
    pub fn request(&self, user: &str, now: Timestamp) -> Answer<()> {
        self.requests.take(user.to_owned(), now).map_err(exceeded)
    }

    /// The most pending requests of one user.
    pub fn pending_requests(&self) -> usize {
        self.pending_requests
    }

    /// Whether a refusal is to be recorded.
    pub(crate) fn refusal(&self, call: &Call) -> bool {
        self.refusals.take(call.actor().user.clone(), call.now).is_ok()
    }
}

fn take(limiter: &Limiter<IpAddr>, call: &Call) -> Answer<()> {
    match call.source() {
        Some(source) => limiter.take(network(source), call.now).map_err(exceeded),
        None => Ok(()),
    }
}

fn exceeded(wait: SignedDuration) -> Failure {
    let seconds = wait.as_millis().div_euclid(1_000) + i128::from(wait.as_millis().rem_euclid(1_000) > 0);
    Failure::limit_exceeded(format!("rate limit exceeded, try again in {}s", seconds.max(1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_is_told_in_whole_seconds() {
        assert_eq!(
            exceeded(SignedDuration::from_millis(2_100)).message(),
            "rate limit exceeded, try again in 3s"
        );
    }
}
