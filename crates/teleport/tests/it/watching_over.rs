//! What those see who watch over a server: figures, health, the log.

use std::net::SocketAddr;

use crate::world::{World, http_get};

#[test]
fn figures_and_health_are_served_where_asked() {
    let world = World::new();
    let file = world.configuration(&["diag_addr: 127.0.0.1:0"], &[], &[]);
    let server = world.start_with(&file, &[]);
    let line = server
        .log
        .iter()
        .find(|line| line.contains("Diagnostic service is starting"))
        .expect("a line");
    let (_, address) = line.rsplit_once("listen_address:").expect("an address");
    let address: SocketAddr = address.parse().expect("an address");
    for path in ["/healthz", "/readyz"] {
        assert_eq!(
            http_get(address, path),
            (200, "{\"status\":\"ok\"}".to_owned()),
            "{path}"
        );
    }
    let (status, figures) = http_get(address, "/metrics");
    assert_eq!(status, 200);
    for name in [
        "countersign_build_info{version=\"18.0.0\",git_ref=\"countersign-",
        "countersign_auth_calls_open",
        "countersign_ready 1",
        "countersign_store_writable 1",
        "countersign_store_records",
        "countersign_connections_open_auth",
        "countersign_connections_open_web",
        "countersign_process_resident_memory_bytes",
    ] {
        assert!(figures.contains(name), "{name} in {figures}");
    }
    assert!(figures.ends_with("# EOF\n"));
    assert_eq!(http_get(address, "/").0, 404);
}

#[test]
fn a_json_log_is_one_object_a_line() {
    let world = World::new();
    let file = world.configuration(&["log: {severity: debug, format: {output: json}}"], &[], &[]);
    let server = world.start_with(&file, &[]);
    let mut log = server.log.clone();
    log.extend(server.stop().1);
    assert!(log.len() > 5);
    for line in &log {
        let read: serde_json::Value =
            serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        for key in ["timestamp", "level", "component", "caller", "message"] {
            assert!(read[key].is_string(), "{key} in {line}");
        }
    }
}

#[test]
fn the_log_says_what_tools_wait_for() {
    let world = World::new();
    let server = world.start();
    let says = |text: &str| server.log.iter().any(|line| line.contains(text));
    let auth = server.auth();
    assert!(
        says("INFO  [TELEPORT] Auth service is starting. pid:"),
        "{:?}",
        server.log
    );
    assert!(says(&format!("listen_address:{auth}")), "{:?}", server.log);
    assert!(says(&format!("is starting on {auth}")), "{:?}", server.log);
    assert!(
        says("The new service has started successfully."),
        "{:?}",
        server.log
    );
}

#[test]
fn debug_says_more() {
    let world = World::new();
    let file = world.configuration(&[], &[], &[]);
    let quiet = world.start_with(&file, &[]);
    assert!(
        !quiet.log.iter().any(|line| line.contains(" DEBUG ")),
        "{:?}",
        quiet.log
    );
    assert!(quiet.stop().0.success());
    let loud = world.start_with(&file, &["--debug"]);
    let (_, mut log, _) = loud.stop();
    log.retain(|line| line.contains(" DEBUG "));
    assert!(!log.is_empty());
}
