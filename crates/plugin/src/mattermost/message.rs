//! The words of the messages, in the published plugin's form: labels in bold, one fact a line.

use jiff::Timestamp;
use jiff::tz::Offset;

use super::text::{block, name, names};
use crate::chat::Links;
use crate::request::{Request, Review, Standing};

/// The post about a request.
pub fn post(request: &Request, links: &Links) -> String {
    let mut lines = Vec::new();
    if request.is_pending() {
        lines.push("*You have new pending request to review!*".to_owned());
    }
    lines.push(format!("**User**: {}", name(&request.user)));
    lines.push(format!(
        "**Roles**: {}",
        names(request.roles.iter().map(String::as_str))
    ));
    if !request.resources.is_empty() {
        lines.push(format!(
            "**Resources**: {}",
            names(request.resources.iter().map(String::as_str))
        ));
    }
    lines.push(request_line(&request.id));
    if !request.reason.is_empty() {
        lines.push(format!("**Reason**:{}", block(&request.reason)));
    }
    lines.push(format!(
        "**Status**: {} {}",
        emoji(request.standing),
        request.standing.label()
    ));
    if let Some(by) = request.taken_back_by.as_deref().filter(|by| !by.is_empty()) {
        lines.push(format!("**Taken back by**: {}", name(by)));
    }
    if !request.is_pending() && !request.resolve_reason.is_empty() {
        lines.push(format!(
            "**Resolution reason**:{}",
            block(&request.resolve_reason)
        ));
    }
    if request.is_pending() {
        lines.extend(approvals(request));
    } else if !request.reviews.is_empty() {
        lines.push(format!("**Reviewed by**: {}", votes(&request.reviews)));
    }
    if let Some(until) = request.access_until
        && matches!(request.standing, Standing::Pending | Standing::Approved)
    {
        lines.push(format!("**Access until**: {}", moment(until)));
    }
    match &links.pages {
        Some(pages) => {
            let address = format!("{pages}/web/requests/{}", escaped(&request.id));
            lines.push(format!("**Link**: [{address}]({address})"));
        }
        None if request.is_pending() => {
            let id = escaped(&request.id);
            lines.push(format!("**Approve**: `tsh request review --approve {id}`"));
            lines.push(format!("**Deny**: `tsh request review --deny {id}`"));
        }
        None => {}
    }
    lines.join("\n")
}

/// The line by which the published plugin's post about a request is known.
fn request_line(id: &str) -> String {
    format!("**Request ID**: {}", name(id))
}

/// Whether a post without a mark is about the request `id`. From the reason on, the requester has written it.
pub fn is_about(text: &str, id: &str) -> bool {
    let line = request_line(id);
    text.lines()
        .take_while(|found| !found.starts_with("**Reason**"))
        .any(|found| found == line)
}

/// The answer that tells of a vote.
pub fn reply(review: &Review) -> String {
    let mut text = format!(
        "{} reviewed the request at {}.\nResolution: {} {}.",
        name(&review.author),
        moment(review.at),
        emoji(review.vote),
        review.vote.label()
    );
    if !review.reason.is_empty() {
        text.push_str(&format!("\nReason:{}", block(&review.reason)));
    }
    text
}

/// The answer that tells of the end where the post itself cannot be changed any more.
pub fn late_end(request: &Request) -> String {
    let what = match request.taken_back_by.as_deref() {
        None => "The request was resolved.".to_owned(),
        Some("") => "The approval was taken back.".to_owned(),
        Some(by) => format!("The approval was taken back by {}.", name(by)),
    };
    let mut text = format!(
        "{what}\n**Status**: {} {}",
        emoji(request.standing),
        request.standing.label()
    );
    if !request.resolve_reason.is_empty() {
        text.push_str(&format!(
            "\n**Resolution reason**:{}",
            block(&request.resolve_reason)
        ));
    }
    text
}

