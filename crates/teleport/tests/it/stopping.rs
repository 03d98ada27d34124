//! How a server ends.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::process::{Command, Stdio};

use wire::pb::types::WatchKind;

use crate::world::{World, ping};

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
        .stdout(Stdio::null())
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
        let sent = Command::new("kill")
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

#[tokio::test(flavor = "multi_thread")]
async fn who_watches_is_told_that_it_ends() {
    let world = World::new();
    let server = world.start();
    let (cluster, _) = ping(&world, server.web()).await;
    let kinds = vec![WatchKind {
        kind: "role".to_owned(),
        ..WatchKind::default()
    }];
    let asked = wire::pb::proto::Watch {
        kinds,
        ..Default::default()
    };
    let mut stream = cluster
        .auth()
        .watch_events(asked)
        .await
        .expect("a stream")
        .into_inner();
    stream.message().await.expect("the first message").expect("one");
    server.signal("TERM");
    let end = stream.message().await.expect_err("the end");
    assert_eq!(
        (end.code(), end.message()),
        (tonic::Code::Unavailable, "the server is stopping")
    );
    let (status, log, _) = server.end();
    assert!(status.success());
    assert!(!log.iter().any(|line| line.contains("were cut")), "{log:?}");
}

#[test]
fn who_never_said_anything_is_not_waited_for() {
    let world = World::new();
    let server = world.start();
    let silent =
        [server.auth(), server.web()].map(|address| TcpStream::connect(address).expect("a connection"));
    // What came later than these two is answered, so they are inside.
    let names = crate::starting::names_shown(server.web(), None);
    assert!(names.contains("DNS:demo"), "{names}");
    let (status, log, _) = server.stop();
    assert!(status.success());
    assert!(!log.iter().any(|line| line.contains("were cut")), "{log:?}");
    drop(silent);
}

#[test]
fn a_second_signal_cuts_those_who_do_not_finish() {
    let world = World::new();
    let mut server = world.start();
    let mut client = Command::new("openssl")
        .args(["s_client", "-quiet", "-connect", &server.web().to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("openssl runs");
    let mut typing = client.stdin.take().expect("piped");
    let request = "POST /webapi/mfa/login/begin HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
                   Content-Length: 100\r\nExpect: 100-continue\r\n\r\n";
    typing.write_all(request.as_bytes()).expect("sent");
    let mut answer = String::new();
    let mut answers = BufReader::new(client.stdout.take().expect("piped"));
    answers.read_line(&mut answer).expect("an answer");
    assert!(answer.contains("100 Continue"), "{answer}");
    // The body never comes.
    server.signal("TERM");
    server.wait_for("stopping: finishing what has begun");
    server.signal("INT");
    server.wait_for("stopping at once");
    let (status, log, _) = server.end();
    assert!(status.success());
    assert!(log.iter().any(|line| line.contains("were cut")), "{log:?}");
    client.kill().expect("it is there");
    client.wait().expect("it ends");
}
