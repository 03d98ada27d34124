//! What the bench is asked to do.

use std::path::PathBuf;

use clap::Parser;

/// Measures Countersign beside the floors of the same machine, in the same minutes.
#[derive(Debug, Clone, Parser)]
#[command(name = "bench", version)]
pub struct Options {
    /// Measure only these goals (for example `P1 P8`); all of them when none is named.
    #[arg(value_parser = Goal::parse, value_name = "GOAL")]
    pub goals: Vec<Goal>,
    /// Fewer rounds of fewer calls: a look, not a measurement.
    #[arg(long)]
    pub quick: bool,
    /// Where the JSON report goes.
    #[arg(long, default_value = "target/bench.json", value_name = "FILE")]
    pub report: PathBuf,
    /// On which disk to measure: a directory that may be written to.
    #[arg(long, default_value = "target", value_name = "DIR")]
    pub disk: PathBuf,
}

/// A goal by its name in docs/operations/performance.md.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Goal {
    /// From a review to a watcher.
    P1,
    /// Reviews a second.
    P2,
    /// A crowd of reviewers at one request.
    P3,
    /// A page out of many requests.
    P8,
    /// From a request to a chat message.
    P9,
    /// Start and rest.
    P10,
}

impl Goal {
    /// All of them, in the order in which they are measured.
    pub const ALL: [Self; 6] = [Self::P1, Self::P2, Self::P3, Self::P8, Self::P9, Self::P10];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::P1 => "P1",
            Self::P2 => "P2",
            Self::P3 => "P3",
            Self::P8 => "P8",
            Self::P9 => "P9",
            Self::P10 => "P10",
        }
    }

    /// What it is about, in a few words.
    pub fn title(self) -> &'static str {
        match self {
            Self::P1 => "from a review to a watcher",
            Self::P2 => "reviews a second, 64 callers",
            Self::P3 => "100 reviewers at one request at once",
            Self::P8 => "a page of 100 out of 100,000 requests",
            Self::P9 => "from a request to a chat message",
            Self::P10 => "start and rest",
        }
    }

    fn parse(text: &str) -> Result<Self, String> {
        let found = Self::ALL
            .into_iter()
            .find(|goal| goal.name().eq_ignore_ascii_case(text));
        found.ok_or_else(|| {
            let names: Vec<&str> = Self::ALL.iter().map(|goal| goal.name()).collect();
            format!("`{text}` is not measured here; measured are {}", names.join(", "))
        })
    }
}

impl Options {
    /// The goals to measure, each once, in their order.
    pub fn wanted(&self) -> Vec<Goal> {
        Goal::ALL
            .into_iter()
            .filter(|goal| self.goals.is_empty() || self.goals.contains(goal))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(arguments: &[&str]) -> Result<Vec<Goal>, String> {
        let all = std::iter::once(&"bench").chain(arguments);
        Options::try_parse_from(all)
            .map(|options| options.wanted())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn goals_are_measured_in_their_own_order_and_once() {
        assert_eq!(wanted(&["p8", "P1", "P8"]), Ok(vec![Goal::P1, Goal::P8]));
        assert_eq!(wanted(&[]), Ok(Goal::ALL.to_vec()));
    }

    #[test]
    fn what_is_not_measured_is_refused_with_what_is() {
        let error = wanted(&["P4"]).expect_err("P4 is not measured");
        assert!(error.contains("measured are P1, P2, P3, P8, P9, P10"), "{error}");
    }
}
