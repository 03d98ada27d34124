//! What attackers try at the public port, each a named test.

use std::fmt::Write as _;

use auth::credentials::totp::Seed;
use http::{Method, StatusCode};
use serde_json::json;
use wire::pb::types::RequestState;

use crate::Story;
use crate::browser::{Browser, encoded};
use crate::pages::{field, sign_in};
use crate::world::{PASSWORD, cookie};

/// Texts that would be something else than text if anybody obeyed them.
const HOSTILE: &[&str] = &[
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg/onload=alert(1)>",
    "\"><script>alert(1)</script>",
    "' autofocus onfocus=alert(1) x='",
    "</blockquote></main><form action=//evil.example>",
    "<!--",
    "]]>",
    "{{7*7}}",
    "{% raw %}",
    "${7*7}",
    "javascript:alert(1)",
    "[click](javascript:alert(1))",
    "&lt;script&gt;",
    "&#60;script&#62;",
    "\u{202e}txet desrever",
    "\u{200b}hid\u{200b}den",
    "\u{feff}",
    "line\u{2028}separator",
    "<style>*{display:none}</style>",
    "<meta http-equiv=refresh content='0;url=//evil.example'>",
    "<base href=//evil.example>",
    "<a href=//evil.example>sign in again</a>",
    "\u{fb01}le",
    "ＪａｖａＳｃｒｉｐｔ",
    "<\u{0}script>",
];

