//! What the original was measured at, once, elsewhere: constants, shown as such and never measured here.
//!
//! Teleport 18.0.0 built with Go 1.26, its default SQLite store, server and client on the same two cores (AMD EPYC,
//! 2.6 GHz), loopback, mutual TLS, the published Go client as the load. See docs/operations/performance.md.

use serde_json::{Value, json};

/// From calling `SubmitAccessReview` until a watcher has the new state, median, in seconds.
pub const REVIEW_TO_WATCHER: f64 = 0.503;
/// Reviews a second, 64 connections, 640 requests, one review each.
pub const REVIEWS_PER_SECOND: f64 = 421.0;
/// A hundred reviewers at one request at once, in seconds: the quickest of what was seen.
pub const CROWD: f64 = 3.1;
/// From starting the process to the first answered ping, median, in seconds.
pub const START: f64 = 1.85;
/// Resident memory of auth, proxy and node at rest, in bytes.
pub const MEMORY_AT_REST: f64 = 342e6;
/// From a created request to a received chat message with the published Go plugin, median, in seconds.
pub const NOTIFICATION: f64 = 0.522;

/// For the report.
pub fn to_json() -> Value {
    json!({
        "what": "Teleport 18.0.0, default SQLite store, two cores, measured elsewhere",
        "review_to_watcher_seconds": REVIEW_TO_WATCHER,
        "reviews_per_second": REVIEWS_PER_SECOND,
        "hundred_reviewers_seconds": CROWD,
        "start_seconds": START,
        "memory_at_rest_bytes": MEMORY_AT_REST,
        "notification_seconds": NOTIFICATION,
    })
}
