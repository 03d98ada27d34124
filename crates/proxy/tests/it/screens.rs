//! The pages in a real Chromium: kept fresh, walked by keyboard alone, harmless with hostile texts, fit for phones, and
//! fit for those who cannot see them.

use std::path::{Path, PathBuf};

use wire::pb::types::RequestState;

use crate::Story;
use crate::webdriver::Chromium;
use crate::world::Person;

const LONG: &str = "a-person-with-a-very-long-name-that-nobody-would-choose@subsidiary.example.com";

/// Everybody, and requests in every state.
struct Cast {
    story: Story,
    bob: Person,
    alice: Person,
    ivan: Person,
    chief: Person,
    waiting: String,
    approved: String,
    denied: String,
    long: String,
}

impl Cast {
    async fn meet() -> Self {
        let story = Story::begin().await;
        let bob = story.person("bob@example.com", &["devops"]).await;
        let alice = story.person("alice@example.com", &["dbreviewer"]).await;
        let ivan = story.person("ivan@example.com", &["dbreviewer"]).await;
        let chief = story.person("chief@example.com", &["access", "editor"]).await;
        let long_name = story.person(LONG, &["devops", "dbreviewer"]).await;
        for who in 0..12 {
            story
                .user(&format!("reviewer{who}@example.com"), &["dbreviewer"])
                .await;
        }
        let role = ["elevated-access"];
        let approved = story.ask(&bob.name, &role, "Monthly restore test").await;
        for (who, why) in [(&alice, "planned"), (&ivan, "")] {
            story
                .review(&who.name, &approved, RequestState::Approved, why)
                .await;
        }
        let denied = story.ask(&bob.name, &role, "").await;
        story
            .review(&ivan.name, &denied, RequestState::Denied, "No reason, no access")
            .await;
        let much = format!(
            "{}\n\n\u{202e}<script>alert(1)</script> \u{5e9}\u{5dc}\u{5d5}\u{5dd} https://evil.example/{}",
            "The same sentence again and again, as people paste whole logs into this field. ".repeat(12),
            "x".repeat(120)
        );
        let long = story.ask(&long_name.name, &role, &much).await;
        // What came first has waited longest.
        story.later();
        let reason = "Incident 4711: the orders database does not take writes since 22:10. I need to fail over to the \
                      standby and look at the locks.";
        let waiting = story.ask(&bob.name, &role, reason).await;
        story
            .review(
                &alice.name,
                &waiting,
                RequestState::Approved,
                "Seen on the bridge, go ahead",
            )
            .await;
        Self {
            story,
            bob,
            alice,
            ivan,
            chief,
            waiting,
            approved,
            denied,
            long,
        }
    }

    async fn chromium(&self, person: &Person) -> Chromium {
        Chromium::open(&self.story, Some(&person.cookie())).await
    }

    fn page(id: &str) -> String {
        format!("/web/requests/{id}")
    }

    /// Every page, by who sees it and what it is called.
    fn pages(&self) -> Vec<(&Person, &'static str, String)> {
        vec![
            (&self.ivan, "request-to-decide", Self::page(&self.waiting)),
            (&self.ivan, "request-long", Self::page(&self.long)),
            (&self.ivan, "inbox", "/web/requests".to_owned()),
            (&self.ivan, "start", "/web".to_owned()),
            (&self.bob, "request-approved", Self::page(&self.approved)),
            (&self.bob, "request-denied", Self::page(&self.denied)),
            (
                &self.bob,
                "ask",
                "/web/requests/new?role=elevated-access".to_owned(),
            ),
            (&self.bob, "preferences", "/web/account/preferences".to_owned()),
            (&self.bob, "not-found", "/web/requests/none".to_owned()),
            (&self.bob, "resources", "/web/resources".to_owned()),
            (&self.chief, "people", "/web/users".to_owned()),
            (&self.chief, "person", "/web/users/bob%40example.com".to_owned()),
            (&self.chief, "roles", "/web/roles".to_owned()),
            (&self.chief, "role", "/web/roles/elevated-access".to_owned()),
            (&self.chief, "locks", "/web/locks".to_owned()),
            (&self.chief, "bots", "/web/bots".to_owned()),
            (&self.chief, "tokens", "/web/tokens".to_owned()),
            (&self.chief, "settings", "/web/settings".to_owned()),
        ]
    }
}

