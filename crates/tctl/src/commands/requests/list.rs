//! `tctl requests ls`: the requests that can still matter.

use cli::{Failure, Table, duration, moment, text};
use futures::TryStreamExt as _;
use jiff::Timestamp;
use wire::convert;
use wire::keep::Kept;
use wire::pb::proto::{AccessRequestSort, ListAccessRequestsRequest};
use wire::pb::types::AccessRequestV3;

use super::{Format, json, metadata, reason, resources, state};
use crate::connection::Connection;
use crate::output;

/// Longest list of resources in the table.
const RESOURCES_MAX: usize = 20;
/// Longest reason in the table, with its quotes.
const REASON_MAX: usize = 75;

/// Shows the access requests.
#[derive(Debug, clap::Args)]
pub struct List {
    /// By what to sort
    #[arg(long, value_enum, default_value_t = Index::Created)]
    sort_index: Index,
    /// In which direction
    #[arg(long, value_enum, default_value_t = Order::Descending)]
    sort_order: Order,
    /// text or json
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = Format::Text)]
    format: Format,
}

/// By what requests are sorted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Index {
    Created,
    State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Order {
    Ascending,
    Descending,
}

impl List {
    /// Prints them.
    pub async fn run(self, connection: &Connection) -> Result<(), Failure> {
        let session = connection.session().await?;
        let sort = match self.sort_index {
            Index::Created => AccessRequestSort::Created,
            Index::State => AccessRequestSort::State,
        };
        let request = ListAccessRequestsRequest {
            sort: sort.into(),
            descending: self.sort_order == Order::Descending,
            ..ListAccessRequestsRequest::default()
        };
        let listed = session.cluster().access_requests(request);
        let found: Vec<_> = listed
            .try_collect()
            .await
            .map_err(|status| session.refusal(&status))?;
        let now = connection.now();
        let living: Vec<_> = found.into_iter().filter(|request| lives(request, now)).collect();
        match self.format {
            Format::Json => output::print(&json(&living)?),
            Format::Text => output::print(&table(&living, now)),
        }
    }
}

/// Whether the access asked for has not ended yet.
fn lives(request: &AccessRequestV3, now: Timestamp) -> bool {
    let spec = request.spec.as_ref();
    convert::moment(spec.and_then(|spec| spec.expires.as_ref())).is_none_or(|expires| expires > now)
}

fn table(requests: &[Kept<AccessRequestV3>], now: Timestamp) -> String {
    let mut table = Table::new([
        "Token",
        "Requestor",
        "Metadata",
        "Resources",
        "Created At (UTC)",
        "Request TTL",
        "Session TTL",
        "Status",
        "Request Reason",
        "Resolve Reason",
    ]);
    let (mut resources_cut, mut reason_cut) = (false, false);
    for request in requests {
        let header = request.metadata.clone().unwrap_or_default();
        let spec = request.spec.clone().unwrap_or_default();
        let left = |moment: Option<&prost_types::Timestamp>| {
            convert::moment(moment).map(|moment| duration::print_minutes(moment.duration_since(now)))
        };
        let request_left = left(spec.resource_expiry.as_ref())
            .or_else(|| left(header.expires.as_ref()))
            .or_else(|| left(spec.expires.as_ref()));
        let created = convert::moment(spec.created.as_ref());
        table.row([
            header.name.clone(),
            spec.user.clone(),
            metadata(&spec.roles),
            cut(
                &resources(&spec.requested_resource_i_ds),
                RESOURCES_MAX,
                "[+]",
                &mut resources_cut,
            ),
            created.map(moment::rfc822).unwrap_or_default(),
            request_left.unwrap_or_default(),
            left(spec.expires.as_ref()).unwrap_or_default(),
            state(spec.state).to_owned(),
            cut(&reason(&spec.request_reason), REASON_MAX, "[*]", &mut reason_cut),
            cut(&reason(&spec.resolve_reason), REASON_MAX, "[*]", &mut reason_cut),
        ]);
    }
    let mut shown = table.print(usize::MAX);
    for (is_cut, label, what) in [
        (resources_cut, "[+]", "The list of resources"),
        (reason_cut, "[*]", "A reason"),
    ] {
        if is_cut {
            shown.push_str(&format!(
                "\n{label} {what} was cut; `tctl requests get ID` shows all of it.\n\n"
            ));
        }
    }
    shown
}

/// At most `columns` of a cell, and the label of a footnote where it was longer.
fn cut(cell: &str, columns: usize, label: &str, any: &mut bool) -> String {
    let cell = text::visible(cell);
    if text::width(&cell) <= columns {
        return cell;
    }
    *any = true;
    format!("{} {label}", text::shortened(&cell, columns + 3))
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use wire::resource::{Limits, read_one};

    use super::*;

    fn request(reason: &str) -> Kept<AccessRequestV3> {
        let reason = serde_json::Value::from(reason);
        let document = format!(
            "kind: access_request\nversion: v3\nmetadata: {{name: 0192f3a4-0000-7000-8000-000000000001}}\n\
             spec: {{user: bob@example.com, roles: [elevated-access], state: 1, request_reason: {reason},\n\
             created: '2024-11-21T18:50:00Z', expires: '2024-11-22T06:49:40Z', expiry: '2024-11-22T06:49:40Z'}}\n"
        );
        let resource = read_one(&document, &Limits::FILE).expect("a request");
        resource.to().expect("a request")
    }

    fn check(requests: &[Kept<AccessRequestV3>], expected: Expect) {
        let now = "2024-11-21T18:50:20Z".parse().expect("a moment");
        expected.assert_eq(&table(requests, now));
    }

    #[test]
    fn an_empty_list_is_its_header() {
        check(
            &[],
            expect![[r"
                Token Requestor Metadata Resources Created At (UTC) Request TTL Session TTL Status Request Reason Resolve Reason 
                ----- --------- -------- --------- ---------------- ----------- ----------- ------ -------------- -------------- 
            "]],
        );
    }

    #[test]
    fn a_request_is_one_line() {
        check(
            &[request("incident 42")],
            expect![[r#"
                Token                                Requestor       Metadata              Resources Created At (UTC)    Request TTL Session TTL Status  Request Reason Resolve Reason 
                ------------------------------------ --------------- --------------------- --------- ------------------- ----------- ----------- ------- -------------- -------------- 
                0192f3a4-0000-7000-8000-000000000001 bob@example.com roles=elevated-access           21 Nov 24 18:50 UTC 11h59m0s    11h59m0s    PENDING "incident 42"                 
            "#]],
        );
    }

    #[test]
    fn a_long_reason_is_cut_and_a_footnote_says_where_it_is() {
        let shown = table(
            &[request(&"x".repeat(100))],
            "2024-11-21T18:50:20Z".parse().expect("a moment"),
        );
        let cut = format!("\"{}... [*] ", "x".repeat(74));
        assert!(shown.contains(&cut), "{shown}");
        assert!(
            shown.ends_with("\n\n[*] A reason was cut; `tctl requests get ID` shows all of it.\n\n"),
            "{shown}"
        );
    }

    #[test]
    fn a_reason_cannot_break_out_of_its_cell() {
        let shown = table(
            &[request("a\"\nb\u{202e}c\u{1b}[2J")],
            "2024-11-21T18:50:20Z".parse().expect("a moment"),
        );
        assert_eq!(shown.lines().count(), 3);
        assert!(shown.contains(r#""a\"\nb\u{202e}c\u{1b}[2J""#), "{shown}");
    }
}
