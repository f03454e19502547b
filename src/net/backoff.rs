//! When to try a connection again: pauses that double up to a limit, at random points of each pause,
//! and never more attempts than a token bucket allows.
//!
//! Without the randomness all peers of a node that restarts would come back at once. Source: Brooker,
//! *Exponential Backoff and Jitter*, 2015 ("full jitter").

use std::time::Duration;

/// The first pause is up to this long.
const FIRST_MS: u64 = 100;

/// No pause is longer: a partition that heals is noticed within this time.
const LONGEST_MS: u64 = 10_000;

/// A connection that lived this long was a good one, and the next failure starts over.
const GOOD_MS: u64 = 10_000;

/// Attempts that may follow each other at once.
const BUCKET: u64 = 10;

/// The time in which the bucket gains an attempt.
const REFILL_MS: u64 = 2_000;

/// The state of the retries of one link.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Backoff {
    failures: u32,
    tokens: u64,
    refilled_ms: u64,
}

impl Backoff {
    pub(crate) const fn new(now_ms: u64) -> Self {
        Self { failures: 0, tokens: BUCKET, refilled_ms: now_ms }
    }

    /// A connection ended after `lived_ms`.
    pub(crate) const fn ended(&mut self, lived_ms: u64) {
        if lived_ms >= GOOD_MS {
            self.failures = 0;
        }
    }

    /// How long to wait before the next attempt. `random` are 64 random bits.
    pub(crate) fn pause(&mut self, random: u64, now_ms: u64) -> Duration {
        let gained = now_ms.saturating_sub(self.refilled_ms) / REFILL_MS;
        self.tokens = (self.tokens + gained).min(BUCKET);
        self.refilled_ms += gained * REFILL_MS;
        let longest_ms = (FIRST_MS << self.failures.min(16)).min(LONGEST_MS);
        self.failures = self.failures.saturating_add(1);
        let jittered_ms = random % longest_ms;
        if self.tokens == 0 {
            return Duration::from_millis(jittered_ms.max(REFILL_MS));
        }
        self.tokens -= 1;
        Duration::from_millis(jittered_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_the_limit_and_start_over_after_a_good_connection() {
        let mut backoff = Backoff::new(0);
        let longest: Vec<_> =
            (0..9).map(|_| backoff.pause(u64::MAX, 0).as_millis() < 10_000).collect();
        assert!(longest.iter().all(|short| *short));
        backoff.ended(GOOD_MS);
        assert!(backoff.pause(u64::MAX, 0).as_millis() < u128::from(FIRST_MS));
    }

    #[test]
    fn an_empty_bucket_slows_attempts_down() {
        let mut backoff = Backoff::new(0);
        assert!((0..BUCKET).all(|_| backoff.pause(0, 0).is_zero()));
        assert_eq!(backoff.pause(0, 0).as_millis(), u128::from(REFILL_MS));
        assert_eq!(backoff.pause(0, REFILL_MS).as_millis(), 0);
    }
}
