//! `tctl requests get`: requests with nothing cut.

use cli::{Failure, Table, moment};
use wire::convert;
use wire::pb::types::AccessRequestV3;

use super::{Format, find, json, metadata, reason, resources, state};
use crate::commands::lists::named;
use crate::connection::Connection;
use crate::output;

/// Shows access requests in full.
#[derive(Debug, clap::Args)]
pub struct Show {
    /// Their ids, between commas
    #[arg(value_name = "IDS")]
    ids: String,
    /// text or json
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = Format::Text)]
    format: Format,
}

impl Show {
    /// Finds all of them, then prints them.
    pub async fn run(self, connection: &Connection) -> Result<(), Failure> {
        let ids = named(&self.ids, "request")?;
        let session = connection.session().await?;
        let mut found = Vec::new();
        for id in ids {
            found.push(find(session, &id).await?);
        }
        match self.format {
            Format::Json => output::print(&json(&found)?),
            Format::Text => output::print(&found.iter().map(|request| shown(request)).collect::<String>()),
        }
    }
}

fn shown(request: &AccessRequestV3) -> String {
    let id = request
        .metadata
        .as_ref()
        .map(|metadata| metadata.name.clone())
        .unwrap_or_default();
    let spec = request.spec.clone().unwrap_or_default();
    let or_none = |text: String| {
        if text.is_empty() {
            "[none]".to_owned()
        } else {
            text
        }
    };
    let created = convert::moment(spec.created.as_ref());
    let mut table = Table::headless(2);
    for (name, value) in [
        ("Token: ", id),
        ("Requestor: ", spec.user.clone()),
        ("Metadata: ", metadata(&spec.roles)),
        ("Resources: ", or_none(resources(&spec.requested_resource_i_ds))),
        (
            "Created At (UTC): ",
            created.map(moment::rfc822).unwrap_or_default(),
        ),
        ("Status: ", state(spec.state).to_owned()),
        ("Request Reason: ", or_none(reason(&spec.request_reason))),
        ("Resolve Reason: ", or_none(reason(&spec.resolve_reason))),
    ] {
        table.row([name, value.as_str()]);
    }
    table.print(usize::MAX) + "\n"
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use wire::resource::{Limits, read_one};

    use super::*;

    #[test]
    fn a_request_is_a_list_of_names_and_values() {
        let document = "kind: access_request\nversion: v3\nmetadata: {name: 0192f3a4-0000-7000-8000-000000000001}\n\
                        spec: {user: bob@example.com, roles: [elevated-access], state: 1, request_reason: incident 42, \
                        created: '2024-11-21T18:50:00Z'}\n";
        let resource = read_one(document, &Limits::FILE).expect("a request");
        expect![[r#"
            Token:             0192f3a4-0000-7000-8000-000000000001 
            Requestor:         bob@example.com                      
            Metadata:          roles=elevated-access                
            Resources:         [none]                               
            Created At (UTC):  21 Nov 24 18:50 UTC                  
            Status:            PENDING                              
            Request Reason:    "incident 42"                        
            Resolve Reason:    [none]                               

        "#]]
        .assert_eq(&shown(&resource.to().expect("a request")));
    }
}
