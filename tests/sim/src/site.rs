//! One simulated replica.

use rejoin_crdt::{
    Authority, Clock, Commit, Context, Delta, InvalidDelta, JoinError, KeyRange, Limits, ReplicaId,
    Staged, Store, Transaction,
};

use crate::workload::Key;

pub(crate) struct Site {
    pub(crate) store: Store<Key, i64>,
    pub(crate) replica: ReplicaId,
    clock: Clock,
    /// How far its system clock is off.
    skew_ms: u64,
}

/// Why a replica took nothing from a delta.
#[derive(Debug)]
pub(crate) enum Refused {
    Gap,
    /// Honest replicas make no such delta.
    Invalid(InvalidDelta),
    /// Honest replicas claim no such dots.
    Impostor(JoinError),
}

impl Site {
    pub(crate) fn new(replica: ReplicaId, skew_ms: u64) -> Self {
        Self { store: Store::new(), replica, clock: Clock::default(), skew_ms }
    }

    /// Prepares a transaction.
    pub(crate) fn transact<T>(
        &mut self,
        now_ms: u64,
        change: impl FnOnce(&mut Transaction<'_, Key, i64>) -> T,
    ) -> (Staged<Key, i64>, T) {
        let hlc = self.clock.tick(now_ms + self.skew_ms);
        let mut tx = Transaction::new(&self.store, self.replica, hlc);
        let result = change(&mut tx);
        (tx.finish(), result)
    }

    pub(crate) fn join(&mut self, delta: Delta<Key, i64>) -> Result<Commit<Key>, Refused> {
        let valid = delta.validate(&Limits::default()).map_err(Refused::Invalid)?;
        let Ok(delta) = valid.authorise(&Authority::Full) else {
            return Ok(Commit::default());
        };
        self.store.join(delta, Some(self.replica)).map_err(|error| match error {
            JoinError::Gap { .. } => Refused::Gap,
            other => Refused::Impostor(other),
        })
    }

    /// Saves the whole state and loads it into an empty store.
    pub(crate) fn reload(&mut self) -> Result<(), Refused> {
        let Ok(state) = self.store.delta_since(&Context::default()) else { return Ok(()) };
        let mut fresh = Self { store: Store::new(), clock: self.clock.clone(), ..*self };
        // A saved state holds own dots that the empty store has not issued.
        let valid = state.validate(&Limits::default()).map_err(Refused::Invalid)?;
        let Ok(state) = valid.authorise(&Authority::Full) else { return Ok(()) };
        fresh.store.join(state, None).map_err(Refused::Impostor)?;
        *self = fresh;
        Ok(())
    }

    /// A delta of `range` for somebody with the context `base`.
    pub(crate) fn delta(&self, base: &Context<Key>, range: &KeyRange<Key>) -> Delta<Key, i64> {
        // Nothing is collected in this world, so no context lies below the horizon.
        self.store.delta_in(base, range).unwrap_or(Delta {
            parts: Vec::new(),
            horizon: self.store.horizon().clone(),
            fingerprint: None,
        })
    }
}
