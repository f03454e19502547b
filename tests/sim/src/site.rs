//! One simulated replica.

use rejoin_crdt::document::{Document, DocumentStore, DocumentView, Tx};
use rejoin_crdt::path::Key;
use rejoin_crdt::value::Value;
use rejoin_crdt::wire::{self, DecodeError};
use rejoin_crdt::{
    Authority, Commit, Context, Delta, InvalidDelta, JoinError, KeyRange, Limits, ReplicaId, Staged,
};

pub(crate) struct Site {
    document: Document,
    pub(crate) replica: ReplicaId,
    /// How far its system clock is off.
    skew_ms: u64,
}

/// Why a replica took nothing from a delta.
#[derive(Debug)]
#[allow(dead_code, reason = "the reason is printed when a history fails")]
pub(crate) enum Refused {
    Gap,
    /// Honest replicas make no such bytes.
    Garbage(DecodeError),
    /// Honest replicas make no such delta.
    Invalid(InvalidDelta),
    /// Honest replicas claim no such dots.
    Impostor(JoinError),
}

impl Site {
    pub(crate) fn new(replica: ReplicaId, skew_ms: u64) -> Self {
        Self { document: Document::default(), replica, skew_ms }
    }

    pub(crate) fn view(&self) -> DocumentView {
        self.document.view()
    }

    pub(crate) const fn store(&self) -> &DocumentStore {
        self.document.store()
    }

    pub(crate) fn context(&self) -> &Context<Key> {
        self.document.store().view().context()
    }

    /// Prepares a transaction.
    pub(crate) fn transact<T>(
        &mut self,
        now_ms: u64,
        change: impl FnOnce(&mut Tx<'_>) -> T,
    ) -> (Staged<Key, Value>, T) {
        let hlc = self.document.tick(now_ms + self.skew_ms);
        let mut tx = self.document.transaction(self.replica, hlc);
        let result = change(&mut tx);
        (tx.finish(), result)
    }

    /// Commits a transaction; nothing else has happened since it was prepared.
    pub(crate) fn commit(&mut self, staged: Staged<Key, Value>) -> Commit<Key> {
        match self.document.commit(staged) {
            Ok(commit) => commit,
            Err(error) => unreachable!("{error}"),
        }
    }

    pub(crate) fn join(&mut self, delta: &[u8], now_ms: u64) -> Result<Commit<Key>, Refused> {
        let delta = wire::decode_delta(delta, &Limits::default()).map_err(Refused::Garbage)?;
        self.join_as(Some(self.replica), delta, now_ms)
    }

    fn join_as(
        &mut self,
        own: Option<ReplicaId>,
        delta: Delta<Key, Value>,
        now_ms: u64,
    ) -> Result<Commit<Key>, Refused> {
        let valid = delta.validate(&Limits::default()).map_err(Refused::Invalid)?;
        let Ok(delta) = valid.authorise(&Authority::Full) else {
            return Ok(Commit::default());
        };
        self.document.join(delta, own, now_ms + self.skew_ms).map_err(|error| match error {
            JoinError::Gap { .. } => Refused::Gap,
            other => Refused::Impostor(other),
        })
    }

    /// Saves the whole state and loads it into an empty document.
    pub(crate) fn reload(&mut self, now_ms: u64) -> Result<(), Refused> {
        let state = self.delta(&Context::default(), &KeyRange::full());
        let mut fresh = Self::new(self.replica, self.skew_ms);
        // A saved state holds own dots that the empty document has not issued.
        fresh.join_as(None, state, now_ms)?;
        *self = fresh;
        Ok(())
    }

    /// A delta of `range` for somebody with the context `base`.
    pub(crate) fn delta(&self, base: &Context<Key>, range: &KeyRange<Key>) -> Delta<Key, Value> {
        // Nothing is collected in this world, so no context lies below the horizon.
        self.document.store().delta_in(base, range).unwrap_or(Delta {
            parts: Vec::new(),
            horizon: self.document.store().horizon().clone(),
            fingerprint: None,
        })
    }
}
