//! Asking and deciding in the browser, without script: every deed is a form of the page that shows it.

use http::{Method, StatusCode};

use crate::Story;
use crate::browser::{Answer, Browser};
use crate::pages::field;
use crate::world::Person;

/// Bob asks, Alice and Ivan review.
struct Cast {
    story: Story,
    bob: Person,
    alice: Person,
    ivan: Person,
}

impl Cast {
    async fn meet() -> Self {
        let story = Story::begin().await;
        Self {
            bob: story.person("bob@example.com", &["devops"]).await,
            alice: story.person("alice@example.com", &["dbreviewer"]).await,
            ivan: story.person("ivan@example.com", &["dbreviewer"]).await,
            story,
        }
    }

    fn browser(&self, person: &Person) -> Browser<'_> {
        Browser::of(&self.story, &person.cookie())
    }

    async fn asked(&self) -> String {
        self.story
            .ask(&self.bob.name, &["elevated-access"], "Incident 4711")
            .await
    }

    /// Opens the request and presses a button of its page.
    async fn decides(&self, person: &Person, id: &str, decision: &str, reason: &str) -> Answer {
        let mut browser = self.browser(person);
        let page = browser.get(&format!("/web/requests/{id}")).await;
        press(&mut browser, &page.body, id, decision, reason).await
    }
}

/// Sends the form of a page that was opened before.
async fn press(browser: &mut Browser<'_>, page: &str, id: &str, decision: &str, reason: &str) -> Answer {
    let digest = field(page, "digest");
    browser
        .submit(
            &format!("/web/requests/{id}/review"),
            &[("decision", decision), ("reason", reason), ("digest", &digest)],
        )
        .await
}

#[tokio::test]
async fn two_approvals_in_the_browser_give_bob_the_role_and_he_gives_it_back() {
    let cast = Cast::meet().await;
    let mut bob = cast.browser(&cast.bob);
    let fields = [
        ("role", "elevated-access"),
        ("reason", "Incident 4711"),
        ("hours", "1"),
        ("step", "ask"),
    ];
    let asked = bob.submit("/web/requests/new", &fields).await;
    let page = asked
        .location()
        .strip_suffix("?done=asked")
        .expect("made")
        .to_owned();
    let id = page.rsplit('/').next().expect("an id").to_owned();

    let first = cast.decides(&cast.alice, &id, "approve", "go ahead").await;
    assert_eq!(first.location(), format!("{page}?done=approved#part"));
    let alice = cast
        .browser(&cast.alice)
        .get(&format!("{page}?done=approved"))
        .await
        .body;
    assert!(alice.contains("Your approval is counted."));
    assert!(alice.contains("You have approved this. A person counts once."));

    let second = cast.decides(&cast.ivan, &id, "approve", "").await;
    assert_eq!(second.status, StatusCode::SEE_OTHER);
    let ready = bob.get(&page).await.body;
    assert!(ready.contains("Take it up in this browser"), "{ready}");
    assert!(!ready.contains("You act with"));

    let assumed = bob.submit(&format!("{page}/assume"), &[]).await;
    assert_eq!(assumed.location(), format!("{page}?done=assumed#part"));
    for path in ["/web", "/web/requests", &page] {
        let seen = bob.get(path).await.body;
        assert!(
            seen.contains("You act with") && seen.contains("Drop it"),
            "{path}"
        );
    }
    assert_eq!(
        bob.submit("/web/requests/drop", &[]).await.location(),
        "/web?dropped"
    );
    assert!(!bob.get("/web").await.body.contains("You act with"));
}

#[tokio::test]
async fn when_what_was_taken_up_ends_the_session_goes_on_without_it() {
    let cast = Cast::meet().await;
    let mut bob = cast.browser(&cast.bob);
    let fields = [
        ("role", "elevated-access"),
        ("reason", "x"),
        ("hours", "1"),
        ("step", "ask"),
    ];
    let asked = bob.submit("/web/requests/new", &fields).await;
    let page = asked.location().split('?').next().expect("a page").to_owned();
    let id = page.rsplit('/').next().expect("an id");
    for person in [&cast.alice, &cast.ivan] {
        cast.decides(person, id, "approve", "").await;
    }
    bob.submit(&format!("{page}/assume"), &[]).await;
    assert!(bob.get("/web").await.body.contains("You act with"));
    cast.story.clock.advance(jiff::SignedDuration::from_mins(61));
    let later = bob.get("/web").await;
    assert_eq!(later.status, StatusCode::OK);
    assert!(!later.body.contains("You act with"));
}

