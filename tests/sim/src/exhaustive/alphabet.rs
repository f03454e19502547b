//! What may be done in an exhaustive run, and with which values and clocks.
//!
//! Values and stamps are a function of who issues and of how many operations that replica has issued
//! before, and of nothing else. So two operations that know nothing of each other lead to the same
//! state in either order, and orders that differ in nothing else are explored once.

use rejoin_crdt::{Hlc, ReplicaId};
use rejoin_oracle::{Kind, Op};

/// The replicas of an exhaustive run.
pub(super) const REPLICAS: usize = 3;

/// The greatest number of operations that the tables below have values for.
pub(super) const MOST_OPERATIONS: usize = 5;

/// Equal, ascending and descending values, so that an equal write, a maximum that is exceeded and one
/// that is not all occur within one replica and between replicas.
const VALUES: [[i64; MOST_OPERATIONS]; REPLICAS] =
    [[2, 1, 3, 3, 2], [1, 1, 3, 2, 4], [3, 2, 2, 4, 1]];

/// Clocks that never go back at one replica, tie between replicas and disagree about the order.
const STAMPS: [[u64; MOST_OPERATIONS]; REPLICAS] =
    [[10, 20, 30, 40, 50], [10, 15, 40, 45, 60], [5, 20, 21, 60, 70]];

/// Neither ascending nor descending: the index of a replica says nothing about its id.
const IDS: [u128; REPLICAS] = [2, 3, 1];

/// One thing that a replica may do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Symbol {
    /// Whatever adds something at a place.
    Write(usize),
    /// Whatever removes something at a place.
    Remove(usize),
    /// The deletion of all places at once.
    DeleteSubtree,
}

impl Symbol {
    /// Everything that can be done to places of these kinds.
    pub(super) fn all(places: usize) -> Vec<Self> {
        let at_places = (0..places).flat_map(|place| [Self::Write(place), Self::Remove(place)]);
        at_places.chain([Self::DeleteSubtree]).collect()
    }
}

pub(super) fn replica_id(at: usize) -> ReplicaId {
    ReplicaId::from_u128(IDS[at])
}

/// The stamp of the operation that replica `at` issues after `issued` others.
pub(super) fn stamp(at: usize, issued: usize) -> Hlc {
    Hlc::new(STAMPS[at][issued], 0)
}

/// What adds something to a place of this kind.
pub(super) fn write_of(kind: Kind, at: usize, issued: usize) -> Op {
    match kind {
        Kind::EnableWinsFlag | Kind::DisableWinsFlag => Op::Enable,
        Kind::AddWinsElement | Kind::RemoveWinsElement => Op::Add,
        // Every sum says which increments it is made of.
        Kind::Counter => Op::Increment(1 << (at * MOST_OPERATIONS + issued)),
        _ => Op::Set(VALUES[at][issued]),
    }
}

/// What removes something from a place of this kind.
pub(super) fn removal_of(kind: Kind) -> Op {
    match kind {
        Kind::EnableWinsFlag | Kind::DisableWinsFlag => Op::Disable,
        Kind::AddWinsElement | Kind::RemoveWinsElement => Op::Remove,
        Kind::Counter => Op::Reset,
        _ => Op::Delete,
    }
}
