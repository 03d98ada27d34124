//! P1: from calling `SubmitAccessReview` until a watcher on another connection has the new state.
//!
//! The floor is the sum of what cannot be left out: one durable commit, one call, one streamed message.

use std::time::Duration;

use tokio::sync::mpsc;
use transport::system::Stopwatch;
use wire::pb::proto::event::Resource;
use wire::pb::types::WatchKind;

use super::{Bench, blocking};
use crate::bench::figure::{Bound, Figure};
use crate::bench::floors::commit::Commits;
use crate::bench::floors::rpc::Rpc;
use crate::bench::options::Goal;
use crate::bench::original;
use crate::bench::report::{Line, Section};
use crate::bench::rounds::{Measured, Rounds};
use crate::bench::stats::Sample;
use crate::bench::trouble::{Outcome, Trouble, While as _};
use crate::bench::world::{Voice, World, approval, ask};

/// The mean wait of a store that is asked for news once a second.
const MEAN_POLL: f64 = 0.5;

/// A review that reached the watcher: which request, and when by the shared watch.
type Arrival = (String, Duration);

pub(super) async fn measure(bench: &Bench) -> Outcome<Section> {
    bench
        .progress
        .preparing("an Auth Service with a requester, a reviewer and a watcher");
    let world = World::start(&bench.disk).await?;
    let bob = world.person("bob", &["asks-two"]).await?;
    let alice = world.person("alice", &["reviews"]).await?;
    let plugin = world.person("plugin", &["sees"]).await?;
    let since = Stopwatch::start();
    let mut arrivals = watch(&plugin, since).await?;
    let pattern = ask(&bob, 1).await?.pop().to("make a request")?;
    let mut commits = Commits::open(world.home())?;
    let mut rpc = Rpc::start(pattern).await?;

    let calls = bench.plan.pick(400, 100);
    let mut rounds = Rounds::new(bench.plan, "floor", &bench.progress);
    while rounds.next().is_some() {
        let requests = ask(&bob, calls).await?;
        let commit = p50(blocking(|| commits.run(calls))?)?;
        let call = p50(rpc
            .calls(calls, &approval("00000000-0000-4000-8000-000000000000"))
            .await?)?;
        let delivery = p50(rpc.deliveries(calls).await?)?;
        let (mut seen, mut answered) = (Vec::with_capacity(calls), Vec::with_capacity(calls));
        for request in &requests {
            let id = request.metadata.as_ref().map_or("", |metadata| &metadata.name);
            let (answer, arrival) = review(&alice, id, since, &mut arrivals).await?;
            answered.push(answer);
            seen.push(arrival);
        }
        let seen = Sample::of_durations(seen).to("measure a review")?;
        rounds.add(Measured::from([
            ("commit", commit),
            ("call", call),
            ("delivery", delivery),
            ("floor", commit + call + delivery),
            ("answered_p50", p50(answered)?),
            ("watcher_p50", seen.median()),
            ("watcher_p99", seen.percentile(99)),
        ]));
    }
    let rounds = rounds.finish();
    drop((bob, alice, plugin, rpc));
    world.stop().await?;

    let mut section = Section::new(Goal::P1);
    let floor = Figure::seconds(rounds.median("floor"));
    let median = Figure::seconds(rounds.median("watcher_p50"));
    section.lines = vec![
        Line {
            what: "review to watcher, p50".to_owned(),
            subject: median,
            floor,
            ratio: rounds.ratio("watcher_p50", "floor"),
            wanted: Bound::AtMost(2.0),
            stretch: Some(Bound::AtMost(1.5)),
        },
        Line {
            what: "review to watcher, p99".to_owned(),
            subject: Figure::seconds(rounds.median("watcher_p99")),
            floor,
            ratio: rounds.ratio("watcher_p99", "floor"),
            wanted: Bound::AtMost(5.0),
            stretch: None,
        },
    ];
    let beside = |what: &str, value: f64| Line {
        what: what.to_owned(),
        subject: median,
        floor: Figure::seconds(value),
        ratio: median.value / value,
        wanted: Bound::AtMost(0.01),
        stretch: None,
    };
    section.original = vec![
        beside("review to watcher, p50", original::REVIEW_TO_WATCHER),
        beside("the same beside a poll's mean wait", MEAN_POLL),
    ];
    section.notes.push(format!(
        "the floor is a commit ({}), a call ({}) and a streamed message ({})",
        Figure::seconds(rounds.median("commit")),
        Figure::seconds(rounds.median("call")),
        Figure::seconds(rounds.median("delivery"))
    ));
    section.keep("review to watcher", rounds);
    Ok(section)
}

/// Follows the watch in a task of its own; tells of every request that comes with a review.
async fn watch(plugin: &Voice, since: Stopwatch) -> Outcome<mpsc::UnboundedReceiver<Arrival>> {
    let kind = WatchKind {
        kind: "access_request".to_owned(),
        ..WatchKind::default()
    };
    let mut watch = plugin
        .cluster
        .watch(vec![kind], false)
        .await
        .to("watch access requests")?;
    let (told, arrivals) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok(Some(event)) = watch.next().await {
            let at = since.elapsed();
            let Some(Resource::AccessRequest(request)) = event.resource else {
                continue;
            };
            let reviewed = request.spec.as_ref().is_some_and(|spec| !spec.reviews.is_empty());
            let id = request.metadata.as_ref().map(|metadata| metadata.name.clone());
            if reviewed && told.send((id.unwrap_or_default(), at)).is_err() {
                return;
            }
        }
    });
    Ok(arrivals)
}

/// One review: how long until the answer, and until the watcher had it.
async fn review(
    alice: &Voice,
    id: &str,
    since: Stopwatch,
    arrivals: &mut mpsc::UnboundedReceiver<Arrival>,
) -> Outcome<(Duration, Duration)> {
    let mut auth = alice.cluster.auth();
    let submission = approval(id);
    let begin = since.elapsed();
    auth.submit_access_review(submission)
        .await
        .to("review a request")?;
    let answer = since.elapsed().saturating_sub(begin);
    let (seen, at) = arrivals.recv().await.to("hear from the watcher")?;
    if seen != id {
        return Err(Trouble::new(format!(
            "the watcher was told of request {seen} when {id} was reviewed"
        )));
    }
    Ok((answer, at.saturating_sub(begin)))
}

fn p50(durations: Vec<Duration>) -> Outcome<f64> {
    Ok(Sample::of_durations(durations).to("measure a round")?.median())
}