#[tokio::test]
async fn nobody_takes_up_what_is_not_approved_or_not_theirs() {
    let cast = Cast::meet().await;
    let id = cast.asked().await;
    let assume = format!("/web/requests/{id}/assume");
    let pending = cast.browser(&cast.bob).submit(&assume, &[]).await;
    assert!(pending.status.is_client_error(), "{}", pending.status);
    for person in [&cast.alice, &cast.ivan] {
        cast.decides(person, &id, "approve", "").await;
    }
    let anothers = cast.browser(&cast.alice).submit(&assume, &[]).await;
    assert!(anothers.status.is_client_error(), "{}", anothers.status);
    assert!(
        !cast
            .browser(&cast.alice)
            .get("/web")
            .await
            .body
            .contains("You act with")
    );
}

#[tokio::test]
async fn pressing_twice_counts_once_and_says_the_same() {
    let cast = Cast::meet().await;
    let id = cast.asked().await;
    let mut alice = cast.browser(&cast.alice);
    let page = alice.get(&format!("/web/requests/{id}")).await.body;
    let once = press(&mut alice, &page, &id, "approve", "").await;
    let twice = press(&mut alice, &page, &id, "approve", "").await;
    assert_eq!((twice.status, twice.location()), (once.status, once.location()));
    let seen = cast
        .browser(&cast.ivan)
        .get(&format!("/web/requests/{id}"))
        .await
        .body;
    assert!(seen.contains("2 approvals needed, 1 given: 1 missing."));
    let other = press(&mut alice, &page, &id, "deny", "changed my mind").await;
    assert_eq!(other.status, StatusCode::CONFLICT, "{}", other.body);
    assert!(other.body.contains("changed my mind"), "what was typed stays");
}

#[tokio::test]
async fn what_others_decided_meanwhile_is_told_and_what_was_typed_stays() {
    let cast = Cast::meet().await;
    let id = cast.asked().await;
    let mut alice = cast.browser(&cast.alice);
    let page = alice.get(&format!("/web/requests/{id}")).await.body;
    cast.decides(&cast.ivan, &id, "deny", "not tonight").await;
    let late = press(&mut alice, &page, &id, "approve", "looks fine to me").await;
    assert_eq!(late.status, StatusCode::CONFLICT);
    assert!(
        late.body.contains("Others have decided meanwhile."),
        "{}",
        late.body
    );
    assert!(late.body.contains("looks fine to me"));
    assert!(late.body.contains("This is decided: denied."));
}

/// A16: what is signed is what was seen.
#[tokio::test]
async fn a_vote_on_something_else_than_was_shown_is_not_counted() {
    let cast = Cast::meet().await;
    let id = cast.asked().await;
    let mut alice = cast.browser(&cast.alice);
    let page = alice.get(&format!("/web/requests/{id}")).await.body;
    let roles = crate::world::ROLES.replace("'root'", "'root', 'postgres'");
    let changed = if roles == crate::world::ROLES {
        crate::world::ROLES.replace("root", "postgres")
    } else {
        roles
    };
    cast.story.apply(&changed).await;
    let answer = press(&mut alice, &page, &id, "approve", "as I read it").await;
    assert_eq!(answer.status, StatusCode::CONFLICT, "{}", answer.body);
    assert!(answer.body.contains("has changed since you opened this page"));
    assert!(answer.body.contains("as I read it"));
    assert!(answer.body.contains("2 approvals needed, 0 given: 2 missing."));
    let again = answer.body.clone();
    let counted = press(&mut alice, &again, &id, "approve", "read again").await;
    assert_eq!(counted.status, StatusCode::SEE_OTHER);
}

