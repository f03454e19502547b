//! When removals are forgotten, and when not: one short story for each rule.
//!
//! A story has two to four documents that hand each other deltas. What everybody has acknowledged is
//! said by the story, since acknowledgements may be older than the truth but not younger.

#![allow(clippy::unwrap_used, reason = "a step that is refused shall stop the test")]

mod growth;
mod horizon;
mod hydrating;
mod observed_removal;
mod range_tombstone;
mod removal_that_wins;
mod reset;
mod unnoticed;

use rejoin_crdt::document::{Document, DocumentView, Tx};
use rejoin_crdt::path::Key;
use rejoin_crdt::{
    Authority, Collected, Coverage, KeyRange, Limits, ReplicaId, Stability, VersionVector,
};

/// A replica of a story.
struct Peer {
    document: Document,
    replica: ReplicaId,
}

impl Peer {
    fn new(id: u128) -> Self {
        Self { document: Document::default(), replica: ReplicaId::from_u128(id) }
    }

    fn change<T>(&mut self, change: impl FnOnce(&mut Tx<'_>) -> T) {
        let hlc = self.document.tick(1_000);
        let mut tx = self.document.transaction(self.replica, hlc);
        change(&mut tx);
        let staged = tx.finish().unwrap();
        self.document.commit(staged).unwrap();
    }

    /// Takes everything that `from` has in `range`. Returns whether that was listed, because collected
    /// removals could not be named.
    fn pull_range(&mut self, from: &Self, range: &KeyRange<Key>) -> bool {
        let base = self.document.store().view().context();
        let delta = from.document.store().delta_in(base, range);
        let is_listing = delta.parts.iter().any(|part| part.coverage == Coverage::Complete);
        let valid = delta.validate(&Limits::default()).unwrap();
        let delta = valid.authorise(&Authority::Full).unwrap();
        self.document.join(delta, Some(self.replica), 1_000).unwrap();
        self.document.store().verify(Some(self.replica)).unwrap();
        is_listing
    }

    fn pull(&mut self, from: &Self) -> bool {
        self.pull_range(from, &KeyRange::full())
    }

    /// What this replica has, as it would acknowledge it now.
    fn acknowledgement(&self) -> (ReplicaId, VersionVector) {
        (self.replica, self.document.store().view().context().floor())
    }

    fn collect(&mut self, stability: &Stability) -> Collected<Key> {
        let collected = self.document.collect(stability);
        self.document.store().verify(Some(self.replica)).unwrap();
        collected
    }

    fn view(&self) -> DocumentView {
        self.document.view()
    }

    fn cell_count(&self) -> usize {
        self.document.store().view().cell_count()
    }

    fn range_tombstone_count(&self) -> usize {
        let (_, seen) = self.acknowledgement();
        let store = self.document.store();
        store.range_tombstones_since(&VersionVector::new(), &seen, &KeyRange::full()).len()
    }
}

/// Nobody has retired, and everybody has acknowledged this.
fn members(acknowledgements: impl IntoIterator<Item = (ReplicaId, VersionVector)>) -> Stability {
    Stability::new(acknowledgements, VersionVector::new())
}
