//! The only way in which the Auth Service changes anything: a deed together with its record.
//!
//! A [`Change`] cannot be made without an audit [`Event`]; [`super::State::commit`] takes nothing
//! else. So "we forgot to record it" does not compile.

use bytes::Bytes;
use jiff::Timestamp;
use store::{Batch, CommitError, Key, Obstacle, Require, Revision};

use crate::audit::Event;
use crate::failure::Failure;

/// What changes, what must still be true for that, and what is told of it.
#[derive(Debug)]
pub struct Change {
    pub(super) batch: Batch,
    pub(super) events: Vec<(String, Event)>,
}

impl Change {
    /// A change at `now`, done by `user`, of which `event` tells.
    pub fn new(now: Timestamp, user: &str, event: Event) -> Self {
        Self {
            batch: Batch::at(now),
            events: vec![(user.to_owned(), event)],
        }
    }

    /// Tells of one thing more.
    #[must_use]
    pub fn telling(mut self, user: &str, event: Event) -> Self {
        self.events.push((user.to_owned(), event));
        self
    }

    /// The moment of the decision.
    pub fn now(&self) -> Timestamp {
        self.batch.now
    }

    /// Something must still be true.
    #[must_use]
    pub fn require(mut self, condition: Require) -> Self {
        self.batch = self.batch.require(condition);
        self
    }

    /// The item must still be as it was read: this revision, or absent.
    #[must_use]
    pub fn require_same(mut self, key: &Key, read: Option<Revision>) -> Self {
        self.batch = self.batch.require_same(key.clone(), read);
        self
    }

    /// Creates or writes over an item.
    #[must_use]
    pub fn put(self, key: Key, value: impl Into<Bytes>) -> Self {
        self.put_until(key, value, None)
    }

    /// Creates or writes over an item that reads do not see any more from `expires` on.
    #[must_use]
    pub fn put_until(mut self, key: Key, value: impl Into<Bytes>, expires: Option<Timestamp>) -> Self {
        self.batch = self.batch.put_until(key, value, expires);
        self
    }

    /// Removes an item.
    #[must_use]
    pub fn delete(mut self, key: Key) -> Self {
        self.batch = self.batch.delete(key);
        self
    }
}

/// Why a change did not come about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refused {
    /// Something it rested on has changed meanwhile: read again, decide again.
    Conflict(Obstacle),
    /// Anything else.
    Failed(Failure),
}

impl From<CommitError> for Refused {
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::Conflict(obstacle) => Self::Conflict(obstacle),
            CommitError::TooLarge { what, bytes_max, .. } => Self::Failed(Failure::bad_parameter(format!(
                "the {what} is larger than the {bytes_max} bytes allowed"
            ))),
            CommitError::Twice { .. } => Self::Failed(Failure::internal(error.to_string())),
            CommitError::Full { .. } | CommitError::Failed { .. } => {
                tracing::error!(%error, "a change could not be written");
                Self::Failed(Failure::connection_problem(
                    "failed to connect to the database: the store cannot be written; nothing was changed",
                ))
            }
            CommitError::Blocked { .. } | CommitError::Overloaded { .. } | CommitError::Closed => {
                Self::Failed(Failure::connection_problem(error.to_string()))
            }
        }
    }
}

impl From<Refused> for Failure {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Conflict(obstacle) => conflict(&obstacle),
            Refused::Failed(failure) => failure,
        }
    }
}

fn conflict(obstacle: &Obstacle) -> Failure {
    match &obstacle.required {
        Require::Absent(key) => Failure::already_exists(format!("{:?} already exists", key.name())),
        Require::Present(key) => Failure::not_found(format!("{:?} is not found", key.name())),
        Require::AtRevision(key, _) | Require::Expired(key, _) => Failure::compare_failed(format!(
            "{:?} was changed by somebody else meanwhile, read it again",
            key.name()
        )),
        Require::Unchanged { .. } => {
            Failure::compare_failed("something this rests on was changed meanwhile, try again")
        }
    }
}

/// Counts how often a decision was made anew because something changed under it.
#[derive(Debug, Default)]
pub struct Tries(u32);

impl Tries {
    /// How often it is worth while: more often than callers can be at work on one thing.
    const MAX: u32 = 1_000;

    /// Gives `Ok` if the decision should be made again, and the failure otherwise.
    pub fn again(&mut self, refused: Refused) -> Result<(), Failure> {
        self.0 += 1;
        match refused {
            Refused::Conflict(_) if self.0 < Self::MAX => Ok(()),
            other => Err(other.into()),
        }
    }
}
