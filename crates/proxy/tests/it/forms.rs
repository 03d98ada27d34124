//! The form of every JSON answer about signing in, as it was seen.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::{Method, StatusCode};
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::Story;
use crate::browser::Browser;
use crate::world::{PASSWORD, Person};

async fn begin(browser: &mut Browser<'_>, user: &str, pass: &str) -> String {
    let body = json!({"user": user, "pass": pass, "passwordless": false});
    let answer = browser.json(Method::POST, "/webapi/mfa/login/begin", &body).await;
    if answer.status.is_success() {
        answer.body
    } else {
        answer.short()
    }
}

fn finish_body(story: &Story, user: &str, password: &str, code: &str) -> Value {
    json!({
        "user": user,
        "password": password,
        "webauthn_challenge_response": null,
        "totp_code": code,
        "ssh_pub_key": BASE64.encode(story.key().public().to_ssh_line()),
        "tls_pub_key": BASE64.encode(story.key().public().to_pem().expect("PEM")),
        "ttl": 43_200_000_000_000_u64,
        "RouteToCluster": "",
        "KubernetesCluster": "",
    })
}

async fn finish(browser: &mut Browser<'_>, body: &Value) -> crate::browser::Answer {
    browser.json(Method::POST, "/webapi/mfa/login/finish", body).await
}

#[tokio::test]
async fn begin_says_what_is_asked_for_next_and_refuses_everybody_alike() {
    let story = Story::begin().await;
    story.person("bob@example.com", &["devops"]).await;
    story.user("nopassword@example.com", &["devops"]).await;
    let mut browser = Browser::new(&story);
    assert_eq!(
        begin(&mut browser, "bob@example.com", PASSWORD).await,
        r#"{"webauthn_challenge":null,"totp_challenge":true,"sso_challenge":null}"#
    );
    for (user, pass) in [
        ("bob@example.com", "wrong"),
        ("nobody@example.com", PASSWORD),
        ("nopassword@example.com", PASSWORD),
        ("", ""),
        ("bob@example.com", ""),
        ("../../etc/passwd", "x"),
        ("bob@example.com\u{0}", PASSWORD),
    ] {
        let refused = begin(&mut browser, user, pass).await;
        assert_eq!(refused, "403 invalid credentials", "{user:?}");
    }
    let passwordless = browser
        .json(
            Method::POST,
            "/webapi/mfa/login/begin",
            &json!({"passwordless": true}),
        )
        .await
        .json();
    assert_eq!(passwordless["totp_challenge"], false);
    assert_eq!(
        passwordless["webauthn_challenge"]["publicKey"]["userVerification"],
        "required"
    );
}

#[tokio::test]
async fn finish_gives_certificates_in_the_known_form() {
    let story = Story::begin().await;
    let bob = story.person("bob@example.com", &["devops"]).await;
    let mut browser = Browser::new(&story);
    let code = story.code(&bob);
    let answer = finish(&mut browser, &finish_body(&story, &bob.name, PASSWORD, &code)).await;
    let value = answer.json();
    let keys: Vec<&String> = value.as_object().expect("an object").keys().collect();
    assert_eq!(
        keys,
        [
            "username",
            "cert",
            "tls_cert",
            "host_signers",
            "samlSingleLogoutEnabled",
            "mfa_token"
        ]
    );
    let signer: Vec<&String> = value["host_signers"][0]
        .as_object()
        .expect("an object")
        .keys()
        .collect();
    assert_eq!(signer, ["domain_name", "checking_keys", "tls_certs"]);
    let decoded = |value: &Value| {
        let bytes = BASE64.decode(value.as_str().expect("text")).expect("base64");
        String::from_utf8(bytes).expect("text")
    };
    assert!(decoded(&value["cert"]).contains("-cert-v01@openssh.com "));
    assert!(decoded(&value["tls_cert"]).starts_with("-----BEGIN CERTIFICATE-----\n"));
    assert!(decoded(&value["host_signers"][0]["tls_certs"][0]).starts_with("-----BEGIN CERTIFICATE-----\n"));
    assert_eq!(value["samlSingleLogoutEnabled"], false);
    assert_eq!(value["mfa_token"], "");
    assert!(
        !answer.headers.contains_key("set-cookie"),
        "a terminal gets no session"
    );
}

