//! A map whose values are data types, to any depth.
//!
//! The map has no cells of its own: it is there as far as anything below its keys is. A removal
//! supersedes what it has seen below the key, cell by cell, and nothing else; so a child that was
//! changed concurrently survives, alone.
//!
//! Source: the observed-remove map of Almeida, Shoker, Baquero 2018, section 7.5. There a map nests
//! dot stores; here nesting is flattened into the key, so that one cell join serves every depth.

use std::borrow::Borrow;

use crate::cell::CellRef;
use crate::hlc::Hlc;
use crate::types::data_type::{DataType, DeltaOf, Removable};
use crate::types::local::Local;
use crate::types::reader::Reader;
use crate::types::writer::{Below, Writer};
use crate::view::CellKey;

/// A map of values that are replicated types themselves: `OrMap<String, OrSet<String>>`, or a map of
/// maps of registers.
///
/// ```
/// use rejoin_crdt::{OrMap, OrSet, ReplicaId};
///
/// let mut a = OrMap::<String, OrSet<String>>::new(ReplicaId::from_u128(1));
/// let mut b = a.with_replica(ReplicaId::from_u128(2));
/// b.join(&a.update("fruit", |set| set.add("apple")))?;
/// let removed = a.remove("fruit");
/// let added = b.update("fruit", |set| set.add("pear"));
/// a.join(&added)?;
/// b.join(&removed)?;
/// // The removal has not seen the pear.
/// let fruit = a.get("fruit").map(|set| set.iter().cloned().collect::<Vec<_>>());
/// assert_eq!(fruit, Some(vec!["pear".to_owned()]));
/// assert_eq!(a, b);
/// # Ok::<(), rejoin_crdt::JoinDeltaError>(())
/// ```
///
/// What cannot be removed cannot be the value of a map that removes:
///
/// ```compile_fail,E0277
/// use rejoin_crdt::{OrMap, PnCounter, ReplicaId};
///
/// let map = OrMap::<String, PnCounter>::new(ReplicaId::from_u128(1));
/// ```
pub struct OrMap<K: CellKey, V: Removable> {
    local: Local<Self>,
}

impl<K: CellKey, V: Removable> DataType for OrMap<K, V> {
    type Key = (K, V::Key);
    type Value = V::Value;

    fn is_visible(cell: CellRef<'_, V::Value>) -> bool {
        V::is_visible(cell)
    }
}

impl<K: CellKey, V: Removable> Removable for OrMap<K, V> {}

standalone!([K: CellKey, V: Removable] OrMap<K, V>);

