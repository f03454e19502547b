//! A change feed that can be resumed from any context.

use std::time::Duration;

use rejoin_crdt::Context;
use rejoin_crdt::document::Changes;
use rejoin_crdt::path::Key;

use crate::Replica;

/// The changes of a replica since a context, in batches.
///
/// There is no queue that could overrun: a batch is worked out from the dot index when it is asked
/// for, and a key that changed a thousand times in between is listed once.
#[derive(Debug)]
pub struct Feed {
    replica: Replica,
    since: Context<Key>,
}

impl Feed {
    pub(crate) const fn new(replica: Replica, since: Context<Key>) -> Self {
        Self { replica, since }
    }

    /// Where the feed stands: save it, and a later feed goes on from there.
    pub const fn position(&self) -> &Context<Key> {
        &self.since
    }

    /// What changed since the last batch; `None` if nothing did. Changes of the member list are passed
    /// over.
    pub fn poll(&mut self) -> Option<Changes> {
        let changes = self.replica.changes_since(&self.since);
        if changes.upto == self.since {
            return None;
        }
        self.since.clone_from(&changes.upto);
        let is_empty = changes.cells.is_empty() && changes.deleted.is_empty();
        (!is_empty).then_some(changes)
    }

    /// As [`Self::poll`], but waits up to `timeout` for something to change.
    pub fn wait(&mut self, timeout: Duration) -> Option<Changes> {
        let revision = self.replica.shared.revision();
        self.poll().or_else(|| {
            self.replica.shared.wait_for_change(revision, timeout);
            self.poll()
        })
    }
}
