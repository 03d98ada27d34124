//! Access requests: the resource as clients see it, and beside it what counting needs to know of the people.
//!
//! | key | what |
//! | --- | --- |
//! | `/access_requests/ID` | the request in Teleport's form, until its record expires |
//! | `/access_request_people/ID` | who the requester and the authors are beyond their names |
//! | `/decided_requests/ID` | what a request had become when it expired or was deleted, for auditors |

use access::pin::Pin;
use access::request::{Request, Voter, unapproved_growth};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use jiff::{SignedDuration, Timestamp};
use prost::Message as _;
use serde::{Deserialize, Serialize};
use store::{Key, Prefix, Revision};
use wire::convert;
use wire::keep::Kept;
use wire::pb::types;

use super::resource::{Found, Resource as _, bytes_of};
use super::{Change, State, own_bytes};
use crate::failure::{Answer, Failure};

/// How long decided requests are kept for auditors.
const RETENTION: SignedDuration = SignedDuration::from_hours(365 * 24);

/// How much later than a request its people are overdue.
const PEOPLE_KEPT_AFTER: SignedDuration = SignedDuration::from_mins(1);

/// Who the people of a request are beyond their names.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct People {
    requester: String,
    authors: Vec<Author>,
    /// Authors whose reviews were not counted when the request was resolved, by name.
    #[serde(default)]
    dropped: Vec<String>,
    /// Who set the present state directly; nobody if reviews led to it.
    #[serde(default)]
    set_by: Option<String>,
    /// The roles that approvals were given for, as they were: each content once, base 64.
    #[serde(default)]
    pinned: Vec<String>,
}

/// One author, in the order of the reviews.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Author {
    name: String,
    subject: String,
    voter: StoredVoter,
    /// Which of the pinned roles an approval was given for.
    #[serde(default)]
    saw: Vec<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum StoredVoter {
    Person,
    Machine,
    Override,
}

impl From<Voter> for StoredVoter {
    fn from(voter: Voter) -> Self {
        match voter {
            Voter::Person => Self::Person,
            Voter::Machine => Self::Machine,
            Voter::Override => Self::Override,
        }
    }
}

impl From<StoredVoter> for Voter {
    fn from(voter: StoredVoter) -> Self {
        match voter {
            StoredVoter::Person => Self::Person,
            StoredVoter::Machine => Self::Machine,
            StoredVoter::Override => Self::Override,
        }
    }
}

/// A request as read: what decisions see, what clients see, and the commit that wrote it.
#[derive(Debug, Clone)]
pub struct FoundRequest {
    /// For decisions.
    pub request: Request,
    /// For clients, with what we do not know of it.
    pub message: Kept<types::AccessRequestV3>,
    /// The commit that wrote it.
    pub revision: Revision,
    /// Authors whose reviews were not counted when it was resolved: they had lost the right by then.
    pub dropped: Vec<String>,
    /// Who set its state directly; nobody if reviews led to it.
    pub set_by: Option<String>,
}

impl FoundRequest {
    /// The request with those reviews only that were counted when it was resolved.
    pub fn counted(&self) -> Request {
        let mut request = self.request.clone();
        request
            .reviews
            .retain(|review| !self.dropped.contains(&review.author));
        request
    }
}

/// Where the people of a request live.
fn people_key(id: &str) -> Key {
    Key::of(["access_request_people", id])
}

/// Where a decided request lives.
fn decided_key(id: &str) -> Key {
    Key::of(["decided_requests", id])
}

/// Where the people of all requests live.
pub fn people_prefix() -> Prefix {
    Prefix::of(["access_request_people"])
}

impl State {
    /// The request `id`, with its people.
    pub async fn request(&self, id: &str, now: Timestamp) -> Answer<Option<FoundRequest>> {
        let Some(found) = self.find::<types::AccessRequestV3>(id, now).await? else {
            return Ok(None);
        };
        let people = self
            .own::<People>(&people_key(id), now)
            .await?
            .map(|read| read.value);
        with_people(found, people).map(Some)
    }

    /// What a request had become when it went out of the lists.
    pub async fn decided(&self, id: &str, now: Timestamp) -> Answer<Option<types::AccessRequestV3>> {
        let item = self.item(&decided_key(id), now).await?;
        item.map(|item| {
            types::AccessRequestV3::decode(item.value)
                .map_err(|error| Failure::internal(format!("`{}` is not readable: {error}", item.key)))
        })
        .transpose()
    }

    /// The roles that request `id` lends to `user` now; `None` if it is not approved, not that user's, not begun, over,
    /// or if one of them grants more now than was approved.
    pub async fn roles_of_request(
        &self,
        id: &str,
        user: &str,
        now: Timestamp,
    ) -> Answer<Option<Vec<String>>> {
        let Some(found) = self.request(id, now).await? else {
            return Ok(None);
        };
        let request = found.counted();
        let good = request.user == user
            && request.id == id
            && request.state == access::request::State::Approved
            && now < request.expires
            && request.assume_start.is_none_or(|start| start <= now);
        if !good {
            return Ok(None);
        }
        // What the roles were when the certificate was issued is not what this call would get.
        let granted = self.pins(&request.roles, now).await?;
        Ok(unapproved_growth(&request, &granted)
            .is_none()
            .then_some(request.roles))
    }
}

