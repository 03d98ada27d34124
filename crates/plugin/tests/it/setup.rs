//! The start-up check: each mistake in the set-up has words of its own, and says what to do.

use mattermost_stand_in::{Fault, Rule};
use plugin::check::{check_rights, too_wide};
use plugin::desk::Desk;
use plugin::mattermost::Mattermost;
use plugin::mattermost::api::Api;
use plugin::mattermost::settings::{TokenSource, server_url};
use tokio::net::TcpListener;

use crate::chat::Chat;
use crate::teleport::Teleport;

async fn refused(mattermost: &Mattermost, recipient: &str) -> (String, String) {
    match mattermost.check_setup(&[recipient.to_owned()]).await {
        Ok(bot) => panic!("accepted: {bot:?}"),
        Err(error) => (error.message, error.hint),
    }
}

#[track_caller]
fn says(found: &(String, String), message: &str, hint: &str) {
    assert!(found.0.contains(message), "{found:?}\nexpected: {message}");
    assert!(found.1.contains(hint), "{found:?}\nexpected: {hint}");
}

#[tokio::test]
async fn each_closed_place_says_why_and_who_can_open_it() {
    let chat = Chat::start().await;
    let (team, channel) = (&chat.team_name, &chat.channel_name);
    let bot = chat.mattermost();
    bot.check_setup(&[chat.recipient()])
        .await
        .expect("the usual set-up is right");
    let other = Chat::fresh("outside");
    chat.add_channel(&other).await;
    for (recipient, message, hint) in [
        (
            format!("no-such-team/{channel}"),
            "there is no team `no-such-team`",
            "not its display name",
        ),
        (
            format!("{team}/no-such-channel"),
            "there is no channel `no-such-channel` in the team",
            "/invite @",
        ),
        (format!("{team}/{other}"), "is not in the channel", "/invite @"),
        (
            "nobody@example.com".to_owned(),
            "has the e-mail address `nobody@example.com`",
            "the address that they have in Mattermost",
        ),
        (
            "Town Square".to_owned(),
            "`Town Square` is no recipient",
            "team/channel",
        ),
    ] {
        says(&refused(&bot, &recipient).await, message, hint);
    }
    let stranger = chat.add_bot().await;
    says(
        &refused(&chat.mattermost_as(&stranger), &chat.recipient()).await,
        "is not in the team",
        "add the bot",
    );
    says(
        &refused(&chat.mattermost_as("wrong"), &chat.recipient()).await,
        "does not accept the bot's token",
        "new token",
    );
}

#[tokio::test]
async fn what_only_an_administrator_sees_is_told_apart_too() {
    let Some(chat) = Chat::with_faults().await else {
        return;
    };
    let alice = chat.person("alice").await;
    let hermit = chat.server().create_user("hermit", "hermit@example.com");
    chat.server().set_active(&hermit, false);
    says(
        &refused(&chat.mattermost(), "hermit@example.com").await,
        "is deactivated",
        "activate the account",
    );
    chat.server().create_user("loner", "loner@example.com");
    chat.server()
        .configure(|settings| settings.direct_messages_within_team = true);
    says(
        &refused(&chat.mattermost(), "loner@example.com").await,
        "does not let the bot",
        "RestrictDirectMessage",
    );
    chat.server()
        .configure(|settings| settings.show_email_address = false);
    says(
        &refused(&chat.mattermost(), &alice.email).await,
        "does not tell the bot who has",
        "ShowEmailAddress",
    );
    chat.server().archive_channel(&chat.channel);
    says(
        &refused(&chat.mattermost(), &chat.recipient()).await,
        "is archived",
        "unarchive it",
    );
}

