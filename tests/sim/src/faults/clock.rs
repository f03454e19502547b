//! The environment of a simulated machine: a clock that can be wrong in every way, and randomness that is
//! drawn from the seed.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use fastrand::Rng;
use rejoin::{Environment, ReplicaId};

/// A day in the year 2026, when every history begins.
pub(super) const BEGINNING_MS: u64 = 1_790_000_000_000;

/// The year 2200.
const FAR_FUTURE_MS: u64 = 7_258_118_400_000;

/// A clock and a source of random bits; clones are handles of the same.
#[derive(Clone, Debug)]
pub(super) struct Clock(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    rng: Rng,
    /// The true time.
    true_ms: u64,
    /// What the clock showed when it was last set, and the true time then.
    set_ms: u64,
    set_at_ms: u64,
    /// How fast it goes.
    percent: u64,
}

impl Clock {
    /// A clock that is right.
    pub(super) fn new(rng: Rng) -> Self {
        let state = State {
            rng,
            true_ms: BEGINNING_MS,
            set_ms: BEGINNING_MS,
            set_at_ms: BEGINNING_MS,
            percent: 100,
        };
        Self(Arc::new(Mutex::new(state)))
    }

    /// Lets the time be `after_ms` after the beginning.
    pub(super) fn advance(&self, after_ms: u64) {
        self.state().true_ms = BEGINNING_MS + after_ms;
    }

    /// Sets the clock to something wrong, or right again.
    pub(super) fn break_it(&self, rng: &mut Rng) {
        let mut state = self.state();
        let (now, now_true) = (state.now_ms(), state.true_ms);
        let (set_ms, percent) = match rng.u8(..8) {
            0 => (now + rng.u64(..10_000_000), 100),
            1 => (now.saturating_sub(rng.u64(..10_000_000)), 100),
            2 => (now, rng.u64(1..400)),
            3 => (now, 0),
            4 => (0, 100),
            5 => (FAR_FUTURE_MS, 100),
            _ => (now_true, 100),
        };
        (state.set_ms, state.set_at_ms, state.percent) = (set_ms, now_true, percent);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    const fn now_ms(&self) -> u64 {
        self.set_ms + (self.true_ms - self.set_at_ms) * self.percent / 100
    }
}

impl Environment for Clock {
    fn now_ms(&self) -> u64 {
        self.state().now_ms()
    }

    fn new_replica_id(&self) -> ReplicaId {
        ReplicaId::from_u128(self.state().rng.u128(1..))
    }
}
