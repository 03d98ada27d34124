//! Many requests as a table, newest first.

use cli::{Table, duration, moment, text};
use jiff::Timestamp;
use wire::convert;
use wire::pb::types::AccessRequestV3;

use super::block::resource;
use super::lookup::{id, spec, state, state_name};

/// Resources are cut after so many characters.
const RESOURCES_MAX: usize = 20;

/// The table and what can be done next. Requests whose access has ended are left out.
pub fn print<'r>(requests: impl IntoIterator<Item = &'r AccessRequestV3>, now: Timestamp) -> String {
    let mut table = Table::new([
        "ID",
        "User",
        "Roles",
        "Resources",
        "Created At (UTC)",
        "Request TTL",
        "Session TTL",
        "Assume Time (UTC)",
        "Status",
    ]);
    let mut cut = false;
    for request in requests {
        let spec = spec(request);
        if convert::moment(spec.expires.as_ref()).is_some_and(|end| end <= now) {
            continue;
        }
        let ids: Vec<String> = spec.requested_resource_i_ds.iter().map(resource).collect();
        let mut resources = ids.join(",");
        if text::width(&resources) > RESOURCES_MAX {
            cut = true;
            resources = format!("{} [+]", text::shortened(&resources, RESOURCES_MAX + 3));
        }
        let metadata_end = request
            .metadata
            .as_ref()
            .and_then(|metadata| convert::moment(metadata.expires.as_ref()));
        let pending_end = convert::moment(spec.resource_expiry.as_ref()).or(metadata_end);
        table.row([
            id(request),
            &spec.user,
            &spec.roles.join(","),
            &resources,
            &convert::moment(spec.created.as_ref())
                .map(moment::rfc822)
                .unwrap_or_default(),
            &left(pending_end, now),
            &left(convert::moment(spec.session_ttl.as_ref()), now),
            &convert::moment(spec.assume_start_time.as_ref())
                .map(moment::rfc822)
                .unwrap_or_default(),
            state_name(state(request)),
        ]);
    }
    let mut lines = table.print(usize::MAX);
    if cut {
        lines.push_str(
            "\n[+] Requested resources truncated, use `tsh request show <request-id>` to view the full list\n",
        );
    }
    lines.push_str("\nhint: use 'tsh request show <request-id>' for additional details\n");
    lines.push_str("      use 'tsh login --request-id=<request-id>' to login with an approved request\n");
    lines
}

fn left(end: Option<Timestamp>, now: Timestamp) -> String {
    end.map(|end| duration::print_minutes(end.duration_since(now)))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::super::block::tests::{at, bobs};
    use super::*;

    #[test]
    fn nothing_is_a_table_too() {
        expect![[r"
            ID   User Roles Resources Created At (UTC) Request TTL Session TTL Assume Time (UTC) Status 
            --   ---- ----- --------- ---------------- ----------- ----------- ----------------- ------ 

            hint: use 'tsh request show <request-id>' for additional details
                  use 'tsh login --request-id=<request-id>' to login with an approved request
        "]]
        .assert_eq(&print([], at("2024-11-21T18:50:00Z")));
    }

    #[test]
    fn a_row_reads_as_in_the_original() {
        let bobs = bobs();
        expect![[r"
            ID                                   User            Roles           Resources Created At (UTC)    Request TTL Session TTL Assume Time (UTC) Status  
            ------------------------------------ --------------- --------------- --------- ------------------- ----------- ----------- ----------------- ------- 
            0193496f-268c-727e-b696-600a868429ff bob@example.com elevated-access           21 Nov 24 18:50 UTC 11h59m0s    11h59m0s                      PENDING 

            hint: use 'tsh request show <request-id>' for additional details
                  use 'tsh login --request-id=<request-id>' to login with an approved request
        "]]
        .assert_eq(&print([&bobs], at("2024-11-21T18:50:10Z")));
        let ended = print([&bobs], at("2024-11-22T06:49:29Z"));
        assert!(!ended.contains("bob@example.com"), "{ended}");
    }
}
