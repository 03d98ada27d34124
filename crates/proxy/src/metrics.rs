//! What is counted: requests by route and code, how long they take, what is open, how people got in or did not.

use std::sync::atomic::{AtomicI64, AtomicU64};
use std::time::Duration;

use http::StatusCode;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;
use wire::status::{Class, Failure};

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    method: &'static str,
    route: &'static str,
    code: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteLabels {
    route: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DoorLabels {
    step: &'static str,
    outcome: &'static str,
}

/// A step on the way in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The password of a sign-in from a terminal.
    Begin,
    /// The certificates of a sign-in from a terminal.
    Finish,
    /// A session of the browser.
    Session,
    /// An invitation or a reset.
    Invite,
}

impl Step {
    fn name(self) -> &'static str {
        match self {
            Self::Begin => "begin",
            Self::Finish => "finish",
            Self::Session => "session",
            Self::Invite => "invite",
        }
    }
}

/// The figures of one proxy.
#[derive(Debug, Clone)]
pub struct Metrics {
    requests: Family<RequestLabels, Counter<u64, AtomicU64>>,
    seconds: Family<RouteLabels, Histogram, fn() -> Histogram>,
    open: Gauge<i64, AtomicI64>,
    panics: Counter<u64, AtomicU64>,
    sign_ins: Family<DoorLabels, Counter<u64, AtomicU64>>,
}

fn buckets() -> Histogram {
    Histogram::new(exponential_buckets(0.0005, 2.0, 14))
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            requests: Family::default(),
            seconds: Family::new_with_constructor(buckets as fn() -> Histogram),
            open: Gauge::default(),
            panics: Counter::default(),
            sign_ins: Family::default(),
        }
    }
}

impl Metrics {
    /// Makes the figures visible under their names.
    pub fn register(&self, registry: &mut Registry) {
        let registry = registry.sub_registry_with_prefix("proxy");
        registry.register(
            "requests",
            "Requests by method, route and status code",
            self.requests.clone(),
        );
        registry.register(
            "request_seconds",
            "Seconds until the answer began",
            self.seconds.clone(),
        );
        registry.register("requests_open", "Requests being worked on", self.open.clone());
        registry.register(
            "panics",
            "Requests that ended in a fault of the program",
            self.panics.clone(),
        );
        registry.register(
            "sign_ins",
            "Steps of signing in and how they ended",
            self.sign_ins.clone(),
        );
    }

    /// A request began; the value counts it as open for as long as it lives.
    pub(crate) fn begin(&self) -> OpenRequest {
        self.open.inc();
        OpenRequest(self.open.clone())
    }

    pub(crate) fn answered(
        &self,
        method: &'static str,
        route: &'static str,
        code: StatusCode,
        after: Duration,
    ) {
        self.seconds
            .get_or_create(&RouteLabels { route })
            .observe(after.as_secs_f64());
        let code = code.as_u16();
        self.requests
            .get_or_create(&RequestLabels { method, route, code })
            .inc();
    }

    pub(crate) fn panicked(&self) {
        self.panics.inc();
    }

    /// Counts how a step ended, and gives it back.
    pub(crate) fn step<T>(&self, step: Step, ended: Result<T, Failure>) -> Result<T, Failure> {
        let outcome = match &ended {
            Ok(_) => "ok",
            Err(failure) => match failure.class() {
                Class::AccessDenied | Class::Unauthenticated | Class::NotFound | Class::BadParameter => {
                    "refused"
                }
                Class::LimitExceeded => "limited",
                _ => "failed",
            },
        };
        let step = step.name();
        self.sign_ins.get_or_create(&DoorLabels { step, outcome }).inc();
        ended
    }
}

/// One request being worked on.
pub(crate) struct OpenRequest(Gauge<i64, AtomicI64>);

impl Drop for OpenRequest {
    fn drop(&mut self) {
        self.0.dec();
    }
}
