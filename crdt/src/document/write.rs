//! Writing a document: handles by path inside a transaction.
//!
//! Every handle borrows the transaction, checks the limits before it changes anything, and leaves the
//! transaction as it was when it answers with an error.

use serde::Serialize;

use crate::cell::CellRef;
use crate::document::read::{Bounded, Counter, Flag, Map, MvRegister, Register, Set, Source};
use crate::document::{Tx, WriteError};
use crate::dot::Dot;
use crate::path::Key;
use crate::path::{EncodedPath, IntoPath, TypeTag};
use crate::replica::ReplicaId;
use crate::value::Value;

impl<'a> Tx<'a> {
    /// The last-writer-wins register at a path.
    pub fn register(&mut self, path: impl IntoPath) -> RegisterMut<'_, 'a> {
        RegisterMut { path: path.encode(), tag: TypeTag::Register, tx: self }
    }

    /// The last-writer-wins register whose deletion competes by time.
    pub fn lww_delete_register(&mut self, path: impl IntoPath) -> RegisterMut<'_, 'a> {
        RegisterMut { path: path.encode(), tag: TypeTag::RegisterLwwDelete, tx: self }
    }

    /// The register that keeps the greatest value.
    pub fn max_register(&mut self, path: impl IntoPath) -> RegisterMut<'_, 'a> {
        RegisterMut { path: path.encode(), tag: TypeTag::MaxRegister, tx: self }
    }

    /// The register that keeps the least value.
    pub fn min_register(&mut self, path: impl IntoPath) -> RegisterMut<'_, 'a> {
        RegisterMut { path: path.encode(), tag: TypeTag::MinRegister, tx: self }
    }

    /// The register that shows every concurrent value.
    pub fn mv_register(&mut self, path: impl IntoPath) -> RegisterMut<'_, 'a> {
        RegisterMut { path: path.encode(), tag: TypeTag::MvRegister, tx: self }
    }

    /// The flag where enabling wins.
    pub fn flag(&mut self, path: impl IntoPath) -> FlagMut<'_, 'a> {
        FlagMut { path: path.encode(), tag: TypeTag::EnableWinsFlag, tx: self }
    }

    /// The flag where disabling wins.
    pub fn disable_wins_flag(&mut self, path: impl IntoPath) -> FlagMut<'_, 'a> {
        FlagMut { path: path.encode(), tag: TypeTag::DisableWinsFlag, tx: self }
    }

    /// The counter at a path.
    pub fn counter(&mut self, path: impl IntoPath) -> CounterMut<'_, 'a> {
        CounterMut { path: path.encode(), tx: self }
    }

    /// The counter at a path that never falls below zero.
    pub fn bounded(&mut self, path: impl IntoPath) -> BoundedMut<'_, 'a> {
        BoundedMut { path: path.encode(), tx: self }
    }

    /// The set where adding wins.
    pub fn set(&mut self, path: impl IntoPath) -> SetMut<'_, 'a> {
        SetMut { path: path.encode(), tag: TypeTag::SetElement, tx: self }
    }

    /// The set where removing wins.
    pub fn remove_wins_set(&mut self, path: impl IntoPath) -> SetMut<'_, 'a> {
        SetMut { path: path.encode(), tag: TypeTag::RemoveWinsElement, tx: self }
    }

    /// The map at a path.
    ///
    /// # Errors
    /// When nothing below the path could be a key.
    pub fn map(&mut self, path: impl IntoPath) -> Result<MapMut<'_, 'a>, WriteError> {
        let path = path.encode();
        self.key(&path, TypeTag::MapMarker)?;
        Ok(MapMut { path, tx: self })
    }
}

/// A register inside a transaction.
#[derive(Debug)]
pub struct RegisterMut<'t, 'a> {
    tx: &'t mut Tx<'a>,
    path: EncodedPath,
    tag: TypeTag,
}

impl RegisterMut<'_, '_> {
    /// Writes a value over everything that is seen. A register of extremes keeps the extreme.
    ///
    /// # Errors
    /// When path or value cannot be stored; nothing was changed.
    pub fn set(&mut self, value: impl Serialize) -> Result<Dot, WriteError> {
        self.set_value(Value::from_serialize(&value)?)
    }

    /// Writes a value that is already in canonical form.
    ///
    /// # Errors
    /// When the path or the size cannot be stored; nothing was changed.
    pub fn set_value(&mut self, value: Value) -> Result<Dot, WriteError> {
        let key = self.tx.key(&self.path, self.tag)?;
        let value = self.tx.checked_value(value)?;
        Ok(match self.tag {
            TypeTag::MaxRegister => self.tx.inner.write_maximum(&key, value),
            TypeTag::MinRegister => self.tx.inner.write_minimum(&key, value),
            _ => self.tx.inner.overwrite(key, value),
        })
    }

