//! What is logged, and that no secret is among it.

use std::io;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use auth::credentials::totp::Seed;
use http::Method;
use serde_json::json;

use crate::Story;
use crate::browser::Browser;
use crate::pages::field;

/// Everything the process has logged.
#[derive(Clone, Default)]
struct Journal(Arc<Mutex<Vec<u8>>>);

impl io::Write for Journal {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn journal() -> Journal {
    static JOURNAL: OnceLock<Journal> = OnceLock::new();
    JOURNAL
        .get_or_init(|| {
            let journal = Journal::default();
            let writer = journal.clone();
            tracing_subscriber::fmt()
                .with_max_level(tracing_subscriber::filter::LevelFilter::DEBUG)
                .with_writer(move || writer.clone())
                .init();
            journal
        })
        .clone()
}

#[tokio::test]
async fn no_secret_reaches_the_log() {
    let journal = journal();
    let story = Story::begin().await;
    story.user("carol@example.com", &["access"]).await;
    let token = story.token("carol@example.com", "invite").await;
    let path = format!("/web/invite/{token}");
    let mut browser = Browser::new(&story);
    browser.get(&path).await;
    let setup = browser.submit(&path, &[("step", "begin")]).await;
    let address = field(&setup.body, "secret");
    let secret = address.split_once("secret=").expect("a secret").1;
    let seed = Seed::from_base32(secret).expect("a seed");
    let (password, mistyped) = (
        "canary password in the form",
        "canary password in the wrong place",
    );
    let fields = [
        ("step", "finish"),
        ("password", password),
        ("repeat", password),
        ("code", &seed.code(story.now()).expect("a code")),
        ("secret", &address),
    ];
    assert_eq!(browser.submit(&path, &fields).await.location(), "/web?welcome");
    let first = browser.cookies["__Host-session"].clone();
    browser.get("/web").await;
    browser.submit("/web/logout", &[]).await;
    // People type passwords where names belong.
    let wrong = [("user", mistyped), ("password", mistyped), ("code", "000000")];
    browser.submit("/web/login", &wrong).await;
    story.later();
    let body = json!({
        "user": "carol@example.com",
        "pass": password,
        "second_factor_token": seed.code(story.now()).expect("a code"),
    });
    let opened = browser
        .json(Method::POST, "/webapi/sessions/web", &body)
        .await
        .json();
    let bearer = opened["token"].as_str().expect("a token").to_owned();
    browser
        .get(&format!("/webapi/users/password/token/{token}"))
        .await;
    browser
        .json(
            Method::POST,
            "/webapi/mfa/login/begin",
            &json!({"user": mistyped, "pass": mistyped}),
        )
        .await;

    let logged = journal.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let logged = String::from_utf8_lossy(&logged);
    assert!(logged.contains("/web/invite/{token}"), "something is logged");
    let forms = browser.cookies["__Host-forms"].clone();
    for (what, secret) in [
        ("the link", token.as_str()),
        ("the secret of the application", secret),
        ("the password", password),
        ("the mistyped name", mistyped),
        ("the session", &first),
        ("the bearer token", &bearer),
        ("the forms' secret", &forms),
    ] {
        assert!(!logged.contains(secret), "{what} is in the log");
    }
}
