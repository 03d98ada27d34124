//! `tctl nodes ls`: the servers of the cluster.

use std::collections::BTreeMap;

use cli::{Failure, text};
use wire::pb::proto::ListResourcesRequest;
use wire::resource::{Kind, Resource, json_of, yaml_of};

use crate::connection::Connection;
use crate::kinds::registered::nodes;
use crate::kinds::{resource, text as table};
use crate::output;

/// Show the servers of the cluster.
#[derive(Debug, clap::Subcommand)]
pub enum Nodes {
    /// Show the servers that you may reach
    Ls(List),
}

/// Shows the servers that you may reach.
#[derive(Debug, clap::Args)]
pub struct List {
    /// Only those with these labels, as `env=prod,team=red`
    #[arg(value_name = "LABELS", value_parser = labels)]
    labels: Option<BTreeMap<String, String>>,
    /// text, json or yaml
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
    /// Show everything in full with `--format=text`
    #[arg(short, long)]
    verbose: bool,
    /// Only those that mention all of these words, between commas
    #[arg(long, value_name = "WORDS", value_delimiter = ',')]
    search: Vec<String>,
    /// Only those for which this holds, as `labels["env"] == "prod"`
    #[arg(long, value_name = "PREDICATE", default_value = "")]
    query: String,
}

/// How servers are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    Text,
    Json,
    Yaml,
}

/// Texts that are no labels.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a label; write it like `env=prod`")]
struct LabelError(String);

fn labels(text: &str) -> Result<BTreeMap<String, String>, LabelError> {
    text.split(',')
        .filter(|pair| !pair.trim().is_empty())
        .map(|pair| {
            let bad = || LabelError(pair.to_owned());
            let (key, value) = pair.split_once('=').ok_or_else(bad)?;
            if key.trim().is_empty() {
                return Err(bad());
            }
            Ok((key.trim().to_owned(), value.trim().to_owned()))
        })
        .collect()
}

impl Nodes {
    /// Does it.
    pub async fn run(self, connection: &Connection) -> Result<(), Failure> {
        let Self::Ls(list) = self;
        let session = connection.session().await?;
        let words = list.search.iter().map(|word| word.trim().to_owned());
        let asked = ListResourcesRequest {
            labels: list.labels.unwrap_or_default(),
            search_keywords: words.filter(|word| !word.is_empty()).collect(),
            predicate_expression: list.query,
            ..ListResourcesRequest::default()
        };
        let found: Vec<Resource> = nodes(session, asked)
            .await?
            .iter()
            .map(|node| resource(Kind::Node, node))
            .collect::<Result<_, _>>()?;
        output::print(&match list.format {
            Format::Text => table::text(Kind::Node, &found, list.verbose, text::terminal_width()),
            Format::Json => json_of(&found, 4),
            Format::Yaml => yaml_of(&found),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_pairs() {
        let read = labels("env=prod, team = red,").expect("labels");
        assert_eq!(read.len(), 2);
        assert_eq!(read["team"], "red");
        for bad in ["env", "=prod", "env=prod,x"] {
            assert!(labels(bad).is_err(), "{bad}");
        }
    }
}
