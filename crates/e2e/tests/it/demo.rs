//! The demo plays to its end and leaves nothing running.

use std::process::Command;

use e2e::Outcome;

fn demo(folder: &std::path::Path) -> Outcome {
    let mut command = Command::new(env!("CARGO_BIN_EXE_demo"));
    command.args(["--once", "--folder"]).arg(folder);
    Outcome::of(&mut command, "")
}

#[test]
fn the_demo_shows_the_certificate_before_and_after() {
    let place = tempfile::tempdir().expect("a folder");
    let folder = place.path().join("demo");
    let played = demo(&folder).succeeded();
    let shown: Vec<&str> = played
        .stdout
        .lines()
        .filter_map(|line| line.trim().strip_prefix("roles "))
        .map(str::trim)
        .collect();
    assert_eq!(shown, ["devops", "devops, elevated-access"], "{played}");
    let _ = played.saying(&[
        "Bob's certificate still carries `devops` alone",
        "ERROR: the rule of this request asks for two or more approvals",
        "Request state: PENDING",
        "Request state: APPROVED",
        "Played and stopped.",
    ]);
    // Once more in the same folder: it starts afresh.
    let _ = demo(&folder).succeeded().saying(&["Played and stopped."]);
}

#[test]
fn a_folder_that_is_not_the_demos_is_left_alone() {
    let place = tempfile::tempdir().expect("a folder");
    let precious = place.path().join("precious");
    std::fs::write(&precious, "do not touch").expect("written");
    let _ = demo(place.path())
        .failed()
        .saying(&["something that is not a demo's"]);
    assert!(precious.exists());
}
