//! `tctl acl ls`: the access lists that the caller may see.

use cli::{Failure, Table};
use wire::convert;
use wire::keep::Kept;
use wire::pb::teleport::accesslist::v1 as pb;
use wire::resource::{Kind, Resource, json_of, yaml_of};

use super::Format;
use crate::connection::Connection;
use crate::kinds::{access_lists, resource};
use crate::output;

/// Shows the access lists.
#[derive(Debug, clap::Args)]
pub struct List {
    /// yaml, json or text
    #[arg(long, value_enum, default_value_t = Format::Yaml)]
    format: Format,
    /// Only those that you own and that are due for review
    #[arg(long)]
    review_only: bool,
}

impl List {
    /// Prints them.
    pub async fn run(self, connection: &Connection) -> Result<(), Failure> {
        let session = connection.session().await?;
        let lists = if self.review_only {
            let mut service = session.cluster().access_lists();
            let request = pb::GetAccessListsToReviewRequest {};
            session
                .call(service.get_access_lists_to_review(request))
                .await?
                .access_lists
        } else {
            access_lists::all(session).await?
        };
        print(&lists, self.format)
    }
}

/// Prints lists.
pub fn print(lists: &[Kept<pb::AccessList>], format: Format) -> Result<(), Failure> {
    let documents = || -> Result<Vec<Resource>, Failure> {
        lists
            .iter()
            .map(|list| resource(Kind::AccessList, list))
            .collect()
    };
    match format {
        Format::Yaml => output::print(&yaml_of(&documents()?)),
        Format::Json => output::print(&json_of(&documents()?, 4)),
        Format::Text if lists.is_empty() => output::line("no access lists"),
        Format::Text => output::print(&table(lists)),
    }
}

fn table(lists: &[Kept<pb::AccessList>]) -> String {
    let mut table = Table::new([
        "ID",
        "Review Frequency",
        "Review Day Of Month",
        "Granted Roles",
        "Granted Traits",
    ]);
    for list in lists {
        let spec = list.spec.clone().unwrap_or_default();
        let recurrence = spec.audit.and_then(|audit| audit.recurrence).unwrap_or_default();
        let grants = spec.grants.unwrap_or_default();
        let traits: Vec<String> = convert::pairs(&grants.traits)
            .into_iter()
            .map(|(name, values)| format!("{name}:{{{}}}", values.join(",")))
            .collect();
        table.row([
            convert::header_name(list.header.as_ref()).to_owned(),
            frequency(recurrence.frequency()).to_owned(),
            day(recurrence.day_of_month()).to_owned(),
            grants.roles.join(","),
            traits.join(","),
        ]);
    }
    table.print(usize::MAX)
}

fn frequency(frequency: pb::ReviewFrequency) -> &'static str {
    match frequency {
        pb::ReviewFrequency::Unspecified => "",
        pb::ReviewFrequency::OneMonth => "1 month",
        pb::ReviewFrequency::ThreeMonths => "3 months",
        pb::ReviewFrequency::SixMonths => "6 months",
        pb::ReviewFrequency::OneYear => "1 year",
    }
}

fn day(day: pb::ReviewDayOfMonth) -> &'static str {
    match day {
        pb::ReviewDayOfMonth::Unspecified => "",
        pb::ReviewDayOfMonth::First => "1",
        pb::ReviewDayOfMonth::Fifteenth => "15",
        pb::ReviewDayOfMonth::Last => "last",
    }
}
