//! **Measures**: the goals of docs/operations/performance.md, each beside a floor of the same machine in the same minutes.
//!
//! A disk of a shared machine varies ninefold by the hour, so no absolute time is a goal: [`floors`] are reference
//! programs of a few lines that do the least the work can cost, [`goals`] run them and the subject in turn ([`rounds`]),
//! and what counts is the median of the rounds' ratios. The subject is a whole service with a port, certificates and a
//! disk ([`world`]), or the programs themselves.
//!
//! Nothing here decides whether a build is good: a goal that is missed is a line that says so, not a failing exit code.
//!
//! Start at [`run`].

mod figure;
mod floors;
mod goals;
mod machine;
mod options;
mod original;
mod progress;
mod report;
mod rounds;
mod stats;
mod table;
mod trouble;
mod world;

use access::ambient::Clock as _;
use transport::system::SystemClock;

pub use options::{Goal, Options};
pub use report::Report;
pub use table::{Colour, render};
pub use trouble::{Outcome, Trouble};

use goals::Bench;
use machine::Machine;
use progress::Progress;
use report::Section;
use rounds::Plan;
use trouble::While as _;

/// Measures what the options ask for and writes the JSON report.
///
/// What cannot be measured is a section that says why; the others are measured all the same.
pub fn run(options: &Options) -> Outcome<Report> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .to("start")?;
    std::fs::create_dir_all(&options.disk).to("make the directory to measure in")?;
    let mut machine = Machine::look(&options.disk, format!("{:.0}", SystemClock::new().now()));
    let bench = Bench {
        plan: Plan { quick: options.quick },
        disk: options.disk.clone(),
        progress: Progress::on_stderr(),
    };
    let mut sections = Vec::new();
    for goal in options.wanted() {
        let section = runtime.block_on(bench.measure(goal));
        sections.push(section.unwrap_or_else(|trouble| Section::not_measured(goal, trouble)));
    }
    bench.progress.done();
    machine.look_again();
    let report = Report {
        machine,
        quick: options.quick,
        sections,
    };
    let text = serde_json::to_string_pretty(&report.to_json()).to("write the report")?;
    if let Some(folder) = options.report.parent() {
        std::fs::create_dir_all(folder).to("make the report's directory")?;
    }
    std::fs::write(&options.report, text + "\n").to("write the report")?;
    Ok(report)
}
