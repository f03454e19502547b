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