/// A16: the fingerprint on the page is the one that terminal, message and record show.
#[tokio::test]
async fn the_page_shows_the_fingerprint_that_others_show() {
    let cast = Cast::meet().await;
    let id = cast.asked().await;
    let asked = wire::pb::countersign::v1::ExplainRequest {
        request_id: id.clone(),
    };
    let evidence = cast
        .story
        .admin
        .access()
        .explain(asked)
        .await
        .expect("evidence")
        .into_inner();
    let page = cast
        .browser(&cast.alice)
        .get(&format!("/web/requests/{id}"))
        .await
        .body;
    assert!(page.contains(&format!("<code>{}</code>", evidence.short_digest)));
    assert_eq!(field(&page, "digest"), evidence.short_digest);
}

/// A16: what a role opens is told to who decides, dangerous things first.
#[tokio::test]
async fn a_reviewer_sees_what_the_role_opens() {
    let cast = Cast::meet().await;
    let id = cast.asked().await;
    let page = cast
        .browser(&cast.alice)
        .get(&format!("/web/requests/{id}"))
        .await
        .body;
    let opens = page.split("What it opens").nth(1).expect("a part");
    let opens = opens.split("</section>").next().expect("its end");
    assert!(opens.contains("log in as"), "{opens}");
    assert!(opens.contains("Dangerous"), "{opens}");
    let own = cast
        .browser(&cast.bob)
        .get(&format!("/web/requests/{id}"))
        .await
        .body;
    assert!(own.contains("What it opens is shown to those who may review it."));
}

/// B03: nothing is decided by a link, by another site, or without the page's own secret.
#[tokio::test]
async fn links_and_other_sites_decide_nothing() {
    let cast = Cast::meet().await;
    let id = cast.asked().await;
    let mut alice = cast.browser(&cast.alice);
    let page = alice.get(&format!("/web/requests/{id}")).await.body;
    let digest = field(&page, "digest");
    let review = format!("/web/requests/{id}/review");
    let secret = alice.cookies["__Host-forms"].clone();
    let form = ("content-type", "application/x-www-form-urlencoded");
    let body = format!("forms={secret}&decision=approve&digest={digest}");
    let no_secret = format!("forms=&decision=approve&digest={digest}");
    let wrong = format!("forms={}&decision=approve&digest={digest}", "A".repeat(43));
    for (method, path, headers, body) in [
        (Method::GET, format!("{review}?{body}"), vec![], ""),
        (
            Method::GET,
            format!("/web/requests/{id}?decision=approve&digest={digest}"),
            vec![],
            "",
        ),
        (Method::HEAD, format!("{review}?{body}"), vec![], ""),
        (Method::PUT, review.clone(), vec![form], body.as_str()),
        (Method::DELETE, review.clone(), vec![form], body.as_str()),
        (
            Method::POST,
            review.clone(),
            vec![form, ("origin", "https://evil.example")],
            body.as_str(),
        ),
        (
            Method::POST,
            review.clone(),
            vec![form, ("origin", "null")],
            body.as_str(),
        ),
        (
            Method::POST,
            review.clone(),
            vec![form, ("sec-fetch-site", "cross-site")],
            body.as_str(),
        ),
        (
            Method::POST,
            review.clone(),
            vec![form, ("sec-fetch-site", "same-site")],
            body.as_str(),
        ),
        (
            Method::POST,
            review.clone(),
            vec![("content-type", "text/plain")],
            body.as_str(),
        ),
        (
            Method::POST,
            review.clone(),
            vec![("content-type", "application/json")],
            r#"{"decision":"approve"}"#,
        ),
        (Method::POST, review.clone(), vec![form], no_secret.as_str()),
        (Method::POST, review.clone(), vec![form], wrong.as_str()),
    ] {
        let answer = alice.send(method.clone(), &path, &headers, body).await;
        assert_ne!(
            answer.status,
            StatusCode::SEE_OTHER,
            "{method} {path} {headers:?}"
        );
        let seen = cast
            .browser(&cast.ivan)
            .get(&format!("/web/requests/{id}"))
            .await
            .body;
        assert!(
            seen.contains("2 approvals needed, 0 given: 2 missing."),
            "{method} {path} {headers:?} was counted"
        );
    }
    // The same form, as the page itself sends it, is counted: what was refused above was not refused for another reason.
    assert_eq!(
        press(&mut alice, &page, &id, "approve", "").await.status,
        StatusCode::SEE_OTHER
    );
}

