//! P8: `ListAccessRequests`, a page of 100 pending requests, the newest first, out of 100,000 stored ones. Compared with
//! the same call out of 1,000, and with what it would take to decode all 100,000 out of JSON.

use std::time::Duration;

use transport::system::Stopwatch;
use wire::keep::Kept;
use wire::pb::proto::{AccessRequestSort, ListAccessRequestsRequest};
use wire::pb::types::{AccessRequestFilter, AccessRequestV3, RequestState};
use wire::resource::{Kind, Resource};

use super::{Bench, blocking};
use crate::bench::figure::{Bound, Figure};
use crate::bench::options::Goal;
use crate::bench::report::{Line, Section};
use crate::bench::rounds::{Measured, Rounds};
use crate::bench::stats::Sample;
use crate::bench::trouble::{Outcome, Trouble, While as _};
use crate::bench::world::{Voice, World, ask, fill};

const MANY: usize = 100_000;
const FEW: usize = 1_000;
const PAGE: usize = 100;
/// So many values are decoded in a round; the time for all is worked out from it.
const DECODED: usize = 10_000;

pub(super) async fn measure(bench: &Bench) -> Outcome<Section> {
    bench.progress.preparing("an Auth Service with 1,000 requests");
    let (few, few_reader, _) = stocked(bench, FEW).await?;
    bench.progress.preparing("an Auth Service with 100,000 requests");
    let (many, many_reader, pattern) = stocked(bench, MANY).await?;
    let json = Resource::of(Kind::AccessRequest, &pattern)
        .to("write a request as JSON")?
        .to_json();
    let text = serde_json::to_string(&json).to("write a request as JSON")?;

    let calls = bench.plan.pick(100, 30);
    // What is read for the first time is measured apart.
    let first_few = page(&few_reader).await?;
    let first_many = page(&many_reader).await?;
    let mut rounds = Rounds::new(bench.plan, "of_1000", &bench.progress);
    while rounds.next().is_some() {
        let (mut of_few, mut of_many) = (Vec::new(), Vec::new());
        for _ in 0..calls {
            of_few.push(page(&few_reader).await?);
            of_many.push(page(&many_reader).await?);
        }
        let of_many = Sample::of_durations(of_many).to("measure a page")?;
        rounds.add(Measured::from([
            (
                "of_1000",
                Sample::of_durations(of_few).to("measure a page")?.median(),
            ),
            ("of_100000", of_many.median()),
            ("of_100000_p99", of_many.percentile(99)),
            ("decode_100000", blocking(|| decode_all(&text))?),
        ]));
    }
    let rounds = rounds.finish();
    drop((few_reader, many_reader));
    few.stop().await?;
    many.stop().await?;

    let mut section = Section::new(Goal::P8);
    let page = Figure::seconds(rounds.median("of_100000"));
    section.lines = vec![
        Line {
            what: "page of 100,000 / page of 1,000".to_owned(),
            subject: page,
            floor: Figure::seconds(rounds.median("of_1000")),
            ratio: rounds.ratio("of_100000", "of_1000"),
            wanted: Bound::AtMost(1.5),
            stretch: Some(Bound::AtMost(1.1)),
        },
        Line {
            what: "page / decoding 100,000 from JSON".to_owned(),
            subject: page,
            floor: Figure::seconds(rounds.median("decode_100000")),
            ratio: rounds.ratio("of_100000", "decode_100000"),
            wanted: Bound::AtMost(1.0 / 200.0),
            stretch: None,
        },
    ];
    section.notes.push(format!(
        "the JSON ({} bytes a request) is decoded by serde_json, about three times as quick as Go's encoding/json",
        text.len()
    ));
    section.notes.push(format!(
        "the first page after the store was opened took {} of 1,000 and {} of 100,000",
        Figure::seconds(first_few.as_secs_f64()),
        Figure::seconds(first_many.as_secs_f64())
    ));
    section.keep("list", rounds);
    Ok(section)
}

/// A service with `count` stored requests, somebody who may see them, and one of them.
async fn stocked(bench: &Bench, count: usize) -> Outcome<(World, Voice, Kept<AccessRequestV3>)> {
    let world = World::start(&bench.disk).await?;
    let bob = world.person("bob", &["asks-two"]).await?;
    let reader = world.person("auditor", &["sees"]).await?;
    let pattern = ask(&bob, 1).await?.pop().to("make a request")?;
    fill(&world.auth, &pattern, count, world.now()).await?;
    Ok((world, reader, pattern))
}

/// One page; how long it took.
async fn page(reader: &Voice) -> Outcome<Duration> {
    let asked = ListAccessRequestsRequest {
        filter: Some(AccessRequestFilter {
            state: RequestState::Pending.into(),
            ..AccessRequestFilter::default()
        }),
        sort: AccessRequestSort::Created.into(),
        descending: true,
        limit: i32::try_from(PAGE).to("count")?,
        ..ListAccessRequestsRequest::default()
    };
    let mut auth = reader.cluster.auth();
    let watch = Stopwatch::start();
    let answer = auth.list_access_requests(asked).await;
    let took = watch.elapsed();
    let requests = answer.to("list access requests")?.into_inner().access_requests;
    let created = |request: &Kept<AccessRequestV3>| {
        let created = request.spec.as_ref().and_then(|spec| spec.created);
        created.map(|moment| (moment.seconds, moment.nanos))
    };
    let right = requests.len() == PAGE
        && requests.is_sorted_by(|newer, older| created(newer) >= created(older))
        && requests.iter().all(|request| {
            request
                .spec
                .as_ref()
                .is_some_and(|spec| spec.state == i32::from(RequestState::Pending))
        });
    if right {
        Ok(took)
    } else {
        Err(Trouble::new(
            "a page does not hold the newest pending requests in order",
        ))
    }
}

/// How long it takes to decode all stored requests out of JSON, in seconds.
fn decode_all(text: &str) -> Outcome<f64> {
    let watch = Stopwatch::start();
    for _ in 0..DECODED {
        let value: serde_json::Value = serde_json::from_str(std::hint::black_box(text)).to("read JSON")?;
        std::hint::black_box(value);
    }
    let share = f64::from(u32::try_from(MANY / DECODED).to("count")?);
    Ok(watch.elapsed().as_secs_f64() * share)
}
