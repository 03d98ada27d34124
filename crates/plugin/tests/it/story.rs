//! The guide, as it looks in the channel.

use jiff::SignedDuration;

use crate::chat::Chat;
use crate::teleport::{Teleport, Wanted, approve, ask, deny};
use crate::world::{everybody, run, run_for};

#[tokio::test]
async fn the_channel_follows_a_request_to_its_second_approval() {
    let (teleport, chat) = (Teleport::start().await, Chat::start().await);
    let people = teleport.people().await;
    let plugin = run(&teleport, &chat).await;

    let id = ask(&people.bob, Wanted::default()).await;
    let post = chat.until_says(&id, "PENDING").await;
    assert!(
        post.text
            .starts_with("*You have new pending request to review!*\n**User**: bob@example.com\n"),
        "{post:?}"
    );
    for line in [
        "**Roles**: elevated-access".to_owned(),
        format!("**Request ID**: {id}"),
        "**Reason**:\n```\nneed it\n```".to_owned(),
        "**Status**: ⏳ PENDING".to_owned(),
        "**Approvals**: 0 of 2".to_owned(),
        format!(
            "**Link**: [https://proxy.example.com:3080/web/requests/{id}](https://proxy.example.com:3080/web/requests/{id})"
        ),
    ] {
        assert!(post.text.contains(&line), "{line}\n{}", post.text);
    }
    assert_eq!(chat.replies(&post).await, []);

    approve(&people.alice, &id, "looks ok").await;
    let post = chat
        .until_says(&id, "**Approvals**: 1 of 2 (alice@example.com)")
        .await;
    let replies = chat.replies(&post).await;
    assert_eq!(replies.len(), 1);
    assert!(
        replies[0]
            .text
            .starts_with("alice@example.com reviewed the request at "),
        "{replies:?}"
    );
    assert!(
        replies[0]
            .text
            .ends_with("Resolution: ✅ APPROVED.\nReason:\n```\nlooks ok\n```"),
        "{replies:?}"
    );

    approve(&people.ivan, &id, "second approval").await;
    let post = chat.until_says(&id, "**Status**: ✅ APPROVED").await;
    assert!(
        post.text.starts_with("**User**: bob@example.com"),
        "{}",
        post.text
    );
    assert!(
        post.text
            .contains("**Resolution reason**:\n```\nsecond approval\n```"),
        "{}",
        post.text
    );
    assert!(
        post.text
            .contains("**Reviewed by**: ✅ alice@example.com, ✅ ivan@example.com"),
        "{}",
        post.text
    );
    assert!(post.edited);
    let replies = chat.replies(&post).await;
    assert_eq!(replies.len(), 2);
    assert!(replies[1].text.starts_with("ivan@example.com "), "{replies:?}");

    plugin.stop().await.expect("it ends as told");
    let notes = teleport.notes(&id).await;
    assert_eq!(notes["messages"], format!("{}/{}", chat.channel, post.id));
    assert_eq!(notes["resolution"], "APPROVED");
    assert_eq!(notes["resolve_reason"], "second approval");
    assert_eq!(notes["reviews_count"], "2");
    assert_eq!(
        (notes["user"].as_str(), notes["roles"].as_str()),
        ("bob@example.com", "elevated-access")
    );
}

#[tokio::test]
async fn suggested_reviewers_get_a_message_of_their_own() {
    let (teleport, chat) = (Teleport::start().await, Chat::start().await);
    let people = teleport.people().await;
    let (alice, ivan) = (chat.person("alice").await, chat.person("ivan").await);
    // Somebody who is there and may not review: Bob must not be able to have them told.
    let carol = chat.person("carol").await;
    let reviewer = teleport.person(&alice.email, "dbreviewer").await;
    teleport.person(&ivan.email, "dbreviewer").await;
    teleport.person(&carol.email, "devops").await;
    let _plugin = run(&teleport, &chat).await;
    let wanted = Wanted {
        reviewers: &[
            &alice.email,
            &ivan.email,
            &carol.email,
            "nobody@example.com",
            "dave",
        ],
        ..Wanted::default()
    };
    let id = ask(&people.bob, wanted).await;
    chat.until_says(&id, "PENDING").await;
    deny(&reviewer, &id, "not today").await;
    chat.until_says(&id, "**Status**: ❌ DENIED").await;
    for account in [&alice, &ivan] {
        let direct = chat.direct(account).await;
        let seen = async {
            loop {
                let posts = chat.posts(&direct).await;
                if posts.len() == 2 && posts[0].text.contains("❌ DENIED") {
                    return posts;
                }
                tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            }
        };
        let posts = tokio::time::timeout(std::time::Duration::from_secs(60), seen)
            .await
            .expect("a message");
        assert!(posts[1].text.contains("not today"), "{posts:?}");
    }
    let direct = chat.direct(&carol).await;
    assert_eq!(chat.posts(&direct).await.len(), 0, "Carol may not review");
}

