//! Changing a data type wherever it stands, as part of one transaction.

use std::cmp::Ordering;
use std::fmt;
use std::rc::Rc;

use crate::cell::CellRef;
use crate::dot::Dot;
use crate::entry::Row;
use crate::replica::ReplicaId;
use crate::transaction::{CounterOverflow, Transaction};
use crate::types::data_type::DataType;
use crate::types::reader::{Cells, Listing, ReadCells, Reader};
use crate::view::{CellKey, CellValue};

/// A data type, to be changed. What it offers depends on the type: a `Writer<'_, OrSet<T>>` has `add`
/// and `remove`.
///
/// It is handed to the closure of [`OrMap::update`](crate::OrMap::update); its changes become visible
/// together with all others of that update.
pub struct Writer<'a, T: DataType> {
    pub(crate) cells: &'a mut (dyn WriteCells<T::Key, T::Value> + 'a),
}

impl<'a, T: DataType> Writer<'a, T> {
    pub(crate) fn new(cells: &'a mut (dyn WriteCells<T::Key, T::Value> + 'a)) -> Self {
        Self { cells }
    }

    /// The value as this change has left it so far.
    pub fn read(&self) -> Reader<'_, T> {
        Reader { cells: Cells::Derived(Rc::new(Changing(&*self.cells))) }
    }
}

impl<T: DataType> fmt::Debug for Writer<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.read().fmt(f)
    }
}

/// The cells of a change as it stands.
struct Changing<'a, K, V>(&'a (dyn WriteCells<K, V> + 'a));

impl<'a, K, V> ReadCells<'a, K, V> for Changing<'a, K, V> {
    fn cell(&self, key: &K) -> Option<CellRef<'a, V>> {
        self.0.cell(key)
    }

    fn cells_from(&self, is_before: &dyn Fn(&K) -> bool) -> Listing<'a, K, V> {
        self.0.cells_from(is_before)
    }
}

/// A transaction, with keys as the writer knows them; see [`Transaction`] for what each call means.
pub(crate) trait WriteCells<K, V> {
    fn replica(&self) -> ReplicaId;

    fn cell(&self, key: &K) -> Option<CellRef<'_, V>>;

    /// The cells from the first one on for which `is_before` is false.
    fn cells_from<'b>(
        &'b self,
        is_before: &dyn Fn(&K) -> bool,
    ) -> Box<dyn Iterator<Item = (&'b K, CellRef<'b, V>)> + 'b>;

    fn write(&mut self, key: &K, value: V) -> Dot;

    fn remove(&mut self, key: &K) -> Option<Dot>;

    fn tombstone(&mut self, key: &K) -> Dot;

    fn count(&mut self, key: &K, inc: u64, dec: u64) -> Result<Dot, CounterOverflow>;

    fn reset(&mut self, key: &K) -> Option<Dot>;

    fn write_row(&mut self, key: &K, row: Row) -> Dot;
}

impl<K: CellKey, V: CellValue> WriteCells<K, V> for Transaction<'_, K, V> {
    fn replica(&self) -> ReplicaId {
        self.replica()
    }

    fn cell(&self, key: &K) -> Option<CellRef<'_, V>> {
        self.cell(key)
    }

    fn cells_from<'b>(
        &'b self,
        is_before: &dyn Fn(&K) -> bool,
    ) -> Box<dyn Iterator<Item = (&'b K, CellRef<'b, V>)> + 'b> {
        Box::new(self.range_from(is_before))
    }

    fn write(&mut self, key: &K, value: V) -> Dot {
        self.write(key, value)
    }

    fn remove(&mut self, key: &K) -> Option<Dot> {
        self.remove(key)
    }

    fn tombstone(&mut self, key: &K) -> Dot {
        self.tombstone(key)
    }

    fn count(&mut self, key: &K, inc: u64, dec: u64) -> Result<Dot, CounterOverflow> {
        self.count(key, inc, dec)
    }

    fn reset(&mut self, key: &K) -> Option<Dot> {
        self.reset(key)
    }

    fn write_row(&mut self, key: &K, row: Row) -> Dot {
        self.write_row(key, row)
    }
}

/// The cells below one key of a map, to be changed.
pub(crate) struct Below<'a, K, I, V> {
    pub(crate) outer: &'a mut (dyn WriteCells<(K, I), V> + 'a),
    pub(crate) key: K,
}

impl<K: CellKey, I: CellKey, V> Below<'_, K, I, V> {
    fn key(&self, inner: &I) -> (K, I) {
        (self.key.clone(), inner.clone())
    }
}

impl<K: CellKey, I: CellKey, V: CellValue> WriteCells<I, V> for Below<'_, K, I, V> {
    fn replica(&self) -> ReplicaId {
        self.outer.replica()
    }

    fn cell(&self, inner: &I) -> Option<CellRef<'_, V>> {
        self.outer.cell(&self.key(inner))
    }

    fn cells_from<'b>(
        &'b self,
        is_before: &dyn Fn(&I) -> bool,
    ) -> Box<dyn Iterator<Item = (&'b I, CellRef<'b, V>)> + 'b> {
        let cells = self.outer.cells_from(&|(outer, inner)| match outer.cmp(&self.key) {
            Ordering::Less => true,
            Ordering::Equal => is_before(inner),
            Ordering::Greater => false,
        });
        let below = cells.take_while(|((outer, _), _)| *outer == self.key);
        Box::new(below.map(|((_, inner), cell)| (inner, cell)))
    }

    fn write(&mut self, inner: &I, value: V) -> Dot {
        self.outer.write(&self.key(inner), value)
    }

    fn remove(&mut self, inner: &I) -> Option<Dot> {
        self.outer.remove(&self.key(inner))
    }

    fn tombstone(&mut self, inner: &I) -> Dot {
        self.outer.tombstone(&self.key(inner))
    }

    fn count(&mut self, inner: &I, inc: u64, dec: u64) -> Result<Dot, CounterOverflow> {
        self.outer.count(&self.key(inner), inc, dec)
    }

    fn reset(&mut self, inner: &I) -> Option<Dot> {
        self.outer.reset(&self.key(inner))
    }

    fn write_row(&mut self, inner: &I, row: Row) -> Dot {
        self.outer.write_row(&self.key(inner), row)
    }
}