#[tokio::test]
async fn finish_refuses_in_the_known_words() {
    let story = Story::begin().await;
    let bob = story.person("bob@example.com", &["devops"]).await;
    let mut browser = Browser::new(&story);
    let code = story.code(&bob);
    let invalid = "403 invalid username, password or second factor";
    for (user, password, code) in [
        ("bob@example.com", PASSWORD, "000000"),
        ("bob@example.com", PASSWORD, ""),
        ("bob@example.com", "wrong", code.as_str()),
        ("nobody@example.com", PASSWORD, code.as_str()),
    ] {
        let refused = finish(&mut browser, &finish_body(&story, user, password, code)).await;
        assert_eq!(refused.short(), invalid, "{user} {password} {code}");
    }
    let mut body = finish_body(&story, "bob@example.com", PASSWORD, &code);
    for key in ["ssh_pub_key", "tls_pub_key"] {
        body[key] = Value::Null;
    }
    assert_eq!(
        finish(&mut browser, &body).await.short(),
        "400 'ssh_pub_key' or 'tls_pub_key' must be set"
    );
    body["pub_key"] = "*".into();
    assert_eq!(
        finish(&mut browser, &body).await.short(),
        "400 a public key is not base64"
    );
    body["pub_key"] = BASE64.encode("x").into();
    body["ssh_pub_key"] = BASE64.encode("x").into();
    assert_eq!(
        finish(&mut browser, &body).await.short(),
        "400 'pub_key' and 'ssh_pub_key' cannot both be set"
    );
    story.lock("bob@example.com").await;
    let locked = finish(
        &mut browser,
        &finish_body(&story, "bob@example.com", PASSWORD, &code),
    )
    .await;
    assert_eq!(
        locked.short(),
        r#"403 lock targeting User:"bob@example.com" is in force"#
    );
    assert_eq!(
        begin(&mut browser, "bob@example.com", PASSWORD).await,
        r#"{"webauthn_challenge":null,"totp_challenge":true,"sso_challenge":null}"#,
        "the lock shows only to whoever proves to be Bob"
    );
}

#[tokio::test]
async fn a_lifetime_is_shortened_silently_or_refused_when_it_is_meant_exactly() {
    let story = Story::begin().await;
    let bob = story.person("bob@example.com", &["devops"]).await;
    let mut browser = Browser::new(&story);
    let mut body = finish_body(&story, &bob.name, PASSWORD, &story.code(&bob));
    body["ttl"] = json!(3_603_600_000_000_000_u64);
    assert_eq!(finish(&mut browser, &body).await.status, StatusCode::OK);
    body["totp_code"] = story.code(&bob).into();
    body["ttl_is_exact"] = true.into();
    let refused = finish(&mut browser, &body).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    assert!(refused.error().contains("cannot be given"), "{}", refused.error());
}

#[tokio::test]
async fn a_link_is_shown_in_the_known_form() {
    let story = Story::begin().await;
    story.user("carol@example.com", &["access"]).await;
    let token = story.token("carol@example.com", "invite").await;
    let mut browser = Browser::new(&story);
    let path = format!("/v1/webapi/users/password/token/{token}");
    let value = browser.get(&path).await.json();
    let keys: Vec<&String> = value.as_object().expect("an object").keys().collect();
    assert_eq!(keys, ["tokenId", "user", "qrCode", "expiry"]);
    assert_eq!(value["tokenId"], token);
    assert_eq!(value["user"], "carol@example.com");
    assert_eq!(value["expiry"], "0001-01-01T00:00:00Z");
    assert_is_png(&value["qrCode"]);
    let path = format!("/v1/webapi/mfa/token/{token}/registerchallenge");
    let body = json!({"deviceType": "totp", "deviceUsage": "mfa"});
    let value = browser.json(Method::POST, &path, &body).await.json();
    let keys: Vec<&String> = value.as_object().expect("an object").keys().collect();
    assert_eq!(keys, ["webauthn", "totp"]);
    assert_eq!(value["webauthn"], Value::Null);
    assert_is_png(&value["totp"]["qrCode"]);
    let other = json!({"deviceType": "webauthn", "deviceUsage": "mfa"});
    let value = browser.json(Method::POST, &path, &other).await.json();
    let keys: Vec<&String> = value.as_object().expect("an object").keys().collect();
    assert_eq!(keys, ["webauthn", "totp"]);
    assert_eq!(value["totp"], Value::Null);
    assert_eq!(value["webauthn"]["publicKey"]["rp"]["id"], "localhost");
    let nothing = json!({"deviceType": "smoke signal", "deviceUsage": "mfa"});
    let refused = browser.json(Method::POST, &path, &nothing).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
}

fn assert_is_png(value: &Value) {
    let bytes = BASE64.decode(value.as_str().expect("text")).expect("base64");
    assert!(bytes.starts_with(b"\x89PNG\r\n\x1a\n"));
}

