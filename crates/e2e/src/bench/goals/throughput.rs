//! P2: durable reviews a second, each with its audit record: 64 callers on 64 connections, 1,000 requests, one review
//! each. The floor is how many rows one writer makes durable in a second, one by one.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Barrier;
use tokio::task::JoinSet;
use transport::system::Stopwatch;

use super::{Bench, blocking};
use crate::bench::figure::{Bound, Figure};
use crate::bench::floors::commit::Commits;
use crate::bench::floors::process;
use crate::bench::options::Goal;
use crate::bench::original;
use crate::bench::report::{Line, Section};
use crate::bench::rounds::{Measured, Rounds};
use crate::bench::stats::Sample;
use crate::bench::trouble::{Outcome, Trouble, While as _};
use crate::bench::world::{Voice, World, approval, ask};

const CALLERS: usize = 64;
const REQUESTS: usize = 1_000;
/// On a disk that commits quicker than the processors can follow, so many reviews a second are enough.
const ENOUGH: f64 = 8_000.0;
const MORE_THAN_ENOUGH: f64 = 12_000.0;

pub(super) async fn measure(bench: &Bench) -> Outcome<Section> {
    bench
        .progress
        .preparing("an Auth Service with 64 reviewers, a connection each");
    let world = World::start(&bench.disk).await?;
    let bob = world.person("bob", &["asks-two"]).await?;
    let callers = world.reviewers(CALLERS).await?;
    let mut commits = Commits::open(world.home())?;

    let raw = bench.plan.pick(2_000, 500);
    let mut rounds = Rounds::new(bench.plan, "raw_commits", &bench.progress);
    while rounds.next().is_some() {
        let ids: Vec<String> = ask(&bob, REQUESTS)
            .await?
            .iter()
            .filter_map(|request| Some(request.metadata.as_ref()?.name.clone()))
            .collect();
        let took: Duration = blocking(|| commits.run(raw))?.iter().sum();
        let floor = per_second(raw, took)?;
        let before = world.store.figures();
        let worked = process::work();
        let (all, each) = storm(&callers, ids).await?;
        let worked = process::work().saturating_sub(worked);
        let after = world.store.figures();
        let records = after.records - before.records;
        if records != REQUESTS as u64 {
            return Err(Trouble::new(format!(
                "{REQUESTS} reviews left {records} audit records"
            )));
        }
        let each = Sample::of_durations(each).to("measure a round")?;
        let reviews = per_second(REQUESTS, all)?;
        rounds.add(Measured::from([
            ("raw_commits", floor),
            ("reviews", reviews),
            // Met when it is 1 or more: the quieter the disk, the more the processors are the limit.
            ("wanted", (1.5 * floor).min(ENOUGH)),
            ("stretch", (2.5 * floor).min(MORE_THAN_ENOUGH)),
            (
                "processor_time_each",
                worked.as_secs_f64() / per_second(REQUESTS, Duration::from_secs(1))?,
            ),
            ("answered_p50", each.median()),
            ("answered_p99", each.percentile(99)),
            #[allow(clippy::cast_precision_loss, reason = "small numbers")]
            ("durable_writes", (after.groups - before.groups) as f64),
        ]));
    }
    let rounds = rounds.finish();
    drop((bob, callers));
    world.stop().await?;

    let reviews = rounds.median("reviews");
    let raw = rounds.median("raw_commits");
    let mut section = Section::new(Goal::P2);
    section.lines.push(Line {
        what: "reviews a second / one writer's rows".to_owned(),
        subject: Figure::per_second(reviews),
        floor: Figure::per_second(raw),
        ratio: rounds.ratio("reviews", "raw_commits"),
        wanted: Bound::AtLeast(rounds.median("wanted") / raw),
        stretch: Some(Bound::AtLeast(rounds.median("stretch") / raw)),
    });
    section.original.push(Line {
        what: "reviews a second".to_owned(),
        subject: Figure::per_second(reviews),
        floor: Figure::per_second(original::REVIEWS_PER_SECOND),
        ratio: reviews / original::REVIEWS_PER_SECOND,
        wanted: Bound::AtLeast(20.0),
        stretch: None,
    });
    section.notes.push(format!(
        "wanted are 1.5 times one writer's rows or 8,000/s, whichever is lower (stretch 2.5 times or 12,000/s); \
         callers, TLS and server together take {} of a processor for each review",
        Figure::seconds(rounds.median("processor_time_each"))
    ));
    section.keep("throughput", rounds);
    Ok(section)
}

/// All callers at once, each with its share of the requests: how long it took in all, and each call.
async fn storm(callers: &[Voice], ids: Vec<String>) -> Outcome<(Duration, Vec<Duration>)> {
    let barrier = Arc::new(Barrier::new(callers.len() + 1));
    let ids = Arc::new(ids);
    let mut tasks = JoinSet::new();
    for (place, caller) in callers.iter().enumerate() {
        let (barrier, ids, cluster) = (Arc::clone(&barrier), Arc::clone(&ids), caller.cluster.clone());
        let step = callers.len();
        tasks.spawn(async move {
            let mut auth = cluster.auth();
            let mut took = Vec::new();
            barrier.wait().await;
            for id in ids.iter().skip(place).step_by(step) {
                let watch = Stopwatch::start();
                auth.submit_access_review(approval(id)).await?;
                took.push(watch.elapsed());
            }
            Ok::<_, tonic::Status>(took)
        });
    }
    barrier.wait().await;
    let watch = Stopwatch::start();
    let mut each = Vec::with_capacity(ids.len());
    while let Some(done) = tasks.join_next().await {
        each.extend(done.to("review requests")?.to("review requests")?);
    }
    Ok((watch.elapsed(), each))
}

fn per_second(count: usize, took: Duration) -> Outcome<f64> {
    let count = f64::from(u32::try_from(count).to("count")?);
    Ok(count / took.as_secs_f64())
}