fn approvals(request: &Request) -> Option<String> {
    let approvals = request.approvals.as_ref()?;
    let line = format!("**Approvals**: {} of {}", approvals.by.len(), approvals.needed);
    Some(if approvals.by.is_empty() {
        line
    } else {
        format!("{line} ({})", names(approvals.by.iter().map(String::as_str)))
    })
}

fn votes(reviews: &[Review]) -> String {
    const SHOWN_MAX: usize = 10;
    let mut list = reviews
        .iter()
        .take(SHOWN_MAX)
        .map(|review| format!("{} {}", emoji(review.vote), name(&review.author)))
        .collect::<Vec<_>>()
        .join(", ");
    if reviews.len() > SHOWN_MAX {
        list.push_str(&format!(" and {} more", reviews.len() - SHOWN_MAX));
    }
    list
}

fn emoji(standing: Standing) -> &'static str {
    match standing {
        Standing::Pending => "⏳",
        Standing::Approved => "✅",
        Standing::Denied => "❌",
        Standing::Promoted => "📋",
        Standing::Expired => "⌛",
    }
}

/// `23 Nov 26 06:44 UTC`, wherever the plugin runs.
fn moment(moment: Timestamp) -> String {
    Offset::UTC
        .to_datetime(moment)
        .strftime("%d %b %y %H:%M UTC")
        .to_string()
}