#[tokio::test]
async fn one_denial_is_the_end() {
    let (teleport, chat) = (Teleport::start().await, Chat::start().await);
    let people = teleport.people().await;
    let _plugin = run(&teleport, &chat).await;
    let id = ask(&people.bob, Wanted::default()).await;
    chat.until_says(&id, "PENDING").await;
    deny(&people.ivan, &id, "").await;
    let post = chat.until_says(&id, "**Status**: ❌ DENIED").await;
    assert!(!post.text.contains("Resolution reason"), "{}", post.text);
    assert_eq!(chat.replies(&post).await.len(), 1);
}

#[tokio::test]
async fn a_request_that_nobody_decides_expires_and_one_that_is_removed_too() {
    let (teleport, chat) = (Teleport::start().await, Chat::start().await);
    let people = teleport.people().await;
    let _plugin = run(&teleport, &chat).await;
    let removed = ask(&people.bob, Wanted::default()).await;
    let overdue = ask(
        &people.bob,
        Wanted {
            reason: "",
            ..Wanted::default()
        },
    )
    .await;
    let half = ask(&people.bob, Wanted::default()).await;
    for id in [&removed, &overdue, &half] {
        chat.until_says(id, "PENDING").await;
    }
    approve(&people.alice, &half, "ok").await;
    chat.until_says(&half, "1 of 2").await;
    teleport.delete(&removed).await;
    let post = chat.until_says(&removed, "**Status**: ⌛ EXPIRED").await;
    assert!(
        post.text
            .starts_with("**User**: bob@example.com\n**Roles**: elevated-access\n"),
        "{}",
        post.text
    );
    assert!(post.text.contains("need it"));

    teleport.clock.advance(SignedDuration::from_mins(12 * 60 + 5));
    teleport.sweep().await;
    chat.until_says(&overdue, "**Status**: ⌛ EXPIRED").await;
    chat.until_says(&half, "**Status**: ⌛ EXPIRED").await;
}

#[tokio::test]
async fn an_approval_that_is_taken_back_is_told_and_the_end_of_access_is_not() {
    let (teleport, chat) = (Teleport::start().await, Chat::start().await);
    let people = teleport.people().await;
    let plugin = run(&teleport, &chat).await;
    let (revoked, used) = (
        ask(&people.bob, Wanted::default()).await,
        ask(&people.bob, Wanted::default()).await,
    );
    for id in [&revoked, &used] {
        approve(&people.alice, id, "a").await;
        approve(&people.ivan, id, "b").await;
        chat.until_says(id, "APPROVED").await;
    }
    teleport.deny(&revoked, "the incident is over").await;
    let post = chat.until_says(&revoked, "**Status**: ❌ DENIED").await;
    let told = post.text.contains("**Taken back by**: ") && post.text.contains("local-admin");
    assert!(
        told && post.text.contains("the incident is over"),
        "{}",
        post.text
    );
    let before = chat.until_says(&used, "APPROVED").await;
    teleport.delete(&used).await;
    // The next request shows that the plugin has heard of the removal.
    let next = ask(&people.bob, Wanted::default()).await;
    chat.until_says(&next, "PENDING").await;
    plugin.stop().await.expect("it ends as told");
    assert_eq!(chat.about(&used).await, [before]);
}

#[tokio::test]
async fn roles_have_recipients_of_their_own() {
    let (teleport, chat) = (Teleport::start().await, Chat::start().await);
    let people = teleport.people().await;
    let other = chat.add_channel("security").await;
    chat.join(&chat.bot, &other).await;
    let audience = plugin::audience::Audience::new(
        [
            ("*".to_owned(), vec![chat.recipient()]),
            (
                "elevated-access".to_owned(),
                vec![format!("{}/security", chat.team_name)],
            ),
        ]
        .into(),
    );
    let plugin = run_for(&teleport, &chat, audience).await;
    let id = ask(&people.bob, Wanted::default()).await;
    let seen = async {
        while chat
            .posts(&other)
            .await
            .iter()
            .filter(|post| post.text.contains(&id))
            .count()
            != 1
        {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(60), seen)
        .await
        .expect("a message");
    plugin.stop().await.expect("it ends as told");
    assert_eq!(chat.roots().await, []);
}

#[tokio::test]
async fn a_channel_that_is_named_twice_gets_one_message() {
    let (teleport, chat) = (Teleport::start().await, Chat::start().await);
    let people = teleport.people().await;
    let twice = [chat.recipient(), chat.recipient().to_uppercase()];
    let _plugin = run_for(&teleport, &chat, everybody(&twice)).await;
    let id = ask(&people.bob, Wanted::default()).await;
    approve(&people.alice, &id, "a").await;
    approve(&people.ivan, &id, "b").await;
    let post = chat.until_says(&id, "APPROVED").await;
    assert_eq!(chat.replies(&post).await.len(), 2);
}