impl<K: CellKey, V: Removable> OrMap<K, V> {
    /// Changes the value of a key; all changes of the closure become visible together.
    ///
    /// Values that compare times are stamped by a logical clock, which counts changes. For wall
    /// clock time there is [`update_at`](Self::update_at).
    pub fn update(
        &mut self,
        key: impl Into<K>,
        change: impl FnOnce(&mut Writer<'_, V>),
    ) -> DeltaOf<Self> {
        self.update_at(0, key, change)
    }

    /// Changes the value of a key at the time `now_ms`, the milliseconds since 1970, which decides
    /// between concurrent writes to a [`LwwRegister`](crate::LwwRegister) below.
    pub fn update_at(
        &mut self,
        now_ms: u64,
        key: impl Into<K>,
        change: impl FnOnce(&mut Writer<'_, V>),
    ) -> DeltaOf<Self> {
        let hlc = self.local.stamp(now_ms);
        self.local.change(hlc, |map| map.update(key, change))
    }

    /// Changes the value of a key, by a closure that may fail: for counters.
    ///
    /// # Errors
    /// What the closure returns; none of its changes was made.
    pub fn try_update<E>(
        &mut self,
        key: impl Into<K>,
        change: impl FnOnce(&mut Writer<'_, V>) -> Result<(), E>,
    ) -> Result<DeltaOf<Self>, E> {
        let hlc = self.local.stamp(0);
        self.local.try_change(hlc, |map| map.update(key, change))
    }

    /// Removes everything that is seen below a key; what is changed concurrently survives. Does
    /// nothing if there is nothing.
    pub fn remove<Q: Ord + ?Sized>(&mut self, key: &Q) -> DeltaOf<Self>
    where
        K: Borrow<Q>,
    {
        self.local.change(Hlc::ZERO, |map| map.remove(key))
    }

    /// The value of a key; `None` if there is nothing below it.
    pub fn get<Q: Ord + ?Sized>(&self, key: &Q) -> Option<Reader<'_, V>>
    where
        K: Borrow<Q>,
    {
        self.read().get(key)
    }

    /// Whether there is anything below a key.
    pub fn contains_key<Q: Ord + ?Sized>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        self.get(key).is_some()
    }

    /// The keys with anything below them, in order.
    pub fn keys(&self) -> impl Iterator<Item = &K> {
        self.read().keys()
    }

    /// The keys with anything below them, in order, each with its value.
    pub fn iter(&self) -> impl Iterator<Item = (&K, Reader<'_, V>)> {
        self.read().iter()
    }

    /// The number of keys with anything below them. Walks over all cells.
    pub fn len(&self) -> usize {
        self.read().len()
    }

    /// Whether there is nothing below any key.
    pub fn is_empty(&self) -> bool {
        self.read().is_empty()
    }
}

impl<'a, K: CellKey, V: Removable> Reader<'a, OrMap<K, V>> {
    /// The value of a key; `None` if there is nothing below it.
    pub fn get<Q: Ord + ?Sized>(&self, key: &Q) -> Option<Reader<'a, V>>
    where
        K: Borrow<Q>,
    {
        let cells = self.cells.cells_from(&|(k, _)| k.borrow() < key);
        let mut below = cells.take_while(|((k, _), _)| k.borrow() == key);
        let ((key, _), _) = below.find(|(_, cell)| V::is_visible(*cell))?;
        Some(Reader::below(&self.cells, key))
    }

    /// Whether there is anything below a key.
    pub fn contains_key<Q: Ord + ?Sized>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        self.get(key).is_some()
    }

    /// The keys with anything below them, in order.
    pub fn keys(&self) -> impl Iterator<Item = &'a K> + use<'a, K, V> {
        let mut last = None;
        let visible = self.cells.iter().filter(|(_, cell)| V::is_visible(*cell));
        visible.map(|((key, _), _)| key).filter(move |key| last.replace(*key) != Some(*key))
    }

    /// The keys with anything below them, in order, each with its value.
    pub fn iter(&self) -> impl Iterator<Item = (&'a K, Reader<'a, V>)> + use<'a, K, V> {
        let cells = self.cells.clone();
        self.keys().map(move |key| (key, Reader::below(&cells, key)))
    }

    /// The number of keys with anything below them. Walks over all cells.
    pub fn len(&self) -> usize {
        self.keys().count()
    }

    /// Whether there is nothing below any key.
    pub fn is_empty(&self) -> bool {
        self.keys().next().is_none()
    }
}

impl<K: CellKey, V: Removable> Writer<'_, OrMap<K, V>> {
    /// Changes the value of a key. Returns what the closure returns.
    pub fn update<R>(
        &mut self,
        key: impl Into<K>,
        change: impl FnOnce(&mut Writer<'_, V>) -> R,
    ) -> R {
        let mut below = Below { outer: &mut *self.cells, key: key.into() };
        change(&mut Writer::new(&mut below))
    }

    /// Removes everything that is seen below a key; what is changed concurrently survives.
    pub fn remove<Q: Ord + ?Sized>(&mut self, key: &Q)
    where
        K: Borrow<Q>,
    {
        let cells = self.cells.cells_from(&|(k, _)| k.borrow() < key);
        let below = cells.take_while(|((k, _), _)| k.borrow() == key);
        let live = below.filter(|(_, cell)| cell.is_live());
        for key in live.map(|(key, _)| key.clone()).collect::<Vec<_>>() {
            self.cells.remove(&key);
            self.cells.reset(&key);
        }
    }
}