#[tokio::test]
async fn a_request_is_decided_by_keyboard_alone_and_no_key_decides() {
    let cast = Cast::meet().await;
    let ivan = cast.chromium(&cast.ivan).await;
    ivan.go("/web/requests").await;
    let row = "document.activeElement.closest('[data-row]')";
    ivan.keys("j").await;
    ivan.until(row).await;
    // The oldest that waits comes first: the long one. The next is Bob's.
    ivan.keys("j").await;
    ivan.until(&format!(
        "{row} && document.activeElement.href.endsWith('{}')",
        cast.waiting
    ))
    .await;
    ivan.keys("\u{e007}").await;
    ivan.until("document.getElementById('approve')").await;
    ivan.keys("d").await;
    ivan.until("document.activeElement.id === 'deny'").await;
    ivan.keys("a").await;
    ivan.until("document.activeElement.id === 'approve'").await;
    let seen = cast.story.as_user(&cast.ivan.name).await;
    let asked = wire::pb::countersign::v1::ExplainRequest {
        request_id: cast.waiting.clone(),
    };
    let evidence = seen.access().explain(asked).await.expect("evidence").into_inner();
    assert_eq!(evidence.approvals, 1, "no key decides by itself");
    ivan.keys("\u{e007}").await;
    ivan.until("document.body.innerText.includes('Your approval is counted.')")
        .await;
}

#[tokio::test]
async fn an_open_page_shows_each_step_and_what_is_being_typed_stays() {
    let cast = Cast::meet().await;
    let id = cast.story.ask(&cast.bob.name, &["elevated-access"], "live").await;
    let bob = cast.chromium(&cast.bob).await;
    bob.go(&Cast::page(&id)).await;
    let ivan = cast.chromium(&cast.ivan).await;
    ivan.go(&Cast::page(&id)).await;
    ivan.script("window.same = true; document.getElementById('reason').focus()")
        .await;
    ivan.keys("half a sent").await;
    cast.story
        .review(&cast.alice.name, &id, RequestState::Approved, "go ahead")
        .await;
    let stands = "document.getElementById('stands').innerText";
    for page in [&bob, &ivan] {
        page.until(&format!("{stands}.includes('1 given')")).await;
    }
    ivan.keys("ence").await;
    ivan.until("document.getElementById('reason').value === 'half a sentence'")
        .await;
    ivan.until("document.activeElement.id === 'reason' && window.same")
        .await;
    ivan.until("document.getElementById('then-approve').innerText.includes('You are approval 2')")
        .await;
    cast.story
        .review(&cast.ivan.name, &id, RequestState::Approved, "")
        .await;
    bob.until("document.getElementById('part').innerText.includes('Take it up')")
        .await;
    bob.until("document.title.startsWith('Approved')").await;
}

/// B05 in a real browser: no text of anybody's runs, and the page could not make it run if it tried.
#[tokio::test]
async fn no_text_of_anybodys_becomes_script() {
    let cast = Cast::meet().await;
    let ivan = cast.chromium(&cast.ivan).await;
    for text in [
        "<script>window.hit=1</script>",
        "\"><img src=x onerror=window.hit=1>",
        "<svg/onload=window.hit=1>",
        "javascript:window.hit=1",
        "{{constructor.constructor('window.hit=1')()}}",
        "</textarea></blockquote><iframe srcdoc='<script>parent.hit=1</script>'>",
    ] {
        let id = cast.story.ask(&cast.bob.name, &["elevated-access"], text).await;
        ivan.go(&Cast::page(&id)).await;
        let shown = ivan
            .script("return [window.hit ?? null, document.querySelector('blockquote').innerText]")
            .await;
        assert_eq!(shown[0], serde_json::Value::Null, "{text} ran");
        assert_eq!(shown[1].as_str(), Some(text), "and it is shown as it is");
    }
    let tried = ivan
        .script(
            "try { document.body.innerHTML = '<b>x</b>'; return 'made' } catch (error) { return error.name }",
        )
        .await;
    assert_eq!(
        tried.as_str(),
        Some("TypeError"),
        "text becomes no document by accident"
    );
    let tried = ivan
        .script("const s = document.createElement('script'); try { s.text = 'window.hit = 1' } catch {} document.body.append(s); return window.hit ?? null")
        .await;
    assert_eq!(tried, serde_json::Value::Null);
}

