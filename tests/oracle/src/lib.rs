//! The judge of the whole project: a model of replicated data that remembers everything.
//!
//! A CRDT engine is clever about forgetting. This model forgets nothing, so that it can be right
//! by inspection: it keeps every operation ever issued, and with each operation the explicit set
//! of operations its replica knew at that moment. Everything else follows from these sets.
//!
//! * Operation `a` **happened before** `b` on key `x` when `a` is in `seen(b)[x]`. If neither saw
//!   the other, they are **concurrent**. Clocks play no part in this.
//! * A replica's **state** is, for every key, the set of operations on that key it knows. Receiving
//!   a range is the union of these sets on the keys of the range, and nothing more.
//! * A **read** is a function of the known operations and of happened-before (`reading.rs`).
//!
//! Deleting a subtree is one operation that concerns every key below a prefix. The universe of
//! keys is finite and given at the start, so "every key" is a list.
//!
//! What must always hold: a replica that knows an operation on a key also knows everything that
//! operation had seen on that key. Issuing adds to what is known and delivery unites whole sets,
//! so there is no way to break it.
//!
//! The model says what a system under test must *show* when it *knows* certain operations. Telling
//! which operations a message carried is the caller's part: deliver exactly what the message
//! claimed to cover, and nothing when it was refused or lost.
//!
//! The idea of specifying a replicated type as a function of its operation context is from
//! Burckhardt, Gotsman, Yang and Zawirski, "Replicated data types: specification, verification,
//! optimality" (POPL 2014), which also orders concurrent siblings by an arbitration relation: here
//! [`Stamp`]. This crate shares no code with the engine and depends on nothing.

#![allow(
    clippy::indexing_slicing,
    reason = "a name unknown to the history is a mistake of the test that uses it, and must stop it"
)]

mod op;
mod op_set;
mod reading;

use std::collections::BTreeMap;

pub use op::{KeySpec, Kind, Op, OpId, Operation, Stamp};
pub use op_set::OpSet;
pub use reading::Reading;

/// Every operation issued so far, and what each replica knows of them.
///
/// # Panics
///
/// Every method stops the test that names a replica, key or operation the history does not have.
#[derive(Clone, Debug)]
pub struct History {
    keys: Vec<KeySpec>,
    operations: Vec<Operation>,
    on_key: Vec<Vec<OpId>>,
    in_txn: BTreeMap<u64, Vec<OpId>>,
    replicas: Vec<Snapshot>,
}

/// What one replica knew at one moment: for each key, the operations on it.
///
/// A message in flight carries the snapshot of its sender at sending; a backup is a snapshot too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    known: Vec<OpSet>,
}

/// A transaction that a replica knows in part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Torn {
    /// The transaction.
    pub txn: u64,
    /// One of its operations, with a key on which the replica knows it.
    pub known: (OpId, usize),
    /// One of its operations, with a key on which the replica does not know it.
    pub missing: (OpId, usize),
}

impl History {
    /// A history of `replicas` replicas that know nothing yet; keys are named by their position.
    #[must_use]
    pub fn new(replicas: usize, keys: Vec<KeySpec>) -> Self {
        let mut history = History {
            operations: Vec::new(),
            on_key: vec![Vec::new(); keys.len()],
            in_txn: BTreeMap::new(),
            replicas: Vec::new(),
            keys,
        };
        history.replicas = vec![history.nothing(); replicas];
        history
    }

    /// Adds a replica that starts from a snapshot, and returns its index.
    pub fn add_replica(&mut self, start: Snapshot) -> usize {
        self.replicas.push(start);
        self.replicas.len() - 1
    }

    // Operations.

    /// Issues an operation on one key at a replica, which has seen all it knows of that key.
    ///
    /// A call that writes nothing in the system under test is no operation: do not record it.
    ///
    /// # Panics
    ///
    /// When the kind of the key has no such operation.
    pub fn apply(&mut self, replica: usize, txn: u64, key: usize, op: Op, stamp: Stamp) -> OpId {
        let kind = self.keys[key].kind;
        assert!(kind.accepts(op), "{kind:?} has no operation {op:?}");
        let op = reading::carried(kind, op, &self.visible_operations(replica, key));
        self.issue(replica, txn, &[key], op, stamp)
    }