#[tokio::test]
async fn accepting_answers_in_the_known_form_and_signs_in() {
    let story = Story::begin().await;
    story.user("carol@example.com", &["access"]).await;
    let token = story.token("carol@example.com", "invite").await;
    let mut browser = Browser::new(&story);
    let path = format!("/v1/webapi/mfa/token/{token}/registerchallenge");
    let body = json!({"deviceType": "totp", "deviceUsage": "mfa"});
    let made = browser.json(Method::POST, &path, &body).await.json();
    let uri = made["totp"]["uri"].as_str().expect("text").to_owned();
    let (_, secret) = uri.split_once("secret=").expect("a secret");
    let seed = auth::credentials::totp::Seed::from_base32(secret).expect("a seed");
    let body = json!({
        "token": token,
        "password": BASE64.encode(PASSWORD),
        "second_factor_token": seed.code(story.now()).expect("a code"),
        "deviceName": "otp-device",
    });
    let answer = browser
        .json(Method::PUT, "/v1/webapi/users/password/token", &body)
        .await;
    assert_eq!(
        (answer.status, answer.body.as_str()),
        (StatusCode::OK, r#"{"recovery":{}}"#)
    );
    assert!(browser.cookies.contains_key("__Host-session"));
    assert_eq!(browser.get("/web").await.status, StatusCode::OK);
    let again = browser
        .json(Method::PUT, "/v1/webapi/users/password/token", &body)
        .await;
    assert_eq!(again.short(), "403 bad or expired token");
}

async fn open(story: &Story, browser: &mut Browser<'_>, person: &Person) -> Value {
    let body = json!({"user": person.name, "pass": PASSWORD, "second_factor_token": story.code(person)});
    let answer = browser.json(Method::POST, "/v1/webapi/sessions/web", &body).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    let value = answer.json();
    let bearer = value["token"].as_str().expect("a token");
    browser.always = vec![("authorization", format!("Bearer {bearer}"))];
    value
}

#[tokio::test]
async fn a_session_is_opened_renewed_and_closed_in_the_known_form() {
    let story = Story::begin().await;
    let bob = story.person("bob@example.com", &["devops"]).await;
    let mut browser = Browser::new(&story);
    let opened = open(&story, &mut browser, &bob).await;
    let keys: Vec<&String> = opened.as_object().expect("an object").keys().collect();
    assert_eq!(
        keys,
        [
            "type",
            "token",
            "expires_in",
            "sessionExpiresIn",
            "sessionExpires",
            "sessionInactiveTimeout"
        ]
    );
    assert_eq!(opened["type"], "Bearer");
    let token = opened["token"].as_str().expect("text");
    assert!(
        token.len() == 64 && token.bytes().all(|byte| byte.is_ascii_hexdigit()),
        "{token}"
    );
    assert_eq!(opened["expires_in"], 599);
    assert_eq!(opened["sessionExpiresIn"], 43_199);
    assert_eq!(opened["sessionInactiveTimeout"], 0);

    // The cookie names whose session it is, and its secret: 64 hexadecimal digits.
    let cookie = browser.cookies["__Host-session"].clone();
    let bytes: Vec<u8> = (0..cookie.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&cookie[at..at + 2], 16).expect("hexadecimal"))
        .collect();
    let content: Value = serde_json::from_slice(&bytes).expect("JSON");
    assert_eq!(content["user"], "bob@example.com");
    assert_eq!(content["sid"].as_str().map(str::len), Some(64));

    assert_eq!(
        browser.get("/v1/webapi/user/status").await.body,
        r#"{"message":"ok"}"#
    );
    let renewed = browser
        .json(Method::POST, "/v1/webapi/sessions/web/renew", &json!({}))
        .await
        .json();
    assert_ne!(renewed["token"], opened["token"]);
    assert_eq!(
        browser.get("/v1/webapi/user/status").await.short(),
        "403 need auth",
        "the token before counts no more"
    );
    let bearer = renewed["token"].as_str().expect("text");
    browser.always = vec![("authorization", format!("Bearer {bearer}"))];
    assert_eq!(browser.get("/v1/webapi/user/status").await.status, StatusCode::OK);
    // Ten minutes later the token is over, the session is not.
    story.clock.advance(SignedDuration::from_mins(11));
    assert_eq!(
        browser.get("/v1/webapi/user/status").await.short(),
        "403 need auth"
    );
    assert_eq!(browser.get("/web").await.status, StatusCode::OK);
}

