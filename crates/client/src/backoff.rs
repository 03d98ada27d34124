//! Waiting before trying again: longer each time, up to a cap, and never in step with others.

use std::sync::Arc;
use std::time::Duration;

use access::ambient::Entropy;

/// The spans between attempts.
pub struct Backoff {
    entropy: Arc<dyn Entropy>,
    first: Duration,
    cap: Duration,
    failures: u32,
}

impl Backoff {
    /// Begins around `first`, doubles with each failure, and stays around `cap`.
    pub fn new(entropy: Arc<dyn Entropy>, first: Duration, cap: Duration) -> Self {
        Self {
            entropy,
            first,
            cap,
            failures: 0,
        }
    }

    /// The usual spans towards a cluster: from 100 ms to 2 s.
    pub fn to_cluster(entropy: Arc<dyn Entropy>) -> Self {
        Self::new(entropy, Duration::from_millis(100), Duration::from_secs(2))
    }

    /// It worked: the next failure begins anew.
    pub fn reset(&mut self) {
        self.failures = 0;
    }

    /// How long to wait after one more failure: between half and the whole of the span.
    pub fn next_span(&mut self) -> Duration {
        let doubled = self.first.saturating_mul(2_u32.saturating_pow(self.failures));
        self.failures = self.failures.saturating_add(1);
        let span = doubled.min(self.cap);
        let mut bytes = [0; 4];
        self.entropy.fill(&mut bytes);
        let part = f64::from(u32::from_le_bytes(bytes)) / f64::from(u32::MAX);
        span.mul_f64(0.5 + part / 2.0)
    }

    /// Waits.
    pub async fn wait(&mut self) {
        tokio::time::sleep(self.next_span()).await;
    }
}

#[cfg(test)]
mod tests {
    use access::ambient::SeededEntropy;

    use super::*;

    #[test]
    fn spans_grow_to_the_cap_and_differ() {
        let mut backoff = Backoff::to_cluster(Arc::new(SeededEntropy::new(1)));
        let spans: Vec<u128> = (0..10).map(|_| backoff.next_span().as_millis()).collect();
        for (index, span) in spans.iter().enumerate() {
            let whole = (100 << index.min(10)).min(2_000);
            assert!((whole / 2..=whole).contains(span), "{index}: {span}");
        }
        assert_ne!(spans[8], spans[9]);
        backoff.reset();
        assert!(backoff.next_span() <= Duration::from_millis(100));
    }
}
