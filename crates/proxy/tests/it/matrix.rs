//! Who may do what: every entry point of the proxy by everybody who may come, held to a table that anybody can read.
//!
//! `UPDATE_MATRIX=1 cargo test -p proxy` writes the table anew; the difference is what to review.

use std::fmt::Write as _;
use std::path::Path;

use http::{Method, StatusCode};

use crate::Story;
use crate::browser::{Answer, Browser, encoded};
use crate::world::PASSWORD;

/// Everybody who may come.
const ACTORS: [&str; 7] = [
    "stranger",
    "other site",
    "signed in",
    "and bearer",
    "locked",
    "signed out",
    "as gRPC",
];

const HEAD: &str = "\
Entry points of the proxy, and what each gets: `ok`, a redirect with its place, or the refusal.
`other site` is the browser of somebody signed in, used by a page of another site; `and bearer` has the token besides
the cookie; `signed out` still has the cookie of a session that has ended. Bodies are well-formed; secrets are wrong.

";

#[tokio::test]
async fn every_entry_point_answers_everybody_as_the_table_says() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/matrix.txt");
    let mut table = String::from(HEAD);
    let _ = write!(table, "{:<52}", "");
    for actor in ACTORS {
        let _ = write!(table, "{actor:<26}");
    }
    table.truncate(table.trim_end().len());
    table.push('\n');
    for (method, path) in proxy::entry_points() {
        let _ = write!(table, "{:<52}", format!("{method} {path}"));
        for actor in ACTORS {
            // Each in a world of its own: one may sign somebody out.
            let answer = ask(method, path, actor).await;
            let _ = write!(table, "{:<26}", said(&answer));
        }
        table.truncate(table.trim_end().len());
        table.push('\n');
    }
    if std::env::var_os("UPDATE_MATRIX").is_some() {
        std::fs::write(&file, &table).expect("written");
    }
    let kept = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(
        table == kept,
        "the table says otherwise; what happens now:\n{table}"
    );
}

async fn ask(method: &str, path: &str, actor: &str) -> Answer {
    let story = Story::begin().await;
    let bob = story.person("bob@example.com", &["devops"]).await;
    let mut browser = if actor == "stranger" || actor == "as gRPC" {
        Browser::new(&story)
    } else {
        Browser::of(&story, &bob.cookie())
    };
    browser.get("/web/sso").await;
    match actor {
        "and bearer" => {
            browser
                .always
                .push(("authorization", format!("Bearer {}", bob.session.bearer_token)));
        }
        "locked" => {
            browser
                .always
                .push(("authorization", format!("Bearer {}", bob.session.bearer_token)));
            story.lock(&bob.name).await;
        }
        "signed out" => {
            let cookie = browser.cookies["__Host-session"].clone();
            browser.submit("/web/logout", &[]).await;
            browser.cookies.insert("__Host-session".to_owned(), cookie);
        }
        "other site" => {
            browser.always.push(("sec-fetch-site", "cross-site".to_owned()));
            if method != "GET" {
                browser.always.push(("origin", "https://evil.example".to_owned()));
            }
        }
        _ => {}
    }
    let filled = path
        .replace("{connector}", "local")
        .replace("{token}", "0123456789abcdef0123456789abcdef")
        .replace("{id}", "01a21c75-8ee1-72a9-86b4-5e1554d0c7a6")
        .replace("{file}", "style.css")
        .replace("{*path}", "sso")
        .replace("{name}", "access")
        .replace("{cluster}", "teleport.example.com");
    let method = Method::from_bytes(method.as_bytes()).expect("a method");
    let secret = browser.cookies.get("__Host-forms").cloned().unwrap_or_default();
    let is_page = filled.starts_with("/web/");
    let (kind, body) = if actor == "as gRPC" {
        ("application/grpc", String::new())
    } else if method == Method::GET || method == Method::DELETE {
        ("", String::new())
    } else if is_page {
        let fields = [
            ("forms", secret.as_str()),
            ("user", "bob@example.com"),
            ("password", "wrong"),
        ];
        ("application/x-www-form-urlencoded", encoded(&fields))
    } else {
        let body = serde_json::json!({
            "user": "bob@example.com",
            "pass": PASSWORD,
            "password": "d3Jvbmc=",
            "token": "0123456789abcdef0123456789abcdef",
            "second_factor_token": "000000",
            "totp_code": "000000",
            "deviceType": "totp",
            "ssh_pub_key": "c3NoLWVkMjU1MTkgQUFBQUMzTnphQzFsWkRJMU5URTVBQUFBSUlqN0xmYTBWVEVpV0pwMWJ6NmJ5ODBkZHJYVFRwWHlOVmhhbnlOMmhCUGY=",
        });
        ("application/json", body.to_string())
    };
    let headers: &[(&str, &str)] = if kind.is_empty() {
        &[]
    } else {
        &[("content-type", kind)]
    };
    browser.send(method, &filled, headers, &body).await
}

fn said(answer: &Answer) -> String {
    match answer.status {
        StatusCode::OK => "ok".to_owned(),
        StatusCode::SEE_OTHER => answer
            .location()
            .split("?next")
            .next()
            .expect("a place")
            .chars()
            .take(25)
            .collect(),
        status => {
            let text = if answer.header("content-type") == "application/json" {
                answer.error()
            } else {
                let title = answer
                    .body
                    .split("<h1>")
                    .nth(1)
                    .and_then(|after| after.split("</h1>").next());
                title.unwrap_or_default().to_owned()
            };
            let short: String = text.chars().take(20).collect();
            format!("{} {}", status.as_u16(), short.trim_end())
                .trim_end()
                .to_owned()
        }
    }
}
