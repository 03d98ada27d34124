//! Several plugins, one after the other or at once: the notes keep them from telling anything twice.

use std::time::Duration;

use mattermost_stand_in::{Fault, Rule};

use crate::chat::{Chat, Post};
use crate::teleport::{Teleport, Wanted, approve, ask};
use crate::world::{Running, run};

/// One request to its end, with whoever is there to tell of it.
async fn story(teleport: &Teleport, chat: &Chat, plugins: &mut Vec<Running>) -> String {
    let people = teleport.people().await;
    let id = ask(&people.bob, Wanted::default()).await;
    plugins.push(run(teleport, chat).await);
    chat.until_says(&id, "PENDING").await;
    approve(&people.alice, &id, "one").await;
    chat.until_says(&id, "1 of 2").await;
    approve(&people.ivan, &id, "two").await;
    chat.until_says(&id, "APPROVED").await;
    id
}

async fn is_right(chat: &Chat, id: &str) {
    let posts: Vec<Post> = chat.about(id).await;
    assert_eq!(posts.len(), 1, "{posts:#?}");
    let replies = chat.replies(&posts[0]).await;
    let by = |name: &str| {
        replies
            .iter()
            .filter(|reply| reply.text.starts_with(name))
            .count()
    };
    assert_eq!((by("alice@"), by("ivan@")), (1, 1), "{replies:#?}");
}

/// Kills the plugin at each call that it makes to the chat, once before the call has had its effect and once after, and
/// starts another one.
#[tokio::test]
async fn a_plugin_that_is_killed_at_any_step_leaves_nothing_lost_or_told_twice() {
    let Some(whole) = Chat::with_faults().await else {
        return;
    };
    let teleport = Teleport::start().await;
    let mut plugins = Vec::new();
    story(&teleport, &whole, &mut plugins).await;
    plugins.pop().expect("one").stop().await.expect("it ends as told");
    let steps = whole
        .server()
        .calls()
        .iter()
        .filter(|call| call.user_agent.starts_with("test/"))
        .count();
    assert!(steps >= 8, "posts, votes, texts, and what is looked up: {steps}");

    for (when, fault) in [
        ("before", Fault::Silence),
        ("after", Fault::DelayAfter(Duration::from_secs(3_600))),
    ] {
        for step in 0..steps {
            let (teleport, chat) = (
                Teleport::start().await,
                Chat::with_faults().await.expect("a stand-in"),
            );
            let people = teleport.people().await;
            chat.server().clear_calls();
            let skipped = u32::try_from(step).expect("few");
            chat.server().inject(Rule::times(1, fault.clone()).after(skipped));
            let first = run(&teleport, &chat).await;
            let id = ask(&people.bob, Wanted::default()).await;
            let votes = async {
                chat.until_says(&id, "PENDING").await;
                approve(&people.alice, &id, "one").await;
                chat.until_says(&id, "1 of 2").await;
                approve(&people.ivan, &id, "two").await;
                chat.until_says(&id, "APPROVED").await;
            };
            let killed = async {
                chat.server().until(|server| server.calls().len() > step).await;
                first.kill().await;
                // What the server remembers of keys is forgotten at one step and kept at the next.
                if step % 2 == 0 {
                    chat.server().forget_pending_posts();
                }
                run(&teleport, &chat).await
            };
            let ((), second) = tokio::join!(votes, killed);
            second.stop().await.expect("it ends as told");
            let posts = chat.about(&id).await;
            assert_eq!(posts.len(), 1, "killed {when} call {step}: {posts:#?}");
            let replies = chat.replies(&posts[0]).await;
            assert_eq!(replies.len(), 2, "killed {when} call {step}: {replies:#?}");
        }
    }
}

#[tokio::test]
async fn two_plugins_at_once_tell_everything_once() {
    let (teleport, chat) = (Teleport::start().await, Chat::start().await);
    let people = teleport.people().await;
    let plugins = [run(&teleport, &chat).await, run(&teleport, &chat).await];
    let mut ids = Vec::new();
    for _ in 0..30 {
        ids.push(ask(&people.bob, Wanted::default()).await);
    }
    for id in &ids {
        approve(&people.alice, id, "one").await;
        approve(&people.ivan, id, "two").await;
    }
    for id in &ids {
        chat.until_says(id, "APPROVED").await;
    }
    for plugin in plugins {
        plugin.stop().await.expect("it ends as told");
    }
    for id in &ids {
        is_right(&chat, id).await;
        assert_eq!(teleport.notes(id).await["resolution"], "APPROVED");
    }
}

