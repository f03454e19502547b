//! A counter that never goes below zero, without coordination: escrow.
//!
//! Whoever increments holds as many *rights* to decrement; rights can be sent. A replica decrements
//! only within the rights it holds, so the sum stays at zero or above whoever is offline. With the
//! row of every holder,
//!
//! ```text
//! rights(i) = inc_i + Σ_j sent_j(i) - Σ_j sent_i(j) - dec_i        Σ_i rights(i) = value
//! ```
//!
//! Invariant: `rights(i)` is never negative. Only `i` lowers it, and `i` knows its own row; what
//! others have sent can only be more than `i` has heard of.
//!
//! Source: O'Neil, *The Escrow Transactional Method*, 1986; as a CRDT: Balegas et al., *Extending
//! Eventually Consistent Cloud Databases for Enforcing Numeric Invariants*, 2015, section IV.

use std::collections::BTreeMap;

use thiserror::Error;

use crate::cell::CellRef;
use crate::delta::Delta;
use crate::dot::Dot;
use crate::entry::{Entry, Row};
use crate::hlc::Hlc;
use crate::replica::ReplicaId;
use crate::transaction::{CounterOverflow, Transaction};
use crate::types::data_type::DataType;
use crate::types::local::Local;
use crate::types::reader::Reader;
use crate::types::writer::{WriteCells, Writer};
use crate::view::{CellKey, CellValue};

/// A counter that starts at zero and never goes below, at no replica and in no order of delivery.
///
/// ```
/// use rejoin_crdt::{BoundedCounter, ReplicaId};
///
/// let (shop, till) = (ReplicaId::from_u128(1), ReplicaId::from_u128(2));
/// let mut stock = BoundedCounter::new(shop);
/// stock.increment(10)?;
/// let mut sales = stock.with_replica(till);
/// let denied = sales.decrement(2).unwrap_err();
/// assert_eq!((denied.missing, denied.holders), (2, vec![(shop, 10)]));
/// sales.join(&stock.transfer(till, 3)?)?;
/// sales.decrement(2)?;
/// assert_eq!((sales.value(), sales.rights(till)), (8, 1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct BoundedCounter {
    local: Local<Self>,
}

/// A replica may not take more from a bounded counter than it holds rights for. Nothing was changed.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[error("rights missing here: {missing}; other holders: {}", holders.len())]
pub struct Shortfall {
    /// How many rights are missing.
    pub missing: u64,
    /// Who else holds rights, as far as is known here, and how many; sorted by replica.
    pub holders: Vec<(ReplicaId, u64)>,
}

impl DataType for BoundedCounter {
    type Key = ();
    type Value = ();
}

standalone!([] BoundedCounter);

impl BoundedCounter {
    /// Adds to the counter; this replica holds the rights.
    ///
    /// # Errors
    /// When this replica's own total would pass 2^64 - 1. The state is unchanged.
    pub fn increment(&mut self, by: u64) -> Result<Delta<(), ()>, CounterOverflow> {
        self.local.try_change(Hlc::ZERO, |counter| counter.increment(by))
    }

    /// Takes from the counter, within the rights of this replica.
    ///
    /// # Errors
    /// When they do not suffice: says what is missing and who holds rights. The state is unchanged.
    pub fn decrement(&mut self, by: u64) -> Result<Delta<(), ()>, Shortfall> {
        self.local.try_change(Hlc::ZERO, |counter| counter.decrement(by))
    }

    /// Sends rights to another replica, which holds them as soon as it has joined the delta. Does
    /// nothing if there is nothing to send or nobody else to send it to.
    ///
    /// # Errors
    /// When this replica's rights do not suffice. The state is unchanged.
    pub fn transfer(&mut self, to: ReplicaId, rights: u64) -> Result<Delta<(), ()>, Shortfall> {
        self.local.try_change(Hlc::ZERO, |counter| counter.transfer(to, rights))
    }

