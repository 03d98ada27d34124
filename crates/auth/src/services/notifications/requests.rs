//! What there is to tell of access requests at this moment.
//!
//! | who | is told |
//! | --- | --- |
//! | whoever may review it | that somebody asked; that it still waits, from the middle of its waiting on |
//! | the requester | how it was decided; that it ends undecided, or the access ends, in the last sixteenth of the time |
//!
//! Ids are made from the request's id and the moment, so one look and the next show the same.

use access::request::visibility::{Viewer, may_review};
use access::request::{Request, State};
use jiff::Timestamp;
use wire::pb::teleport::notifications::v1::Notification;

use super::told;

/// What the reader is told of a pending request of somebody else.
pub fn for_reviewers(viewer: &Viewer<'_>, request: &Request, now: Timestamp) -> Vec<Notification> {
    let is_theirs = request.user == viewer.user || request.is_expired(now) || viewer.denied;
    if request.state != State::Pending || is_theirs || !(viewer.sees_all || may_review(viewer, request)) {
        return Vec::new();
    }
    let asked = phrase(request);
    let mut found = Vec::new();
    let title = format!("{} requested access to {asked}.", request.user);
    found.push(told(
        request.id.clone(),
        "access-request-pending",
        &title,
        request.created,
        request.expiry,
    ));
    let half = between(request.created, request.expiry, 1, 2);
    if half <= now {
        let title = format!(
            "{}'s request for access to {asked} still waits for reviews; it ends at {}.",
            request.user,
            minutes(request.expiry)
        );
        let id = id_at(&request.id, half, 1);
        found.push(told(id, "access-request-pending", &title, half, request.expiry));
    }
    labelled(found, request)
}

/// What the requester is told of the own request.
pub fn for_the_requester(request: &Request, now: Timestamp) -> Vec<Notification> {
    let asked = phrase(request);
    let mut found = Vec::new();
    let decided = request.reviews.last().filter(|_| request.state != State::Pending);
    if let Some(review) = decided {
        let title = match request.state {
            State::Promoted => format!(
                "{} promoted your access request to long-term access.",
                review.author
            ),
            state => format!(
                "{} {} your access request for {asked}.",
                review.author,
                state.word()
            ),
        };
        let sub_kind = match request.state {
            State::Promoted => "access-request-promoted",
            State::Denied => "access-request-denied",
            State::Approved | State::Pending => "access-request-approved",
        };
        let id = id_at(&request.id, review.created, 2);
        found.push(told(id, sub_kind, &title, review.created, request.expiry));
    }
    let (ends, title) = match request.state {
        State::Approved => (
            request.expires,
            format!("Your access to {asked} ends at {}.", minutes(request.expires)),
        ),
        State::Pending => (
            request.expiry,
            format!(
                "Nobody has decided your access request for {asked}; it ends at {}.",
                minutes(request.expiry)
            ),
        ),
        State::Denied | State::Promoted => return labelled(found, request),
    };
    let warned = between(request.created, ends, 15, 16);
    if warned <= now && now < ends {
        let sub_kind = match request.state {
            State::Pending => "access-request-pending",
            _ => "access-request-approved",
        };
        found.push(told(
            id_at(&request.id, warned, 3),
            sub_kind,
            &title,
            warned,
            ends,
        ));
    }
    labelled(found, request)
}

fn labelled(mut found: Vec<Notification>, request: &Request) -> Vec<Notification> {
    for notification in &mut found {
        let labels = &mut notification.metadata.get_or_insert_default().labels;
        labels.insert("request-id".to_owned(), request.id.clone());
        labels.insert("roles".to_owned(), request.roles.join(","));
        if let Some(start) = request.assume_start {
            labels.insert("assumable-time".to_owned(), start.to_string());
        }
    }
    found
}

/// What is asked for, in a sentence.
fn phrase(request: &Request) -> String {
    match (request.resource_ids.as_slice(), request.roles.as_slice()) {
        ([], [role]) => format!("the '{role}' role"),
        ([], roles) => format!("{} roles", roles.len()),
        ([_], _) => "a resource".to_owned(),
        (resources, _) => format!("{} resources", resources.len()),
    }
}

fn minutes(moment: Timestamp) -> String {
    let seconds = moment.as_second();
    let whole = Timestamp::from_second(seconds - seconds.rem_euclid(60)).unwrap_or(moment);
    whole.to_string()
}

/// The moment at `part` of `parts` of the time between two.
fn between(from: Timestamp, to: Timestamp, part: i64, parts: i64) -> Timestamp {
    let seconds = to.as_second().saturating_sub(from.as_second()).max(0);
    Timestamp::from_second(from.as_second() + seconds / parts * part).unwrap_or(to)
}

/// An id that sorts by `moment` and is as little known twice as the request's own; `what` tells ids of one request apart.
fn id_at(request: &str, moment: Timestamp, what: u8) -> String {
    let Ok(id) = uuid::Uuid::try_parse(request) else {
        return format!("{request}-{what}");
    };
    let mut chance = [0; 10];
    chance.copy_from_slice(&id.as_bytes()[6..]);
    chance[9] ^= what;
    let millis = u64::try_from(moment.as_millisecond()).unwrap_or(0);
    uuid::Builder::from_unix_timestamp_millis(millis, &chance)
        .into_uuid()
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_sort_by_their_moment_and_differ_by_what_they_tell() {
        let request = "019c0a9b-5f40-7d05-8f3f-0123456789ab";
        let (early, late): (Timestamp, Timestamp) = (
            "2026-11-23T12:00:00Z".parse().unwrap(),
            "2026-11-23T12:00:01Z".parse().unwrap(),
        );
        assert!(id_at(request, early, 3) < id_at(request, late, 1));
        assert_ne!(id_at(request, early, 1), id_at(request, early, 2));
        assert_eq!(id_at(request, early, 1), id_at(request, early, 1));
        assert_eq!(id_at(request, early, 1).as_bytes()[14], b'7');
    }

    #[test]
    fn the_last_part_of_a_time_begins_where_it_should() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let (from, to) = (at("2026-11-23T12:00:00Z"), at("2026-11-23T20:00:00Z"));
        assert_eq!(between(from, to, 1, 2), at("2026-11-23T16:00:00Z"));
        assert_eq!(between(from, to, 15, 16), at("2026-11-23T19:30:00Z"));
        assert_eq!(between(to, from, 1, 2), to, "never before the beginning");
    }
}
