//! A cluster with people and requests in it, to look at the pages: `cargo run -p proxy --example showroom -- 3080`.
//!
//! Prints a line for each page: its address, and the cookies with which it is seen. Nothing is kept.

#[allow(dead_code, reason = "shared with the tests")]
#[path = "../tests/it/world.rs"]
mod world;

use std::net::SocketAddr;
use std::sync::Arc;

use transport::system::SystemClock;
use wire::pb::types::RequestState;
use world::{PASSWORD, World, no_limits};

const LONG: &str = "a-person-with-a-very-long-name-that-nobody-would-choose@subsidiary.example.com";

#[tokio::main]
async fn main() {
    let port = std::env::args()
        .nth(1)
        .and_then(|port| port.parse().ok())
        .unwrap_or(3080);
    let listen = SocketAddr::from(([127, 0, 0, 1], port));
    let world = World::open(Arc::new(SystemClock::new()), no_limits(), listen, true).await;
    let mut cookies = Vec::new();
    for (name, roles) in [
        ("bob@example.com", &["devops"][..]),
        ("alice@example.com", &["dbreviewer"]),
        ("ivan@example.com", &["dbreviewer"]),
        (LONG, &["devops", "dbreviewer"]),
    ] {
        cookies.push((name, world.person(name, roles).await.cookie()));
    }
    for who in 0..12 {
        world
            .user(&format!("reviewer{who}@example.com"), &["dbreviewer"])
            .await;
    }
    let reason = "Incident 4711: the orders database does not take writes since 22:10. I need to fail over \
                  to the standby and look at the locks.";
    let waiting = world.ask("bob@example.com", &["elevated-access"], reason).await;
    world
        .review(
            "alice@example.com",
            &waiting,
            RequestState::Approved,
            "Seen on the bridge, go ahead",
        )
        .await;
    let approved = world
        .ask("bob@example.com", &["elevated-access"], "Monthly restore test")
        .await;
    for (who, why) in [("alice@example.com", "planned"), ("ivan@example.com", "")] {
        world.review(who, &approved, RequestState::Approved, why).await;
    }
    let denied = world.ask("bob@example.com", &["elevated-access"], "").await;
    world
        .review(
            "ivan@example.com",
            &denied,
            RequestState::Denied,
            "No reason, no access",
        )
        .await;
    let much = format!(
        "{}\n\n\u{202e}<script>alert(1)</script> \u{5e9}\u{5dc}\u{5d5}\u{5dd} https://evil.example/{}",
        "The same sentence again and again, as people paste whole logs into this field. ".repeat(12),
        "x".repeat(120)
    );
    let long = world.ask(LONG, &["elevated-access"], &much).await;
    world.user("carol@example.com", &["access"]).await;
    let token = world.token("carol@example.com", "invite").await;
    let reset = world.token(LONG, "password").await;

    let at = |path: &str| format!("https://{}{path}", world.address);
    println!("sign-in\t{}\t", at("/web/login"));
    println!("invite\t{}\t", at(&format!("/web/invite/{token}")));
    println!("reset\t{}\t", at(&format!("/web/reset/{reset}")));
    println!("no-link\t{}\t", at("/web/invite/0000"));
    println!("not-found\t{}\t", at("/web/nothing"));
    println!("elsewhere\t{}\t", at("/web/roles"));
    for (name, cookie) in &cookies {
        println!("{name}\t{}\t{cookie}", at("/web"));
    }
    for (what, id) in [
        ("waiting", waiting),
        ("approved", approved),
        ("denied", denied),
        ("long", long),
    ] {
        println!("{what}\t{}\t", at(&format!("/web/requests/{id}")));
    }
    println!("password\t{PASSWORD}\t");
    println!("ready");
    std::future::pending::<()>().await;
}
