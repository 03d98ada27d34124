//! What was found: one line for each goal, and everything behind it for the JSON file.

use serde_json::{Value, json};

use super::figure::{Bound, Figure};
use super::machine::Machine;
use super::options::Goal;
use super::rounds::Finished;

/// One line of the table: a subject beside its floor.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// What was measured, in a few words.
    pub what: String,
    /// The subject.
    pub subject: Figure,
    /// The floor, or what else it is compared with.
    pub floor: Figure,
    /// Subject to floor: the median of the rounds' own ratios where there are rounds.
    pub ratio: f64,
    /// What is wanted of the ratio.
    pub wanted: Bound,
    /// What would be better still.
    pub stretch: Option<Bound>,
}

/// How a line came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Better than wanted.
    Stretch,
    /// As wanted.
    Met,
    /// Not as wanted.
    Missed,
}

impl Line {
    /// How it came out.
    pub fn verdict(&self) -> Verdict {
        if !self.wanted.holds(self.ratio) {
            Verdict::Missed
        } else if self.stretch.is_some_and(|stretch| stretch.holds(self.ratio)) {
            Verdict::Stretch
        } else {
            Verdict::Met
        }
    }

    fn to_json(&self) -> Value {
        json!({
            "what": self.what,
            "subject": self.subject.to_json(),
            "floor": self.floor.to_json(),
            "ratio": self.ratio,
            "wanted": self.wanted.to_json(),
            "stretch": self.stretch.map(Bound::to_json),
            "met": self.verdict() != Verdict::Missed,
            "stretch_met": self.verdict() == Verdict::Stretch,
        })
    }
}

/// What was found about one goal.
#[derive(Debug, Clone)]
pub struct Section {
    /// The goal.
    pub goal: Goal,
    /// Beside floors of this machine.
    pub lines: Vec<Line>,
    /// Beside what the original was measured at elsewhere.
    pub original: Vec<Line>,
    /// What must be known to read the numbers.
    pub notes: Vec<String>,
    /// The rounds behind them, by what they measured.
    pub rounds: Vec<(&'static str, Finished)>,
}

impl Section {
    /// Nothing found yet.
    pub fn new(goal: Goal) -> Self {
        Self {
            goal,
            lines: Vec::new(),
            original: Vec::new(),
            notes: Vec::new(),
            rounds: Vec::new(),
        }
    }

    /// Why there is nothing.
    pub fn not_measured(goal: Goal, why: impl std::fmt::Display) -> Self {
        let mut section = Self::new(goal);
        section.notes.push(format!("not measured: {why}"));
        section
    }

    /// Keeps rounds, and says so if the machine was never quiet.
    pub fn keep(&mut self, what: &'static str, rounds: Finished) {
        if !rounds.calm {
            self.notes.push(format!(
                "{what}: the floor moved by more than 20 % from round to round; the machine was not quiet"
            ));
        }
        self.rounds.push((what, rounds));
    }

    fn to_json(&self) -> Value {
        let rounds: serde_json::Map<String, Value> = self
            .rounds
            .iter()
            .map(|(what, rounds)| ((*what).to_owned(), rounds.to_json()))
            .collect();
        json!({
            "goal": self.goal.name(),
            "title": self.goal.title(),
            "lines": self.lines.iter().map(Line::to_json).collect::<Vec<_>>(),
            "beside_the_original": self.original.iter().map(Line::to_json).collect::<Vec<_>>(),
            "notes": self.notes,
            "rounds": rounds,
        })
    }
}

/// Everything that one run found.
#[derive(Debug, Clone)]
pub struct Report {
    /// The machine, and how busy others kept it.
    pub machine: Machine,
    /// A look instead of a measurement.
    pub quick: bool,
    /// Goal by goal.
    pub sections: Vec<Section>,
}

impl Report {
    /// The JSON file.
    pub fn to_json(&self) -> Value {
        json!({
            "form": "countersign-bench-1",
            "quick": self.quick,
            "machine": self.machine.to_json(),
            "original": super::original::to_json(),
            "goals": self.sections.iter().map(Section::to_json).collect::<Vec<_>>(),
        })
    }

    /// How many lines came out as wanted, and how many there are.
    pub fn score(&self) -> (usize, usize) {
        let lines = self
            .sections
            .iter()
            .flat_map(|section| section.lines.iter().chain(&section.original));
        let (mut met, mut all) = (0, 0);
        for line in lines {
            all += 1;
            met += usize::from(line.verdict() != Verdict::Missed);
        }
        (met, all)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub fn line(ratio: f64) -> Line {
        Line {
            what: "review called, watcher has it: p50".to_owned(),
            subject: Figure::seconds(0.000_61),
            floor: Figure::seconds(0.000_35),
            ratio,
            wanted: Bound::AtMost(2.0),
            stretch: Some(Bound::AtMost(1.5)),
        }
    }

    pub fn report(ratios: &[f64]) -> Report {
        let mut section = Section::new(Goal::P1);
        section.lines = ratios.iter().map(|ratio| line(*ratio)).collect();
        Report {
            machine: Machine::default(),
            quick: true,
            sections: vec![
                section,
                Section::not_measured(Goal::P9, "there is no program `teleport-mattermost`"),
            ],
        }
    }

    #[test]
    fn a_line_is_met_missed_or_better() {
        assert_eq!(line(1.4).verdict(), Verdict::Stretch);
        assert_eq!(line(1.9).verdict(), Verdict::Met);
        assert_eq!(line(2.1).verdict(), Verdict::Missed);
        assert_eq!(
            line(f64::NAN).verdict(),
            Verdict::Missed,
            "what is no number is not met"
        );
    }

    #[test]
    fn the_file_holds_lines_notes_and_the_machine() {
        let json = report(&[1.4, 3.0]).to_json();
        assert_eq!(json["goals"][0]["lines"][0]["stretch_met"], json!(true));
        assert_eq!(json["goals"][0]["lines"][1]["met"], json!(false));
        assert_eq!(
            json["goals"][0]["lines"][0]["subject"],
            json!({ "value": 0.000_61, "unit": "s" })
        );
        assert_eq!(
            json["goals"][1]["notes"][0],
            json!("not measured: there is no program `teleport-mattermost`")
        );
        assert!(json["machine"]["cores"].is_number());
        assert!(json["original"]["review_to_watcher_seconds"].is_number());
    }

    #[test]
    fn the_score_counts_what_is_met() {
        assert_eq!(report(&[1.4, 1.9, 3.0]).score(), (2, 3));
    }
}
