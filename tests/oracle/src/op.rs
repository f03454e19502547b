//! The vocabulary of a history: what keys there are and what may be done to them.

use std::collections::BTreeMap;

use crate::OpSet;

/// The name of an operation: its position in the global order of issue.
///
/// The order carries no meaning; what happened before what is said by [`Operation::seen`] alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct OpId(pub usize);

/// The data type of a key; [`crate::Reading`] says what each one reads as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Last-writer-wins register with observed-remove deletion.
    LwwRegister,
    /// Last-writer-wins register whose deletion takes part in the comparison.
    LwwDeleteRegister,
    /// Multi-value register.
    MvRegister,
    /// Register that keeps the greatest value.
    MaxRegister,
    /// Register that keeps the smallest value.
    MinRegister,
    /// Flag on which a concurrent enable beats a disable.
    EnableWinsFlag,
    /// Flag on which a concurrent disable beats an enable.
    DisableWinsFlag,
    /// One element of an add-wins set.
    AddWinsElement,
    /// One element of a remove-wins set.
    RemoveWinsElement,
    /// Counter that can be reset, alone or by deleting a subtree that holds it.
    Counter,
    /// Counter that can never be removed.
    PlainCounter,
    /// Counter with the lower bound 0, kept by rights; it can never be removed.
    BoundedCounter,
    /// Map; its own operations write and delete the marker of an empty map.
    Map,
}

impl Kind {
    /// Every kind there is.
    pub const ALL: [Kind; 13] = [
        Kind::LwwRegister,
        Kind::LwwDeleteRegister,
        Kind::MvRegister,
        Kind::MaxRegister,
        Kind::MinRegister,
        Kind::EnableWinsFlag,
        Kind::DisableWinsFlag,
        Kind::AddWinsElement,
        Kind::RemoveWinsElement,
        Kind::Counter,
        Kind::PlainCounter,
        Kind::BoundedCounter,
        Kind::Map,
    ];

    /// Whether the operation exists for keys of this kind.
    #[must_use]
    pub fn accepts(self, op: Op) -> bool {
        match op {
            Op::Set(_) => self.is_register(),
            Op::Delete => self.is_register() || self == Kind::Map,
            Op::Enable | Op::Disable => {
                matches!(self, Kind::EnableWinsFlag | Kind::DisableWinsFlag)
            }
            Op::Add | Op::Remove => {
                matches!(self, Kind::AddWinsElement | Kind::RemoveWinsElement)
            }
            Op::Create => self == Kind::Map,
            Op::Increment(_) => {
                matches!(self, Kind::Counter | Kind::PlainCounter | Kind::BoundedCounter)
            }
            Op::Transfer { .. } => self == Kind::BoundedCounter,
            Op::Reset => self == Kind::Counter,
            Op::DeleteSubtree => !matches!(self, Kind::PlainCounter | Kind::BoundedCounter),
        }
    }

    fn is_register(self) -> bool {
        matches!(
            self,
            Kind::LwwRegister
                | Kind::LwwDeleteRegister
                | Kind::MvRegister
                | Kind::MaxRegister
                | Kind::MinRegister
        )
    }
}

/// One key of the finite universe of a history.
///
/// Two keys may share a path when their kinds differ; they are separate keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeySpec {
    /// The components of the path, outermost first.
    pub path: Vec<u32>,
    /// The data type at that path.
    pub kind: Kind,
}

/// What an operation does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// Writes a register.
    Set(i64),
    /// Deletes a register, or the marker of an empty map.
    Delete,
    /// Raises a flag.
    Enable,
    /// Lowers a flag.
    Disable,
    /// Adds an element.
    Add,
    /// Removes an element.
    Remove,
    /// Writes the marker of an empty map.
    Create,
    /// Adds an amount to a counter; a negative amount decrements it.
    Increment(i64),
    /// Hands rights of a bounded counter to another life (see [`Stamp::replica`]).
    Transfer {
        /// The life that receives the rights.
        to: u128,
        /// How many rights change hands.
        amount: i64,
    },
    /// Cancels every increment it saw.
    Reset,
    /// Kills everything it saw on each key it concerns, and is nothing by itself afterwards.
    DeleteSubtree,
}

impl Op {
    /// Whether the operation takes the place of everything it saw on its key.
    ///
    /// Amounts add up instead, so the operations that carry them supersede nothing.
    #[must_use]
    pub fn supersedes(self) -> bool {
        !matches!(self, Op::Increment(_) | Op::Transfer { .. })
    }
}

/// Who issued an operation and when, as far as a data type may ask.
///
/// The derived order is the last-writer-wins order: clock first, then replica, then sequence.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stamp {
    /// The hybrid logical clock.
    pub hlc: u64,
    /// The life of the issuing replica; a replica restored or cloned goes on under a new one.
    pub replica: u128,
    /// The sequence number within that life.
    pub seq: u64,
}

/// One operation as the history remembers it.
#[derive(Clone, Debug)]
pub struct Operation {
    /// Its name.
    pub id: OpId,
    /// The index of the replica that issued it.
    pub replica: usize,
    /// The transaction it belongs to.
    pub txn: u64,
    /// What it does.
    pub op: Op,
    /// Who issued it and when; all zero for a subtree deletion, where no type asks.
    pub stamp: Stamp,
    /// For each key it concerns, the operations on that key its replica knew at issue.
    pub seen: BTreeMap<usize, OpSet>,
}