    /// Writes a value unless it is the only one already, or, in a register of extremes, unless an
    /// extreme at least as great or small is there; returns whether it wrote. What is there is not
    /// re-asserted: a deletion that happens concurrently elsewhere takes it away.
    ///
    /// # Errors
    /// When path or value cannot be stored; nothing was changed.
    pub fn ensure(&mut self, value: impl Serialize) -> Result<bool, WriteError> {
        self.ensure_value(Value::from_serialize(&value)?)
    }

    /// As [`Self::ensure`], for a value that is already in canonical form.
    ///
    /// # Errors
    /// When the path or the size cannot be stored; nothing was changed.
    pub fn ensure_value(&mut self, value: Value) -> Result<bool, WriteError> {
        let key = self.tx.key(&self.path, self.tag)?;
        let value = self.tx.checked_value(value)?;
        let shown = self.tx.inner.cell(&key);
        let suffices = match self.tag {
            TypeTag::MaxRegister => shown.and_then(CellRef::maximum).is_some_and(|m| *m >= value),
            TypeTag::MinRegister => shown.and_then(CellRef::minimum).is_some_and(|m| *m <= value),
            _ => return Ok(self.tx.inner.ensure(&key, value).is_some()),
        };
        if !suffices {
            self.set_value(value)?;
        }
        Ok(!suffices)
    }

    /// Deletes what is seen. Returns whether there was anything to delete.
    ///
    /// # Errors
    /// When the path cannot be a key; nothing was changed.
    pub fn delete(&mut self) -> Result<bool, WriteError> {
        let key = self.tx.key(&self.path, self.tag)?;
        Ok(match self.tag {
            TypeTag::RegisterLwwDelete => {
                self.tx.inner.tombstone(&key);
                true
            }
            _ => self.tx.inner.remove(&key).is_some(),
        })
    }

    /// The register as this transaction sees it.
    pub fn read(&self) -> Register<'_> {
        Register { source: Source::Tx(self.tx), path: self.path.clone(), tag: self.tag }
    }

    /// The values as this transaction sees them, for a register that shows them all.
    pub fn read_all(&self) -> MvRegister<'_> {
        MvRegister { source: Source::Tx(self.tx), path: self.path.clone() }
    }
}

/// A flag inside a transaction.
#[derive(Debug)]
pub struct FlagMut<'t, 'a> {
    tx: &'t mut Tx<'a>,
    path: EncodedPath,
    tag: TypeTag,
}

impl FlagMut<'_, '_> {
    /// Enables the flag, also if it is enabled already.
    ///
    /// # Errors
    /// When the path cannot be a key; nothing was changed.
    pub fn enable(&mut self) -> Result<Dot, WriteError> {
        let key = self.tx.key(&self.path, self.tag)?;
        let value = self.tx.value(true)?;
        Ok(self.tx.inner.overwrite(key, value))
    }

    /// Disables the flag. Returns whether that made a change to send: a flag where enabling wins and
    /// that is not enabled needs none.
    ///
    /// # Errors
    /// When the path cannot be a key; nothing was changed.
    pub fn disable(&mut self) -> Result<bool, WriteError> {
        let key = self.tx.key(&self.path, self.tag)?;
        Ok(match self.tag {
            TypeTag::DisableWinsFlag => {
                self.tx.inner.tombstone(&key);
                true
            }
            _ => self.tx.inner.remove(&key).is_some(),
        })
    }

    /// The flag as this transaction sees it.
    pub fn read(&self) -> Flag<'_> {
        Flag { source: Source::Tx(self.tx), path: self.path.clone(), tag: self.tag }
    }
}

/// A counter inside a transaction.
#[derive(Debug)]
pub struct CounterMut<'t, 'a> {
    tx: &'t mut Tx<'a>,
    path: EncodedPath,
}

impl CounterMut<'_, '_> {
    /// Adds a number, which may be negative.
    ///
    /// # Errors
    /// When the path cannot be a key or the own totals are full; nothing was changed.
    pub fn add(&mut self, amount: i64) -> Result<Dot, WriteError> {
        let key = self.tx.key(&self.path, TypeTag::Counter)?;
        let (inc, dec) = (amount.max(0).unsigned_abs(), amount.min(0).unsigned_abs());
        Ok(self.tx.inner.count(&key, inc, dec)?)
    }

    /// Cancels every increment that is seen; concurrent ones survive. Returns whether there was
    /// anything to cancel.
    ///
    /// # Errors
    /// When the path cannot be a key; nothing was changed.
    pub fn reset(&mut self) -> Result<bool, WriteError> {
        let key = self.tx.key(&self.path, TypeTag::Counter)?;
        Ok(self.tx.inner.reset(&key).is_some())
    }

    /// The counter as this transaction sees it.
    pub fn read(&self) -> Counter<'_> {
        Counter { source: Source::Tx(self.tx), path: self.path.clone() }
    }
}

/// A bounded counter inside a transaction.
#[derive(Debug)]
pub struct BoundedMut<'t, 'a> {
    tx: &'t mut Tx<'a>,
    path: EncodedPath,
}

