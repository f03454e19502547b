//! A set in which removing wins over a concurrent addition.
//!
//! An element is in the set if its cell has a value and no tombstone. Every removal takes a dot, also
//! where there is nothing to remove: it must beat the addition that it has not seen.
//!
//! Source: Shapiro et al. 2011, section 3.3.6, as a pair of dot sets in Almeida, Shoker, Baquero 2018,
//! section 7.4.

use std::borrow::Borrow;

use crate::cell::CellRef;
use crate::delta::Delta;
use crate::hlc::Hlc;
use crate::types::data_type::{DataType, Removable};
use crate::types::local::Local;
use crate::types::reader::Reader;
use crate::types::writer::Writer;
use crate::view::CellKey;

/// A set; of concurrent changes to an element, removing wins.
///
/// ```
/// use rejoin_crdt::{RemoveWinsSet, ReplicaId};
///
/// let mut a = RemoveWinsSet::<String>::new(ReplicaId::from_u128(1));
/// let mut b = RemoveWinsSet::new(ReplicaId::from_u128(2));
/// b.join(&a.add("mallory"))?;
/// let (banned, invited) = (a.remove("mallory"), b.add("mallory"));
/// a.join(&invited)?;
/// b.join(&banned)?;
/// assert!(!a.contains("mallory") && !b.contains("mallory"));
/// # Ok::<(), rejoin_crdt::JoinDeltaError>(())
/// ```
pub struct RemoveWinsSet<T: CellKey> {
    local: Local<Self>,
}

impl<T: CellKey> DataType for RemoveWinsSet<T> {
    type Key = T;
    type Value = ();

    fn is_visible(cell: CellRef<'_, ()>) -> bool {
        cell.is_undisputed()
    }
}

impl<T: CellKey> Removable for RemoveWinsSet<T> {}

standalone!([T: CellKey] RemoveWinsSet<T>);

impl<T: CellKey> RemoveWinsSet<T> {
    /// Adds an element, unless somebody removes it concurrently.
    pub fn add(&mut self, value: impl Into<T>) -> Delta<T, ()> {
        self.local.change(Hlc::ZERO, |set| set.add(value))
    }

    /// Removes an element. Does so also where it is not in the set: the change beats a concurrent
    /// addition.
    pub fn remove(&mut self, value: impl Into<T>) -> Delta<T, ()> {
        self.local.change(Hlc::ZERO, |set| set.remove(value))
    }

    /// Whether the element is in the set.
    pub fn contains<Q: Ord + ?Sized>(&self, value: &Q) -> bool
    where
        T: Borrow<Q>,
    {
        self.read().contains(value)
    }

    /// The elements, in order.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.read().iter()
    }

    /// The number of elements. Walks over the set and what was removed from it.
    pub fn len(&self) -> usize {
        self.read().len()
    }

    /// Whether there is no element.
    pub fn is_empty(&self) -> bool {
        self.read().is_empty()
    }
}

impl<'a, T: CellKey> Reader<'a, RemoveWinsSet<T>> {
    /// Whether the element is in the set.
    pub fn contains<Q: Ord + ?Sized>(&self, value: &Q) -> bool
    where
        T: Borrow<Q>,
    {
        let cell = self.cells.find(&|element| element.borrow().cmp(value));
        cell.is_some_and(CellRef::is_undisputed)
    }

    /// The elements, in order.
    pub fn iter(&self) -> impl Iterator<Item = &'a T> + use<'a, T> {
        self.cells.iter().filter(|(_, cell)| cell.is_undisputed()).map(|(element, _)| element)
    }

    /// The number of elements. Walks over the set and what was removed from it.
    pub fn len(&self) -> usize {
        self.iter().count()
    }

    /// Whether there is no element.
    pub fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }
}

impl<T: CellKey> Writer<'_, RemoveWinsSet<T>> {
    /// Adds an element, unless somebody removes it concurrently.
    pub fn add(&mut self, value: impl Into<T>) {
        self.cells.write(&value.into(), ());
    }

    /// Removes an element. Does so also where it is not in the set: the change beats a concurrent
    /// addition.
    pub fn remove(&mut self, value: impl Into<T>) {
        self.cells.tombstone(&value.into());
    }
}

impl<V> CellRef<'_, V> {
    /// Whether there is a value and no tombstone: how types read in which removing wins.
    pub fn is_undisputed(self) -> bool {
        self.has_value() && !self.has_tombstone()
    }
}
