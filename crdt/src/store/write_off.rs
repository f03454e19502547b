//! Writing off what nobody has any more: the rest of a life that ended in the middle of a catch-up.
//!
//! A catch-up in rounds takes over the changes of a life range by range. If that life ends before it does,
//! and nobody else has all of it, the context says for ever that some keys have seen more of it than
//! others. What lies between cannot arrive. Giving it up raises the component of that life to the greatest
//! that any key has seen, everywhere.
//!
//! What must always hold: a dot that was given up is in the context, not in its cell, and under the horizon
//! (invariant I4), as if it had been collected. So whoever has some of it and claims less than the context does
//! from now on lies below the horizon, and is told by a listing what is here and what is not.
//!
//! Why an operator has to say so, and what becomes of whom: `docs/decisions/0015-writing-off.md`.

use std::collections::BTreeSet;

use crate::coverage::Coverage;
use crate::delta::{Delta, Part};
use crate::planted::{Bug, planted};
use crate::range::KeyRange;
use crate::replica::ReplicaId;
use crate::store::Store;
use crate::version_vector::VersionVector;
use crate::view::{CellKey, CellValue};

impl<K: CellKey, V: CellValue> Store<K, V> {
    /// The lives of whose changes some keys have seen more than others, sorted; none unless this store is
    /// hydrating.
    pub fn unfinished(&self) -> Vec<ReplicaId> {
        let context = &self.view.context;
        if context.uniform().is_some() {
            return Vec::new();
        }
        let (full, floor) = (KeyRange::full(), context.floor());
        let segments = context.segments_in(&full);
        let ahead = segments.flat_map(|(_, seen)| seen.ahead_of(&floor).map(|a| a.replica));
        BTreeSet::from_iter(ahead).into_iter().collect()
    }

    /// Gives up the changes of `replica` that are not here on all keys, up to the last one that is here on any:
    /// a delta without cells, to be [restored](crate::document::Document::restore) here. `None` if all keys have
    /// seen the same of it.
    pub fn write_off(&self, replica: ReplicaId) -> Option<Delta<K, V>> {
        let full = KeyRange::full();
        let context = &self.view.context;
        let upto = context.segments_in(&full).map(|(_, seen)| seen.seq(replica)).max()?;
        let is_behind = |(_, seen): &(KeyRange<K>, &VersionVector)| seen.seq(replica) < upto;
        // No cell differs from what the own context says of it, so none is listed. A difference would have to
        // build on all that lies under the horizon.
        let is_told = !planted(Bug::WrittenOffUnderNoHorizon);
        let coverage = if is_told { Coverage::Differing } else { Coverage::Difference };
        let part = |(range, seen): (KeyRange<K>, &VersionVector)| {
            let (base, mut raised) = (seen.clone(), seen.clone());
            raised.advance(replica, upto);
            let (cells, range_tombstones) = (Vec::new(), Vec::new());
            Part { range, base, upto: raised, cells, range_tombstones, coverage }
        };
        let parts: Vec<_> = context.segments_in(&full).filter(is_behind).map(part).collect();
        let horizon = is_told.then_some((replica, upto)).into_iter().collect();
        (!parts.is_empty()).then_some(Delta { parts, horizon, fingerprint: None })
    }
}
