//! How a server ends.

use std::fs;

use crate::world::World;

#[test]
fn each_signal_that_asks_to_stop_ends_it_well() {
    for signal in ["TERM", "INT", "QUIT"] {
        let world = World::new();
        let server = world.start();
        server.signal(signal);
        let (status, log, _) = server.end();
        assert_eq!(status.code(), Some(0), "SIG{signal}: {log:?}");
        assert!(
            log.iter()
                .any(|line| line.contains(&format!("signal:SIG{signal}"))),
            "{log:?}"
        );
        assert!(
            log.last()
                .is_some_and(|line| line.contains("The server has stopped.")),
            "{log:?}"
        );
    }
}

#[test]
fn signals_that_ask_for_something_else_do_not_end_it() {
    let world = World::new();
    let mut server = world.start();
    server.signal("USR1");
    server.wait_for("How things are.");
    server.signal("USR2");
    server.wait_for("This signal has no meaning here");
    server.signal("HUP");
    server.wait_for("Reloading");
    assert!(server.stop().0.success());
}

#[test]
fn the_pid_file_lives_as_long_as_the_server() {
    let world = World::new();
    let file = world.configuration(&[], &[], &[]);
    let place = world.path("teleport.pid");
    let server = world.start_with(&file, &["--pid-file", place.to_str().expect("a path")]);
    let written = fs::read_to_string(&place).expect("a number");
    assert!(written.trim_end().parse::<u32>().is_ok(), "{written:?}");
    assert!(server.stop().0.success());
    assert!(!place.exists());
}

#[test]
fn a_log_file_is_opened_anew_after_it_was_moved_away() {
    let world = World::new();
    let (log, moved) = (world.path("teleport.log"), world.path("teleport.log.1"));
    let file = world.configuration(&[&format!("log: {{output: '{}'}}", log.display())], &[], &[]);
    let mut child = world
        .teleport(&["start", "-c", file.to_str().expect("a path")])
        .spawn()
        .expect("it runs");
    let wait = |path: &std::path::Path, text: &str| {
        for _ in 0..12_000 {
            if fs::read_to_string(path).is_ok_and(|read| read.contains(text)) {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        panic!("{} never held {text:?}", path.display());
    };
    let kill = |signal: &str| {
        let id = child.id().to_string();
        let sent = std::process::Command::new("kill")
            .args(["-s", signal, &id])
            .status()
            .expect("kill runs");
        assert!(sent.success());
    };
    wait(&log, "started successfully");
    fs::rename(&log, &moved).expect("moved");
    kill("HUP");
    wait(&log, "Reloading");
    kill("TERM");
    assert!(child.wait().expect("it ends").success());
    assert!(
        fs::read_to_string(&log)
            .expect("a log")
            .contains("The server has stopped.")
    );
}
