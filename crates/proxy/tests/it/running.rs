//! Running a cluster in the browser: with the rights of who does it, and no others.

use http::StatusCode;

use crate::Story;
use crate::browser::Browser;
use crate::pages::field;

async fn chief(story: &Story) -> Browser<'_> {
    let chief = story.person("chief@example.com", &["access", "editor"]).await;
    Browser::of(story, &chief.cookie())
}

#[tokio::test]
async fn somebody_is_invited_changed_locked_and_deleted() {
    let story = Story::begin().await;
    let mut chief = chief(&story).await;
    let menu = chief.get("/web").await.body;
    assert!(menu.contains(r#"href="/web/users""#) && menu.contains(r#"href="/web/roles""#));

    let nothing = chief
        .submit("/web/users", &[("name", "carol@example.com"), ("roles", "")])
        .await;
    assert_eq!(nothing.status, StatusCode::BAD_REQUEST);
    assert!(nothing.body.contains("Write a name, and at least one role."));
    assert_eq!(
        field(&nothing.body, "name"),
        "carol@example.com",
        "what was typed stays"
    );

    let invited = chief
        .submit(
            "/web/users",
            &[("name", "carol@example.com"), ("roles", "access")],
        )
        .await;
    assert_eq!(invited.status, StatusCode::OK, "{}", invited.body);
    let link = invited.body.split("/web/invite/").nth(1).expect("a link");
    let token: String = link.chars().take_while(char::is_ascii_hexdigit).collect();
    let welcome = Browser::new(&story).get(&format!("/web/invite/{token}")).await;
    assert!(welcome.body.contains("carol@example.com"));
    let twice = chief
        .submit(
            "/web/users",
            &[("name", "carol@example.com"), ("roles", "access")],
        )
        .await;
    assert_eq!(twice.status, StatusCode::CONFLICT, "{}", twice.body);

    let page = "/web/users/carol%40example.com";
    let saved = chief
        .submit(page, &[("do", "roles"), ("roles", "access, devops")])
        .await;
    assert_eq!(saved.location(), format!("{page}?done=saved"), "{}", saved.body);
    assert_eq!(field(&chief.get(page).await.body, "roles"), "access, devops");
    let wrong = chief
        .submit(page, &[("do", "roles"), ("roles", "no-such-role")])
        .await;
    assert!(
        wrong.status.is_client_error() && wrong.body.contains("no-such-role"),
        "{}",
        wrong.body
    );
    let locked = chief
        .submit(page, &[("do", "lock"), ("message", "gone home"), ("hours", "")])
        .await;
    assert_eq!(locked.location(), format!("{page}?done=locked"));
    let locks = chief.get("/web/locks").await.body;
    assert!(locks.contains("gone home") && locks.contains("carol@example.com"));
    let name = field(&locks, "end");
    assert_eq!(
        chief.submit("/web/locks", &[("end", &name)]).await.location(),
        "/web/locks?done=ended"
    );
    assert!(chief.get("/web/locks").await.body.contains("Nothing is locked."));
    let reset = chief.submit(page, &[("do", "reset")]).await;
    assert!(reset.body.contains("/web/reset/"), "{}", reset.body);
    assert!(
        !chief.get(page).await.body.contains("/web/reset/"),
        "and is not shown again"
    );
    let deleted = chief.submit(page, &[("do", "delete")]).await;
    assert_eq!(deleted.location(), "/web/users?done=deleted");
    assert!(!chief.get("/web/users").await.body.contains("carol@example.com"));
}

#[tokio::test]
async fn a_role_is_written_with_its_mistakes_and_its_meaning_beside_it() {
    let story = Story::begin().await;
    let mut chief = chief(&story).await;
    let blank = chief.get("/web/roles/new").await;
    assert_eq!(blank.status, StatusCode::OK);
    let broken = "kind: role\nversion: v7\nmetadata:\n  name: night\nspec:\n  allow:\n    loginss: [root]\n";
    let told = chief
        .submit("/web/roles/new", &[("yaml", broken), ("step", "save")])
        .await;
    assert_eq!(told.status, StatusCode::BAD_REQUEST);
    assert!(
        told.body.contains("loginss") && told.body.contains("line 7"),
        "{}",
        told.body
    );
    let good = "kind: role\nversion: v7\nmetadata:\n  name: night\nspec:\n  allow:\n    logins: [root]\n    node_labels:\n      env: prod\n    \
                request:\n      roles: [elevated-access]\n      thresholds:\n      - approve: 3\n        deny: 1\n";
    let preview = chief
        .submit("/web/roles/new", &[("yaml", good), ("step", "preview")])
        .await;
    assert_eq!(preview.status, StatusCode::OK, "{}", preview.body);
    assert!(preview.body.contains("full control of these servers"));
    assert!(
        preview
            .body
            .contains("Its holders may ask for elevated-access, with 3 approvals.")
    );
    assert!(
        !chief.get("/web/roles").await.body.contains("/web/roles/night"),
        "a look makes nothing"
    );
    let saved = chief
        .submit("/web/roles/new", &[("yaml", good), ("step", "save")])
        .await;
    assert!(
        saved.status == StatusCode::SEE_OTHER || saved.body.contains("Saved, with warnings."),
        "{}",
        saved.body
    );
    assert!(chief.get("/web/roles").await.body.contains("/web/roles/night"));
    let page = chief.get("/web/roles/night").await.body;
    assert!(
        page.contains("name: night") && page.contains("with 3 approvals"),
        "{page}"
    );
    let deleted = chief.submit("/web/roles/night", &[("step", "delete")]).await;
    assert_eq!(deleted.location(), "/web/roles?done=deleted", "{}", deleted.body);
}

#[tokio::test]
async fn who_runs_nothing_is_offered_nothing_and_refused_everything() {
    let story = Story::begin().await;
    let bob = story.person("bob@example.com", &["devops"]).await;
    let mut browser = Browser::of(&story, &bob.cookie());
    assert!(!browser.get("/web").await.body.contains("Administration"));
    for page in [
        "/web/users",
        "/web/users/chief",
        "/web/roles",
        "/web/roles/access",
        "/web/locks",
        "/web/bots",
        "/web/tokens",
    ] {
        let refused = browser.get(page).await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN, "{page}");
        assert!(refused.body.contains("You may not see this"), "{page}");
    }
    for (page, fields) in [
        (
            "/web/users",
            vec![("name", "eve@example.com"), ("roles", "editor")],
        ),
        (
            "/web/users/bob%40example.com",
            vec![("do", "roles"), ("roles", "editor")],
        ),
        (
            "/web/locks",
            vec![("kind", "user"), ("name", "alice@example.com")],
        ),
        ("/web/roles/access", vec![("step", "delete")]),
    ] {
        let refused = browser.submit(page, &fields).await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN, "{page}: {}", refused.body);
    }
}

#[tokio::test]
async fn a_join_token_keeps_its_name_to_itself() {
    let story = Story::begin().await;
    let mut chief = chief(&story).await;
    let mut token = wire::pb::types::ProvisionTokenV2 {
        kind: "token".to_owned(),
        version: "v2".to_owned(),
        metadata: Some(wire::pb::types::Metadata {
            name: "a-secret-of-many-letters".to_owned(),
            ..Default::default()
        }),
        ..Default::default()
    };
    token.spec.get_or_insert_default().roles = vec!["Node".to_owned()];
    let asked = wire::pb::proto::UpsertTokenV2Request {
        token: Some(wire::pb::proto::upsert_token_v2_request::Token::V2(
            wire::keep::Kept::from(token),
        )),
    };
    story.admin.auth().upsert_token_v2(asked).await.expect("a token");
    let page = chief.get("/web/tokens").await.body;
    assert!(page.contains("…ters") && !page.contains("a-secret"), "{page}");
}
