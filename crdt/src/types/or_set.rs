//! A set in which adding wins over a concurrent removal.
//!
//! One cell for each element: its cost does not grow with the set. A removal supersedes the additions
//! it has seen and no others, and keeps a tombstone with a dot of its own.
//!
//! Source: the observed-remove set of Shapiro et al. 2011, section 3.3.5, in the form of Bieniusa et
//! al., *An optimized conflict-free replicated set*, 2012.

use std::borrow::Borrow;

use crate::cell::CellRef;
use crate::delta::Delta;
use crate::hlc::Hlc;
use crate::types::data_type::{DataType, Removable};
use crate::types::local::Local;
use crate::types::reader::Reader;
use crate::types::writer::Writer;
use crate::view::CellKey;

/// A set; of concurrent changes to an element, adding wins.
///
/// ```
/// use rejoin_crdt::{OrSet, ReplicaId};
///
/// let mut a = OrSet::<String>::new(ReplicaId::from_u128(1));
/// let mut b = OrSet::new(ReplicaId::from_u128(2));
/// b.join(&a.add("milk"))?;
/// let (bought, wanted_again) = (a.remove("milk"), b.add("milk"));
/// a.join(&wanted_again)?;
/// b.join(&bought)?;
/// assert!(a.contains("milk") && b.contains("milk"));
/// # Ok::<(), rejoin_crdt::JoinDeltaError>(())
/// ```
pub struct OrSet<T: CellKey> {
    local: Local<Self>,
}

/// The add-wins set, by its other name.
pub type AddWinsSet<T> = OrSet<T>;

impl<T: CellKey> DataType for OrSet<T> {
    type Key = T;
    type Value = ();
}

impl<T: CellKey> Removable for OrSet<T> {}

standalone!([T: CellKey] OrSet<T>);

impl<T: CellKey> OrSet<T> {
    /// Adds an element. Does so also where it is in the set: the change survives a concurrent
    /// removal.
    pub fn add(&mut self, value: impl Into<T>) -> Delta<T, ()> {
        self.local.change(Hlc::ZERO, |set| set.add(value))
    }

    /// Removes an element, as far as it is seen here. Does nothing if it is not in the set.
    pub fn remove<Q: Ord + ?Sized>(&mut self, value: &Q) -> Delta<T, ()>
    where
        T: Borrow<Q>,
    {
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

    /// The number of elements. Walks over the set.
    pub fn len(&self) -> usize {
        self.read().len()
    }

    /// Whether there is no element.
    pub fn is_empty(&self) -> bool {
        self.read().is_empty()
    }
}

impl<'a, T: CellKey> Reader<'a, OrSet<T>> {
    /// Whether the element is in the set.
    pub fn contains<Q: Ord + ?Sized>(&self, value: &Q) -> bool
    where
        T: Borrow<Q>,
    {
        let cell = self.cells.find(&|element| element.borrow().cmp(value));
        cell.is_some_and(CellRef::has_value)
    }

    /// The elements, in order.
    pub fn iter(&self) -> impl Iterator<Item = &'a T> + use<'a, T> {
        self.cells.iter().filter(|(_, cell)| cell.has_value()).map(|(element, _)| element)
    }

    /// The number of elements. Walks over the set.
    pub fn len(&self) -> usize {
        self.iter().count()
    }

    /// Whether there is no element.
    pub fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }
}

impl<T: CellKey> Writer<'_, OrSet<T>> {
    /// Adds an element. Does so also where it is in the set: the change survives a concurrent
    /// removal.
    pub fn add(&mut self, value: impl Into<T>) {
        self.cells.write(&value.into(), ());
    }

    /// Removes an element, as far as it is seen here.
    pub fn remove<Q: Ord + ?Sized>(&mut self, value: &Q)
    where
        T: Borrow<Q>,
    {
        let first = self.cells.cells_from(&|element| element.borrow() < value).next();
        let found = first.map(|(element, _)| element).filter(|e| (*e).borrow() == value).cloned();
        if let Some(element) = found {
            self.cells.remove(&element);
        }
    }
}