    /// Issues the resolution of a conflict: a write of a register that has seen the given operations,
    /// what its replica issued on the key itself, and what all of these had seen; no more than that.
    ///
    /// # Panics
    ///
    /// When the key is no register.
    pub fn resolve(
        &mut self,
        replica: usize,
        txn: u64,
        key: usize,
        over: &[OpId],
        value: i64,
        stamp: Stamp,
    ) -> OpId {
        let kind = self.keys[key].kind;
        assert!(kind.accepts(Op::Set(value)), "{kind:?} is no register");
        let known = self.replicas[replica].known[key].clone();
        let is_own = |id: &OpId| self.operations[id.0].replica == replica;
        let mut seen = OpSet::default();
        for id in known.iter().filter(|id| over.contains(id) || is_own(id)) {
            seen.insert(id);
            seen.union_with(&self.operations[id.0].seen[&key]);
        }
        let id = self.issue(replica, txn, &[key], Op::Set(value), stamp);
        self.operations[id.0].seen.insert(key, seen);
        id
    }

    /// Issues one deletion that concerns all the given keys, usually [`History::keys_under`].
    ///
    /// It passes over counters that can never be removed.
    pub fn delete_subtree(&mut self, replica: usize, txn: u64, keys: &[usize]) -> OpId {
        let removable = |key: &usize| self.keys[*key].kind.accepts(Op::DeleteSubtree);
        let keys: Vec<_> = keys.iter().copied().filter(removable).collect();
        self.issue(replica, txn, &keys, Op::DeleteSubtree, Stamp::default())
    }

    fn issue(&mut self, replica: usize, txn: u64, keys: &[usize], op: Op, stamp: Stamp) -> OpId {
        let id = OpId(self.operations.len());
        let mut seen = BTreeMap::new();
        for &key in keys {
            seen.insert(key, self.replicas[replica].known[key].clone());
            self.replicas[replica].known[key].insert(id);
            self.on_key[key].push(id);
        }
        self.in_txn.entry(txn).or_default().push(id);
        self.operations.push(Operation { id, replica, txn, op, stamp, seen });
        id
    }

    // Knowledge.

    /// What a replica knows now.
    #[must_use]
    pub fn knowledge(&self, replica: usize) -> Snapshot {
        self.replicas[replica].clone()
    }

    /// What a replica knows before it has issued or received anything.
    #[must_use]
    pub fn nothing(&self) -> Snapshot {
        Snapshot { known: vec![OpSet::default(); self.keys.len()] }
    }

    /// What somebody knows of whom it is said which operations on which keys they have.
    #[must_use]
    pub fn knowledge_of(&self, knows: impl Fn(usize, OpId) -> bool) -> Snapshot {
        let mut snapshot = self.nothing();
        for (key, operations) in self.on_key.iter().enumerate() {
            let known = operations.iter().copied().filter(|id| knows(key, *id));
            known.for_each(|id| snapshot.known[key].insert(id));
        }
        snapshot
    }

    /// An operation is lost on a key: on this key it did not happen. Replicas that knew it there are lost, too, and
    /// must not be asked any more.
    pub fn give_up(&mut self, id: OpId, key: usize) {
        self.on_key[key].retain(|other| *other != id);
        self.operations[id.0].seen.remove(&key);
    }

    /// Teaches `to` what `from` knows now about the given keys.
    pub fn deliver(&mut self, from: usize, to: usize, keys: &[usize]) {
        self.deliver_snapshot(&self.knowledge(from), to, keys);
    }

    /// Teaches `to` what the snapshot says about the given keys.
    pub fn deliver_snapshot(&mut self, message: &Snapshot, to: usize, keys: &[usize]) {
        for &key in keys {
            self.replicas[to].known[key].union_with(&message.known[key]);
        }
    }

    /// Sets a replica back to a snapshot: a restore, a crash, a lost disk.
    pub fn replace(&mut self, replica: usize, state: Snapshot) {
        self.replicas[replica] = state;
    }

    /// Whether a replica knows an operation on a key, superseded or not.
    #[must_use]
    pub fn knows(&self, replica: usize, key: usize, op: OpId) -> bool {
        self.replicas[replica].known[key].contains(op)
    }