#[tokio::test]
async fn no_page_is_wider_than_a_phone() {
    let cast = Cast::meet().await;
    let mut at: Option<(&str, Chromium)> = None;
    for (person, name, path) in cast.pages() {
        if at.as_ref().is_none_or(|(who, _)| *who != person.name) {
            at = Some((&person.name, cast.chromium(person).await));
        }
        let Some((_, browser)) = &at else { continue };
        browser.shape(360, 740, false).await;
        browser.go(&path).await;
        let wide = browser
            .script("return document.scrollingElement.scrollWidth")
            .await;
        assert!(wide.as_u64() <= Some(360), "{name}: {wide}");
    }
}

/// Nothing serious, says axe-core, on any page, light and dark.
#[tokio::test]
async fn every_page_is_usable_without_seeing_it() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/axe-core/package/axe.min.js");
    let file = std::env::var_os("AXE_CORE").map_or(file, PathBuf::from);
    let axe = std::fs::read_to_string(&file).unwrap_or_else(|error| {
        panic!(
            "{}: {error}; hint: `cargo xtask test` brings axe-core from the npm registry",
            file.display()
        )
    });
    let cast = Cast::meet().await;
    let mut at: Option<(&str, Chromium)> = None;
    let mut found = Vec::new();
    for (person, name, path) in cast.pages() {
        if at.as_ref().is_none_or(|(who, _)| *who != person.name) {
            at = Some((&person.name, cast.chromium(person).await));
        }
        let Some((_, browser)) = &at else { continue };
        for dark in [false, true] {
            browser.shape(1_280, 900, dark).await;
            browser.go(&path).await;
            browser.script(&axe).await;
            browser
                .script(
                    "window.said = null; axe.run({runOnly: ['wcag2a', 'wcag2aa', 'wcag21aa', 'wcag22aa', 'best-practice']}) \
                     .then((result) => { window.said = result.violations })",
                )
                .await;
            browser.until("window.said !== null").await;
            let said = browser
                .script(
                    "return window.said.filter((one) => ['serious', 'critical'].includes(one.impact)) \
                     .map((one) => one.id + ': ' + one.nodes.map((node) => node.html.slice(0, 160) + ' ' + node.any.map((check) => check.message).join('; ')).join(' | '))",
                )
                .await;
            for problem in said.as_array().into_iter().flatten() {
                found.push(format!("{name}{}: {problem}", if dark { " (dark)" } else { "" }));
            }
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// Pictures of every page: light, dark, phone. `cargo xtask pictures` keeps those of the main pages for the docs.
#[tokio::test]
async fn every_page_can_be_taken_a_picture_of() {
    let folder = std::env::var_os("COUNTERSIGN_PICTURES").map(PathBuf::from);
    let cast = Cast::meet().await;
    let mut at: Option<(&str, Chromium)> = None;
    for (person, name, path) in cast.pages() {
        if at.as_ref().is_none_or(|(who, _)| *who != person.name) {
            at = Some((&person.name, cast.chromium(person).await));
        }
        let Some((_, browser)) = &at else { continue };
        for (shape, width, height, dark) in [
            ("light", 1_280, 1_000, false),
            ("dark", 1_280, 1_000, true),
            ("phone", 360, 740, false),
        ] {
            browser.shape(width, height, dark).await;
            browser.go(&path).await;
            let picture = browser.picture().await;
            assert!(picture.starts_with(b"\x89PNG"), "{name}");
            if let Some(folder) = &folder {
                std::fs::create_dir_all(folder).expect("a folder");
                std::fs::write(folder.join(format!("{name}-{shape}.png")), picture).expect("written");
            }
        }
    }
}
