//! The proxy from outside: a real Auth Service behind it, real TLS in front of it.

mod attacks;
mod browser;
mod deciding;
mod discovery;
mod forms;
mod joining;
mod journal;
mod limits;
mod matrix;
mod pages;
mod passage;
mod routing;
mod running;
mod screens;
mod terminal;
mod webdriver;
mod world;

use std::sync::Arc;

use access::ambient::ManualClock;
use auth::guard::Rates;
use jiff::SignedDuration;

use world::World;

/// A cluster whose clock is moved by hand.
struct Story {
    world: World,
    clock: Arc<ManualClock>,
}

impl std::ops::Deref for Story {
    type Target = World;

    fn deref(&self) -> &World {
        &self.world
    }
}

impl Story {
    async fn begin() -> Self {
        Self::with(world::no_limits()).await
    }

    /// A cluster whose configuration does not say where its proxy is.
    async fn unnamed() -> Self {
        Self::of(world::no_limits(), false).await
    }

    async fn with(rates: Rates) -> Self {
        Self::of(rates, true).await
    }

    async fn of(rates: Rates, named: bool) -> Self {
        let clock = Arc::new(ManualClock::new(
            "2026-11-23T12:00:00Z".parse().expect("a moment"),
        ));
        let anywhere = ([127, 0, 0, 1], 0).into();
        let world = World::open(Arc::<ManualClock>::clone(&clock), rates, anywhere, named).await;
        Self { world, clock }
    }

    /// Time passes: the next one-time code is a new one.
    fn later(&self) {
        self.clock.advance(SignedDuration::from_secs(30));
    }

    /// The code somebody's application shows, after the last one is over.
    fn code(&self, person: &world::Person) -> String {
        self.later();
        person.seed.code(self.now()).expect("a code")
    }
}