    /// All increments less all decrements.
    pub fn value(&self) -> u128 {
        self.read().value()
    }

    /// The rights that `replica` holds, as far as is known here.
    pub fn rights(&self, replica: ReplicaId) -> u64 {
        self.read().rights(replica)
    }

    /// Every replica that holds rights, as far as is known here, and how many; sorted by replica.
    pub fn holders(&self) -> Vec<(ReplicaId, u64)> {
        self.read().holders()
    }
}

impl Reader<'_, BoundedCounter> {
    /// All increments less all decrements.
    pub fn value(&self) -> u128 {
        self.cells.cell(&()).map_or(0, CellRef::bounded_total)
    }

    /// The rights that `replica` holds, as far as is known here.
    pub fn rights(&self, replica: ReplicaId) -> u64 {
        self.cells.cell(&()).map_or(0, |cell| cell.rights(replica))
    }

    /// Every replica that holds rights, as far as is known here, and how many; sorted by replica.
    pub fn holders(&self) -> Vec<(ReplicaId, u64)> {
        self.cells.cell(&()).map_or_else(Vec::new, CellRef::holders)
    }
}

impl Writer<'_, BoundedCounter> {
    /// Adds to the counter; this replica holds the rights.
    ///
    /// # Errors
    /// When this replica's own total would pass 2^64 - 1. The state is unchanged.
    pub fn increment(&mut self, by: u64) -> Result<(), CounterOverflow> {
        increment(self.cells, &(), by).map(|_| ())
    }

    /// Takes from the counter, within the rights of this replica.
    ///
    /// # Errors
    /// When they do not suffice: says what is missing and who holds rights. The state is unchanged.
    pub fn decrement(&mut self, by: u64) -> Result<(), Shortfall> {
        decrement(self.cells, &(), by).map(|_| ())
    }

    /// Sends rights to another replica.
    ///
    /// # Errors
    /// When this replica's rights do not suffice. The state is unchanged.
    pub fn transfer(&mut self, to: ReplicaId, rights: u64) -> Result<(), Shortfall> {
        transfer(self.cells, &(), to, rights).map(|_| ())
    }
}

impl<K: CellKey, V: CellValue> Transaction<'_, K, V> {
    /// Adds to a bounded counter; this replica holds the rights.
    ///
    /// # Errors
    /// When the own total would overflow; nothing was changed.
    pub fn increment_bounded(&mut self, key: &K, by: u64) -> Result<Dot, CounterOverflow> {
        increment(self, key, by)
    }

    /// Takes from a bounded counter, within the rights of this replica.
    ///
    /// # Errors
    /// When they do not suffice; nothing was changed.
    pub fn decrement_bounded(&mut self, key: &K, by: u64) -> Result<Dot, Shortfall> {
        decrement(self, key, by)
    }

    /// Sends rights of a bounded counter to another replica; does nothing if there is nothing to
    /// send or nobody else to send it to.
    ///
    /// # Errors
    /// When this replica's rights do not suffice; nothing was changed.
    pub fn transfer_rights(
        &mut self,
        key: &K,
        to: ReplicaId,
        rights: u64,
    ) -> Result<Option<Dot>, Shortfall> {
        transfer(self, key, to, rights)
    }
}

