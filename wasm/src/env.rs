//! The only place of this crate that reads a clock or draws randomness.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rejoin::{Environment, ReplicaId};
use wasm_bindgen::prelude::*;

use crate::error::Refusal;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(catch, js_namespace = ["globalThis", "crypto"], js_name = getRandomValues)]
    fn fill_with_random_values(bytes: &js_sys::Uint8Array) -> Result<(), JsValue>;
}

/// The id and the clock of one replica.
///
/// The id is drawn beforehand, so that a platform without randomness refuses to make a replica
/// instead of failing at its first write.
#[derive(Debug)]
pub(crate) struct Platform {
    replica: ReplicaId,
    clock: Clock,
}

/// Where the time comes from.
#[derive(Clone, Debug)]
pub(crate) enum Clock {
    /// The platform.
    System,
    /// The program, which states the time before each change.
    Stated(Arc<AtomicU64>),
}

impl Platform {
    pub(crate) const fn new(replica: ReplicaId, clock: Clock) -> Self {
        Self { replica, clock }
    }
}

impl Environment for Platform {
    fn now_ms(&self) -> u64 {
        match &self.clock {
            Clock::System => whole_ms(js_sys::Date::now()).unwrap_or_default(),
            Clock::Stated(now_ms) => now_ms.load(Ordering::Relaxed),
        }
    }

    fn new_replica_id(&self) -> ReplicaId {
        self.replica
    }
}

/// A replica id nobody else has: 128 bits of the platform's randomness.
pub(crate) fn random_replica_id() -> Result<ReplicaId, Refusal> {
    let random = js_sys::Uint8Array::new_with_length(16);
    fill_with_random_values(&random).map_err(|cause| {
        Refusal::new("no-randomness", "the platform has no crypto.getRandomValues").caused_by(cause)
    })?;
    let mut bytes = [0; 16];
    random.copy_to(&mut bytes);
    Ok(ReplicaId::from_bytes(bytes))
}

/// Milliseconds since 1970 as JavaScript counts them; `None` for what is not a time since then.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "checked to be within the range of whole numbers that a float holds exactly"
)]
pub(crate) fn whole_ms(now_ms: f64) -> Option<u64> {
    const LARGEST_EXACT: f64 = 9_007_199_254_740_991.0;
    (0.0..=LARGEST_EXACT).contains(&now_ms).then_some(now_ms as u64)
}
