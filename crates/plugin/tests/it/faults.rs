//! The chat misbehaves: nothing is lost, and nothing is told twice.

use std::time::Duration;

use mattermost_stand_in::{Fault, RateLimit, Rule};

use crate::chat::Chat;
use crate::teleport::{Teleport, Wanted, approve, ask};
use crate::world::run;

/// Every way in which a post can go wrong, and whether the server has it all the same.
fn faults() -> Vec<(&'static str, Fault)> {
    vec![
        ("a busy server that names a time", Fault::too_many("1")),
        ("a busy server that names none", Fault::too_many("")),
        (
            "a busy server that names a date",
            Fault::too_many("Wed, 21 Oct 2026 07:28:00 GMT"),
        ),
        ("a proxy before a server that is down", Fault::unavailable()),
        ("500", Fault::error(500, "app.post.save.app_error")),
        ("502", Fault::error(502, "x")),
        ("504", Fault::error(504, "x")),
        (
            "another call with the same key is in work",
            Fault::error(500, "api.post.deduplicate_create_post.pending"),
        ),
        (
            "a refusal that passes",
            Fault::error(403, "api.context.permissions.app_error"),
        ),
        (
            "a token that is refused for a moment",
            Fault::error(401, "api.context.session_expired.app_error"),
        ),
        (
            "something that is no Mattermost",
            Fault::Answer {
                status: 200,
                headers: Vec::new(),
                content_type: "text/html".to_owned(),
                body: "<html>please sign in to the network</html>".to_owned(),
            },
        ),
        (
            "another post in the answer",
            Fault::Answer {
                status: 201,
                headers: Vec::new(),
                content_type: "application/json".to_owned(),
                body: format!(
                    "{{\"id\":\"{}\",\"channel_id\":\"elsewhere\",\"root_id\":\"\"}}",
                    "a".repeat(26)
                ),
            },
        ),
        (
            "a redirect",
            Fault::Answer {
                status: 302,
                headers: vec![("location".to_owned(), "http://127.0.0.1:9/".to_owned())],
                content_type: "text/plain".to_owned(),
                body: String::new(),
            },
        ),
        ("a connection cut before", Fault::CutBefore),
        ("a connection cut after", Fault::CutAfter),
        ("an answer cut in the middle", Fault::CutBody),
        ("an answer that never ends", Fault::EndlessBody),
    ]
}

