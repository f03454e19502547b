//! Reading a data type wherever it stands: as a value of its own, below a map, or in a change that
//! is still being made.

use std::cmp::Ordering;
use std::fmt;
use std::rc::Rc;

use crate::cell::CellRef;
use crate::types::data_type::DataType;
use crate::view::{CellKey, CellValue, View};

/// A data type, to be read. What it offers depends on the type: a `Reader<'_, OrSet<T>>` has
/// `contains`.
///
/// What a reader hands out borrows from the value, not from the reader.
pub struct Reader<'a, T: DataType> {
    pub(crate) cells: Cells<'a, T::Key, T::Value>,
}

/// Some cells in key order, with keys as their reader knows them.
pub(crate) enum Cells<'a, K, V> {
    /// Those of a store.
    Stored(&'a View<K, V>),
    /// Those below a key of a map, or of a transaction.
    Derived(Rc<dyn ReadCells<'a, K, V> + 'a>),
}

pub(crate) type Listing<'a, K, V> = Box<dyn Iterator<Item = (&'a K, CellRef<'a, V>)> + 'a>;

/// Where a reader finds its cells.
pub(crate) trait ReadCells<'a, K, V> {
    fn cell(&self, key: &K) -> Option<CellRef<'a, V>>;

    /// The cells from the first one on for which `is_before` is false.
    fn cells_from(&self, is_before: &dyn Fn(&K) -> bool) -> Listing<'a, K, V>;
}

impl<'a, T: DataType> Reader<'a, T> {
    pub(crate) const fn new(view: &'a View<T::Key, T::Value>) -> Self {
        Self { cells: Cells::Stored(view) }
    }

    /// The type `U` below `key` of a map with the cells `cells`.
    pub(crate) fn below<K: CellKey>(cells: &Cells<'a, (K, T::Key), T::Value>, key: &'a K) -> Self {
        Self { cells: Cells::Derived(Rc::new(Below { outer: cells.clone(), key })) }
    }
}

impl<T: DataType> Clone for Reader<'_, T> {
    fn clone(&self) -> Self {
        Self { cells: self.cells.clone() }
    }
}

impl<T: DataType> fmt::Debug for Reader<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut map = f.debug_map();
        for (key, cell) in self.cells.iter() {
            map.key(key).value(&cell.entries().collect::<Vec<_>>());
        }
        map.finish()
    }
}

impl<'a, K: CellKey, V: CellValue> Cells<'a, K, V> {
    pub(crate) fn cell(&self, key: &K) -> Option<CellRef<'a, V>> {
        match self {
            Self::Stored(view) => view.cell(key),
            Self::Derived(cells) => cells.cell(key),
        }
    }

    /// The cell whose key `order` calls equal; `order` must agree with the order of keys.
    pub(crate) fn find(&self, order: &dyn Fn(&K) -> Ordering) -> Option<CellRef<'a, V>> {
        let is_before = |key: &K| order(key).is_lt();
        let first = match self {
            Self::Stored(view) => view.range_from(is_before).next(),
            Self::Derived(cells) => cells.cells_from(&is_before).next(),
        };
        first.filter(|(key, _)| order(key).is_eq()).map(|(_, cell)| cell)
    }

    pub(crate) fn cells_from(&self, is_before: &dyn Fn(&K) -> bool) -> Listing<'a, K, V> {
        match self {
            Self::Stored(view) => Box::new(view.range_from(is_before)),
            Self::Derived(cells) => cells.cells_from(is_before),
        }
    }

    pub(crate) fn iter(&self) -> Listing<'a, K, V> {
        self.cells_from(&|_| false)
    }
}

impl<K, V> Clone for Cells<'_, K, V> {
    fn clone(&self) -> Self {
        match self {
            Self::Stored(view) => Self::Stored(view),
            Self::Derived(cells) => Self::Derived(Rc::clone(cells)),
        }
    }
}

/// The cells below one key of a map.
struct Below<'a, K, I, V> {
    outer: Cells<'a, (K, I), V>,
    key: &'a K,
}

impl<'a, K: CellKey, I: CellKey, V: CellValue> ReadCells<'a, I, V> for Below<'a, K, I, V> {
    fn cell(&self, inner: &I) -> Option<CellRef<'a, V>> {
        self.outer.find(&|(outer, i)| outer.cmp(self.key).then_with(|| i.cmp(inner)))
    }

    fn cells_from(&self, is_before: &dyn Fn(&I) -> bool) -> Listing<'a, I, V> {
        let key = self.key;
        let cells = self.outer.cells_from(&|(outer, inner)| match outer.cmp(key) {
            Ordering::Less => true,
            Ordering::Equal => is_before(inner),
            Ordering::Greater => false,
        });
        let below = cells.take_while(move |((outer, _), _)| outer == key);
        Box::new(below.map(|((_, inner), cell)| (inner, cell)))
    }
}
