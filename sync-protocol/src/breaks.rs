//! What is remembered of connections that broke: with whom to take smaller steps next time.
//!
//! A delta that arrives in part is worth nothing. Over a line that breaks again and again before a whole one
//! is through, asking for the same again would never come to an end. So the next pull asks that peer for
//! little at a time, and each part that arrives is kept.

use std::collections::BTreeSet;

use rejoin_crdt::ReplicaId;

/// More peers than any replica has links to; who is forgotten costs one more broken connection.
const MOST_PEERS: usize = 1_024;

/// The peers whose last connection broke while a delta of theirs was on its way. Readers count as one.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Breaks {
    peers: BTreeSet<Option<ReplicaId>>,
}

impl Breaks {
    /// Whether the last connection with `peer` broke in the middle of a delta.
    pub(crate) fn contains(&self, peer: Option<ReplicaId>) -> bool {
        self.peers.contains(&peer)
    }

    pub(crate) fn note(&mut self, peer: Option<ReplicaId>, has_broken: bool) {
        if !has_broken {
            self.peers.remove(&peer);
        } else if self.peers.len() < MOST_PEERS || self.peers.contains(&peer) {
            self.peers.insert(peer);
        }
    }
}
