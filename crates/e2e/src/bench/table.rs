//! The report on a terminal: at most a hundred columns, colour only as an addition. Pure: a report in, text out.

use std::fmt::Write as _;

use super::figure::ratio_text;
use super::report::{Line, Report, Section, Verdict};

/// Whether colours may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colour {
    /// A terminal shows it.
    On,
    /// A file or another program reads it.
    Off,
}

impl Colour {
    /// As the environment and the kind of standard output say.
    pub fn of_stdout() -> Self {
        use std::io::IsTerminal as _;
        let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        if std::io::stdout().is_terminal() && !unwanted {
            Self::On
        } else {
            Self::Off
        }
    }

    fn paint(self, verdict: Verdict, text: &str) -> String {
        let code = match (self, verdict) {
            (Self::Off, _) => return text.to_owned(),
            (Self::On, Verdict::Stretch | Verdict::Met) => 32,
            (Self::On, Verdict::Missed) => 31,
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }
}

/// The widths of goal, what, subject, floor, ratio, wanted, stretch; the verdict comes last.
const WIDTHS: [usize; 7] = [4, 35, 11, 11, 7, 9, 9];
/// No line is longer.
const COLUMNS: usize = 100;

fn row(cells: [&str; 7], verdict: &str) -> String {
    let mut text = String::new();
    for (place, (cell, width)) in cells.iter().zip(WIDTHS).enumerate() {
        // Words to the left, numbers to the right.
        let _ = if place < 2 {
            write!(text, "{cell:<width$} ")
        } else {
            write!(text, "{cell:>width$} ")
        };
    }
    text + verdict
}

fn line(goal: &str, line: &Line, colour: Colour) -> String {
    let verdict = line.verdict();
    let word = match verdict {
        Verdict::Stretch => "better",
        Verdict::Met => "yes",
        Verdict::Missed => "NO",
    };
    let stretch = line.stretch.map_or(String::new(), |bound| bound.to_string());
    row(
        [
            goal,
            &line.what,
            &line.subject.to_string(),
            &line.floor.to_string(),
            &ratio_text(line.ratio),
            &line.wanted.to_string(),
            &stretch,
        ],
        &colour.paint(verdict, word),
    )
}

fn lines(out: &mut String, sections: &[Section], of: fn(&Section) -> &Vec<Line>, colour: Colour) {
    for section in sections {
        let mut goal = section.goal.name();
        for one in of(section) {
            let _ = writeln!(out, "{}", line(goal, one, colour));
            goal = "";
        }
    }
}

/// Breaks a text at spaces so that it fits; lines after the first are indented by `indent`.
fn wrapped(text: &str, indent: usize) -> String {
    let mut out = String::new();
    let mut used = 0;
    for word in text.split(' ') {
        let width = word.chars().count();
        if used > 0 && used + 1 + width > COLUMNS {
            let _ = write!(out, "\n{:indent$}", "");
            used = indent;
        } else if used > 0 {
            out.push(' ');
            used += 1;
        }
        out.push_str(word);
        used += width;
    }
    out
}

/// The whole report as text.
pub fn render(report: &Report, colour: Colour) -> String {
    let mut out = String::new();
    for line in report.machine.to_string().lines() {
        let _ = writeln!(out, "{}", wrapped(line, 0));
    }
    if report.quick {
        let _ = writeln!(out, "A quick run: a look, not a measurement.");
    }
    let head = |floor| {
        row(
            ["goal", "what", "subject", floor, "ratio", "wanted", "stretch"],
            "met",
        )
    };
    let rule = "-".repeat(COLUMNS);
    let _ = writeln!(out, "\n{}\n{rule}", head("floor"));
    lines(&mut out, &report.sections, |section| &section.lines, colour);
    if report.sections.iter().any(|section| !section.original.is_empty()) {
        let _ = writeln!(
            out,
            "\nBeside the original (Teleport 18.0.0, measured elsewhere on two cores: constants, not measured now)\n\n{}\n{rule}",
            head("original")
        );
        lines(&mut out, &report.sections, |section| &section.original, colour);
    }
    let mut notes = report
        .sections
        .iter()
        .flat_map(|section| section.notes.iter().map(|note| (section.goal.name(), note)))
        .peekable();
    if notes.peek().is_some() {
        out.push('\n');
    }
    for (goal, note) in notes {
        let _ = writeln!(out, "{}", wrapped(&format!("{goal:<4} {note}"), 5));
    }
    let (met, all) = report.score();
    let _ = writeln!(out, "\n{met} of {all} as wanted");
    out
}

#[cfg(test)]
mod tests {
    use super::super::report::tests::report;
    use super::*;

    #[test]
    fn the_table_reads_like_this() {
        let text = render(&report(&[1.4, 1.9, 12.5]), Colour::Off);
        let table: Vec<&str> = text
            .lines()
            .skip_while(|line| !line.starts_with("goal"))
            .collect();
        assert_eq!(
            table[..5],
            [
                "goal what                                    subject       floor   ratio    wanted   stretch met",
                "-".repeat(100).as_str(),
                "P1   review called, watcher has it: p50       610 us      350 us   1.40x  <= 2.00x  <= 1.50x better",
                "     review called, watcher has it: p50       610 us      350 us   1.90x  <= 2.00x  <= 1.50x yes",
                "     review called, watcher has it: p50       610 us      350 us   12.5x  <= 2.00x  <= 1.50x NO",
            ]
        );
        assert!(text.contains("P9   not measured: there is no program `teleport-mattermost`"));
        assert!(text.ends_with("\n2 of 3 as wanted\n"), "{text}");
    }

    #[test]
    fn nothing_is_wider_than_a_hundred_columns() {
        let mut wide = report(&[0.000_1, 123_456.0]);
        wide.sections[0].notes = vec!["a long note ".repeat(30)];
        for line in render(&wide, Colour::Off).lines() {
            assert!(line.chars().count() <= COLUMNS, "{line}");
        }
    }

    #[test]
    fn colour_adds_nothing_that_words_do_not_say() {
        let plain = render(&report(&[1.4, 12.5]), Colour::Off);
        let painted = render(&report(&[1.4, 12.5]), Colour::On);
        assert!(painted.contains("\x1b[31mNO\x1b[0m") && !plain.contains('\x1b'));
        let mut stripped = painted;
        for code in ["\x1b[31m", "\x1b[32m", "\x1b[0m"] {
            stripped = stripped.replace(code, "");
        }
        assert_eq!(stripped, plain);
    }
}
