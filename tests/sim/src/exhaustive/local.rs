//! The states that one replica can be in, each with the real engine in it.
//!
//! A local state is the canonical bytes of the engine's state and, beside it, what the oracle needs to
//! judge everything that can still happen to this replica: for every place the operations that are
//! known, and those of them that are visible, with what they did.
//!
//! *That this is enough.* Let `K` be what a replica knows of a place, and `V(K)` what nothing in `K` has
//! superseded. Knowledge is closed: who knows an operation knows all that it had seen there. So what
//! supersedes `o` in `K` knew `o`, hence `o` is in `K`; and `V(K ∪ L)` is every `o` of `K ∪ L` that is
//! in `V(K)` or not in `K`, and in `V(L)` or not in `L`. A new operation sees exactly `K`. Every later
//! pair `(K, V)` therefore follows from the present pairs, and a reading is a function of `V` alone.
//! That a transaction is whole is a question about `K` and about which operations concern several
//! places, which is kept too.

use std::collections::HashMap;

use rejoin_crdt::path::Key;
use rejoin_crdt::value::Value;
use rejoin_crdt::{Delta, Fingerprint, KeyRange, wire};

use super::alphabet::{REPLICAS, replica_id};
use super::search::{Change, Told};
use crate::judge::Judge;
use crate::site::{Refused, Site};

/// The name of a local state: its position in the order of discovery.
pub(super) type LocalId = u32;

/// One replica in one state.
pub(super) struct Local {
    pub(super) site: Site,
    state: Delta<Key, Value>,
    pub(super) context: u32,
    pub(super) fingerprint: Fingerprint,
    /// The number of operations that this replica has issued.
    pub(super) issued: usize,
}

/// Every local state that was met.
#[derive(Default)]
pub(super) struct Locals {
    all: Vec<Local>,
    ids: HashMap<Vec<u8>, LocalId>,
    contexts: HashMap<Vec<u8>, u32>,
}

impl Local {
    /// A copy to be changed: the state is saved and loaded, which must be invisible.
    pub(super) fn copy(&self) -> Result<Site, Refused> {
        Site::loaded(self.site.replica, 0, self.state.clone(), 0)
    }

    /// What this replica is after a delta of `from`; `None` if the delta tells it nothing.
    pub(super) fn receive(&self, from: usize, delta: Delta<Key, Value>) -> Result<Change, Refused> {
        if delta.is_empty() || !self.site.would_change(delta.clone())? {
            return Ok(None);
        }
        let mut site = self.copy()?;
        site.join(&wire::encode_delta(&delta), 0)?;
        let ranges = delta.parts.into_iter().map(|part| part.range).collect();
        Ok(Some((site, Told::Delivery { from, ranges })))
    }
}

impl Locals {
    pub(super) fn of(&self, id: LocalId) -> &Local {
        // A position is at most what fits into the type of its name.
        &self.all[id as usize]
    }

    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    /// The name of the state that replica `at` is in, with the oracle's knowledge of it.
    pub(super) fn intern(&mut self, judge: &Judge, at: usize, site: Site) -> LocalId {
        let state = site.state();
        let mut bytes = wire::encode_delta(&state);
        let context = wire::encode_context(site.context());
        bytes.extend(&context);
        bytes.push(u8::try_from(at).unwrap_or(u8::MAX));
        bytes.extend(knowledge(judge, at));
        if let Some(&id) = self.ids.get(&bytes) {
            return id;
        }
        let id = name(self.all.len());
        let fresh = name(self.contexts.len());
        self.all.push(Local {
            state,
            context: *self.contexts.entry(context).or_insert(fresh),
            fingerprint: site.store().view().fingerprint(&KeyRange::full()),
            issued: issued(judge, at),
            site,
        });
        self.ids.insert(bytes, id);
        id
    }
}

/// An empty replica.
pub(super) fn empty(at: usize) -> Site {
    Site::new(replica_id(at), 0)
}

fn name(position: usize) -> u32 {
    u32::try_from(position).unwrap_or(u32::MAX)
}

/// The number of transactions of replica `at`; a deletion may be several operations.
fn issued(judge: &Judge, at: usize) -> usize {
    let own = judge.history.operations().iter().filter(|operation| operation.replica == at);
    let mut transactions: Vec<u64> = own.map(|operation| operation.txn).collect();
    transactions.dedup();
    transactions.len()
}

/// What the oracle needs of a replica, in canonical form. An operation is named by who issued it and
/// as which of theirs, so that the order of independent operations does not show.
fn knowledge(judge: &Judge, at: usize) -> Vec<u8> {
    let history = &judge.history;
    let visible: Vec<_> = (0..judge.places.len()).map(|p| history.visible(at, p)).collect();
    let mut lines: Vec<Vec<u8>> = Vec::new();
    let mut counts = [0; REPLICAS];
    for operation in history.operations() {
        counts[operation.replica] += 1;
        for &place in operation.seen.keys() {
            if !history.knows(at, place, operation.id) {
                continue;
            }
            let count = counts[operation.replica];
            let name = [place, operation.replica, count, operation.seen.len()];
            let mut line: Vec<u8> = name.map(|n| u8::try_from(n).unwrap_or(u8::MAX)).to_vec();
            if visible[place].contains(&operation.id) {
                line.extend(format!("{:?}{:?}", operation.op, operation.stamp).bytes());
            }
            lines.push(line);
        }
    }
    lines.sort_unstable();
    lines.join(&u8::MAX)
}
