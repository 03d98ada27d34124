//! `cargo xtask demo`: the guide on this machine, played with the real programs, then left running.

mod narrator;
mod story;

use std::os::unix::fs::DirBuilderExt as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use e2e::Programs;

use crate::narrator::Narrator;

/// Plays the two-approvals story and leaves the cluster running until Ctrl-C.
#[derive(Parser)]
#[command(name = "demo")]
struct Arguments {
    /// Play the story and stop.
    #[arg(long)]
    once: bool,
    /// Where the cluster lives. What an earlier demo left there is removed.
    #[arg(long, default_value = "target/demo")]
    folder: PathBuf,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match play(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => cli::Failure::new(problem).report(),
    }
}

fn play(arguments: &Arguments) -> Result<(), String> {
    let programs = Programs::beside_this_one()?;
    let folder = prepare(&arguments.folder)?;
    let narrator = Narrator::on_stdout();
    let mut stage = story::play(&programs, &folder, &narrator);
    if arguments.once {
        stage.stop();
        narrator.say("Played and stopped.");
        return Ok(());
    }
    stage.show_the_way(&narrator);
    wait_for_the_end()?;
    narrator.say("\nStopping …");
    stage.stop();
    narrator.say("Stopped. The folder stays for you to look at; the next demo starts afresh.");
    Ok(())
}

/// An empty folder. Only one that an earlier demo has made is emptied.
fn prepare(folder: &PathBuf) -> Result<PathBuf, String> {
    const MARK: &str = ".countersign-demo";
    let failed = |error: std::io::Error| format!("cannot use {}: {error}", folder.display());
    if folder.exists() {
        let empty = folder.read_dir().map_err(failed)?.next().is_none();
        if !empty && !folder.join(MARK).exists() {
            return Err(format!(
                "{} holds something that is not a demo's; name another folder with `--folder`",
                folder.display()
            ));
        }
        std::fs::remove_dir_all(folder).map_err(failed)?;
    }
    // The keys of a whole cluster come to lie here.
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(failed)?;
    std::fs::write(folder.join(MARK), "").map_err(failed)?;
    folder.canonicalize().map_err(failed)
}

/// Returns when somebody presses Ctrl-C or asks the process to end.
fn wait_for_the_end() -> Result<(), String> {
    use tokio::signal::unix::{SignalKind, signal};
    let failed = |error: std::io::Error| format!("cannot wait for Ctrl-C: {error}");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(failed)?;
    runtime.block_on(async {
        let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
        let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        Ok(())
    })
}