#[tokio::test]
async fn session_fixation_a_planted_session_is_not_taken_up() {
    let story = Story::begin().await;
    let attacker = story.person("mallory@example.com", &["access"]).await;
    let victim = story.person("bob@example.com", &["devops"]).await;
    let mut browser = Browser::of(&story, &attacker.cookie());
    let planted = browser.cookies["__Host-session"].clone();
    browser.cookies.insert("__Host-forms".to_owned(), "x".repeat(43));
    let signed_in = sign_in(&story, &mut browser, &victim, "").await;
    assert_eq!(signed_in.status, StatusCode::SEE_OTHER);
    assert_ne!(browser.cookies["__Host-session"], planted);
    assert_ne!(
        browser.cookies["__Host-forms"],
        "x".repeat(43),
        "the forms' secret is another one too"
    );
    assert!(browser.get("/web").await.body.contains("bob@example.com"));
    // And what was planted is over: it is nobody's any more.
    let mut other = Browser::of(&story, &format!("__Host-session={planted}"));
    assert_eq!(other.get("/web").await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn csrf_a_form_of_another_site_changes_nothing() {
    let story = Story::begin().await;
    let bob = story.person("bob@example.com", &["devops"]).await;
    let form = ("content-type", "application/x-www-form-urlencoded");
    let origin = format!("https://{}", story.address);
    let mut browser = Browser::of(&story, &bob.cookie());
    browser.get("/web").await;
    let secret = browser.cookies["__Host-forms"].clone();
    let good = encoded(&[("forms", &secret)]);
    let wrong = encoded(&[("forms", &"y".repeat(43))]);
    for (what, headers, body) in [
        (
            "another site's form",
            vec![
                form,
                ("origin", "https://evil.example"),
                ("sec-fetch-site", "cross-site"),
            ],
            &good,
        ),
        (
            "a site of the same domain",
            vec![form, ("sec-fetch-site", "same-site")],
            &good,
        ),
        ("a sandboxed frame", vec![form, ("origin", "null")], &good),
        ("plain HTTP", vec![form, ("origin", "http://localhost")], &good),
        (
            "text/plain",
            vec![("content-type", "text/plain"), ("origin", &origin)],
            &good,
        ),
        ("no kind at all", vec![("origin", &origin)], &good),
        ("a wrong secret", vec![form, ("origin", &origin)], &wrong),
        ("no secret", vec![form, ("origin", &origin)], &String::new()),
    ] {
        let answer = browser.send(Method::POST, "/web/logout", &headers, body).await;
        assert!(answer.status.is_client_error(), "{what}: {}", answer.status);
        assert!(answer.body.contains("Nothing was changed."), "{what}");
        assert_eq!(
            browser.get("/web").await.status,
            StatusCode::OK,
            "{what} signed Bob out"
        );
    }
    // A browser without our cookie cannot bring the right secret, whatever it brings.
    let mut without = Browser::of(&story, &bob.cookie());
    let answer = without
        .send(Method::POST, "/web/logout", &[form, ("origin", &origin)], &good)
        .await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn csrf_json_calls_of_another_site_are_refused() {
    let story = Story::begin().await;
    let bob = story.person("bob@example.com", &["devops"]).await;
    let body = json!({"user": bob.name, "pass": PASSWORD}).to_string();
    let json = ("content-type", "application/json");
    let mut browser = Browser::new(&story);
    for path in [
        "/webapi/mfa/login/begin",
        "/webapi/mfa/login/finish",
        "/webapi/sessions/web",
        "/webapi/sessions/web/renew",
        "/webapi/mfa/token/x/registerchallenge",
    ] {
        for headers in [
            [json, ("origin", "https://evil.example")],
            [json, ("sec-fetch-site", "cross-site")],
            [json, ("sec-fetch-site", "same-site")],
            [json, ("origin", "null")],
        ] {
            let answer = browser.send(Method::POST, path, &headers, &body).await;
            assert_eq!(
                answer.short(),
                "403 the request comes from another site",
                "{path} {headers:?}"
            );
        }
    }
    let mut signed_in = Browser::of(&story, &bob.cookie());
    let headers = [("origin", "https://evil.example")];
    let answer = signed_in
        .send(Method::DELETE, "/webapi/sessions/web", &headers, "")
        .await;
    assert_eq!(answer.short(), "403 the request comes from another site");
    assert_eq!(signed_in.get("/web").await.status, StatusCode::OK);
    // No answer ever invites another site to read it.
    assert_eq!(answer.header("access-control-allow-origin"), "");
}

#[tokio::test]
async fn login_csrf_nobody_is_signed_in_as_somebody_else_by_a_foreign_form() {
    let story = Story::begin().await;
    let attacker = story.person("mallory@example.com", &["access"]).await;
    let code = story.code(&attacker);
    let fields = [
        ("user", attacker.name.as_str()),
        ("password", PASSWORD),
        ("code", &code),
    ];
    let mut victim = Browser::new(&story);
    victim.get("/web/login").await;
    let headers = [
        ("content-type", "application/x-www-form-urlencoded"),
        ("origin", "https://evil.example"),
    ];
    let answer = victim
        .send(Method::POST, "/web/login", &headers, &encoded(&fields))
        .await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert!(!victim.cookies.contains_key("__Host-session"));
}

#[tokio::test]
async fn clickjacking_no_page_can_be_put_into_a_frame() {
    let story = Story::begin().await;
    let bob = story.person("bob@example.com", &["devops"]).await;
    story.user("carol@example.com", &["access"]).await;
    let token = story.token("carol@example.com", "invite").await;
    let mut browser = Browser::of(&story, &bob.cookie());
    for path in [
        "/web",
        "/web/requests",
        "/web/requests/nosuch",
        "/web/nothing",
        &format!("/web/invite/{token}"),
        "/web/invite/nosuch",
        "/web/static/style.css",
        "/webapi/ping",
    ] {
        let answer = browser.get(path).await;
        let policy = answer.header("content-security-policy");
        assert!(policy.contains("frame-ancestors 'none'"), "{path}: {policy}");
        assert!(policy.starts_with("default-src 'none'"), "{path}: {policy}");
        assert!(!policy.contains("unsafe"), "{path}: {policy}");
        assert!(
            matches!(answer.header("x-frame-options"), "DENY" | "SAMEORIGIN"),
            "{path}"
        );
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
    }
}

#[tokio::test]
async fn pages_are_kept_nowhere_and_tell_no_other_site_their_address() {
    let story = Story::begin().await;
    story.user("carol@example.com", &["access"]).await;
    let token = story.token("carol@example.com", "invite").await;
    let page = Browser::new(&story).get(&format!("/web/invite/{token}")).await;
    assert_eq!(page.header("cache-control"), "no-store");
    assert_eq!(page.header("referrer-policy"), "same-origin");
    assert_eq!(page.header("cross-origin-opener-policy"), "same-origin");
    for part in page.body.split(['"', '\'']) {
        assert!(
            !part.starts_with("http") && !part.starts_with("//"),
            "a page leads elsewhere: {part}"
        );
    }
    assert!(
        !page.body.contains(&token),
        "the secret of the link stands in no page"
    );
    assert!(
        !page.body.contains("<script>") && !page.body.contains("style="),
        "{}",
        page.body
    );
}

#[tokio::test]
async fn open_redirect_signing_in_leads_to_our_own_pages_alone() {
    let story = Story::begin().await;
    let bob = story.person("bob@example.com", &["devops"]).await;
    for next in [
        "//evil.example",
        "https://evil.example",
        "/\\evil.example",
        "/web//evil.example",
        "/web/../..//evil.example",
        "https://localhost@evil.example/web",
        "/web\r\nLocation: https://evil.example",
        "javascript:alert(1)",
    ] {
        let mut browser = Browser::new(&story);
        let answer = sign_in(&story, &mut browser, &bob, next).await;
        assert_eq!(
            (answer.status, answer.location()),
            (StatusCode::SEE_OTHER, "/web"),
            "{next:?}"
        );
        let path = format!("/web/login?{}", encoded(&[("next", next)]));
        assert_eq!(
            browser.get(&path).await.location(),
            "/web",
            "{next:?}, signed in already"
        );
    }
}

#[tokio::test]
async fn a_link_is_good_once_for_its_user_and_for_its_time() {
    let story = Story::begin().await;
    story.user("carol@example.com", &["access"]).await;
    let first = story.token("carol@example.com", "invite").await;
    let second = story.token("carol@example.com", "invite").await;
    let mut browser = Browser::new(&story);
    let refused = browser.get(&format!("/web/invite/{first}")).await;
    assert_eq!(
        refused.status,
        StatusCode::FORBIDDEN,
        "a newer link ends the older"
    );
    for guess in [
        "0".repeat(32),
        second.to_uppercase(),
        format!("{second}0"),
        second[1..].to_owned(),
    ] {
        let by_page = browser.get(&format!("/web/invite/{guess}")).await;
        assert_eq!(by_page.status, StatusCode::FORBIDDEN, "{guess}");
        let by_call = browser
            .get(&format!("/webapi/users/password/token/{guess}"))
            .await;
        assert_eq!(by_call.short(), "403 bad or expired token", "{guess}");
    }
    // Used: by hand, through the page, and then again from the page that is still open.
    let path = format!("/web/invite/{second}");
    let setup = browser.submit(&path, &[("step", "begin")]).await;
    let address = field(&setup.body, "secret");
    let seed = Seed::from_base32(address.split_once("secret=").expect("a secret").1).expect("a seed");
    let code = seed.code(story.now()).expect("a code");
    let fields = [
        ("step", "finish"),
        ("password", PASSWORD),
        ("repeat", PASSWORD),
        ("code", code.as_str()),
        ("secret", &address),
    ];
    assert_eq!(browser.submit(&path, &fields).await.status, StatusCode::SEE_OTHER);
    let again = browser.submit(&path, &fields).await;
    assert_eq!(again.status, StatusCode::FORBIDDEN);
    assert!(again.body.contains("This link does not work"));
    // Expired.
    story.user("dave@example.com", &["access"]).await;
    let late = story.token("dave@example.com", "invite").await;
    story.clock.advance(jiff::SignedDuration::from_hours(2));
    assert_eq!(
        browser.get(&format!("/web/invite/{late}")).await.status,
        StatusCode::FORBIDDEN
    );
}

#[tokio::test]
async fn opening_a_link_changes_nothing_however_often_it_is_opened() {
    let story = Story::begin().await;
    story.user("carol@example.com", &["access"]).await;
    let path = format!("/web/invite/{}", story.token("carol@example.com", "invite").await);
    let mut browser = Browser::new(&story);
    let setup = browser.submit(&path, &[("step", "begin")]).await;
    let address = field(&setup.body, "secret");
    // A program that previews links opens it meanwhile.
    for _ in 0..3 {
        Browser::new(&story).get(&path).await;
    }
    let seed = Seed::from_base32(address.split_once("secret=").expect("a secret").1).expect("a seed");
    let fields = [
        ("step", "finish"),
        ("password", PASSWORD),
        ("repeat", PASSWORD),
        ("code", &seed.code(story.now()).expect("a code")),
        ("secret", &address),
    ];
    assert_eq!(browser.submit(&path, &fields).await.location(), "/web?welcome");
}

#[tokio::test]
async fn asking_for_a_page_changes_nothing_whatever_it_is() {
    let story = Story::begin().await;
    let bob = story.person("bob@example.com", &["devops"]).await;
    // Somebody who may read every page: a refusal leaves its record, which is a change of its own.
    let alice = story.person("alice@example.com", &["dbreviewer", "editor"]).await;
    story.user("carol@example.com", &["access"]).await;
    let token = story.token("carol@example.com", "invite").await;
    let id = story.ask(&bob.name, &["elevated-access"], "a reason").await;
    let mut browser = Browser::of(&story, &alice.cookie());
    let before = story.last_change();
    for (method, path) in proxy::entry_points() {
        // The one that is known to make a secret when asked; nobody is led there by a page or a link.
        if method != "GET" || path == "/webapi/users/password/token/{token}" {
            continue;
        }
        // Looking for what one may ask for leaves its record, `access_request.search`.
        if path.ends_with("/resources") {
            continue;
        }
        let filled = path
            .replace("{connector}", "local")
            .replace("{token}", &token)
            .replace("{id}", &id)
            .replace("{file}", "style.css")
            .replace("{*path}", "sso")
            .replace("{name}", "access")
            .replace("{cluster}", "teleport.example.com");
        // Also with what a form would bring, and with the words of a deed.
        for more in [
            "",
            "?forms=x&step=begin",
            "?approve=true&state=APPROVED&_method=DELETE&logout",
        ] {
            browser.get(&format!("{filled}{more}")).await;
            assert_eq!(story.last_change(), before, "{filled}{more}");
        }
        browser.send(Method::HEAD, &filled, &[], "").await;
        assert_eq!(story.last_change(), before, "HEAD {filled}");
    }
    assert_eq!(
        browser.get("/web").await.status,
        StatusCode::OK,
        "and nobody was signed out"
    );
}

#[tokio::test]
async fn user_enumeration_known_and_unknown_names_read_alike_also_when_closed() {
    let story = Story::begin().await;
    story.person("bob@example.com", &["devops"]).await;
    let mut answers = Vec::new();
    for name in ["bob@example.com", "nobody@example.com"] {
        let mut browser = Browser::new(&story);
        let mut seen = Vec::new();
        for _ in 0..7 {
            let body = json!({"user": name, "pass": "wrong"});
            let answer = browser.json(Method::POST, "/webapi/mfa/login/begin", &body).await;
            let headers: Vec<String> = answer
                .headers
                .iter()
                .filter(|(header, _)| *header != "date")
                .map(|(header, value)| format!("{header}: {}", value.to_str().expect("text")))
                .collect();
            seen.push((answer.status, headers, answer.body));
            let page = browser
                .submit(
                    "/web/login",
                    &[("user", name), ("password", "wrong"), ("code", "000000")],
                )
                .await;
            let secret = browser.cookies["__Host-forms"].clone();
            seen.push((
                page.status,
                Vec::new(),
                page.body.replace(name, "NAME").replace(&secret, "SECRET"),
            ));
        }
        answers.push(seen);
    }
    assert_eq!(answers[0], answers[1]);
    // The door is closed by now for both, and the right password does not open it.
    let body = json!({"user": "bob@example.com", "pass": PASSWORD});
    let closed = Browser::new(&story)
        .json(Method::POST, "/webapi/mfa/login/begin", &body)
        .await;
    assert_eq!(closed.short(), "403 invalid credentials");
}

#[tokio::test]
async fn totp_replay_a_code_that_was_used_signs_nobody_in() {
    let story = Story::begin().await;
    let bob = story.person("bob@example.com", &["devops"]).await;
    let code = story.code(&bob);
    let fields = [
        ("user", bob.name.as_str()),
        ("password", PASSWORD),
        ("code", &code),
    ];
    assert_eq!(
        Browser::new(&story).submit("/web/login", &fields).await.status,
        StatusCode::SEE_OTHER
    );
    assert_eq!(
        Browser::new(&story).submit("/web/login", &fields).await.status,
        StatusCode::FORBIDDEN
    );
}

#[tokio::test]
async fn oversized_bodies_and_headers_are_refused() {
    let story = Story::begin().await;
    let mut browser = Browser::new(&story);
    let much = "x".repeat(70_000);
    let body = json!({"user": "bob", "pass": much});
    let answer = browser.json(Method::POST, "/webapi/mfa/login/begin", &body).await;
    assert_eq!(answer.short(), "413 the request is larger than 65536 bytes");
    let page = browser
        .submit("/web/login", &[("user", "bob"), ("password", &much)])
        .await;
    assert_eq!(page.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert!(page.body.contains("That is too much"));
    let header = browser
        .send(Method::GET, "/webapi/ping", &[("x-much", &much)], "")
        .await;
    assert_eq!(header.status, StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
    // Deep nesting must not end the process.
    let deep = "[".repeat(30_000);
    let kind = [("content-type", "application/json")];
    let answer = browser
        .send(Method::POST, "/webapi/mfa/login/begin", &kind, &deep)
        .await;
    assert_eq!(answer.short(), "400 invalid request");
}

#[tokio::test]
async fn stored_scripts_are_shown_as_text_on_every_page() {
    let story = Story::begin().await;
    let bob = story.person("bob@example.com", &["devops"]).await;
    let alice = story.person("alice@example.com", &["dbreviewer"]).await;
    let mut reader = Browser::of(&story, &alice.cookie());
    let mut pages = async |text: &str| {
        let id = story.ask(&bob.name, &["elevated-access"], text).await;
        story.review(&alice.name, &id, RequestState::Denied, text).await;
        let mut pages = Vec::new();
        for path in [
            format!("/web/requests/{id}"),
            format!("/web/requests?q={}", encoded_value(text)),
            "/web".to_owned(),
        ] {
            let page = reader.get(&path).await;
            assert_eq!(page.status, StatusCode::OK, "{path} {text:?}");
            pages.push(page.body);
        }
        pages
    };
    let plain = pages("plain").await;
    for text in HOSTILE {
        for (page, plain) in pages(text).await.iter().zip(&plain) {
            assert_harmless(page, plain, text);
        }
    }
}

fn encoded_value(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        write!(encoded, "%{byte:02X}").expect("a text takes text");
    }
    encoded
}

/// No element, attribute or hidden mark in a page comes from a text of somebody's: it has what the same page has with a
/// plain text.
fn assert_harmless(page: &str, plain: &str, text: &str) {
    for tag in [
        "<script>",
        "<img",
        "<svg/",
        "<style",
        "<base",
        "<iframe",
        "<form action=//",
    ] {
        assert!(!page.contains(tag), "{tag} from {text:?}");
    }
    for tag in ["<script", "<meta", "</main>", "<link", "<dialog"] {
        assert_eq!(
            page.matches(tag).count(),
            plain.matches(tag).count(),
            "{tag} {text:?}"
        );
    }
    assert!(!page.contains("<a href=//"), "{text:?}");
    assert!(
        !page.contains(" onerror=") && !page.contains(" onload=") || page.contains("&#60;"),
        "{text:?}"
    );
    for mark in ['\u{202e}', '\u{200b}', '\u{feff}', '\u{2028}', '\u{0}'] {
        assert!(!page.contains(mark), "{mark:?} is obeyed");
    }
}

#[tokio::test]
async fn a_page_reads_with_its_users_rights_and_no_more() {
    let story = Story::begin().await;
    let bob = story.person("bob@example.com", &["devops"]).await;
    let mallory = story.person("mallory@example.com", &["access"]).await;
    let id = story.ask(&bob.name, &["elevated-access"], "confidential").await;
    let mut browser = Browser::of(&story, &mallory.cookie());
    for path in [
        format!("/web/requests/{id}"),
        "/web/requests".to_owned(),
        "/web".to_owned(),
    ] {
        let page = browser.get(&path).await;
        assert!(
            !page.body.contains("confidential") && !page.body.contains("bob@example.com"),
            "{path}"
        );
    }
    // Whether it exists is not told either.
    let other = browser
        .get("/web/requests/01a21c75-8ee1-72a9-86b4-5e1554d0c7a6")
        .await;
    let refused = browser.get(&format!("/web/requests/{id}")).await;
    assert_eq!((refused.status, refused.body), (other.status, other.body));
}

#[tokio::test]
async fn a_lock_ends_what_a_session_can_do_at_once() {
    let story = Story::begin().await;
    let bob = story.person("bob@example.com", &["devops"]).await;
    let mut browser = Browser::of(&story, &bob.cookie());
    assert_eq!(browser.get("/web").await.status, StatusCode::OK);
    story.lock(&bob.name).await;
    for path in ["/web", "/web/requests"] {
        let refused = browser.get(path).await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN, "{path}");
        assert!(refused.body.contains("You may not see this"));
    }
}

#[tokio::test]
async fn a_session_of_another_name_is_nobodys() {
    let story = Story::begin().await;
    let bob = story.person("bob@example.com", &["devops"]).await;
    let alice = story.person("alice@example.com", &["dbreviewer"]).await;
    let mut browser = Browser::of(&story, &cookie(&alice.name, &bob.session.id));
    assert_eq!(browser.get("/web").await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn what_a_header_says_about_its_sender_is_not_believed() {
    let story = Story::begin().await;
    let bob = story.person("bob@example.com", &["devops"]).await;
    let mut browser = Browser::new(&story);
    browser.always = vec![
        ("x-forwarded-for", "203.0.113.9".to_owned()),
        ("x-real-ip", "203.0.113.9".to_owned()),
        ("forwarded", "for=203.0.113.9".to_owned()),
        ("countersign-client-address", "203.0.113.9:1".to_owned()),
        ("x-forwarded-host", "evil.example".to_owned()),
        ("x-original-url", "/webapi/user/status".to_owned()),
        ("x-http-method-override", "DELETE".to_owned()),
    ];
    let body = json!({"user": bob.name, "pass": PASSWORD, "second_factor_token": story.code(&bob)});
    let answer = browser.json(Method::POST, "/webapi/sessions/web", &body).await;
    assert_eq!(answer.status, StatusCode::OK);
    let cookie = browser.cookies["__Host-session"].clone();
    let bytes: Vec<u8> = (0..cookie.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&cookie[at..at + 2], 16).expect("hexadecimal"))
        .collect();
    let content: serde_json::Value = serde_json::from_slice(&bytes).expect("JSON");
    let session = story
        .as_proxy
        .sign_in()
        .get_web_session(wire::pb::countersign::v1::GetWebSessionRequest {
            user: bob.name.clone(),
            id: content["sid"].as_str().expect("text").to_owned(),
            bearer_token: String::new(),
        })
        .await
        .expect("a session")
        .into_inner();
    let pem = String::from_utf8(session.tls_certificate.to_vec()).expect("PEM");
    let certificate = transport::tls::certificates_from_pem(pem.as_bytes()).expect("a certificate");
    let identity = pki::Identity::from_certificate(&certificate[0]).expect("an identity");
    assert_eq!(identity.login_ip, Some([127, 0, 0, 1].into()));
}
