//! The pages, walked as a person walks them, without script.

use auth::credentials::totp::Seed;
use http::StatusCode;
use wire::pb::types::RequestState;

use crate::Story;
use crate::browser::{Answer, Browser};
use crate::world::{PASSWORD, Person};

/// The value of a field in a page.
pub fn field(page: &str, name: &str) -> String {
    let (_, after) = page
        .split_once(&format!(r#"name="{name}" value=""#))
        .unwrap_or_else(|| panic!("no field {name} in {page}"));
    let value = after.split('"').next().expect("a value");
    value.replace("&#38;", "&").replace("&amp;", "&")
}

/// Signs in through the page.
pub async fn sign_in(story: &Story, browser: &mut Browser<'_>, person: &Person, next: &str) -> Answer {
    let code = story.code(person);
    browser
        .submit(
            "/web/login",
            &[
                ("user", &person.name),
                ("password", PASSWORD),
                ("code", &code),
                ("next", next),
            ],
        )
        .await
}

#[tokio::test]
async fn somebody_accepts_an_invitation_in_the_browser() {
    let story = Story::begin().await;
    story.user("carol@example.com", &["access"]).await;
    let path = format!("/web/invite/{}", story.token("carol@example.com", "invite").await);
    let mut browser = Browser::new(&story);

    let welcome = browser.get(&path).await;
    assert_eq!(welcome.status, StatusCode::OK);
    assert!(welcome.body.contains("carol@example.com"));
    assert!(
        !welcome.body.contains("otpauth://"),
        "nothing is made before the button is pressed"
    );

    let setup = browser.submit(&path, &[("step", "begin")]).await;
    assert_eq!(setup.status, StatusCode::OK);
    assert!(setup.body.contains("<svg class=\"qr\""));
    let address = field(&setup.body, "secret");
    let (_, secret) = address.split_once("secret=").expect("a secret");
    let groups: Vec<String> = secret
        .as_bytes()
        .chunks(4)
        .map(|four| format!("<span>{}</span>", String::from_utf8_lossy(four)))
        .collect();
    assert!(
        setup.body.contains(&groups.join(" ")),
        "the secret stands there as text too"
    );
    let seed = Seed::from_base32(secret).expect("a seed");
    let code = seed.code(story.now()).expect("a code");

    // Each mistake is told beside its field, and the secret stays.
    for (password, repeat, wrong_code, told) in [
        ("", "", "000000", "Choose a password."),
        (
            PASSWORD,
            "another password",
            "000000",
            "The two passwords are not the same.",
        ),
        (
            PASSWORD,
            PASSWORD,
            "",
            "Type the code that your authenticator app shows now.",
        ),
        (
            "short",
            "short",
            code.as_str(),
            "Password is too short, min length is 12.",
        ),
        (PASSWORD, PASSWORD, "000000", "That code is not right."),
    ] {
        let fields = [
            ("step", "finish"),
            ("password", password),
            ("repeat", repeat),
            ("code", wrong_code),
            ("secret", &address),
        ];
        let again = browser.submit(&path, &fields).await;
        assert!(again.status.is_client_error(), "{told}");
        assert!(again.body.contains(told), "{told}: {}", again.body);
        assert_eq!(field(&again.body, "secret"), address);
        assert!(!again.body.contains(PASSWORD), "a password never comes back");
    }

    // A code may be typed with a gap, as applications show it.
    let spaced = format!("{} {}", &code[..3], &code[3..]);
    let fields = [
        ("step", "finish"),
        ("password", PASSWORD),
        ("repeat", PASSWORD),
        ("code", &spaced),
        ("secret", &address),
    ];
    let done = browser.submit(&path, &fields).await;
    assert_eq!(
        (done.status, done.location()),
        (StatusCode::SEE_OTHER, "/web?welcome")
    );
    let start = browser.get("/web?welcome").await;
    assert!(start.body.contains("Your account is ready"));
    assert!(start.body.contains("carol@example.com"));

    let used = Browser::new(&story).get(&path).await;
    assert_eq!(used.status, StatusCode::FORBIDDEN);
    assert!(used.body.contains("This link does not work"));
}

#[tokio::test]
async fn after_a_reset_only_the_new_password_and_application_count() {
    let story = Story::begin().await;
    let bob = story.person("bob@example.com", &["devops"]).await;
    let mut old = Browser::of(&story, &bob.cookie());
    assert_eq!(old.get("/web").await.status, StatusCode::OK);
    let path = format!("/web/reset/{}", story.token(&bob.name, "password").await);
    assert_eq!(
        old.get("/web").await.status,
        StatusCode::SEE_OTHER,
        "the reset ended it"
    );

    let mut browser = Browser::new(&story);
    assert!(browser.get(&path).await.body.contains("Choose a new password"));
    let setup = browser.submit(&path, &[("step", "begin")]).await;
    let address = field(&setup.body, "secret");
    let seed = Seed::from_base32(address.split_once("secret=").expect("a secret").1).expect("a seed");
    let new = "quite another password";
    let fields = [
        ("step", "finish"),
        ("password", new),
        ("repeat", new),
        ("code", &seed.code(story.now()).expect("a code")),
        ("secret", &address),
    ];
    assert_eq!(browser.submit(&path, &fields).await.location(), "/web?welcome");
    let refused = sign_in(&story, &mut Browser::new(&story), &bob, "").await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn somebody_signs_in_comes_back_and_signs_out() {
    let story = Story::begin().await;
    let bob = story.person("bob@example.com", &["devops"]).await;
    let id = story.ask(&bob.name, &["elevated-access"], "a reason").await;
    let path = format!("/web/requests/{id}");
    let mut browser = Browser::new(&story);
    let sent_away = browser.get(&path).await;
    assert_eq!(sent_away.location(), format!("/web/login?next={path}"));
    let form = browser.get(sent_away.location()).await;
    assert!(form.body.contains("Sign in to see this access request."));
    let next = field(&form.body, "next");

    let wrong = [
        ("user", bob.name.as_str()),
        ("password", "wrong"),
        ("code", "000000"),
        ("next", &next),
    ];
    let refused = browser.submit("/web/login", &wrong).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    assert!(refused.body.contains("Name, password, code or key is not right."));
    assert_eq!(field(&refused.body, "next"), path, "what was typed stays");

    let signed_in = sign_in(&story, &mut browser, &bob, &next).await;
    assert_eq!(
        (signed_in.status, signed_in.location()),
        (StatusCode::SEE_OTHER, path.as_str())
    );
    assert_eq!(browser.get(&path).await.status, StatusCode::OK);
    assert_eq!(
        browser.get("/web/login?next=/web/requests").await.location(),
        "/web/requests"
    );

    let out = browser.submit("/web/logout", &[]).await;
    assert_eq!(out.location(), "/web/login?out");
    assert!(
        browser
            .get("/web/login?out")
            .await
            .body
            .contains("You are signed out.")
    );
    assert_eq!(browser.get(&path).await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn somebody_changes_the_password_in_the_browser() {
    let story = Story::begin().await;
    let bob = story.person("bob@example.com", &["devops"]).await;
    let mut browser = Browser::of(&story, &bob.cookie());
    assert!(browser.get("/web").await.body.contains("/web/account/password"));
    let path = "/web/account/password";
    assert!(browser.get(path).await.body.contains("Change your password"));
    let code = story.code(&bob);
    let new = "another long password";
    for (old, new, repeat, told) in [
        (PASSWORD, "", "", "Choose a password."),
        (
            PASSWORD,
            new,
            "something else",
            "The two passwords are not the same.",
        ),
        (
            PASSWORD,
            "short",
            "short",
            "Password is too short, min length is 12.",
        ),
        ("wrong", new, new, "The old password or the code is not right."),
    ] {
        let fields = [
            ("old", old),
            ("new", new),
            ("repeat", repeat),
            ("code", code.as_str()),
        ];
        let again = browser.submit(path, &fields).await;
        assert!(
            again.status.is_client_error() && again.body.contains(told),
            "{told}: {}",
            again.body
        );
    }
    let fields = [
        ("old", PASSWORD),
        ("new", new),
        ("repeat", new),
        ("code", code.as_str()),
    ];
    assert_eq!(
        browser.submit(path, &fields).await.location(),
        "/web/login?changed"
    );
    assert!(
        browser
            .get("/web/login?changed")
            .await
            .body
            .contains("Your password is changed.")
    );
    assert_eq!(
        browser.get(path).await.location(),
        format!("/web/login?next={path}")
    );
}

#[tokio::test]
async fn a_request_shows_what_it_is_and_what_is_missing() {
    let story = Story::begin().await;
    let bob = story.person("bob@example.com", &["devops"]).await;
    let alice = story.person("alice@example.com", &["dbreviewer"]).await;
    let ivan = story.person("ivan@example.com", &["dbreviewer"]).await;
    let mallory = story.person("mallory@example.com", &["access"]).await;
    let id = story.ask(&bob.name, &["elevated-access"], "Incident 4711").await;
    story
        .review(&alice.name, &id, RequestState::Approved, "go ahead")
        .await;
    let path = format!("/web/requests/{id}");
    let page = async |person: &Person| Browser::of(&story, &person.cookie()).get(&path).await;

    let seen = page(&ivan).await.body;
    for text in [
        "bob@example.com",
        "elevated-access",
        "Incident 4711",
        "go ahead",
        "2 approvals needed, 1 given: 1 missing. 1 denial ends it.",
        "Open to you.",
        "You are approval 2, the last one needed: bob@example.com has access at once, until",
        "It ends here: bob@example.com gets no access by this request.",
        &format!(r#"action="/web/requests/{id}/review""#),
        &format!("tsh request show {id}"),
        "tsh login --proxy=localhost:",
    ] {
        assert!(seen.contains(text), "{text}: {seen}");
    }

    let seen = page(&alice).await.body;
    assert!(
        seen.contains("You have approved this. A person counts once."),
        "{seen}"
    );
    assert!(!seen.contains("/review\""), "nobody is shown a dead button");

    let seen = page(&bob).await.body;
    assert!(seen.contains("You have asked for this; others decide."));
    assert!(
        !seen.contains("ivan@example.com"),
        "names of reviewers are for reviewers"
    );
    assert!(
        seen.contains("1 person. The name is shown to reviewers.")
            && seen.contains("Open to the role dbreviewer (1 person)."),
        "{seen}"
    );

    let refused = page(&mallory).await;
    assert_eq!(refused.status, StatusCode::NOT_FOUND);
    assert!(!refused.body.contains("Incident 4711"));

    story.review(&ivan.name, &id, RequestState::Approved, "").await;
    let seen = page(&bob).await.body;
    assert!(seen.contains(&format!("tsh login --request-id={id}")), "{seen}");
    assert!(seen.contains("2 approvals needed, 2 given."));
}

#[tokio::test]
async fn the_list_shows_what_its_reader_may_see_page_by_page() {
    let story = Story::begin().await;
    let bob = story.person("bob@example.com", &["devops"]).await;
    let alice = story.person("alice@example.com", &["dbreviewer"]).await;
    let mallory = story.person("mallory@example.com", &["access"]).await;
    for number in 0..30 {
        story.later();
        story
            .ask(&bob.name, &["elevated-access"], &format!("reason-{number:02}!"))
            .await;
    }
    let mut reader = Browser::of(&story, &alice.cookie());
    let inbox = reader.get("/web/requests").await.body;
    let (waiting, others) = inbox.split_once("All others, newest first").expect("two parts");
    assert_eq!(waiting.matches("<li data-row>").count(), 10);
    assert!(
        waiting.contains("reason-00!"),
        "what has waited longest comes first"
    );
    assert!(!others.contains("reason-00!"), "and does not stand there twice");
    let first = reader.get("/web/requests?state=pending").await.body;
    assert_eq!(first.matches("<li data-row>").count(), 25);
    assert!(
        first.contains("reason-29!") && !first.contains("reason-00!"),
        "newest first"
    );
    let (_, after) = first.split_once(r#"rel="next" href=""#).expect("a next page");
    let next = after.split('"').next().expect("an address").replace("&#38;", "&");
    assert!(next.starts_with("/web/requests?state=pending&from="), "{next}");
    let second = reader.get(&next).await.body;
    assert_eq!(second.matches("<li data-row>").count(), 5);
    assert!(second.contains("reason-00!"));

    assert_eq!(
        reader
            .get("/web/requests?scope=waiting")
            .await
            .body
            .matches("<li data-row>")
            .count(),
        25
    );
    assert_eq!(
        reader
            .get("/web/requests?scope=mine")
            .await
            .body
            .matches("<li data-row>")
            .count(),
        0
    );
    let found = reader.get("/web/requests?q=REASON-07&state=pending").await.body;
    assert_eq!(found.matches("<li data-row>").count(), 1);
    assert!(found.contains(r#"value="REASON-07""#), "what was typed stays");
    let oldest = reader.get("/web/requests?order=oldest").await.body;
    assert!(oldest.contains("reason-00!") && !oldest.contains("reason-29!"));
    let none = reader.get("/web/requests?q=nowhere").await.body;
    assert!(none.contains("Nothing fits what you search for."));
    let nothing = Browser::of(&story, &mallory.cookie())
        .get("/web/requests")
        .await
        .body;
    assert!(nothing.contains("There are no access requests that you may see."));
}

#[tokio::test]
async fn places_without_a_page_say_which_command_does_it() {
    let story = Story::begin().await;
    let mut browser = Browser::new(&story);
    let roles = browser.get("/web/sso").await;
    assert_eq!(roles.status, StatusCode::NOT_FOUND);
    assert!(roles.body.contains("tctl get connectors"));
    for path in [
        "/web/nothing",
        "/web/",
        "/web/static/nothing",
        "/web/static/..%2f..%2fCargo.toml",
    ] {
        let nothing = browser.get(path).await;
        assert_eq!(nothing.status, StatusCode::NOT_FOUND, "{path}");
        assert!(nothing.body.contains("There is nothing here"), "{path}");
    }
    assert_eq!(browser.get("/").await.location(), "/web");
    assert_eq!(browser.get("/web").await.location(), "/web/login?next=/web");
    let wrong = browser.submit("/web/requests", &[]).await;
    assert_eq!(wrong.status, StatusCode::METHOD_NOT_ALLOWED);
    assert!(wrong.body.contains("That is not possible here"));
}

#[tokio::test]
async fn style_script_and_icon_are_the_same_for_everybody() {
    let story = Story::begin().await;
    let mut browser = Browser::new(&story);
    for (file, kind) in [
        ("style.css", "text/css; charset=utf-8"),
        ("app.js", "text/javascript; charset=utf-8"),
        ("icon.svg", "image/svg+xml"),
    ] {
        let answer = browser.get(&format!("/web/static/{file}")).await;
        assert_eq!(
            (answer.status, answer.header("content-type")),
            (StatusCode::OK, kind)
        );
        assert_eq!(answer.header("set-cookie"), "");
        assert_eq!(answer.header("cache-control"), "public, max-age=300");
    }
}