#[tokio::test]
async fn who_may_not_decide_is_refused_and_told_why() {
    let cast = Cast::meet().await;
    let id = cast.asked().await;
    let seen = cast
        .browser(&cast.alice)
        .get(&format!("/web/requests/{id}"))
        .await
        .body;
    let digest = field(&seen, "digest");
    let review = format!("/web/requests/{id}/review");
    let fields = [("decision", "approve"), ("digest", digest.as_str())];
    let own = cast.browser(&cast.bob).submit(&review, &fields).await;
    assert_eq!(own.status, StatusCode::FORBIDDEN);
    assert!(own.body.contains("The cluster refused"), "{}", own.body);
    let mallory = cast.story.person("mallory@example.com", &["access"]).await;
    let stranger = cast.browser(&mallory).submit(&review, &fields).await;
    assert_eq!(stranger.status, StatusCode::NOT_FOUND);
    assert!(!stranger.body.contains("Incident 4711"));
    let nothing = cast
        .browser(&cast.alice)
        .submit(&review, &[("digest", digest.as_str()), ("reason", "thinking")])
        .await;
    assert_eq!(nothing.status, StatusCode::BAD_REQUEST);
    assert!(nothing.body.contains("Choose to approve or to deny.") && nothing.body.contains("thinking"));
}

