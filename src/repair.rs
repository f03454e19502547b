//! Repair as a replica does it: what an audit found to differ is brought back, durably.

use rejoin_crdt::document::{Document, DocumentRepairError};
use rejoin_crdt::path::Key;
use rejoin_crdt::value::Value;
use rejoin_crdt::{AuthorisedDelta, Fingerprint, KeyRange, Repaired, Scrubbed};
use rejoin_storage::StorageError;
use thiserror::Error;

use crate::{KeepError, Origin, Replica};

/// Why nothing was repaired. Nothing was changed; the next audit begins again.
#[derive(Debug, Error)]
#[non_exhaustive]
pub(crate) enum RepairRefused {
    /// The document does not take the testimony.
    #[error(transparent)]
    Document(#[from] DocumentRepairError),
    /// The repair is done and cannot be made durable: this replica takes no more changes.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// It was called inside a transaction of the same replica.
    #[error("a repair cannot be made inside a transaction of the same replica")]
    Nested,
}

impl Replica {
    /// Takes what a peer holds of some cells, under the context that is the own one.
    ///
    /// It is visible before it is durable, unlike everything else: it makes no new dot, so nobody can
    /// be misled by it, and what a crash takes back the next audit finds again.
    pub(crate) fn repair(
        &self,
        cells: AuthorisedDelta<Key, Value>,
        forks: Option<AuthorisedDelta<Key, Value>>,
        origin: Origin,
    ) -> Result<Repaired<Key, Value>, RepairRefused> {
        let writer = self.shared.writer().ok_or(RepairRefused::Nested)?;
        let now_ms = self.shared.now_ms();
        let told = (cells.as_delta().clone(), forks.as_ref().map(|forks| forks.as_delta().clone()));
        let repaired =
            self.shared.change(usize::MAX, |document| document.repair(cells, forks, now_ms))?;
        if !repaired.is_empty() {
            self.shared.keep(|keeper| keeper.keep_repair(&told.0, told.1.as_ref()))?;
        }
        drop(writer);
        if !repaired.commit.is_empty() {
            self.shared.announce(origin);
        }
        Ok(repaired)
    }

    /// Compares about `most` cells, from `from` on, with what was summed when they last changed, and says
    /// where the next step goes on. What has changed by itself is set apart until an audit with a peer has
    /// repaired it: it is not sent, not kept on disk, and not written over. A replica in a network does this
    /// by itself.
    ///
    /// ```
    /// let db = rejoin::Replica::in_memory();
    /// db.transact(|tx| tx.register("open").set(true))?;
    /// let found = db.scrub(None, 1_000);
    /// assert_eq!((found.cells, found.damaged.len(), found.next), (1, 0, None));
    /// # Ok::<(), rejoin::TransactError<rejoin::WriteError>>(())
    /// ```
    pub fn scrub(&self, from: Option<&Key>, most: usize) -> Scrubbed<Key> {
        let Some(writer) = self.shared.writer() else {
            return Scrubbed { cells: 0, damaged: Vec::new(), next: from.cloned() };
        };
        let scrubbed = self.shared.change(0, |document| document.scrub(from, most));
        drop(writer);
        scrubbed
    }

    /// Takes what stands here for true, in damaged ranges too, and returns how many of those there were: an operator's
    /// last way out. While any other replica has what was damaged, an audit brings it back; a replica on disk reads it
    /// from its log when it is opened again. This is for what nobody else will bring back, and for a replica that is
    /// [suspect](crate::Status::suspect) because of a peer that is gone. From now on damaged values cannot be told
    /// from others; if somebody does come with the right ones, both are reported as a fork.
    ///
    /// # Errors
    /// Inside a transaction of the same replica; nothing was changed.
    pub fn release_quarantine(&self) -> Result<usize, KeepError> {
        let writer = self.shared.writer().ok_or(KeepError::Nested)?;
        let (ranges, is_suspect) = {
            let document = self.shared.document();
            (document.store().quarantine().len(), document.store().is_suspect())
        };
        if is_suspect {
            self.shared.change(usize::MAX, Document::release_quarantine);
        }
        drop(writer);
        if ranges > 0 {
            self.shared.announce(Origin::Remote(None));
        }
        Ok(ranges)
    }

    /// Changes the entries of a cell as failing memory would, for tests. Returns whether there is such a cell.
    #[cfg(feature = "planted")]
    pub fn damage(&self, key: &Key, change: impl Fn(&mut rejoin_crdt::Entry<Value>)) -> bool {
        self.shared.change(0, |document| document.damage(key, change))
    }

    /// Changes the numbers of the dots in a cell as failing memory would, for tests. Returns whether there is such
    /// a cell.
    #[cfg(feature = "planted")]
    pub fn damage_dots(&self, key: &Key, change: impl Fn(u64) -> u64) -> bool {
        self.shared.change(0, |document| document.damage_dots(key, change))
    }

    /// Notes what an audit has found: the fingerprint that this replica and another one of the same context
    /// have in common, or `None` if they differ. While it differs, it forgets nothing, and tells nobody that
    /// it holds everything there is.
    ///
    /// A session may have compared before damage was found here, with the sum that was kept of something else:
    /// so a quarantine ends only if the state still has that fingerprint.
    pub(crate) fn audited(&self, equal: Option<Fingerprint>) {
        let Some(writer) = self.shared.writer() else { return };
        let (was_suspect, was_damaged, is_equal) = {
            let document = self.shared.document();
            let (store, full) = (document.store(), KeyRange::full());
            let was_damaged = !store.quarantine().is_empty();
            let is_equal =
                |found| store.is_suspect() && (!was_damaged || store.audited(&full).1 == found);
            (store.is_suspect(), was_damaged, equal.is_some_and(is_equal))
        };
        if equal.is_none() && !was_suspect {
            self.shared.change(0, |document| document.set_suspect(true));
        }
        if is_equal {
            self.shared.change(0, |document| document.set_suspect(false));
        }
        if is_equal && was_damaged {
            // The log may hold what was damaged. If this fails, the next checkpoint does it.
            let _ = self.checkpoint();
        }
        drop(writer);
    }
}

#[cfg(all(test, feature = "env"))]
mod tests {
    use crate::Replica;

    #[test]
    fn an_operator_can_end_a_suspicion_that_no_peer_ends() {
        let db = Replica::in_memory();
        db.audited(None);
        assert!(db.status().suspect);
        assert_eq!(db.release_quarantine().unwrap(), 0);
        assert!(!db.status().suspect);
    }
}