#[tokio::test]
async fn whatever_goes_wrong_with_a_post_there_is_one_in_the_end() {
    let Some(chat) = Chat::with_faults().await else {
        return;
    };
    let teleport = Teleport::start().await;
    let people = teleport.people().await;
    let _plugin = run(&teleport, &chat).await;
    let first = ask(&people.bob, Wanted::default()).await;
    chat.until_says(&first, "PENDING").await;
    let mut ids = Vec::new();
    for (what, fault) in faults() {
        // The server has forgotten the key when the plugin comes again.
        for forgets in [false, true] {
            chat.server()
                .inject(Rule::times(2, fault.clone()).on("POST", "/posts"));
            let id = ask(&people.bob, Wanted::default()).await;
            if forgets {
                let seen = || {
                    chat.server()
                        .calls()
                        .iter()
                        .any(|call| call.path == "/posts" && call.body.contains(&id))
                };
                chat.server().until(|_| seen()).await;
                chat.server().forget_pending_posts();
            }
            chat.until(&id, what, |posts| posts.len() == 1).await;
            let noted = async {
                while !teleport.notes(&id).await.contains_key("messages") {
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
            };
            tokio::time::timeout(Duration::from_secs(60), noted)
                .await
                .expect(what);
            chat.server().clear_faults();
            ids.push((what, id));
        }
    }
    for (what, id) in &ids {
        assert_eq!(chat.about(id).await.len(), 1, "{what}");
    }
}

#[tokio::test]
async fn whatever_goes_wrong_with_votes_and_ends_they_are_told_once() {
    let Some(chat) = Chat::with_faults().await else {
        return;
    };
    let teleport = Teleport::start().await;
    let people = teleport.people().await;
    let _plugin = run(&teleport, &chat).await;
    for (what, fault) in faults() {
        let id = ask(&people.bob, Wanted::default()).await;
        chat.until_says(&id, "PENDING").await;
        chat.server()
            .inject(Rule::times(1, fault.clone()).on("POST", "/posts"));
        approve(&people.alice, &id, "one").await;
        let post = chat.until_says(&id, "1 of 2").await;
        chat.server().clear_faults();
        chat.server().forget_pending_posts();
        chat.server()
            .inject(Rule::times(1, fault.clone()).on("PUT", "/posts"));
        approve(&people.ivan, &id, "two").await;
        chat.until_says(&id, "APPROVED").await;
        chat.server().clear_faults();
        let replies = chat.replies(&post).await;
        assert_eq!(replies.len(), 2, "{what}: {replies:?}");
    }
}

#[tokio::test]
async fn a_silent_server_holds_up_nobody_else() {
    let Some(chat) = Chat::with_faults().await else {
        return;
    };
    let teleport = Teleport::start().await;
    let people = teleport.people().await;
    let _plugin = run(&teleport, &chat).await;
    let stuck = "this one gets no answer";
    chat.server().inject(
        Rule::times(1, Fault::Silence)
            .on("POST", "/posts")
            .with_body(stuck),
    );
    let slow = ask(
        &people.bob,
        Wanted {
            reason: stuck,
            ..Wanted::default()
        },
    )
    .await;
    let quick = ask(&people.bob, Wanted::default()).await;
    chat.until_says(&quick, "PENDING").await;
    assert_eq!(chat.about(&slow).await, []);
    chat.until_says(&slow, "PENDING").await;
}

#[tokio::test]
async fn an_outage_is_waited_for_and_all_that_is_still_open_is_told() {
    let Some(chat) = Chat::with_faults().await else {
        return;
    };
    let teleport = Teleport::start().await;
    let people = teleport.people().await;
    let _plugin = run(&teleport, &chat).await;
    chat.server().inject(Rule::always(Fault::unavailable()));
    let mut ids = Vec::new();
    for _ in 0..40 {
        ids.push(ask(&people.bob, Wanted::default()).await);
    }
    approve(&people.alice, &ids[0], "one").await;
    approve(&people.ivan, &ids[0], "two").await;
    teleport.delete(&ids[1]).await;
    let asked = |server: &mattermost_stand_in::StandIn| server.calls().len() >= 4;
    chat.server().until(asked).await;
    let calls = chat.server().calls().len();
    assert!(calls < 60, "a server that is down is not hammered: {calls}");
    chat.server().clear_faults();
    chat.until_says(&ids[0], "APPROVED").await;
    for id in &ids[2..] {
        chat.until_says(id, "PENDING").await;
    }
    for id in &ids {
        assert!(chat.about(id).await.len() <= 1);
    }
}

#[tokio::test]
async fn a_limit_is_kept_and_used() {
    let Some(chat) = Chat::with_faults().await else {
        return;
    };
    let teleport = Teleport::start().await;
    let people = teleport.people().await;
    let mut ids = Vec::new();
    for _ in 0..100 {
        ids.push(ask(&people.bob, Wanted::default()).await);
    }
    chat.server().configure(|settings| {
        settings.rate_limit = Some(RateLimit {
            per_second: 20,
            burst: 20,
        });
    });
    let plugin = run(&teleport, &chat).await;
    for id in &ids {
        chat.until_says(id, "PENDING").await;
    }
    plugin.stop().await.expect("it ends as told");
    let calls = chat.server().calls();
    let refused = calls.iter().filter(|call| call.status == 429).count();
    let posted = calls
        .iter()
        .filter(|call| call.path == "/posts" && call.status == 201)
        .count();
    assert_eq!(posted, 100, "0 lost, 0 twice");
    assert!(refused <= 100, "more was refused than posted: {refused}");
}

#[tokio::test]
async fn a_channel_that_opens_late_is_told_late() {
    let Some(chat) = Chat::with_faults().await else {
        return;
    };
    let teleport = Teleport::start().await;
    let people = teleport.people().await;
    let _plugin = run(&teleport, &chat).await;
    chat.server().leave_channel(&chat.channel, &chat.bot);
    let id = ask(&people.bob, Wanted::default()).await;
    chat.server()
        .until(|server| server.calls().iter().any(|call| call.status == 404))
        .await;
    assert_eq!(chat.about(&id).await, []);
    chat.server().join_channel(&chat.channel, &chat.bot);
    chat.until_says(&id, "PENDING").await;
}

#[tokio::test]
async fn a_message_that_was_removed_stays_removed() {
    let (teleport, chat) = (Teleport::start().await, Chat::start().await);
    let people = teleport.people().await;
    let _plugin = run(&teleport, &chat).await;
    let id = ask(&people.bob, Wanted::default()).await;
    let post = chat.until_says(&id, "PENDING").await;
    chat.remove(&post).await;
    approve(&people.alice, &id, "one").await;
    approve(&people.ivan, &id, "two").await;
    let closed = async {
        while !teleport.notes(&id).await.contains_key("resolution") {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), closed)
        .await
        .expect("the end is noted");
    assert_eq!(chat.about(&id).await, []);
}

#[tokio::test]
async fn where_old_messages_cannot_be_changed_the_end_is_told_below() {
    let Some(chat) = Chat::with_faults().await else {
        return;
    };
    let teleport = Teleport::start().await;
    let people = teleport.people().await;
    let _plugin = run(&teleport, &chat).await;
    let id = ask(&people.bob, Wanted::default()).await;
    let post = chat.until_says(&id, "PENDING").await;
    chat.server()
        .configure(|settings| settings.post_edit_seconds_max = Some(0));
    // The limit counts whole seconds.
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    approve(&people.alice, &id, "one").await;
    approve(&people.ivan, &id, "two").await;
    let told = async {
        loop {
            let replies = chat.replies(&post).await;
            if replies
                .iter()
                .any(|reply| reply.text.contains("**Status**: ✅ APPROVED"))
            {
                return replies;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let replies = tokio::time::timeout(Duration::from_secs(60), told)
        .await
        .expect("the end is told");
    assert_eq!(replies.len(), 3, "{replies:?}");
    assert!(chat.about(&id).await[0].text.contains("PENDING"));
}
