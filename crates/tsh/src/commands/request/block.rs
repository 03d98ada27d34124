//! One request as rows, in the order and with the names of the original.

use access::request::State;
use cli::{Table, moment, text};
use wire::convert;
use wire::pb::types::{AccessRequestV3, AccessReview};

use super::lookup::{self, spec, state};

/// The line after a request that says how to use it.
pub const HINT: &str = "hint: use 'tsh login --request-id=<request-id>' to login with an approved request";

const RULE: &str = "------------------------------------------------";
const INNER_RULE: &str = "----------------------------------------------";

/// The rows, then what was reviewed, then how to use it.
pub fn print(request: &AccessRequestV3) -> String {
    let mut lines = rows(request);
    let reviews = spec(request).reviews;
    for (title, wanted) in [("Approvals:", State::Approved), ("Denials:", State::Denied)] {
        let mut some = reviews
            .iter()
            .filter(|review| convert::state(review.proposed_state) == Ok(Some(wanted)))
            .peekable();
        if some.peek().is_none() {
            continue;
        }
        lines.push_str(&format!("{RULE}\n{title}\n"));
        for review in some {
            lines.push_str(&format!("  {INNER_RULE}\n"));
            for line in of_review(review).lines() {
                lines.push_str(&format!("  {line}\n"));
            }
        }
    }
    format!("{lines}\n{HINT}\n")
}

fn rows(request: &AccessRequestV3) -> String {
    let spec = spec(request);
    let mut table = Table::headless(2);
    table.row(["Request ID:", lookup::id(request)]);
    table.row(["Username:", &spec.user]);
    table.row(["Roles:", &or_none(&spec.roles.join(", "))]);
    if !spec.requested_resource_i_ds.is_empty() {
        let ids: Vec<String> = spec.requested_resource_i_ds.iter().map(resource).collect();
        table.row(["Resources:", &serde_json::Value::from(ids).to_string()]);
    }
    table.row(["Reason:", &reason(&spec.request_reason)]);
    let reviewers = or_none(&spec.suggested_reviewers.join(", "));
    table.row(["Reviewers:", &format!("{reviewers} (suggested)")]);
    if let Some(end) = convert::moment(spec.expires.as_ref()) {
        table.row(["Access Expires:", &format!("{} UTC", moment::short(end))]);
    }
    if let Some(start) = convert::moment(spec.assume_start_time.as_ref()) {
        table.row(["Assume Start Time:", &format!("{} UTC", moment::short(start))]);
    }
    table.row(["Status:", lookup::state_name(state(request))]);
    table.print(usize::MAX)
}

fn of_review(review: &AccessReview) -> String {
    let mut table = Table::headless(2);
    table.row(["Reviewer:", &review.author]);
    table.row(["Reason:", &reason(&review.reason)]);
    table.print(usize::MAX)
}

fn reason(text: &str) -> String {
    if text.is_empty() {
        "[none]".to_owned()
    } else {
        text::quoted(text)
    }
}

fn or_none(text: &str) -> String {
    if text.is_empty() { "[none]" } else { text }.to_owned()
}

/// A resource's id as text: `/CLUSTER/KIND/NAME[/SUB]`.
pub fn resource(id: &wire::pb::types::ResourceId) -> String {
    let sub = match id.sub_resource_name.as_str() {
        "" => String::new(),
        sub => format!("/{sub}"),
    };
    format!("/{}/{}/{}{sub}", id.cluster_name, id.kind, id.name)
}

#[cfg(test)]
pub mod tests {
    use expect_test::expect;
    use jiff::Timestamp;
    use wire::pb::types::{AccessRequestSpecV3, Metadata, RequestState};

    use super::*;

    pub fn at(moment: &str) -> Timestamp {
        moment.parse().unwrap()
    }

    /// Bob's request for `elevated-access`.
    pub fn bobs() -> AccessRequestV3 {
        AccessRequestV3 {
            kind: "access_request".to_owned(),
            version: "v3".to_owned(),
            metadata: Some(Metadata {
                name: "0193496f-268c-727e-b696-600a868429ff".to_owned(),
                ..Metadata::default()
            }),
            spec: Some(AccessRequestSpecV3 {
                user: "bob@example.com".to_owned(),
                roles: vec!["elevated-access".to_owned()],
                state: RequestState::Pending as i32,
                created: Some(convert::timestamp(at("2024-11-21T18:50:00Z"))),
                expires: Some(convert::timestamp(at("2024-11-22T06:49:29Z"))),
                session_ttl: Some(convert::timestamp(at("2024-11-22T06:49:29Z"))),
                resource_expiry: Some(convert::timestamp(at("2024-11-22T06:49:29Z"))),
                request_reason: "incident 42".to_owned(),
                suggested_reviewers: vec!["alice@example.com".to_owned(), "ivan@example.com".to_owned()],
                ..AccessRequestSpecV3::default()
            }),
            ..AccessRequestV3::default()
        }
    }

    fn review(author: &str, state: RequestState, reason: &str) -> AccessReview {
        AccessReview {
            author: author.to_owned(),
            proposed_state: state as i32,
            reason: reason.to_owned(),
            ..AccessReview::default()
        }
    }

    #[test]
    fn a_pending_request_reads_as_in_the_original() {
        expect![[r#"
            Request ID:     0193496f-268c-727e-b696-600a868429ff            
            Username:       bob@example.com                                 
            Roles:          elevated-access                                 
            Reason:         "incident 42"                                   
            Reviewers:      alice@example.com, ivan@example.com (suggested) 
            Access Expires: 2024-11-22 06:49:29 UTC                         
            Status:         PENDING                                         

            hint: use 'tsh login --request-id=<request-id>' to login with an approved request
        "#]]
        .assert_eq(&print(&bobs()));
    }

    #[test]
    fn reviews_follow_the_rows() {
        let mut request = bobs();
        let spec = request.spec.as_mut().unwrap();
        spec.state = RequestState::Denied as i32;
        spec.request_reason = String::new();
        spec.suggested_reviewers.clear();
        spec.reviews = vec![
            review("alice@example.com", RequestState::Approved, "ok"),
            review("ivan@example.com", RequestState::Denied, "no\n\u{1b}[2Jway"),
        ];
        expect![[r#"
            Request ID:     0193496f-268c-727e-b696-600a868429ff 
            Username:       bob@example.com                      
            Roles:          elevated-access                      
            Reason:         [none]                               
            Reviewers:      [none] (suggested)                   
            Access Expires: 2024-11-22 06:49:29 UTC              
            Status:         DENIED                               
            ------------------------------------------------
            Approvals:
              ----------------------------------------------
              Reviewer: alice@example.com 
              Reason:   "ok"              
            ------------------------------------------------
            Denials:
              ----------------------------------------------
              Reviewer: ivan@example.com   
              Reason:   "no\n\u{1b}[2Jway" 

            hint: use 'tsh login --request-id=<request-id>' to login with an approved request
        "#]]
        .assert_eq(&print(&request));
    }
}