impl BoundedMut<'_, '_> {
    /// Adds to the total, and to the own rights.
    ///
    /// # Errors
    /// When the path cannot be a key or the own totals are full; nothing was changed.
    pub fn incr(&mut self, amount: u64) -> Result<Dot, WriteError> {
        let key = self.key()?;
        Ok(self.tx.inner.increment_bounded(&key, amount)?)
    }

    /// Takes away from the total, within the own rights.
    ///
    /// # Errors
    /// When the own rights do not suffice: the error names the shortfall and who holds rights.
    /// Nothing was changed.
    pub fn decr(&mut self, amount: u64) -> Result<Dot, WriteError> {
        let key = self.key()?;
        Ok(self.tx.inner.decrement_bounded(&key, amount)?)
    }

    /// Gives own rights to another replica; `None` if there is nothing or nobody to give to.
    ///
    /// # Errors
    /// When the own rights do not suffice; nothing was changed.
    pub fn transfer(&mut self, to: ReplicaId, amount: u64) -> Result<Option<Dot>, WriteError> {
        let key = self.key()?;
        Ok(self.tx.inner.transfer_rights(&key, to, amount)?)
    }

    /// The counter as this transaction sees it.
    pub fn read(&self) -> Bounded<'_> {
        Bounded { source: Source::Tx(self.tx), path: self.path.clone() }
    }

    fn key(&mut self) -> Result<Key, WriteError> {
        let key = self.tx.key(&self.path, TypeTag::BoundedCounter)?;
        Ok(key)
    }
}

/// A set inside a transaction.
#[derive(Debug)]
pub struct SetMut<'t, 'a> {
    tx: &'t mut Tx<'a>,
    path: EncodedPath,
    tag: TypeTag,
}

impl SetMut<'_, '_> {
    /// Adds an element, also if it is there already.
    ///
    /// # Errors
    /// When path or element cannot be stored; nothing was changed.
    pub fn add(&mut self, element: impl Serialize) -> Result<Dot, WriteError> {
        let element = self.tx.value(element)?;
        let key = self.tx.element(&self.path, self.tag, &element)?;
        // The element is in the key; the entry only says that it is there.
        let present = self.tx.value(())?;
        Ok(self.tx.inner.overwrite(key, present))
    }

    /// Removes an element. Returns whether that made a change to send: removing what is not there
    /// needs none, unless removing wins.
    ///
    /// # Errors
    /// When path or element cannot be stored; nothing was changed.
    pub fn remove(&mut self, element: impl Serialize) -> Result<bool, WriteError> {
        let element = self.tx.value(element)?;
        let key = self.tx.element(&self.path, self.tag, &element)?;
        Ok(match self.tag {
            TypeTag::RemoveWinsElement => {
                self.tx.inner.tombstone(&key);
                true
            }
            _ => self.tx.inner.remove(&key).is_some(),
        })
    }

    /// The set as this transaction sees it.
    pub fn read(&self) -> Set<'_> {
        Set { source: Source::Tx(self.tx), path: self.path.clone(), tag: self.tag }
    }
}

/// A map inside a transaction: the same handles, below its path.
#[derive(Debug)]
pub struct MapMut<'t, 'a> {
    tx: &'t mut Tx<'a>,
    path: EncodedPath,
}

impl<'a> MapMut<'_, 'a> {
    /// Makes the map exist even while nothing is below it.
    ///
    /// # Errors
    /// When the path cannot be a key; nothing was changed.
    pub fn create(&mut self) -> Result<Dot, WriteError> {
        let key = self.tx.key(&self.path, TypeTag::MapMarker)?;
        let marker = self.tx.value(())?;
        Ok(self.tx.inner.overwrite(key, marker))
    }

    /// Deletes the map and everything below it that is seen; see [`Tx::delete`].
    ///
    /// # Errors
    /// When a bounded counter lies below; nothing was changed.
    pub fn delete(&mut self) -> Result<usize, WriteError> {
        self.tx.delete(&self.path)
    }

    /// A register below the map.
    pub fn register(&mut self, name: impl IntoPath) -> RegisterMut<'_, 'a> {
        self.tx.register((&self.path, name))
    }

    /// A counter below the map.
    pub fn counter(&mut self, name: impl IntoPath) -> CounterMut<'_, 'a> {
        self.tx.counter((&self.path, name))
    }

    /// A flag below the map.
    pub fn flag(&mut self, name: impl IntoPath) -> FlagMut<'_, 'a> {
        self.tx.flag((&self.path, name))
    }

    /// A set below the map.
    pub fn set(&mut self, name: impl IntoPath) -> SetMut<'_, 'a> {
        self.tx.set((&self.path, name))
    }

    /// A map below the map.
    ///
    /// # Errors
    /// When nothing below the path could be a key.
    pub fn map(&mut self, name: impl IntoPath) -> Result<MapMut<'_, 'a>, WriteError> {
        self.tx.map((&self.path, name))
    }

    /// The map as this transaction sees it.
    pub fn read(&self) -> Map<'_> {
        Map { source: Source::Tx(self.tx), path: self.path.clone() }
    }
}
