//! How often, and what if nobody answers: guesses are few, strangers are bounded, discovery goes on.

use auth::guard::Rates;
use http::{Method, StatusCode};
use prometheus_client::registry::Registry;
use serde_json::json;

use crate::Story;
use crate::browser::Browser;

#[tokio::test]
async fn guesses_from_one_address_are_limited_whatever_is_guessed() {
    let story = Story::with(Rates::default()).await;
    let mut browser = Browser::new(&story);
    let mut wrong = 0;
    let limited = loop {
        let body = json!({"user": format!("user{wrong}"), "pass": "x"});
        let answer = browser.json(Method::POST, "/webapi/mfa/login/begin", &body).await;
        if answer.status != StatusCode::FORBIDDEN {
            break answer;
        }
        wrong += 1;
    };
    assert_eq!(wrong, 40, "so many at once");
    assert_eq!(limited.short(), "429 rate limit exceeded, try again in 3s");
    // One bucket for all guesses, also those of pages.
    let link = browser.get("/webapi/users/password/token/0000").await;
    assert_eq!(link.short(), "429 rate limit exceeded, try again in 3s");
    let page = browser.get("/web/invite/0000").await;
    assert_eq!(
        (page.status, page.header("retry-after")),
        (StatusCode::TOO_MANY_REQUESTS, "3")
    );
    assert!(page.body.contains("Too many requests"));
    let form = browser
        .submit(
            "/web/login",
            &[("user", "x"), ("password", "x"), ("code", "000000")],
        )
        .await;
    assert_eq!(form.status, StatusCode::TOO_MANY_REQUESTS);
    assert!(form.body.contains("Too many tries from your address"));
    // What the cluster is may be asked at any time.
    assert_eq!(browser.get("/webapi/find").await.status, StatusCode::OK);
    story.clock.advance(jiff::SignedDuration::from_secs(3));
    let body = json!({"user": "x", "pass": "x"});
    let answer = browser.json(Method::POST, "/webapi/mfa/login/begin", &body).await;
    assert_eq!(answer.short(), "403 invalid credentials");
}

#[tokio::test]
async fn strangers_are_bounded_and_discovery_is_free() {
    let story = Story::begin().await;
    let mut browser = Browser::new(&story);
    let mut answered = 0;
    let limited = loop {
        let answer = browser.get("/webapi/motd").await;
        if answer.status != StatusCode::OK {
            break answer;
        }
        answered += 1;
    };
    assert_eq!(answered, 480);
    assert_eq!(limited.short(), "429 rate limit exceeded, try again in 1s");
    assert_eq!(browser.get("/web").await.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(browser.get("/webapi/find").await.status, StatusCode::OK);
    assert_eq!(browser.get("/web/static/style.css").await.status, StatusCode::OK);
    // Whoever is signed in goes on.
    let bob = story.person("bob@example.com", &["devops"]).await;
    let mut signed_in = Browser::of(&story, &bob.cookie());
    assert_eq!(signed_in.get("/web").await.status, StatusCode::OK);
}

#[tokio::test]
async fn what_happens_is_counted_by_route_and_never_by_secret() {
    let story = Story::begin().await;
    let mut registry = Registry::default();
    story.proxy.register(&mut registry);
    let mut browser = Browser::new(&story);
    browser.get("/webapi/find").await;
    browser.get("/web/invite/a-secret-token").await;
    browser.get("/webapi/a-secret-path").await;
    browser
        .send(
            Method::from_bytes(b"SECRET").expect("a method"),
            "/webapi/find",
            &[],
            "",
        )
        .await;
    let body = json!({"user": "bob", "pass": "a-secret-word"});
    browser.json(Method::POST, "/webapi/mfa/login/begin", &body).await;
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, &registry).expect("encoded");
    for line in [
        r#"proxy_requests_total{method="GET",route="/webapi/find",code="200"} 1"#,
        r#"proxy_requests_total{method="GET",route="/web/invite/{token}",code="403"} 1"#,
        r#"proxy_requests_total{method="GET",route="other",code="404"} 1"#,
        r#"proxy_requests_total{method="other",route="/webapi/find",code="405"} 1"#,
        r#"proxy_requests_total{method="POST",route="/webapi/mfa/login/begin",code="403"} 1"#,
        r#"proxy_sign_ins_total{step="begin",outcome="refused"} 1"#,
        "proxy_requests_open 0",
        "proxy_panics_total 0",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
    assert!(!text.to_lowercase().contains("secret"), "{text}");
}

#[tokio::test]
async fn while_the_auth_service_is_away_every_answer_says_so_and_nothing_hangs() {
    let story = Story::begin().await;
    let bob = story.person("bob@example.com", &["devops"]).await;
    let mut browser = Browser::of(&story, &bob.cookie());
    let found = browser.get("/webapi/find").await;
    story.cut_off().await;

    let body = json!({"user": bob.name, "pass": "x"});
    let call = browser.json(Method::POST, "/webapi/mfa/login/begin", &body).await;
    assert_eq!(
        call.short(),
        "504 the cluster's Auth Service does not answer, try again later"
    );
    for path in ["/web", "/web/requests", "/web/login", "/web/invite/0000"] {
        let page = browser.get(path).await;
        assert_eq!(page.status, StatusCode::GATEWAY_TIMEOUT, "{path}");
        assert!(page.body.contains("The cluster does not answer"), "{path}");
    }
    // A cookie is not forgotten because nobody could be asked about it.
    assert!(browser.cookies.contains_key("__Host-session"));
    // What the cluster is, is what it was.
    story.later();
    assert_eq!(browser.get("/webapi/find").await.body, found.body);
}
