//! What a place in the chat should look like for a request, and what is missing there. Pure.

use sha2::{Digest, Sha256};

use crate::record::Slot;
use crate::request::{Request, Review, Standing};

/// What every place that tells of a request should show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// Where the request stands.
    pub standing: Standing,
    /// The text of the post itself.
    pub post: String,
    /// The answers below it, oldest first.
    pub replies: Vec<Reply>,
    /// The answer that tells the end if the post itself cannot be changed any more.
    pub late_end: String,
}

/// An answer below the post: one for each vote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// Tells this vote from every other of the request, also from an earlier one of the same person.
    pub mark: String,
    /// The text.
    pub text: String,
}

/// Something to be done at a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Make the post.
    Post,
    /// Answer with the reply at this index.
    Reply(usize),
    /// Give the post its present text.
    Edit,
}

impl Picture {
    /// The picture of a request in the words of a chat.
    pub fn draw(
        request: &Request,
        post: impl FnOnce(&Request) -> String,
        reply: impl Fn(&Review) -> String,
        late_end: impl FnOnce(&Request) -> String,
    ) -> Self {
        Self {
            standing: request.standing,
            post: post(request),
            replies: request
                .reviews
                .iter()
                .map(|review| Reply {
                    mark: short_digest(&[
                        &review.author,
                        review.vote.label(),
                        &review.at.as_millisecond().to_string(),
                    ]),
                    text: reply(review),
                })
                .collect(),
            late_end: late_end(request),
        }
    }

    /// The fingerprint of the post's text, by which a note says what a place shows.
    pub fn fingerprint(&self) -> String {
        short_digest(&[&self.post])
    }
}

/// What has to be done at a place so that it shows the picture, in this order.
///
/// A new post already shows the present; then come the votes, and an old post is rewritten last, as people read from
/// below.
pub fn steps(picture: &Picture, slot: &Slot) -> Vec<Step> {
    if slot.closed.is_some() {
        return Vec::new();
    }
    let mut steps = Vec::new();
    if slot.post.is_none() {
        steps.push(Step::Post);
    }
    let told_before = slot.replies_before as usize;
    let untold = picture
        .replies
        .iter()
        .enumerate()
        .filter(|(at, reply)| *at >= told_before && !slot.replies.contains(&reply.mark));
    steps.extend(untold.map(|(at, _)| Step::Reply(at)));
    if slot.post.is_some() && slot.shown != picture.fingerprint() {
        steps.push(Step::Edit);
    }
    steps
}

/// The first 64 bits of SHA-256 over the parts, each with its length in front.
pub fn short_digest(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    hex(&hash.finalize()[..8])
}

/// Bytes in lower-case hex.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            for half in [byte >> 4, byte & 15] {
                text.push(char::from_digit(u32::from(half), 16).unwrap_or('0'));
            }
            text
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(standing: Standing, votes: &[&str]) -> Picture {
        Picture {
            standing,
            post: format!("a post: {}", standing.label()),
            replies: votes
                .iter()
                .map(|vote| Reply {
                    mark: (*vote).to_owned(),
                    text: format!("{vote} voted"),
                })
                .collect(),
            late_end: String::new(),
        }
    }

    /// A place that shows a picture entirely.
    fn showing(picture: &Picture) -> Slot {
        Slot {
            to: "team/channel".to_owned(),
            place: Some("channel-id".to_owned()),
            post: Some("post-id".to_owned()),
            shown: picture.fingerprint(),
            replies: picture.replies.iter().map(|reply| reply.mark.clone()).collect(),
            ..Slot::default()
        }
    }

    #[test]
    fn what_is_missing_at_a_place() {
        use Standing::{Approved, Expired, Pending};
        use Step::{Edit, Post, Reply};
        let pending = picture(Pending, &[]);
        let one_vote = picture(Pending, &["alice"]);
        let approved = picture(Approved, &["alice", "ivan"]);
        let expired = picture(Expired, &[]);
        let empty = Slot::default();
        let closed = Slot {
            closed: Some("no such channel".to_owned()),
            ..Slot::default()
        };
        let of_another_plugin = Slot {
            post: Some("post-id".to_owned()),
            replies_before: 1,
            ..Slot::default()
        };
        let table: &[(&str, &Picture, &Slot, &[Step])] = &[
            ("a new request", &pending, &empty, &[Post]),
            (
                "a request that was missed until a vote",
                &one_vote,
                &empty,
                &[Post, Reply(0)],
            ),
            ("nothing new", &pending, &showing(&pending), &[]),
            (
                "a vote that leaves it pending",
                &one_vote,
                &showing(&pending),
                &[Reply(0)],
            ),
            (
                "the deciding vote",
                &approved,
                &showing(&one_vote),
                &[Reply(1), Edit],
            ),
            (
                "both votes and the end were missed",
                &approved,
                &showing(&pending),
                &[Reply(0), Reply(1), Edit],
            ),
            (
                "an end that nobody decided",
                &expired,
                &showing(&one_vote),
                &[Edit],
            ),
            ("a place that cannot be reached", &approved, &closed, &[]),
            (
                "another plugin told one vote",
                &approved,
                &of_another_plugin,
                &[Reply(1), Edit],
            ),
        ];
        for (what, picture, slot, expected) in table {
            assert_eq!(&steps(picture, slot), expected, "{what}");
        }
    }

    #[test]
    fn lengths_keep_parts_apart() {
        assert_ne!(short_digest(&["ab", "c"]), short_digest(&["a", "bc"]));
        assert_eq!(short_digest(&["x"]).len(), 16);
    }
}
