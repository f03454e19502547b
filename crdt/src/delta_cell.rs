//! One cell of a delta.
//!
//! Dots that the receiver may lack travel with their entries, the others as names only: enough for
//! the join to tell which of its own dots the sender has seen removed.

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use crate::dot::Dot;
use crate::entry::Entry;

/// What a delta says of one cell.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct DeltaCell<K, V> {
    /// The key of the cell.
    pub key: K,
    /// The live dots outside `base`, with their entries, sorted by dot.
    pub fresh: SmallVec<[(Dot, Entry<V>); 1]>,
    /// The live dots inside `base`, sorted; their entries are known to the receiver. Of a
    /// [difference](crate::Coverage::Difference), slots and rows are not listed: there their absence
    /// means "unchanged".
    pub kept: Vec<Dot>,
}

impl<K, V> DeltaCell<K, V> {
    /// Whether the sender holds `dot` in this cell.
    pub(crate) fn names(&self, dot: Dot) -> bool {
        self.kept.binary_search(&dot).is_ok()
            || self.fresh.binary_search_by(|(fresh, _)| fresh.cmp(&dot)).is_ok()
    }
}
