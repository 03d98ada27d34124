//! P3: a hundred reviewers at one request at the same instant. The floor is a hundred rows made durable one by one.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Barrier;
use tokio::task::JoinSet;
use transport::system::Stopwatch;
use wire::pb::types::RequestState;

use super::{Bench, blocking};
use crate::bench::figure::{Bound, Figure};
use crate::bench::floors::commit::Commits;
use crate::bench::options::Goal;
use crate::bench::original;
use crate::bench::report::{Line, Section};
use crate::bench::rounds::{Measured, Rounds};
use crate::bench::trouble::{Outcome, While as _};
use crate::bench::world::{Voice, World, approval, ask};

const CROWD: usize = 100;

pub(super) async fn measure(bench: &Bench) -> Outcome<Section> {
    bench
        .progress
        .preparing("an Auth Service with 100 reviewers, a connection each");
    let world = World::start(&bench.disk).await?;
    let bob = world.person("bob", &["asks-a-hundred"]).await?;
    let crowd = world.reviewers(CROWD).await?;
    let mut commits = Commits::open(world.home())?;

    let repeats = bench.plan.pick(5, 3);
    let mut rounds = Rounds::new(bench.plan, "raw_commits", &bench.progress);
    while rounds.next().is_some() {
        let mut measured = Measured::from([("raw_commits", f64::INFINITY), ("crowd", f64::INFINITY)]);
        let mut answered: f64 = 0.0;
        for _ in 0..repeats {
            let request = ask(&bob, 1).await?.pop().to("make a request")?;
            let id = request.into_message().metadata.unwrap_or_default().name;
            let floor: Duration = blocking(|| commits.run(CROWD))?.iter().sum();
            let (took, right) = rush(&crowd, &id).await?;
            answered += right;
            keep_least(&mut measured, "raw_commits", floor);
            // Being quick and wrong is no measurement.
            if right < 100.0 {
                measured.insert("wrong", 1.0);
            }
            keep_least(&mut measured, "crowd", took);
        }
        measured.insert("answered_rightly", answered / f64::from(repeats));
        rounds.add(measured);
    }
    let rounds = rounds.finish();
    drop((bob, crowd));
    world.stop().await?;

    let crowd = rounds.median("crowd");
    let wrong = rounds.sample("wrong").is_some();
    let mut section = Section::new(Goal::P3);
    section.lines = vec![
        Line {
            what: "100 at once / 100 rows one by one".to_owned(),
            subject: Figure::seconds(crowd),
            floor: Figure::seconds(rounds.median("raw_commits")),
            ratio: if wrong {
                f64::NAN
            } else {
                rounds.ratio("crowd", "raw_commits")
            },
            wanted: Bound::AtMost(1.0),
            stretch: Some(Bound::AtMost(0.6)),
        },
        Line {
            what: "answered rightly, of 100".to_owned(),
            subject: Figure::count(
                rounds
                    .sample("answered_rightly")
                    .map_or(f64::NAN, |sample| sample.least()),
            ),
            floor: Figure::count(100.0),
            ratio: rounds
                .sample("answered_rightly")
                .map_or(f64::NAN, |sample| sample.least() / 100.0),
            wanted: Bound::AtLeast(1.0),
            stretch: None,
        },
    ];
    section.original.push(Line {
        what: "100 reviewers at once".to_owned(),
        subject: Figure::seconds(crowd),
        floor: Figure::seconds(original::CROWD),
        ratio: crowd / original::CROWD,
        wanted: Bound::AtMost(1.0 / 300.0),
        stretch: None,
    });
    section.notes.push(
        "of each round the quickest crowd beside the quickest hundred rows; the 100 callers and their TLS share the \
         processors with the server"
            .to_owned(),
    );
    section.keep("crowd", rounds);
    Ok(section)
}

fn keep_least(measured: &mut Measured, name: &'static str, took: Duration) {
    let least = measured.entry(name).or_insert(f64::INFINITY);
    *least = least.min(took.as_secs_f64());
}

/// Everybody says yes at once: how long until the last has an answer, and how many answers are right.
///
/// Right is every answer of a review that is in the request afterwards, once, under its author's name; if the request is
/// not approved by all hundred then, none is.
async fn rush(crowd: &[Voice], id: &str) -> Outcome<(Duration, f64)> {
    let barrier = Arc::new(Barrier::new(crowd.len() + 1));
    let mut tasks = JoinSet::new();
    for voice in crowd {
        let (barrier, voice, id) = (Arc::clone(&barrier), voice.clone(), id.to_owned());
        tasks.spawn(async move {
            let mut auth = voice.cluster.auth();
            barrier.wait().await;
            let answer = auth.submit_access_review(approval(&id)).await;
            (voice.name, answer)
        });
    }
    barrier.wait().await;
    let watch = Stopwatch::start();
    let mut answers = Vec::with_capacity(crowd.len());
    while let Some(done) = tasks.join_next().await {
        answers.push(done.to("review a request")?);
    }
    let took = watch.elapsed();
    let mut thanked = BTreeSet::new();
    let mut longest = Vec::new();
    let mut state = 0;
    for (name, answer) in answers {
        let Ok(answer) = answer else { continue };
        thanked.insert(name);
        let spec = answer.into_inner().into_message().spec.unwrap_or_default();
        if spec.reviews.len() > longest.len() {
            state = spec.state;
            longest = spec.reviews.into_iter().map(|review| review.author).collect();
        }
    }
    let authors: BTreeSet<String> = longest.iter().cloned().collect();
    let whole = authors.len() == longest.len()
        && authors.len() == crowd.len()
        && state == i32::from(RequestState::Approved);
    let right = if whole {
        authors.intersection(&thanked).count()
    } else {
        0
    };
    Ok((took, f64::from(u32::try_from(right).to("count")?)))
}