/// Reads a request without its people: enough to show it.
pub fn plain(found: Found<types::AccessRequestV3>) -> Answer<FoundRequest> {
    with_people(found, None)
}

fn with_people(found: Found<types::AccessRequestV3>, people: Option<People>) -> Answer<FoundRequest> {
    let mut request = convert::request(&found.resource)
        .map_err(|error| Failure::internal(format!("a stored access request is not readable: {error}")))?;
    let mut dropped = Vec::new();
    let mut set_by = None;
    if let Some(people) = people {
        dropped = people.dropped;
        set_by = people.set_by;
        request.subject = people.requester;
        let pinned = people.pinned.iter().map(|content| unpinned(content));
        let pinned = pinned.collect::<Answer<Vec<Pin>>>()?;
        for (review, author) in request.reviews.iter_mut().zip(people.authors) {
            if review.author == author.name {
                review.subject = author.subject;
                review.voter = author.voter.into();
                let saw = author.saw.iter().filter_map(|at| pinned.get(*at).cloned());
                review.saw = saw.collect();
            }
        }
    }
    Ok(FoundRequest {
        request,
        message: found.resource,
        revision: found.revision,
        dropped,
        set_by,
    })
}

/// A role that somebody approved, as it was then.
fn unpinned(content: &str) -> Answer<Pin> {
    let unreadable =
        |error: &dyn std::fmt::Display| Failure::internal(format!("a pinned role is not readable: {error}"));
    let content = BASE64.decode(content).map_err(|error| unreadable(&error))?;
    convert::pin_of_content(&content).map_err(|error| unreadable(&error))
}

/// The authors of a request's reviews, and the roles they approved, each content once.
fn authors(request: &Request) -> (Vec<Author>, Vec<String>) {
    let mut contents: Vec<&[u8]> = Vec::new();
    let mut authors = Vec::with_capacity(request.reviews.len());
    for review in &request.reviews {
        let mut saw = Vec::with_capacity(review.saw.len());
        for pin in review.saw.iter() {
            let known = contents.iter().position(|content| **content == *pin.content);
            saw.push(known.unwrap_or_else(|| {
                contents.push(&pin.content);
                contents.len() - 1
            }));
        }
        authors.push(Author {
            name: review.author.clone(),
            subject: review.subject.clone(),
            voter: review.voter.into(),
            saw,
        });
    }
    let pinned = contents.iter().map(|content| BASE64.encode(content));
    (authors, pinned.collect())
}

/// Puts a request and its people into a change. `known` is what was read of it before.
pub fn put_request(
    change: Change,
    known: Option<&FoundRequest>,
    request: &Request,
) -> Answer<(Change, Kept<types::AccessRequestV3>)> {
    let dropped = known.map(|known| known.dropped.clone()).unwrap_or_default();
    put_resolved(change, known, request, dropped)
}

/// The same for a request whose state somebody has just set directly.
pub fn put_set(
    change: Change,
    known: &FoundRequest,
    request: &Request,
    by: &str,
) -> Answer<(Change, Kept<types::AccessRequestV3>)> {
    let known = FoundRequest {
        set_by: Some(by.to_owned()),
        ..known.clone()
    };
    put_request(change, Some(&known), request)
}

/// The same for a request that a review has just resolved without those of `dropped`.
pub fn put_resolved(
    change: Change,
    known: Option<&FoundRequest>,
    request: &Request,
    dropped: Vec<String>,
) -> Answer<(Change, Kept<types::AccessRequestV3>)> {
    let message = convert::request_message(request);
    let message = match known {
        Some(known) => known.message.clone().with(message),
        None => Kept::from(message),
    };
    let (authors, pinned) = authors(request);
    let people = People {
        requester: request.subject.clone(),
        authors,
        pinned,
        dropped,
        set_by: known.and_then(|known| known.set_by.clone()),
    };
    let until = Some(request.expiry);
    // After the request, so that the sweep finds the request first and takes both away in one commit.
    let people_until = request.expiry.saturating_add(PEOPLE_KEPT_AFTER).ok();
    let change = change
        .put_until(
            types::AccessRequestV3::key(&request.id),
            bytes_of(&message),
            until,
        )
        .put_until(people_key(&request.id), own_bytes(&people)?, people_until);
    Ok((change, message))
}

/// Takes a request out of the hot set and keeps it for auditors.
pub fn put_away(change: Change, found: &FoundRequest) -> Change {
    let id = &found.request.id;
    let until = change.now().saturating_add(RETENTION).ok();
    change
        .put_until(decided_key(id), bytes_of(&found.message), until)
        .delete(types::AccessRequestV3::key(id))
        .delete(people_key(id))
}