impl<'a, V> CellRef<'a, V> {
    /// The row of `replica` in a bounded counter.
    pub fn row(self, replica: ReplicaId) -> Option<&'a Row> {
        self.rows().find(|(holder, _)| *holder == replica).map(|(_, row)| row)
    }

    /// The rights that `replica` holds in a bounded counter.
    pub fn rights(self, replica: ReplicaId) -> u64 {
        self.balances().get(&replica).map_or(0, |balance| clamped(*balance))
    }

    /// Every replica that holds rights in a bounded counter, and how many; sorted by replica.
    pub fn holders(self) -> Vec<(ReplicaId, u64)> {
        let rights = self.balances().into_iter().map(|(holder, rights)| (holder, clamped(rights)));
        rights.filter(|(_, rights)| *rights > 0).collect()
    }

    /// All increments less all decrements of a bounded counter; 0 if rows that no honest replica
    /// wrote claim less.
    pub fn bounded_total(self) -> u128 {
        let sums = self.rows().map(|(_, row)| i128::from(row.inc) - i128::from(row.dec));
        u128::try_from(sums.sum::<i128>()).unwrap_or(0)
    }

    fn rows(self) -> impl Iterator<Item = (ReplicaId, &'a Row)> + use<'a, V> {
        self.entries().filter_map(|(dot, entry)| match entry {
            Entry::Row(row) => Some((dot.replica, &**row)),
            _ => None,
        })
    }

    /// The rights of everybody. Rows are not believed: forged ones may make a balance negative, but
    /// sums of 64-bit numbers of at most 65 536 replicas squared do not overflow 128 bits.
    fn balances(self) -> BTreeMap<ReplicaId, i128> {
        let mut balances = BTreeMap::new();
        for (holder, row) in self.rows() {
            *balances.entry(holder).or_default() += i128::from(row.inc) - i128::from(row.dec);
            for (to, rights) in &row.sent {
                *balances.entry(holder).or_default() -= i128::from(*rights);
                *balances.entry(*to).or_default() += i128::from(*rights);
            }
        }
        balances
    }
}

fn increment<K, V>(
    cells: &mut dyn WriteCells<K, V>,
    key: &K,
    by: u64,
) -> Result<Dot, CounterOverflow> {
    let mut row = own_row(cells, key);
    row.inc = row.inc.checked_add(by).ok_or(CounterOverflow)?;
    Ok(cells.write_row(key, row))
}

fn decrement<K, V>(cells: &mut dyn WriteCells<K, V>, key: &K, by: u64) -> Result<Dot, Shortfall> {
    let mut row = own_row(cells, key);
    row.dec = spend(cells, key, row.dec, by)?;
    Ok(cells.write_row(key, row))
}

fn transfer<K, V>(
    cells: &mut dyn WriteCells<K, V>,
    key: &K,
    to: ReplicaId,
    rights: u64,
) -> Result<Option<Dot>, Shortfall> {
    if rights == 0 || to == cells.replica() {
        return Ok(None);
    }
    let mut row = own_row(cells, key);
    let sent = spend(cells, key, row.sent_to(to), rights)?;
    match row.sent.iter_mut().find(|(receiver, _)| *receiver == to) {
        Some((_, so_far)) => *so_far = sent,
        None => row.sent.push((to, sent)),
    }
    row.sent.sort_unstable();
    Ok(Some(cells.write_row(key, row)))
}

fn own_row<K, V>(cells: &dyn WriteCells<K, V>, key: &K) -> Row {
    let own = cells.cell(key).and_then(|cell| cell.row(cells.replica()));
    own.cloned().unwrap_or_default()
}

/// The total `so_far` of one kind of spending, plus `amount`, if the own rights cover it.
///
/// A row also limits what its owner can spend in all its life to 2^64 - 1; the rest of its rights can
/// only be used by others, so it is missing here like any right that is not there.
fn spend<K, V>(
    cells: &dyn WriteCells<K, V>,
    key: &K,
    so_far: u64,
    amount: u64,
) -> Result<u64, Shortfall> {
    let own = cells.replica();
    let rights = cells.cell(key).map_or(0, |cell| cell.rights(own));
    let available = rights.min(u64::MAX - so_far);
    if amount > available {
        let mut holders = cells.cell(key).map_or_else(Vec::new, CellRef::holders);
        holders.retain(|(holder, _)| *holder != own);
        return Err(Shortfall { missing: amount - available, holders });
    }
    Ok(so_far + amount)
}

fn clamped(balance: i128) -> u64 {
    u64::try_from(balance.max(0)).unwrap_or(u64::MAX)
}
