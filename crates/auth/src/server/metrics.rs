//! What is counted: calls by method and outcome, how long they take, what is open, what went wrong.

use std::sync::atomic::{AtomicI64, AtomicU64};
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

/// A call, as it is counted.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CallLabels {
    method: String,
    code: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct MethodLabels {
    method: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct EventLabels {
    event: &'static str,
    code: &'static str,
}

/// The figures of one Auth Service.
#[derive(Debug, Clone)]
pub struct Metrics {
    calls: Family<CallLabels, Counter<u64, AtomicU64>>,
    seconds: Family<MethodLabels, Histogram, fn() -> Histogram>,
    open: Gauge<i64, AtomicI64>,
    panics: Counter<u64, AtomicU64>,
    records: Family<EventLabels, Counter<u64, AtomicU64>>,
}

fn buckets() -> Histogram {
    Histogram::new(exponential_buckets(0.0005, 2.0, 14))
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            calls: Family::default(),
            seconds: Family::new_with_constructor(buckets as fn() -> Histogram),
            open: Gauge::default(),
            panics: Counter::default(),
            records: Family::default(),
        }
    }
}

impl Metrics {
    /// Makes the figures visible under their names.
    pub fn register(&self, registry: &mut Registry) {
        let registry = registry.sub_registry_with_prefix("auth");
        registry.register("calls", "Calls by method and status code", self.calls.clone());
        registry.register(
            "call_seconds",
            "Seconds until the answer began",
            self.seconds.clone(),
        );
        registry.register("calls_open", "Calls being worked on", self.open.clone());
        registry.register(
            "panics",
            "Calls that ended in a fault of the program",
            self.panics.clone(),
        );
        registry.register("audit_records", "Audit records written", self.records.clone());
    }

    /// A call began; the value counts it as open for as long as it lives.
    pub(crate) fn begin(&self) -> OpenCall {
        self.open.inc();
        OpenCall(self.open.clone())
    }

    pub(crate) fn answered(&self, method: &str, code: &'static str, after: Duration) {
        let method = method.to_owned();
        self.seconds
            .get_or_create(&MethodLabels {
                method: method.clone(),
            })
            .observe(after.as_secs_f64());
        self.calls.get_or_create(&CallLabels { method, code }).inc();
    }

    pub(crate) fn panicked(&self) {
        self.panics.inc();
    }

    pub(crate) fn recorded(&self, event: &'static str, code: &'static str) {
        self.records.get_or_create(&EventLabels { event, code }).inc();
    }
}

/// One call being worked on.
pub(crate) struct OpenCall(Gauge<i64, AtomicI64>);

impl Drop for OpenCall {
    fn drop(&mut self) {
        self.0.dec();
    }
}