#[tokio::test]
async fn a_server_that_is_not_there_or_not_mattermost_is_named() {
    let Some(chat) = Chat::with_faults().await else {
        return;
    };
    let at = |url: &str| {
        let url = server_url(url, true).expect("a URL");
        Mattermost::new(Api::new(&url, TokenSource::of("t"), "test").expect("a client"))
    };
    let closed = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
    let address = closed.local_addr().expect("an address");
    drop(closed);
    says(
        &refused(&at(&format!("http://{address}")), "a/b").await,
        "cannot reach http://127.0.0.1",
        "check `url`",
    );
    says(
        &refused(&at("http://no-such-host.invalid"), "a/b").await,
        "cannot reach http://no-such-host.invalid",
        "check `url`",
    );
    says(
        &refused(&at(&format!("{}/elsewhere", chat.url)), "a/b").await,
        "not as Mattermost does",
        "the address of the Mattermost server itself",
    );
    // Plain HTTP where TLS is spoken to.
    let tls = chat.url.replace("http://", "https://");
    says(
        &refused(&at(&tls), "a/b").await,
        "cannot reach https://127.0.0.1",
        "check `url`",
    );
    for (fault, message, hint) in [
        (Fault::unavailable(), "answers 503", "down, or starting"),
        (Fault::too_many("1"), "wants fewer calls", "in a moment"),
        (Fault::CutBefore, "no answer from", "leads to Mattermost"),
        (Fault::error(500, "x"), "answers 500 `x`", "log"),
        (
            Fault::Answer {
                status: 301,
                headers: vec![("location".to_owned(), "https://chat.example.com/".to_owned())],
                content_type: "text/html".to_owned(),
                body: String::new(),
            },
            "answers 301",
            "set `url` to the address it leads to",
        ),
    ] {
        chat.server().inject(Rule::always(fault));
        says(&refused(&chat.mattermost(), "a/b").await, message, hint);
        chat.server().clear_faults();
    }
}

#[tokio::test]
async fn the_token_appears_in_no_message() {
    let Some(chat) = Chat::with_faults().await else {
        return;
    };
    let token = "canary7token7canary7token7";
    let mattermost = chat.mattermost_as(token);
    for fault in [
        Fault::error(401, "api.context.session_expired.app_error"),
        Fault::CutBefore,
        Fault::unavailable(),
        Fault::CutBody,
    ] {
        chat.server().inject(Rule::always(fault));
        let (message, hint) = refused(&mattermost, "a/b").await;
        assert!(!format!("{message}{hint}").contains("canary"), "{message}");
        chat.server().clear_faults();
    }
}

#[tokio::test]
async fn missing_rights_in_the_cluster_are_named_with_the_rule_that_gives_them() {
    let role = |rules: &str| {
        format!(
            "kind: role\nversion: v7\nmetadata:\n  name: access-plugin\nspec:\n  allow:\n    rules: [{rules}]\n---\n\
             kind: user\nversion: v2\nmetadata:\n  name: access-plugin\nspec:\n  roles: [access-plugin]\n"
        )
    };
    let reading = "{resources: [access_request], verbs: [list, read]}";
    let writing = "{resources: [access_plugin_data], verbs: [update]}";
    for (rules, message, hint) in [
        (
            writing.to_owned(),
            "may not read access requests",
            "verbs: ['list', 'read']",
        ),
        (
            format!("{{resources: [access_request], verbs: [read]}}, {writing}"),
            "may not list access requests",
            "verbs: ['list', 'read']",
        ),
        (
            reading.to_owned(),
            "may not keep notes beside access requests",
            "access_plugin_data",
        ),
    ] {
        let teleport = Teleport::start_with(&role(&rules)).await;
        let desk = Desk::new(teleport.plugin().await, "mattermost");
        let error = check_rights(&desk, "access-plugin", &["access-plugin".to_owned()])
            .await
            .expect_err("a missing right");
        assert!(
            error.message.contains(message) && error.message.contains("access-plugin"),
            "{error:?}"
        );
        assert!(error.hint.contains(hint), "{error:?}");
    }
    let teleport = Teleport::start().await;
    let desk = Desk::new(teleport.plugin().await, "mattermost");
    let roles = ["access-plugin".to_owned()];
    check_rights(&desk, "access-plugin", &roles)
        .await
        .expect("the guide's role is enough");
    assert_eq!(too_wide(&desk, &roles).await, Vec::<String>::new());
    let wide = role(&format!(
        "{reading}, {writing}, {{resources: [role], verbs: ['*']}}"
    ))
    .replace(
        "  allow:\n",
        "  allow:\n    review_requests:\n      roles: ['*']\n",
    );
    teleport.apply(&wide).await;
    assert_eq!(too_wide(&desk, &roles).await.len(), 2);
}
