//! Rounds: floor and subject in turn, and again where the floor shows that the machine was disturbed.
//!
//! A goal asks for the next round until [`Rounds::next`] says that there are enough that are steady. Every round
//! stays in the report, also those that count for nothing.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::progress::Progress;
use super::stats::{Sample, steady};

/// How far a round's floor may be from the median floor.
const TOLERANCE: f64 = 0.2;
/// No more rounds than this many times those wanted.
const PATIENCE: usize = 2;

/// What one round measured, by name, each in its own unit.
pub type Measured = BTreeMap<&'static str, f64>;

/// How much is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    /// A look instead of a measurement.
    pub quick: bool,
}

impl Plan {
    /// How many steady rounds are wanted.
    pub fn rounds(self) -> usize {
        if self.quick { 3 } else { 7 }
    }

    /// `full`, or `quick` in a quick run.
    pub fn pick<T>(self, full: T, quick: T) -> T {
        if self.quick { quick } else { full }
    }
}

/// The rounds of one goal.
pub struct Rounds<'a> {
    floor: &'static str,
    wanted: usize,
    done: Vec<Measured>,
    progress: &'a Progress,
}

impl<'a> Rounds<'a> {
    /// Rounds whose steadiness is judged by the value called `floor`.
    pub fn new(plan: Plan, floor: &'static str, progress: &'a Progress) -> Self {
        Self {
            floor,
            wanted: plan.rounds(),
            done: Vec::new(),
            progress,
        }
    }

    /// The number of the round to measure now, from 0; `None` when there are enough.
    pub fn next(&self) -> Option<usize> {
        let kept = self.kept().iter().filter(|kept| **kept).count();
        let more = kept < self.wanted && self.done.len() < self.wanted * PATIENCE;
        if more {
            self.progress.round(self.done.len() + 1, kept, self.wanted);
        }
        more.then_some(self.done.len())
    }

    /// Adds what a round measured.
    pub fn add(&mut self, measured: Measured) {
        self.done.push(measured);
    }

    fn values(&self, name: &str) -> impl Iterator<Item = f64> {
        self.done
            .iter()
            .map(move |round| round.get(name).copied().unwrap_or(f64::NAN))
    }

    fn kept(&self) -> Vec<bool> {
        let floors: Vec<f64> = self.values(self.floor).collect();
        steady(&floors, TOLERANCE)
    }

    /// Ends the rounds.
    pub fn finish(self) -> Finished {
        let kept = self.kept();
        let steady = kept.iter().filter(|kept| **kept).count();
        Finished {
            floor: self.floor,
            calm: steady >= self.wanted,
            rounds: kept.into_iter().zip(self.done).collect(),
        }
    }
}

/// The rounds of a goal, all of them.
#[derive(Debug, Clone, Default)]
pub struct Finished {
    floor: &'static str,
    /// Whether there were as many steady rounds as wanted.
    pub calm: bool,
    rounds: Vec<(bool, Measured)>,
}

impl Finished {
    fn kept(&self) -> impl Iterator<Item = &Measured> {
        let kept = self.rounds.iter().filter(|(kept, _)| *kept);
        kept.map(|(_, measured)| measured)
    }

    /// The values called `name` of the rounds that count.
    pub fn sample(&self, name: &str) -> Option<Sample> {
        Sample::new(self.kept().filter_map(|round| round.get(name).copied()))
    }

    /// The median of the values called `name`; not a number if nothing was measured.
    pub fn median(&self, name: &str) -> f64 {
        self.sample(name).map_or(f64::NAN, |sample| sample.median())
    }

    /// The median of the ratios of each round.
    pub fn ratio(&self, subject: &str, floor: &str) -> f64 {
        let ratios = self
            .kept()
            .filter_map(|round| Some(round.get(subject)? / round.get(floor)?));
        Sample::new(ratios).map_or(f64::NAN, |sample| sample.median())
    }

    /// For the report.
    pub fn to_json(&self) -> Value {
        let names: std::collections::BTreeSet<&str> = self
            .rounds
            .iter()
            .flat_map(|(_, round)| round.keys().copied())
            .collect();
        let summary: serde_json::Map<String, Value> = names
            .into_iter()
            .filter_map(|name| {
                let sample = self.sample(name)?;
                let summary = json!({
                    "median": sample.median(), "least": sample.least(), "most": sample.most(),
                });
                Some((name.to_owned(), summary))
            })
            .collect();
        let rounds: Vec<Value> = self
            .rounds
            .iter()
            .map(|(kept, measured)| json!({ "counts": kept, "measured": measured }))
            .collect();
        json!({ "steady_by": self.floor, "calm": self.calm, "summary": summary, "rounds": rounds })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(floors: &[f64]) -> (usize, Finished) {
        let progress = Progress::in_lines();
        let mut rounds = Rounds::new(Plan { quick: true }, "floor", &progress);
        let mut made = 0;
        while let Some(number) = rounds.next() {
            let floor = floors.get(number).copied().unwrap_or(1.0);
            rounds.add(Measured::from([("floor", floor), ("subject", 3.0)]));
            made += 1;
        }
        (made, rounds.finish())
    }

    #[test]
    fn a_steady_machine_needs_no_more_rounds_than_wanted() {
        let (made, finished) = run(&[1.0, 1.1, 1.0]);
        assert_eq!(made, 3);
        assert!(finished.calm);
        assert!((finished.ratio("subject", "floor") - 3.0).abs() < f64::EPSILON);
    }

    #[test]
    fn a_disturbed_round_is_repeated_and_does_not_count() {
        let (made, finished) = run(&[1.0, 9.0, 1.0, 1.0]);
        assert_eq!(made, 4);
        assert!(finished.calm);
        assert!((finished.median("floor") - 1.0).abs() < f64::EPSILON);
        let report = finished.to_json();
        assert_eq!(report["rounds"].as_array().map(Vec::len), Some(4));
        assert_eq!(report["rounds"][1]["counts"], json!(false));
        assert_eq!(report["summary"]["floor"]["most"], json!(1.0));
    }

    #[test]
    fn a_machine_that_never_rests_ends_the_rounds_all_the_same() {
        let (made, finished) = run(&[1.0, 2.0, 4.0, 8.0, 16.0, 32.0]);
        assert_eq!(made, 6);
        assert!(!finished.calm);
    }

    #[test]
    fn what_was_not_measured_is_no_number() {
        let (_, finished) = run(&[]);
        assert!(finished.median("other").is_nan());
        assert!(finished.ratio("other", "floor").is_nan());
    }
}
