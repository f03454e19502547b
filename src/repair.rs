//! Repair as a replica does it: what an audit found to differ is brought back, durably.

use rejoin_crdt::document::DocumentRepairError;
use rejoin_crdt::path::Key;
use rejoin_crdt::value::Value;
use rejoin_crdt::{AuthorisedDelta, Repaired, Scrubbed};
use rejoin_storage::StorageError;
use thiserror::Error;

use crate::{Origin, Replica};

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

    /// Notes that an audit has found this replica to differ from another one, or to equal it: while it
    /// differs it forgets nothing, and tells nobody that it holds everything there is.
    pub(crate) fn suspect(&self, is_suspect: bool) {
        if let Some(writer) = self.shared.writer() {
            if self.shared.document().store().is_suspect() != is_suspect {
                self.shared.change(0, |document| document.set_suspect(is_suspect));
            }
            drop(writer);
        }
    }
}
