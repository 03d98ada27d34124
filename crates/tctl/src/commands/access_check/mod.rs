//! `tctl access-check`: who could come to a role with fewer people than its rule promises.
//!
//! Asked of the cluster, or of documents in files without any cluster, for the checks of a policy repository. This command
//! shows; what it shows is found by `access::alone`, on the Auth Service or here.

mod documents;
mod json;
mod svg;
mod text;
mod words;

use std::path::PathBuf;

use access::alone::{Class, PEOPLE_MAX};
use cli::Failure;
use wire::pb::countersign::v1::{AccessCheckRequest, AccessReport};

use crate::connection::Connection;
use crate::output;

/// Exit code when `--fail-below` is not met: apart from 1, which is that the question could not be answered.
const TOO_FEW: u8 = 2;

/// Shows every way by which too few people come to a role, or change its rule.
#[derive(Debug, clap::Args)]
pub struct AccessCheck {
    /// Show the ways that take fewer people than this
    #[arg(long, value_name = "NUMBER", default_value_t = 2)]
    people: usize,
    /// A role to look at; may be given several times [default: those that take two approvals somewhere, and those with power
    /// over the rules]
    #[arg(long = "role", value_name = "NAME")]
    roles: Vec<String>,
    /// End with exit code 2 if there is a way that takes fewer people than this
    #[arg(long, value_name = "NUMBER")]
    fail_below: Option<usize>,
    /// Which classes `--fail-below` counts: requests, impersonation, holding, machines, lists, rule-changes [default: all]
    #[arg(long, value_name = "CLASS", value_delimiter = ',', value_parser = class)]
    count: Vec<Class>,
    /// Look at the documents of a file or of a folder instead of a cluster
    #[arg(short, long, value_name = "PATH")]
    file: Option<PathBuf>,
    /// With `--file`: changes of the rules take two persons there
    #[arg(long, requires = "file")]
    two_persons: bool,
    /// text, json or svg
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
    /// Write to a file instead of standard output
    #[arg(short, long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// How the report is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// For people.
    Text,
    /// For programs.
    Json,
    /// A picture.
    Svg,
}

fn class(text: &str) -> Result<Class, String> {
    Class::of_name(text).ok_or_else(|| {
        let names = Class::ALL.map(|class| class.name().replace(' ', "-"));
        format!("there is no such class; there are {}", names.join(", "))
    })
}

impl AccessCheck {
    /// Asks, shows, and judges.
    pub async fn run(self, connection: &Connection) -> Result<(), Failure> {
        let people = self.people.max(self.fail_below.unwrap_or(0));
        if !(2..=PEOPLE_MAX).contains(&people) {
            return Err(Failure::new(format!(
                "the number of people must be between 2 and {PEOPLE_MAX}, not {people}"
            )));
        }
        let report = match &self.file {
            Some(path) => documents::check(path, people, &self.roles, self.two_persons)?,
            None => {
                let session = connection.session().await?;
                let request = AccessCheckRequest {
                    people: u32::try_from(people).unwrap_or(u32::MAX),
                    roles: self.roles.clone(),
                };
                let mut access = session.cluster().access();
                session.call(access.access_check(request)).await?
            }
        };
        let shown = match self.format {
            Format::Text => text::page(&report, cli::text::terminal_width()),
            Format::Json => json::page(&report),
            Format::Svg => svg::picture(&report),
        };
        match &self.out {
            Some(path) => std::fs::write(path, shown)
                .map_err(|error| Failure::new(format!("cannot write {}: {error}", path.display())))?,
            None => output::print(&shown)?,
        }
        self.judge(&report)
    }

    fn judge(&self, report: &AccessReport) -> Result<(), Failure> {
        let Some(least) = self.fail_below else {
            return Ok(());
        };
        let counts = |name: &str| {
            self.count.is_empty() || Class::of_name(name).is_some_and(|class| self.count.contains(&class))
        };
        let below = report
            .paths
            .iter()
            .filter(|path| words::people(path) < least && counts(&path.class))
            .count();
        match below {
            0 => Ok(()),
            ways => Err(Failure::new(format!(
                "{ways} {} fewer than {least} people",
                if ways == 1 { "way takes" } else { "ways take" }
            ))
            .hint("close them as the report says, or name the classes that count with `--count`")
            .code(TOO_FEW)),
        }
    }
}