#[tokio::test]
async fn a_review_and_a_request_are_taken_back() {
    let cast = Cast::meet().await;
    let id = cast.asked().await;
    let page = format!("/web/requests/{id}");
    cast.decides(&cast.alice, &id, "approve", "").await;
    let mut alice = cast.browser(&cast.alice);
    assert!(alice.get(&page).await.body.contains("Take your review back"));
    let back = alice.submit(&format!("{page}/take-back"), &[]).await;
    assert_eq!(back.location(), format!("{page}?done=taken-back#part"));
    assert!(
        alice.get(&page).await.body.contains(r#"value="approve""#),
        "and may review again"
    );
    let anothers = alice.submit(&format!("{page}/withdraw"), &[]).await;
    assert_eq!(anothers.status, StatusCode::FORBIDDEN);

    let mut bob = cast.browser(&cast.bob);
    assert!(bob.get(&page).await.body.contains("Withdraw the request"));
    let gone = bob.submit(&format!("{page}/withdraw"), &[]).await;
    assert_eq!(gone.location(), "/web/requests?scope=mine&done=withdrawn");
    assert!(
        bob.get(gone.location())
            .await
            .body
            .contains("Your request is withdrawn.")
    );
    assert_eq!(bob.get(&page).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn bob_sees_before_he_asks_who_will_have_to_approve() {
    let cast = Cast::meet().await;
    let mut bob = cast.browser(&cast.bob);
    let form = bob.get("/web/requests/new?role=elevated-access").await.body;
    assert!(form.contains(r#"value="elevated-access" checked"#), "{form}");
    let fields = [
        ("role", "elevated-access"),
        ("reason", "Incident 4711"),
        ("hours", "2"),
        ("reviewers", "alice@example.com, ivan@example.com"),
        ("step", "preview"),
    ];
    let preview = bob.submit("/web/requests/new", &fields).await;
    assert_eq!(preview.status, StatusCode::OK, "{}", preview.body);
    for text in [
        "elevated-access: 2 approvals",
        "2 hours",
        "Incident 4711",
        "alice@example.com, ivan@example.com",
    ] {
        assert!(preview.body.contains(text), "{text}: {}", preview.body);
    }
    let mine = bob.get("/web/requests?scope=mine").await.body;
    assert!(
        mine.contains("You have not asked for anything yet."),
        "a preview makes nothing"
    );

    for (fields, told) in [
        (
            vec![("reason", "typed"), ("step", "ask")],
            "Choose at least one role.",
        ),
        (
            vec![
                ("role", "elevated-access"),
                ("start", "yesterday"),
                ("reason", "typed"),
                ("step", "ask"),
            ],
            "Write the start as a day and a time",
        ),
        (
            vec![
                ("role", "elevated-access"),
                ("start", "2020-01-01T10:00"),
                ("reason", "typed"),
                ("step", "ask"),
            ],
            "The start has passed already.",
        ),
        (
            vec![("role", "no-such-role"), ("reason", "typed"), ("step", "ask")],
            "no-such-role",
        ),
    ] {
        let again = bob.submit("/web/requests/new", &fields).await;
        assert!(again.status.is_client_error(), "{told}");
        assert!(again.body.contains(told), "{told}: {}", again.body);
        assert!(again.body.contains(">typed</textarea>"), "what was typed stays");
    }
}

#[tokio::test]
async fn an_open_page_is_told_when_its_request_changes_and_of_no_other() {
    let cast = Cast::meet().await;
    let mine = cast.asked().await;
    let other = cast.asked().await;
    let bob = cast.browser(&cast.bob);
    let mut page = bob.events(&format!("/web/live?request={mine}")).await;
    let mut list = bob.events("/web/live").await;
    // The watch stands: everything may have changed since the page was read.
    assert_eq!(page.next().await.as_deref(), Some("changed"));
    cast.decides(&cast.alice, &other, "approve", "").await;
    cast.decides(&cast.ivan, &mine, "approve", "").await;
    assert_eq!(page.next().await.as_deref(), Some("changed"));
    assert_eq!(list.next().await.as_deref(), Some("changed"));
    let waiting = cast.browser(&cast.alice).get("/web/waiting").await;
    assert_eq!(waiting.body, "1");
    let seen = cast
        .browser(&cast.bob)
        .get(&format!("/web/requests/{mine}"))
        .await
        .body;
    assert!(seen.contains("2 approvals needed, 1 given"));
}

#[tokio::test]
async fn a_page_speaks_the_language_of_its_reader() {
    let cast = Cast::meet().await;
    let id = cast.asked().await;
    let page = format!("/web/requests/{id}");
    let mut alice = cast.browser(&cast.alice);
    alice
        .always
        .push(("accept-language", "de-DE,de;q=0.9".to_owned()));
    let german = alice.get(&page).await.body;
    assert!(german.contains(r#"<html lang="de""#) && german.contains("Wie es steht"));
    assert!(german.contains("2 Zustimmungen nötig, 0 gegeben: 2 fehlen. 1 Ablehnung beendet sie."));
    assert!(
        german.contains("Incident 4711"),
        "what people wrote stays as it is"
    );
    let fields = [
        ("theme", "dark"),
        ("language", "en"),
        ("zone", "Europe/Berlin"),
        ("keys", "on"),
    ];
    let saved = alice.submit("/web/account/preferences", &fields).await;
    assert_eq!(saved.location(), "/web/account/preferences?saved");
    let english = alice.get(&page).await.body;
    assert!(english.contains(r#"<html lang="en" data-theme="dark" data-zone="set" data-keys="on">"#));
    assert!(
        english.contains("Where it stands") && english.contains(" CET"),
        "{english}"
    );
}

#[tokio::test]
async fn an_approval_is_revoked_by_who_may_set_states() {
    let cast = Cast::meet().await;
    cast.story
        .apply(
            "kind: role\nversion: v7\nmetadata: {name: desk}\nspec:\n  allow:\n    rules:\n    - resources: [access_request]\n      \
             verbs: [list, read, update]\n",
        )
        .await;
    let chief = cast.story.person("chief@example.com", &["desk"]).await;
    let id = cast.asked().await;
    for person in [&cast.alice, &cast.ivan] {
        cast.decides(person, &id, "approve", "").await;
    }
    let page = format!("/web/requests/{id}");
    assert!(
        !cast
            .browser(&cast.alice)
            .get(&page)
            .await
            .body
            .contains("Revoke the approval")
    );
    let refused = cast
        .browser(&cast.alice)
        .submit(&format!("{page}/revoke"), &[])
        .await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    let mut browser = cast.browser(&chief);
    assert!(browser.get(&page).await.body.contains("Revoke the approval"));
    let revoked = browser
        .submit(&format!("{page}/revoke"), &[("reason", "wrong person")])
        .await;
    assert_eq!(revoked.location(), format!("{page}?done=revoked#part"));
    let seen = cast.browser(&cast.bob).get(&page).await.body;
    assert!(
        seen.contains("the approval was taken back") && seen.contains("wrong person"),
        "{seen}"
    );
}
