//! What every data type says of itself: which cells it is made of.
//!
//! Nesting flattens: an `OrMap<K, V>` has no cells of its own, its cell keys are `(K, cell key of V)`
//! and its values are those of `V`. So a map of maps of sets is one store under one causal context,
//! with one join, and every type works at any depth through [`Reader`](crate::Reader) and
//! [`Writer`](crate::Writer) alone.

use crate::cell::CellRef;
use crate::delta::Delta;
use crate::view::{CellKey, CellValue};

/// A data type: a reading of cells with these keys and values.
///
/// Implemented by the standalone types; there is nothing to implement outside this crate.
pub trait DataType: sealed::Sealed {
    /// What names a cell of this type: `()` if there is only one.
    type Key: CellKey;
    /// What a value entry of its cells holds: `()` where being there says everything.
    type Value: CellValue;

    /// Whether a reader of this type finds anything in the cell.
    fn is_visible(cell: CellRef<'_, Self::Value>) -> bool {
        cell.is_live()
    }
}

/// A delta of a standalone value of type `T`.
pub type DeltaOf<T> = Delta<<T as DataType>::Key, <T as DataType>::Value>;

/// A data type that can be removed from an [`OrMap`](crate::OrMap): every part of it can be
/// superseded by whoever saw it.
///
/// Plain and bounded counters are not. What one replica has counted is replaced by that replica
/// alone, so a removal could not say which increments it has seen; a
/// [`ResettableCounter`](crate::ResettableCounter) can.
pub trait Removable: DataType {}

pub(crate) mod sealed {
    /// Keeps [`DataType`](super::DataType) to this crate.
    pub trait Sealed {}
}