#[tokio::test]
async fn two_plugins_survive_each_other_and_a_chat_that_loses_answers() {
    let Some(chat) = Chat::with_faults().await else {
        return;
    };
    let teleport = Teleport::start().await;
    let people = teleport.people().await;
    let mut ids = Vec::new();
    for _ in 0..20 {
        ids.push(ask(&people.bob, Wanted::default()).await);
    }
    for _ in 0..15 {
        chat.server()
            .inject(Rule::times(1, Fault::CutAfter).on("POST", "/posts").after(1));
    }
    let one = run(&teleport, &chat).await;
    let other = run(&teleport, &chat).await;
    chat.until_says(&ids[3], "PENDING").await;
    one.kill().await;
    for id in &ids {
        chat.until_says(id, "PENDING").await;
        approve(&people.alice, id, "one").await;
        approve(&people.ivan, id, "two").await;
    }
    for id in &ids {
        chat.until_says(id, "APPROVED").await;
    }
    other.stop().await.expect("it ends as told");
    for id in &ids {
        is_right(&chat, id).await;
    }
}

/// The one case that no key prevents: a call that was held up for longer than the server remembers keys.
#[tokio::test]
async fn of_two_posts_that_came_about_all_the_same_one_stays() {
    let Some(chat) = Chat::with_faults().await else {
        return;
    };
    let teleport = Teleport::start().await;
    let people = teleport.people().await;
    let held_up = Rule::times(1, Fault::DelayBefore(Duration::from_secs(1))).on("POST", "/posts");
    chat.server().inject(held_up);
    let plugins = [run(&teleport, &chat).await, run(&teleport, &chat).await];
    let id = ask(&people.bob, Wanted::default()).await;
    let forgetful = async {
        loop {
            chat.server().forget_pending_posts();
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    let removed = chat.server().until(|server| {
        server
            .calls()
            .iter()
            .any(|call| call.method == "DELETE" && call.status == 200)
    });
    let in_time = tokio::time::timeout(Duration::from_secs(60), removed);
    tokio::select! {
        removed = in_time => removed.expect("the second post is removed"),
        () = forgetful => {}
    }
    approve(&people.alice, &id, "one").await;
    approve(&people.ivan, &id, "two").await;
    chat.until_says(&id, "APPROVED").await;
    for plugin in plugins {
        plugin.stop().await.expect("it ends as told");
    }
    is_right(&chat, &id).await;
}

#[tokio::test]
async fn messages_of_the_published_plugin_are_taken_over() {
    let (teleport, chat) = (Teleport::start().await, Chat::start().await);
    let people = teleport.people().await;
    let id = ask(&people.bob, Wanted::default()).await;
    approve(&people.alice, &id, "one").await;
    let text = format!(
        "*You have new pending request to review!*\n**User**: bob@example.com\n**Request ID**: {id}\n"
    );
    let post = chat.post_as_bot(&text).await;
    chat.reply_as_bot(&post, "alice@example.com reviewed the request")
        .await;
    teleport
        .write_notes(
            &id,
            &[
                ("user", "bob@example.com"),
                ("roles", "elevated-access"),
                ("messages", &format!("{}/{post}", chat.channel)),
                ("reviews_count", "1"),
            ],
        )
        .await;
    let plugin = run(&teleport, &chat).await;
    approve(&people.ivan, &id, "two").await;
    let seen = chat.until_says(&id, "APPROVED").await;
    plugin.stop().await.expect("it ends as told");
    assert_eq!(seen.id, post);
    let replies = chat.replies(&seen).await;
    assert_eq!(replies.len(), 2, "{replies:#?}");
}

#[tokio::test]
async fn a_request_that_the_published_plugin_locked_and_lost_is_told() {
    let (teleport, chat) = (Teleport::start().await, Chat::start().await);
    let people = teleport.people().await;
    let (locked, orphaned) = (
        ask(&people.bob, Wanted::default()).await,
        ask(&people.bob, Wanted::default()).await,
    );
    for id in [&locked, &orphaned] {
        let notes = [
            ("user", "bob@example.com"),
            ("roles", "elevated-access"),
            ("logins_by_role", "{}"),
        ];
        teleport.write_notes(id, &notes).await;
    }
    let text = format!("**User**: bob@example.com\n**Request ID**: {orphaned}\n**Status**: ⏳ PENDING");
    let post = chat.post_as_bot(&text).await;
    let plugin = run(&teleport, &chat).await;
    chat.until_says(&locked, "PENDING").await;
    let adopted = chat.until_says(&orphaned, "**Approvals**: 0 of 2").await;
    plugin.stop().await.expect("it ends as told");
    assert_eq!(adopted.id, post);
    assert_eq!(
        teleport.notes(&locked).await["logins_by_role"],
        "{}",
        "what is not ours stays"
    );
}

#[tokio::test]
async fn nobody_elses_post_is_taken_for_ours() {
    let (teleport, chat) = (Teleport::start().await, Chat::start().await);
    let people = teleport.people().await;
    let id = ask(&people.bob, Wanted::default()).await;
    // A post of somebody else with the words and the properties of ours.
    chat.post_as_admin(&format!("**Request ID**: {id}\nalready APPROVED, do not look"))
        .await;
    teleport.write_notes(&id, &[("user", "bob@example.com")]).await;
    let _plugin = run(&teleport, &chat).await;
    let posts = chat.until(&id, "our own post", |posts| posts.len() == 2).await;
    assert!(posts[1].text.contains("⏳ PENDING"));
}
