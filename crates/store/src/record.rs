//! The audit log: numbered, never changed, searchable by time, kind and person.

use bytes::Bytes;
use jiff::Timestamp;

/// One audit record on its way into the log.
#[derive(Clone, PartialEq, Eq)]
pub struct Record {
    /// When it happened.
    pub moment: Timestamp,
    /// What happened, such as `access_request.review`.
    pub kind: String,
    /// Who did it; empty if nobody is known.
    pub user: String,
    /// The whole event, encoded by the caller.
    pub body: Bytes,
}

impl Record {
    /// A record of what `user` did at `moment`.
    pub fn new(
        moment: Timestamp,
        kind: impl Into<String>,
        user: impl Into<String>,
        body: impl Into<Bytes>,
    ) -> Self {
        Self {
            moment,
            kind: kind.into(),
            user: user.into(),
            body: body.into(),
        }
    }

    pub(crate) fn bytes(&self) -> usize {
        self.kind.len() + self.user.len() + self.body.len()
    }
}

impl std::fmt::Debug for Record {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Record")
            .field("moment", &self.moment)
            .field("kind", &self.kind)
            .field("user", &self.user)
            .field("bytes", &self.body.len())
            .finish()
    }
}

/// One audit record in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredRecord {
    /// Its place in the log: 1, 2, 3, … without a gap, in the order of commits.
    pub number: u64,
    /// The commit that wrote it, together with what it tells of.
    pub revision: crate::Revision,
    /// What was written.
    pub record: Record,
}

impl StoredRecord {
    /// Where a search that goes on after this record begins.
    pub fn place(&self) -> RecordPlace {
        RecordPlace {
            moment: self.record.moment,
            number: self.number,
        }
    }
}

/// A place in the order of a search: by moment, and by number within one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct RecordPlace {
    /// The record's moment.
    pub moment: Timestamp,
    /// The record's number.
    pub number: u64,
}

/// Which records to find.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Search {
    /// Not before this moment.
    pub from: Timestamp,
    /// Before this moment.
    pub to: Timestamp,
    /// Only of these kinds; none means every kind.
    pub kinds: Vec<String>,
    /// Only of this person.
    pub user: Option<String>,
    /// The newest first.
    pub newest_first: bool,
    /// Goes on after this place, such as [`RecordPage::next`].
    pub after: Option<RecordPlace>,
    /// At most so many.
    pub limit: usize,
}

impl Search {
    /// Everything from `from` until before `to`, the oldest first.
    pub fn between(from: Timestamp, to: Timestamp) -> Self {
        Self {
            from,
            to,
            kinds: Vec::new(),
            user: None,
            newest_first: false,
            after: None,
            limit: crate::PAGE_ITEMS_MAX,
        }
    }

    /// Only records of these kinds.
    #[must_use]
    pub fn kinds<S: Into<String>>(mut self, kinds: impl IntoIterator<Item = S>) -> Self {
        self.kinds = kinds.into_iter().map(Into::into).collect();
        self
    }

    /// Only what this person did.
    #[must_use]
    pub fn user(mut self, user: impl Into<String>) -> Self {
        self.user = Some(user.into());
        self
    }

    /// The newest first.
    #[must_use]
    pub fn newest_first(mut self) -> Self {
        self.newest_first = true;
        self
    }

    /// Goes on where a page ended.
    #[must_use]
    pub fn after(mut self, place: Option<RecordPlace>) -> Self {
        self.after = place;
        self
    }

    /// At most so many.
    #[must_use]
    pub fn limit(mut self, limit: usize) -> Self {
        self.limit = limit;
        self
    }
}

/// A page of a search.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordPage {
    /// In the order asked for.
    pub records: Vec<StoredRecord>,
    /// What to give to [`Search::after`] for the next page, if there is more.
    pub next: Option<RecordPlace>,
}
