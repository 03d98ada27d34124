//! `tsh request ls`: the requests that one may see.

use std::pin::pin;

use cli::Failure;
use futures::TryStreamExt as _;
use wire::pb::proto::{AccessRequestSort, ListAccessRequestsRequest};
use wire::resource::{Kind, Resource};

use super::lookup::{Message, spec};
use super::table;
use crate::args::{List, Shape};
use crate::out;
use crate::refusal;
use crate::session::Session;
use crate::world::World;

/// Runs the command.
pub async fn run(world: &World, asked: &List) -> Result<(), Failure> {
    let session = Session::require(world)?;
    let cluster = session.connect(world).await?;
    let listing = ListAccessRequestsRequest {
        sort: AccessRequestSort::Created as i32,
        descending: true,
        ..ListAccessRequestsRequest::default()
    };
    let mut requests = Vec::new();
    let mut pages = pin!(cluster.access_requests(listing));
    while let Some(request) = pages
        .try_next()
        .await
        .map_err(|status| refusal::of_call(&cluster, &status))?
    {
        if wanted(&request, asked, &session.profile.user) {
            requests.push(request);
        }
    }
    requests.sort_by_key(|request| {
        let created = wire::convert::moment(spec(request).created.as_ref());
        std::cmp::Reverse(created)
    });
    out::data(&match asked.format.format {
        Shape::Text => table::print(requests.iter().map(|request| &**request), world.clock.now()),
        Shape::Json => format!("{}\n", wire::resource::json_of(&resources(&requests)?, 2)),
        Shape::Yaml => {
            let values: Vec<_> = resources(&requests)?.iter().map(Resource::to_json).collect();
            wire::resource::yaml::document(&values.into())
        }
    })
}

/// The filters, one after the other, as in the original.
fn wanted(request: &Message, asked: &List, me: &str) -> bool {
    let spec = spec(request);
    let mine = spec.user == me;
    let reviewable = !mine && spec.reviews.iter().all(|review| review.author != me);
    let suggested = reviewable && spec.suggested_reviewers.iter().any(|name| name == me);
    (!asked.reviewable || reviewable) && (!asked.suggested || suggested) && (!asked.my_requests || mine)
}

fn resources(requests: &[Message]) -> Result<Vec<Resource>, Failure> {
    requests.iter().map(resource).collect()
}

/// A request as other programs read it, with what this program does not know.
pub fn resource(request: &Message) -> Result<Resource, Failure> {
    Resource::of(Kind::AccessRequest, request)
        .map_err(|error| Failure::new(format!("the cluster sent a request that cannot be read: {error}")))
}

#[cfg(test)]
mod tests {
    use wire::keep::Kept;
    use wire::pb::types::AccessReview;

    use super::super::block::tests::bobs;
    use super::*;
    use crate::args::Format;

    fn asked(reviewable: bool, suggested: bool, my_requests: bool) -> List {
        List {
            format: Format::default(),
            reviewable,
            suggested,
            my_requests,
        }
    }

    #[test]
    fn filters_go_by_what_i_have_to_do_with_a_request() {
        let bobs = Kept::from(bobs());
        let (alice, bob, carol) = ("alice@example.com", "bob@example.com", "carol@example.com");
        let reviewable = |me| wanted(&bobs, &asked(true, false, false), me);
        assert_eq!([alice, bob, carol].map(reviewable), [true, false, true]);
        let suggested = |me| wanted(&bobs, &asked(false, true, false), me);
        assert_eq!([alice, bob, carol].map(suggested), [true, false, false]);
        let mine = |me| wanted(&bobs, &asked(false, false, true), me);
        assert_eq!([alice, bob, carol].map(mine), [false, true, false]);
        let mut reviewed = bobs.clone();
        reviewed.spec.as_mut().unwrap().reviews.push(AccessReview {
            author: alice.to_owned(),
            ..AccessReview::default()
        });
        assert!(!wanted(&reviewed, &asked(true, false, false), alice));
        assert!(wanted(&reviewed, &asked(false, false, false), alice));
    }
}
