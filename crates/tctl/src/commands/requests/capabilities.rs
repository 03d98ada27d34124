//! `tctl requests capabilities`: what somebody could ask for.

use cli::{Failure, Table};
use serde_json::{Map, Value};
use wire::pb::types::{AccessCapabilities, AccessCapabilitiesRequest};
use wire::resource::json;

use super::Format;
use crate::connection::Connection;
use crate::output;

/// Shows what a user could ask for.
#[derive(Debug, clap::Args)]
pub struct Capabilities {
    /// The user's name
    #[arg(value_name = "USERNAME")]
    username: String,
    /// text or json
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

impl Capabilities {
    /// Prints it.
    pub async fn run(self, connection: &Connection) -> Result<(), Failure> {
        let session = connection.session().await?;
        let request = AccessCapabilitiesRequest {
            user: self.username,
            requestable_roles: true,
            suggested_reviewers: true,
            ..AccessCapabilitiesRequest::default()
        };
        let mut auth = session.cluster().auth();
        let found = session.call(auth.get_access_capabilities(request)).await?;
        match self.format {
            Format::Text => output::print(&table(&found)),
            Format::Json => output::line(&json::pretty(&document(&found), 2)),
        }
    }
}

fn table(found: &AccessCapabilities) -> String {
    let or_none = |list: &[String]| {
        if list.is_empty() {
            "None".to_owned()
        } else {
            list.join(",")
        }
    };
    let mut table = Table::new(["Name", "Value"]);
    table.row(["Requestable Roles:", &or_none(&found.requestable_roles)]);
    table.row(["Suggested Reviewers:", &or_none(&found.suggested_reviewers)]);
    table.print(usize::MAX)
}

/// What is empty is left out.
fn document(found: &AccessCapabilities) -> Value {
    let mut document = Map::new();
    for (name, list) in [
        ("requestable_roles", &found.requestable_roles),
        ("suggested_reviewers", &found.suggested_reviewers),
    ] {
        if !list.is_empty() {
            document.insert(name.to_owned(), list.clone().into());
        }
    }
    if !found.request_prompt.is_empty() {
        document.insert("request_prompt".to_owned(), found.request_prompt.clone().into());
    }
    for (name, flag) in [
        ("require_reason", found.require_reason),
        ("auto_request", found.auto_request),
    ] {
        if flag {
            document.insert(name.to_owned(), flag.into());
        }
    }
    Value::Object(document)
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn who_can_ask_for_something() {
        let found = AccessCapabilities {
            requestable_roles: vec!["elevated-access".to_owned()],
            ..AccessCapabilities::default()
        };
        expect![[r"
            Name                 Value           
            -------------------- --------------- 
            Requestable Roles:   elevated-access 
            Suggested Reviewers: None            
        "]]
        .assert_eq(&table(&found));
        assert_eq!(
            json::pretty(&document(&found), 2),
            "{\n  \"requestable_roles\": [\n    \"elevated-access\"\n  ]\n}"
        );
    }
}
