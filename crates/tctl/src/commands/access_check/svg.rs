//! The report as a picture: from people on the left, step by step, to the roles on the right.
//!
//! Laid out by hand in columns: each way is a lane, the lanes to one set of roles stand together and end in one box. The file
//! needs nothing beside itself, follows a light or dark surrounding, and says in words what colour says.

use std::fmt::Write as _;

use wire::pb::countersign::v1::{AccessPath, AccessReport, AccessStep};

use super::words::{count, lines, one_of, people, place};

/// Most lanes of one picture.
const LANES_MAX: usize = 60;
const MARGIN: usize = 28;
const BOX_WIDTH: usize = 268;
const PEOPLE_WIDTH: usize = 190;
const TARGET_WIDTH: usize = 176;
const COLUMN_GAP: usize = 40;
const LANE_GAP: usize = 18;
const SECTION_GAP: usize = 34;
const LINE: usize = 17;
const PADDING: usize = 11;
const HEADER: usize = 92;
/// Characters that fit a line of the two kinds of boxes and of the small print.
const BOX_CHARACTERS: usize = 36;
const SMALL_CHARACTERS: usize = 37;
const PEOPLE_CHARACTERS: usize = 22;
const TARGET_CHARACTERS: usize = 20;

const STYLE: &str = "
:root { color-scheme: light dark; --paper: #ffffff; --ink: #1c2330; --quiet: #5b6576; --line: #c3cad6; --box: #f5f7fa;
  --one: #b42318; --one-soft: #fdeceb; --more: #8a5a00; --more-soft: #fdf3e1; --goal: #1d4ed8; --goal-soft: #e8effd; }
@media (prefers-color-scheme: dark) { :root { --paper: #12161d; --ink: #e8ecf3; --quiet: #9aa6b8; --line: #3c4656; --box: #1b212b;
  --one: #ff8a80; --one-soft: #3a1d1c; --more: #f0b860; --more-soft: #35291a; --goal: #8fb3ff; --goal-soft: #1a2540; } }
.paper { fill: var(--paper); }
text { font: 13px system-ui, -apple-system, 'Segoe UI', 'Noto Sans', sans-serif; fill: var(--ink); }
.title { font-size: 19px; font-weight: 650; }
.quiet { fill: var(--quiet); }
.small { font: 10.5px ui-monospace, 'SF Mono', 'DejaVu Sans Mono', monospace; fill: var(--quiet); }
.strong { font-weight: 650; }
.badge { font-size: 11.5px; }
rect.step { fill: var(--box); stroke: var(--line); }
rect.people { fill: var(--paper); stroke: var(--ink); stroke-width: 1.4; }
rect.goal { fill: var(--goal-soft); stroke: var(--goal); stroke-width: 1.4; }
.one { fill: var(--one-soft); stroke: var(--one); }
.more { fill: var(--more-soft); stroke: var(--more); }
path { fill: none; stroke: var(--quiet); stroke-width: 1.4; }
.head { fill: var(--quiet); stroke: none; }
";

/// The report as a whole SVG document.
pub fn picture(report: &AccessReport) -> String {
    let mut sections: Vec<(&[String], Vec<&AccessPath>)> = Vec::new();
    for path in report.paths.iter().take(LANES_MAX) {
        match sections.iter_mut().find(|(targets, _)| *targets == path.targets) {
            Some((_, lanes)) => lanes.push(path),
            None => sections.push((&path.targets, vec![path])),
        }
    }
    let steps = report
        .paths
        .iter()
        .take(LANES_MAX)
        .map(|path| path.steps.len())
        .max()
        .unwrap_or(1);
    let goal_x = MARGIN + PEOPLE_WIDTH + COLUMN_GAP + steps * (BOX_WIDTH + COLUMN_GAP);
    let width = goal_x + TARGET_WIDTH + MARGIN;
    let mut drawing = Drawing {
        body: String::new(),
        y: HEADER,
        goal_x,
    };
    for (targets, lanes) in &sections {
        drawing.section(targets, lanes);
    }
    let hidden = report.paths.len().saturating_sub(LANES_MAX);
    let below = match (report.paths.is_empty(), hidden) {
        (true, _) => Some("There is none.".to_owned()),
        (false, 0) => None,
        (false, more) => Some(format!("{more} more are in the text and in the JSON.")),
    };
    if let Some(below) = below {
        drawing.text(MARGIN, drawing.y + LINE, "quiet", &below);
        drawing.y += 2 * LINE;
    }
    let height = drawing.y + MARGIN;
    let title = format!(
        "Ways that take fewer than {}",
        count(usize::try_from(report.people).unwrap_or(usize::MAX))
    );
    let about = format!(
        "{} accounts, {} roles. Each lane is one way: who begins it, what is done, what lets it be done.",
        report.accounts, report.roles
    );
    let mut page = Drawing {
        body: String::new(),
        y: 0,
        goal_x,
    };
    page.text(MARGIN, 42, "title", &title);
    page.text(MARGIN, 64, "quiet", &about);
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" \
         role=\"img\" aria-label=\"{}\">\n<title>{}</title>\n<style>{STYLE}</style>\n\
         <rect class=\"paper\" width=\"{width}\" height=\"{height}\"/>\n{}{}</svg>\n",
        escaped(&title),
        escaped(&title),
        page.body,
        drawing.body
    )
}

struct Drawing {
    body: String,
    /// Where the next section begins.
    y: usize,
    goal_x: usize,
}

/// What stands in a box.
struct Words {
    lines: Vec<String>,
    small: Vec<String>,
}

impl Words {
    fn of(step: &AccessStep, later: bool) -> Self {
        let who = if later {
            one_of(&step.people)
        } else {
            String::new()
        };
        let small = step
            .evidence
            .iter()
            .flat_map(|evidence| small_lines(&place(evidence)));
        Self {
            lines: lines(&format!("{who} {}", step.does), BOX_CHARACTERS),
            small: small.collect(),
        }
    }

    fn height(&self) -> usize {
        2 * PADDING + self.lines.len() * LINE + self.small.len() * (LINE - 3)
    }
}

impl Drawing {
    fn section(&mut self, targets: &[String], lanes: &[&AccessPath]) {
        let top = self.y;
        let mut ends = Vec::new();
        for path in lanes {
            ends.push(self.lane(path));
            self.y += LANE_GAP;
        }
        self.y -= LANE_GAP.min(self.y);
        let bottom = self.y;
        let words: Vec<String> = targets
            .iter()
            .flat_map(|role| lines(role, TARGET_CHARACTERS))
            .collect();
        let needed = 2 * PADDING + (words.len() + 1) * LINE;
        let height = (bottom - top).max(needed);
        self.rectangle("goal", self.goal_x, top, TARGET_WIDTH, height);
        let first = top + (height - words.len() * LINE) / 2;
        for (at, word) in words.iter().enumerate() {
            self.centred(
                self.goal_x + TARGET_WIDTH / 2,
                first + at * LINE + 12,
                "strong",
                word,
            );
        }
        for (x, y) in ends {
            self.arrow(x, y, self.goal_x, y);
        }
        self.y = top + height + SECTION_GAP;
    }

    /// Draws a way and gives the point where it leaves its last box.
    fn lane(&mut self, path: &AccessPath) -> (usize, usize) {
        let boxes: Vec<Words> = path
            .steps
            .iter()
            .enumerate()
            .map(|(at, step)| Words::of(step, at > 0))
            .collect();
        let first = path
            .steps
            .first()
            .map(|step| one_of(&step.people))
            .unwrap_or_default();
        let who = lines(&first, PEOPLE_CHARACTERS);
        let people_height = 2 * PADDING + who.len() * LINE + LINE + 8;
        let height = boxes
            .iter()
            .map(Words::height)
            .max()
            .unwrap_or(0)
            .max(people_height);
        let (top, middle) = (self.y, self.y + height / 2);
        let people_top = top + (height - people_height) / 2;
        self.rectangle("people", MARGIN, people_top, PEOPLE_WIDTH, people_height);
        for (at, line) in who.iter().enumerate() {
            let y = people_top + PADDING + at * LINE + 12;
            self.centred(MARGIN + PEOPLE_WIDTH / 2, y, "strong", line);
        }
        let badge = format!("{} · {}", count(people(path)), path.class);
        let class = if people(path) == 1 { "one" } else { "more" };
        let badge_y = people_top + people_height - 27;
        self.rectangle(class, MARGIN + 8, badge_y, PEOPLE_WIDTH - 16, 20);
        self.centred(MARGIN + PEOPLE_WIDTH / 2, badge_y + 14, "badge", &badge);
        let mut x = MARGIN + PEOPLE_WIDTH;
        for words in &boxes {
            let left = x + COLUMN_GAP;
            self.arrow(x, middle, left, middle);
            let box_top = top + (height - words.height()) / 2;
            self.rectangle("step", left, box_top, BOX_WIDTH, words.height());
            let mut y = box_top + PADDING + 12;
            for line in &words.lines {
                self.text(left + PADDING, y, "", line);
                y += LINE;
            }
            for line in &words.small {
                self.text(left + PADDING, y - 1, "small", line);
                y += LINE - 3;
            }
            x = left + BOX_WIDTH;
        }
        self.y = top + height;
        (x, middle)
    }

    fn rectangle(&mut self, class: &str, x: usize, y: usize, width: usize, height: usize) {
        let _ = writeln!(
            self.body,
            "<rect class=\"{class}\" x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" rx=\"7\"/>"
        );
    }

    fn text(&mut self, x: usize, y: usize, class: &str, text: &str) {
        let _ = writeln!(
            self.body,
            "<text class=\"{class}\" x=\"{x}\" y=\"{y}\">{}</text>",
            escaped(text)
        );
    }

    fn centred(&mut self, x: usize, y: usize, class: &str, text: &str) {
        let _ = writeln!(
            self.body,
            "<text class=\"{class}\" x=\"{x}\" y=\"{y}\" text-anchor=\"middle\">{}</text>",
            escaped(text)
        );
    }

    fn arrow(&mut self, from_x: usize, from_y: usize, to_x: usize, to_y: usize) {
        let stem = to_x - 7;
        let _ = writeln!(
            self.body,
            "<path d=\"M{from_x} {from_y}H{stem}\"/><path class=\"head\" d=\"M{to_x} {to_y}l-8 -4.5v9z\"/>"
        );
    }
}

/// Lines of small print. A field is one long word, which is broken before one of its dots.
fn small_lines(text: &str) -> Vec<String> {
    let mut broken = Vec::new();
    for line in lines(text, SMALL_CHARACTERS) {
        let mut rest = line.as_str();
        while rest.chars().count() > SMALL_CHARACTERS {
            let fits = rest.char_indices().take(SMALL_CHARACTERS);
            let Some((at, _)) = fits.filter(|(at, mark)| *at > 0 && *mark == '.').last() else {
                break;
            };
            let (head, tail) = rest.split_at(at);
            broken.push(head.to_owned());
            rest = tail;
        }
        broken.push(rest.to_owned());
    }
    broken
}

/// Text that may stand in a document: no marks of its own, no control characters.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in cli::text::visible(text).chars() {
        match character {
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '&' => safe.push_str("&amp;"),
            '"' => safe.push_str("&quot;"),
            other => safe.push(other),
        }
    }
    safe
}
