//! The request limit: a bucket for each remote address, refilled steadily.

use std::collections::HashMap;
use std::net::IpAddr;

use tokio::time::Instant;

use crate::model::RateLimit;

#[derive(Debug, Default)]
pub struct Buckets(HashMap<IpAddr, Bucket>);

#[derive(Debug)]
struct Bucket {
    tokens: f64,
    at: Instant,
}

/// What the limit says of one call.
#[derive(Debug, Clone, Copy)]
pub struct Verdict {
    pub allowed: bool,
    pub limit: u32,
    pub remaining: u32,
    /// Seconds until the bucket is full.
    pub reset: u64,
    /// Seconds until one more call is allowed; meant for refusals.
    pub retry_after: u64,
}

impl Buckets {
    pub fn take(&mut self, address: IpAddr, limit: RateLimit) -> Verdict {
        let now = Instant::now();
        let full = f64::from(limit.burst) + 1.0;
        let rate = f64::from(limit.per_second.max(1));
        let bucket = self.0.entry(address).or_insert(Bucket {
            tokens: full,
            at: now,
        });
        bucket.tokens = (bucket.tokens + now.duration_since(bucket.at).as_secs_f64() * rate).min(full);
        bucket.at = now;
        let allowed = bucket.tokens >= 1.0;
        if allowed {
            bucket.tokens -= 1.0;
        }
        Verdict {
            allowed,
            limit: limit.burst + 1,
            remaining: whole(bucket.tokens.floor()),
            reset: u64::from(whole(((full - bucket.tokens) / rate).ceil())),
            retry_after: u64::from(whole(((1.0 - bucket.tokens) / rate).ceil())).max(1),
        }
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "small and not negative"
)]
fn whole(number: f64) -> u32 {
    number.max(0.0) as u32
}
