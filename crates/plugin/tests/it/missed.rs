//! What happens while the plugin, or the Auth Service, is away.

use std::collections::BTreeSet;

use crate::chat::Chat;
use crate::teleport::{Teleport, Wanted, approve, ask, deny};
use crate::world::{everybody, run, run_with};

#[tokio::test]
async fn two_hundred_requests_that_were_missed_are_told_once_each_and_oldest_first() {
    let (teleport, chat) = (Teleport::start().await, Chat::start().await);
    let people = teleport.people().await;
    let mut missed = Vec::new();
    for _ in 0..200 {
        missed.push(ask(&people.bob, Wanted::default()).await);
        teleport.clock.advance(jiff::SignedDuration::from_secs(1));
    }
    let plugin = run(&teleport, &chat).await;
    for id in &missed {
        chat.until_says(id, "PENDING").await;
    }
    plugin.kill().await;
    let again = run(&teleport, &chat).await;
    let next = ask(&people.bob, Wanted::default()).await;
    chat.until_says(&next, "PENDING").await;
    again.stop().await.expect("it ends as told");
    let roots = chat.roots().await;
    let told: BTreeSet<&String> = missed
        .iter()
        .filter(|id| roots.iter().any(|post| post.text.contains(*id)))
        .collect();
    assert_eq!((roots.len(), told.len()), (201, 200), "0 lost, 0 twice");
    let first: Vec<bool> = roots[..20]
        .iter()
        .map(|post| missed[..40].iter().any(|id| post.text.contains(id)))
        .collect();
    assert!(first.iter().all(|is_old| *is_old), "the oldest come first");
}

#[tokio::test]
async fn what_was_decided_meanwhile_gets_its_end() {
    let (teleport, chat) = (Teleport::start().await, Chat::start().await);
    let people = teleport.people().await;
    let plugin = run(&teleport, &chat).await;
    let mut ids = Vec::new();
    for _ in 0..5 {
        let id = ask(&people.bob, Wanted::default()).await;
        chat.until_says(&id, "PENDING").await;
        ids.push(id);
    }
    plugin.stop().await.expect("it ends as told");
    let [approved, denied, removed, half, untouched] = ids.try_into().expect("five");
    let before = chat.until_says(&untouched, "PENDING").await;
    approve(&people.alice, &approved, "one").await;
    approve(&people.ivan, &approved, "two").await;
    deny(&people.alice, &denied, "no").await;
    teleport.delete(&removed).await;
    approve(&people.alice, &half, "one").await;
    let born_and_gone = ask(&people.bob, Wanted::default()).await;
    deny(&people.alice, &born_and_gone, "no").await;

    let plugin = run(&teleport, &chat).await;
    let post = chat.until_says(&approved, "✅ APPROVED").await;
    assert_eq!(chat.replies(&post).await.len(), 2, "both votes are told");
    chat.until_says(&denied, "❌ DENIED").await;
    chat.until_says(&removed, "⌛ EXPIRED").await;
    let post = chat.until_says(&half, "1 of 2").await;
    assert_eq!(chat.replies(&post).await.len(), 1);
    plugin.stop().await.expect("it ends as told");
    assert_eq!(
        chat.about(&untouched).await,
        [before],
        "nothing to say, nothing said"
    );
    assert_eq!(
        chat.about(&born_and_gone).await,
        [],
        "nobody was told of it, and nothing is left to do"
    );
}

#[tokio::test]
async fn the_plugin_outlives_the_auth_service() {
    let (mut teleport, chat) = (Teleport::start().await, Chat::start().await);
    let people = teleport.people().await;
    let plugin = run(&teleport, &chat).await;
    let before = ask(&people.bob, Wanted::default()).await;
    chat.until_says(&before, "PENDING").await;
    for _ in 0..3 {
        teleport.restart().await;
        let after = ask(&people.bob, Wanted::default()).await;
        chat.until_says(&after, "PENDING").await;
    }
    approve(&people.alice, &before, "one").await;
    chat.until_says(&before, "1 of 2").await;
    assert!(plugin.is_running());
    assert_eq!(chat.roots().await.len(), 4);
}

#[tokio::test]
async fn a_lost_cluster_ends_a_plugin_that_was_told_to_fail_fast() {
    let (teleport, chat) = (Teleport::start().await, Chat::start().await);
    let people = teleport.people().await;
    let plugin = run_with(&teleport, &chat, everybody(&[chat.recipient()]), |setup| {
        setup.fail_fast = true;
    })
    .await;
    let id = ask(&people.bob, Wanted::default()).await;
    chat.until_says(&id, "PENDING").await;
    teleport.stop().await;
    let ended = plugin.ended().await.expect_err("an end that nobody asked for");
    assert!(
        ended
            .to_string()
            .contains("the connection to the cluster was lost"),
        "{ended}"
    );
}

#[tokio::test]
async fn an_identity_that_has_ended_ends_the_plugin_unless_somebody_renews_it() {
    let (mut teleport, chat) = (Teleport::start().await, Chat::start().await);
    let people = teleport.people().await;
    let forgotten = run(&teleport, &chat).await;
    let renewed = run_with(&teleport, &chat, everybody(&[chat.recipient()]), |setup| {
        setup.renews = true;
    })
    .await;
    let id = ask(&people.bob, Wanted::default()).await;
    chat.until_says(&id, "PENDING").await;
    teleport.clock.advance(jiff::SignedDuration::from_hours(25));
    teleport.restart().await;
    let ended = forgotten.ended().await.expect_err("an end that nobody asked for");
    assert!(ended.to_string().contains("expired"), "{ended}");
    assert!(renewed.is_running());
}
