//! The only place of this crate that reads a clock or draws randomness.

use std::time::{SystemTime, UNIX_EPOCH};

use rejoin_crdt::ReplicaId;

use crate::Environment;

/// The clock and the randomness of the operating system.
#[derive(Clone, Copy, Debug, Default)]
pub struct System;

impl Environment for System {
    #[allow(clippy::disallowed_methods, reason = "this file is where the clock is read")]
    fn now_ms(&self) -> u64 {
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since_1970.as_millis()).unwrap_or(u64::MAX)
    }

    fn new_replica_id(&self) -> ReplicaId {
        ReplicaId::from(uuid::Uuid::new_v4())
    }
}

/// A clock that never goes back, from an origin of its own; for time-outs, never for stamps.
#[derive(Clone, Copy, Debug)]
pub struct Monotonic {
    origin: std::time::Instant,
}

impl Monotonic {
    /// A clock that starts at zero now.
    #[allow(clippy::disallowed_methods, reason = "this file is where the clock is read")]
    pub fn start() -> Self {
        Self { origin: std::time::Instant::now() }
    }

    /// Milliseconds since the start.
    pub fn now_ms(self) -> u64 {
        u64::try_from(self.origin.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

/// 64 random bits, to spread retries and announcements.
pub fn random_bits() -> u64 {
    let (high, low) = uuid::Uuid::new_v4().as_u64_pair();
    // The version and variant bits of the one half are random in the other.
    high ^ low.rotate_left(32)
}