/// A part of a path or an argument: everything but letters, digits and `-._~` as `%XX`.
fn escaped(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            byte if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) => char::from(byte).to_string(),
            byte => format!("%{byte:02X}"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::Approvals;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_795_416_240 + second).unwrap()
    }

    fn review(author: &str, vote: Standing, reason: &str) -> Review {
        Review {
            author: author.to_owned(),
            vote,
            reason: reason.to_owned(),
            at: at(0),
        }
    }

    fn pending() -> Request {
        Request {
            id: "01a20725-e7ac-7289-8a06-d7f7fdb0c41e".to_owned(),
            user: "bob@example.com".to_owned(),
            roles: vec!["elevated-access".to_owned()],
            resources: Vec::new(),
            reason: "need it\n\n@alice".to_owned(),
            standing: Standing::Pending,
            resolve_reason: String::new(),
            taken_back_by: None,
            reviews: Vec::new(),
            suggested_reviewers: Vec::new(),
            created: None,
            waits_until: None,
            annotations: access::Traits::new(),
            access_until: Some(at(12 * 3600)),
            approvals: Some(Approvals {
                by: Vec::new(),
                needed: 2,
            }),
        }
    }

    fn links() -> Links {
        Links {
            pages: Some("https://teleport.example.com".to_owned()),
        }
    }

    #[test]
    fn a_reason_names_no_request() {
        let text = "*New request*\n**Request ID**: one\n**Reason**:\n```\n**Request ID**: two\n```\n**Status**: PENDING";
        assert!(is_about(text, "one"));
        assert!(!is_about(text, "two"), "the requester wrote that line");
        assert!(!is_about("**Reason**: x\n**Request ID**: two", "two"));
    }

    #[test]
    fn a_pending_request() {
        assert_eq!(
            post(&pending(), &links()),
            "*You have new pending request to review!*\n\
             **User**: bob@example.com\n\
             **Roles**: elevated-access\n\
             **Request ID**: 01a20725-e7ac-7289-8a06-d7f7fdb0c41e\n\
             **Reason**:\n```\nneed it\n\n@alice\n```\n\
             **Status**: ⏳ PENDING\n\
             **Approvals**: 0 of 2\n\
             **Access until**: 23 Nov 26 18:44 UTC\n\
             **Link**: [https://teleport.example.com/web/requests/01a20725-e7ac-7289-8a06-d7f7fdb0c41e]\
             (https://teleport.example.com/web/requests/01a20725-e7ac-7289-8a06-d7f7fdb0c41e)"
        );
    }

    #[test]
    fn without_pages_the_commands_are_shown() {
        let text = post(&pending(), &Links::default());
        assert!(text.ends_with(
            "**Approve**: `tsh request review --approve 01a20725-e7ac-7289-8a06-d7f7fdb0c41e`\n\
             **Deny**: `tsh request review --deny 01a20725-e7ac-7289-8a06-d7f7fdb0c41e`"
        ));
        let odd = Request {
            id: "`\n@all`".to_owned(),
            ..pending()
        };
        assert!(post(&odd, &Links::default()).ends_with("--deny %60%0A%40all%60`"));
    }

    #[test]
    fn an_approved_request() {
        let approved = Request {
            standing: Standing::Approved,
            resolve_reason: "second approval".to_owned(),
            reason: String::new(),
            reviews: vec![
                review("alice@example.com", Standing::Approved, ""),
                review("ivan@example.com", Standing::Approved, "second approval"),
            ],
            ..pending()
        };
        assert_eq!(
            post(&approved, &Links::default()),
            "**User**: bob@example.com\n\
             **Roles**: elevated-access\n\
             **Request ID**: 01a20725-e7ac-7289-8a06-d7f7fdb0c41e\n\
             **Status**: ✅ APPROVED\n\
             **Resolution reason**:\n```\nsecond approval\n```\n\
             **Reviewed by**: ✅ alice@example.com, ✅ ivan@example.com\n\
             **Access until**: 23 Nov 26 18:44 UTC"
        );
    }

    #[test]
    fn an_approval_that_was_taken_back() {
        let taken_back = Request {
            standing: Standing::Denied,
            resolve_reason: "the incident is over".to_owned(),
            taken_back_by: Some("carol@example.com".to_owned()),
            reason: String::new(),
            reviews: vec![review("alice@example.com", Standing::Approved, "")],
            ..pending()
        };
        assert_eq!(
            post(&taken_back, &Links::default()),
            "**User**: bob@example.com\n\
             **Roles**: elevated-access\n\
             **Request ID**: 01a20725-e7ac-7289-8a06-d7f7fdb0c41e\n\
             **Status**: ❌ DENIED\n\
             **Taken back by**: carol@example.com\n\
             **Resolution reason**:\n```\nthe incident is over\n```\n\
             **Reviewed by**: ✅ alice@example.com"
        );
        assert!(late_end(&taken_back).starts_with("The approval was taken back by carol@example.com.\n"));
        let by_whom = Request {
            taken_back_by: Some(String::new()),
            ..taken_back
        };
        assert!(!post(&by_whom, &Links::default()).contains("Taken back"));
        assert!(late_end(&by_whom).starts_with("The approval was taken back.\n"));
    }

    #[test]
    fn an_answer_to_a_vote() {
        assert_eq!(
            reply(&review("alice@example.com", Standing::Approved, "looks ok")),
            "alice@example.com reviewed the request at 23 Nov 26 06:44 UTC.\n\
             Resolution: ✅ APPROVED.\n\
             Reason:\n```\nlooks ok\n```"
        );
        assert_eq!(
            reply(&review("ivan", Standing::Denied, "")),
            "ivan reviewed the request at 23 Nov 26 06:44 UTC.\nResolution: ❌ DENIED."
        );
    }

    #[test]
    fn the_longest_message_fits_into_the_oldest_server() {
        let long = "`🦀\u{202e}".repeat(5_000);
        let long_names: Vec<String> = (0..300).map(|_| long.clone()).collect();
        let request = Request {
            id: long.clone(),
            user: long.clone(),
            roles: long_names.clone(),
            resources: long_names.clone(),
            reason: long.clone(),
            standing: Standing::Approved,
            resolve_reason: long.clone(),
            reviews: (0..40)
                .map(|_| review(&long, Standing::Approved, &long))
                .collect(),
            approvals: Some(Approvals {
                by: long_names,
                needed: 500,
            }),
            ..pending()
        };
        for standing in [Standing::Pending, Standing::Approved, Standing::Expired] {
            let length = post(
                &Request {
                    standing,
                    id: pending().id,
                    ..request.clone()
                },
                &links(),
            )
            .chars()
            .count();
            assert!(length <= 4_000, "{standing:?}: {length}");
        }
        assert!(reply(&request.reviews[0]).chars().count() <= 4_000);
    }
}