    /// A transaction that the replica knows in part, if there is one.
    ///
    /// A subtree deletion has one part for each key it concerns. The question makes sense between
    /// transactions and for a replica that is meant to know all keys.
    #[must_use]
    pub fn torn(&self, replica: usize) -> Option<Torn> {
        self.in_txn.iter().find_map(|(&txn, ids)| {
            let concerns =
                |&id: &OpId| self.operations[id.0].seen.keys().map(move |&key| (id, key));
            let mut parts = ids.iter().flat_map(concerns);
            let known = parts.clone().find(|&(id, key)| self.knows(replica, key, id))?;
            let missing = parts.find(|&(id, key)| !self.knows(replica, key, id))?;
            Some(Torn { txn, known, missing })
        })
    }

    // Reads.

    /// What a read of the key returns at the replica.
    #[must_use]
    pub fn value(&self, replica: usize, key: usize) -> Reading {
        match self.keys[key].kind {
            Kind::Map => Reading::Flag(self.is_live(replica, key)),
            kind => reading::read(kind, &self.visible_operations(replica, key)),
        }
    }

    /// Whether there is something to remove: a value, a raised flag, a contained element, a counter
    /// with increments not cancelled (also when they sum to 0), a map with a marker or a live
    /// descendant.
    #[must_use]
    pub fn is_live(&self, replica: usize, key: usize) -> bool {
        self.is_live_itself(replica, key)
            || (self.keys[key].kind == Kind::Map
                && self.below(key).any(|child| self.is_live_itself(replica, child)))
    }

    fn is_live_itself(&self, replica: usize, key: usize) -> bool {
        let visible = self.visible_operations(replica, key);
        match reading::read(self.keys[key].kind, &visible) {
            Reading::Absent => false,
            Reading::One(_) | Reading::Many(_) => true,
            Reading::Flag(up) => up,
            Reading::Count(_) => reading::amounts(&visible).next().is_some(),
        }
    }

    /// The values of all visible writes of a register, winners and losers, by (replica, seq).
    #[must_use]
    pub fn siblings(&self, replica: usize, key: usize) -> Vec<i64> {
        reading::values(&self.visible_operations(replica, key))
    }

    /// The operations on a key that nothing known has superseded, removals included.
    #[must_use]
    pub fn visible(&self, replica: usize, key: usize) -> Vec<OpId> {
        self.visible_operations(replica, key).iter().map(|operation| operation.id).collect()
    }

    /// The rights that `life` has in a bounded counter, as far as the replica knows.
    #[must_use]
    pub fn rights(&self, replica: usize, key: usize, life: u128) -> i128 {
        reading::rights(&self.visible_operations(replica, key), life)
    }

    fn visible_operations(&self, replica: usize, key: usize) -> Vec<&Operation> {
        reading::visible(&self.operations, &self.replicas[replica].known[key], key)
    }

    // Keys, operations and how much of the history was concurrent.

    /// The keys at or below a path, compared by whole components.
    #[must_use]
    pub fn keys_under(&self, path: &[u32]) -> Vec<usize> {
        (0..self.keys.len()).filter(|&key| self.keys[key].path.starts_with(path)).collect()
    }

    /// The keys whose path is a true continuation of this key's path.
    fn below(&self, key: usize) -> impl Iterator<Item = usize> {
        let path = &self.keys[key].path;
        self.keys_under(path).into_iter().filter(|&other| self.keys[other].path.len() > path.len())
    }

    /// The keys of the history, in the order given at the start.
    #[must_use]
    pub fn keys(&self) -> &[KeySpec] {
        &self.keys
    }

    /// All operations, in the order of issue.
    #[must_use]
    pub fn operations(&self) -> &[Operation] {
        &self.operations
    }

    /// Whether, by now, some operation on the same key neither saw this one nor was seen by it.
    #[must_use]
    pub fn met_concurrency(&self, op: OpId) -> bool {
        self.operations[op.0].seen.iter().any(|(key, seen)| {
            self.on_key[*key].iter().any(|&other| {
                other != op
                    && !seen.contains(other)
                    && !self.operations[other.0].seen[key].contains(op)
            })
        })
    }

    /// How many operations met concurrency.
    #[must_use]
    pub fn concurrent_count(&self) -> usize {
        self.operations.iter().filter(|operation| self.met_concurrency(operation.id)).count()
    }
}
