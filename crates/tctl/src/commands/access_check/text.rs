//! The report as text that fits a terminal.

use wire::pb::countersign::v1::{AccessPath, AccessReport};

use super::words::{count, lines, one_of, people, place};

/// The whole page, at most `width` columns wide where words allow it.
pub fn page(report: &AccessReport, width: usize) -> String {
    let mut page = Page {
        text: String::new(),
        width: width.clamp(40, 120),
    };
    let fewer = count(usize::try_from(report.people).unwrap_or(usize::MAX));
    page.put(
        0,
        &format!(
            "Ways that take fewer than {fewer}, among {} accounts and {} roles, to: {}",
            report.accounts,
            report.roles,
            if report.targets.is_empty() {
                "no role, because none takes two approvals".to_owned()
            } else {
                report.targets.join(", ")
            }
        ),
    );
    page.gap();
    if report.paths.is_empty() {
        page.put(0, "There is none.");
    }
    for (number, path) in report.paths.iter().enumerate() {
        if number > 0 {
            page.gap();
        }
        page.path(number + 1, path);
    }
    if !report.stuck.is_empty() {
        page.gap();
        page.put(0, "Requests that nobody could approve today");
        for stuck in &report.stuck {
            page.put(
                2,
                &format!(
                    "{} asks for `{}`: {}",
                    one_of(&stuck.people),
                    stuck.role,
                    stuck.why
                ),
            );
            if let Some(evidence) = &stuck.evidence {
                page.put(6, &place(evidence));
            }
        }
    }
    if !report.notes.is_empty() {
        page.gap();
        page.put(0, "Not a way here, and one in the original");
        for note in &report.notes {
            page.put(2, &note.text);
            for evidence in &note.evidence {
                page.put(6, &place(evidence));
            }
        }
    }
    page.gap();
    page.put(0, "Taken for granted");
    for assumption in &report.assumptions {
        page.put(2, assumption);
    }
    page.text
}

struct Page {
    text: String,
    width: usize,
}

impl Page {
    fn gap(&mut self) {
        self.text.push('\n');
    }

    fn put(&mut self, indent: usize, text: &str) {
        self.hanging(&" ".repeat(indent), indent, text);
    }

    /// A first line that begins with `head`, and further lines below its text.
    fn hanging(&mut self, head: &str, indent: usize, text: &str) {
        let text = cli::text::visible(text);
        for (at, line) in lines(&text, self.width.saturating_sub(indent)).iter().enumerate() {
            let start = if at == 0 {
                head.to_owned()
            } else {
                " ".repeat(indent)
            };
            self.text.push_str(&start);
            self.text.push_str(line);
            self.text.push('\n');
        }
    }

    fn path(&mut self, number: usize, path: &AccessPath) {
        let head = format!("{number:>2}. ");
        self.hanging(
            &head,
            4,
            &format!(
                "{} to {}  [{}]",
                count(people(path)),
                path.targets.join(", "),
                path.class
            ),
        );
        for (at, step) in path.steps.iter().enumerate() {
            let branch = if at + 1 == path.steps.len() {
                "    └─ "
            } else {
                "    ├─ "
            };
            let who = one_of(&step.people);
            self.hanging(branch, 7, format!("{who} {}", step.does).trim());
            for evidence in &step.evidence {
                let rule = if at + 1 == path.steps.len() {
                    "         "
                } else {
                    "    │    "
                };
                self.hanging(rule, 9, &place(evidence));
            }
        }
        self.put(4, &format!("To close it: {}.", path.fix));
    }
}