#[tokio::test]
async fn signing_out_ends_the_session_for_everybody_who_knows_it() {
    let story = Story::begin().await;
    let bob = story.person("bob@example.com", &["devops"]).await;
    let mut browser = Browser::new(&story);
    open(&story, &mut browser, &bob).await;
    let mut thief = Browser::of(
        &story,
        &format!("__Host-session={}", browser.cookies["__Host-session"]),
    );
    thief.always = browser.always.clone();
    assert_eq!(thief.get("/v1/webapi/user/status").await.status, StatusCode::OK);
    let closed = browser
        .send(Method::DELETE, "/v1/webapi/sessions/web", &[], "")
        .await;
    assert_eq!(closed.body, r#"{"message":"ok"}"#);
    assert!(!browser.cookies.contains_key("__Host-session"));
    assert_eq!(thief.get("/v1/webapi/user/status").await.short(), "403 need auth");
    assert_eq!(thief.get("/web").await.location(), "/web/login?next=/web");
}

#[tokio::test]
async fn a_password_is_changed_in_the_known_form_and_ends_every_session() {
    let story = Story::begin().await;
    let bob = story.person("bob@example.com", &["devops"]).await;
    let mut elsewhere = Browser::of(&story, &bob.cookie());
    let mut browser = Browser::new(&story);
    open(&story, &mut browser, &bob).await;
    let body = |old: &str, new: &str, code: &str| {
        json!({
            "old_password": BASE64.encode(old),
            "new_password": BASE64.encode(new),
            "second_factor_token": code,
        })
    };
    let code = story.code(&bob);
    let path = "/v1/webapi/users/password";
    let new = "another long password";
    for (old, new, code, told) in [
        (
            PASSWORD,
            new,
            "000000",
            "403 invalid username, password or second factor",
        ),
        (
            "wrong",
            new,
            code.as_str(),
            "403 invalid username, password or second factor",
        ),
        (
            PASSWORD,
            "short",
            code.as_str(),
            "400 password is too short, min length is 12",
        ),
        (
            PASSWORD,
            PASSWORD,
            code.as_str(),
            "400 password is the one you have already",
        ),
    ] {
        let refused = browser.json(Method::PUT, path, &body(old, new, code)).await;
        assert_eq!(refused.short(), told);
    }
    let changed = browser.json(Method::PUT, path, &body(PASSWORD, new, &code)).await;
    assert_eq!(changed.body, r#"{"message":"ok"}"#);
    assert_eq!(elsewhere.get("/web").await.status, StatusCode::SEE_OTHER);
    assert_eq!(
        begin(&mut browser, &bob.name, PASSWORD).await,
        "403 invalid credentials"
    );
    assert!(
        begin(&mut browser, &bob.name, new)
            .await
            .contains("totp_challenge")
    );
    let stranger = Browser::new(&story)
        .json(Method::PUT, path, &body(new, PASSWORD, "000000"))
        .await;
    assert_eq!(stranger.short(), "403 missing session cookie");
}

#[tokio::test]
async fn sessions_are_refused_in_the_known_words() {
    let story = Story::begin().await;
    let bob = story.person("bob@example.com", &["devops"]).await;
    let mut browser = Browser::new(&story);
    assert_eq!(
        browser.get("/v1/webapi/user/status").await.short(),
        "403 missing session cookie"
    );
    for (user, pass, code) in [
        ("bob@example.com", PASSWORD, "000000"),
        ("bob@example.com", "wrong", "000000"),
        ("nobody@example.com", PASSWORD, "000000"),
    ] {
        let body = json!({"user": user, "pass": pass, "second_factor_token": code});
        let refused = browser.json(Method::POST, "/v1/webapi/sessions/web", &body).await;
        assert_eq!(refused.short(), "403 invalid credentials");
    }
    let mut without_bearer = Browser::of(&story, &bob.cookie());
    assert_eq!(
        without_bearer.get("/v1/webapi/user/status").await.short(),
        "403 need auth"
    );
    let mut nonsense = Browser::of(&story, "__Host-session=00");
    assert_eq!(
        nonsense.get("/v1/webapi/user/status").await.short(),
        "403 need auth"
    );
}

#[tokio::test]
async fn json_calls_read_nothing_but_json() {
    let story = Story::begin().await;
    let mut browser = Browser::new(&story);
    let body = r#"{"user":"bob@example.com","pass":"x"}"#;
    for kind in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "",
        "application/json-seq",
    ] {
        let answer = browser
            .send(
                Method::POST,
                "/webapi/mfa/login/begin",
                &[("content-type", kind)],
                body,
            )
            .await;
        assert_eq!(answer.short(), "400 invalid request", "{kind:?}");
    }
    for kind in [
        "application/json",
        "application/json; charset=utf-8",
        "Application/JSON",
    ] {
        let answer = browser
            .send(
                Method::POST,
                "/webapi/mfa/login/begin",
                &[("content-type", kind)],
                body,
            )
            .await;
        assert_eq!(answer.short(), "403 invalid credentials", "{kind:?}");
    }
    for body in ["", "{", "7", r#"{"user": 7}"#, r#"{"pass":"a secret","user":[]}"#] {
        let answer = browser
            .send(
                Method::POST,
                "/webapi/mfa/login/begin",
                &[("content-type", "application/json")],
                body,
            )
            .await;
        assert_eq!(answer.short(), "400 invalid request", "{body}");
        assert!(!answer.body.contains("a secret"));
    }
}
