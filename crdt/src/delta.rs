//! Deltas: what one replica lets another catch up on.
//!
//! `Part{range, base, upto, cells, range_tombstones}` holds every cell of the range that has a dot
//! outside `base`, and every range tombstone outside `base`. In a listed cell the dots outside `base`
//! travel with their entries, the others as names only.
//!
//! **The receiver applies a part only if its own context covers `base` on that range.** What a sender
//! remembers of a peer is a hint for what to send; it proves nothing.
//!
//! *Delta lemma.* If `base` is covered by the receiver's context and covers the sender's horizon, then
//! applying the part equals joining the sender's whole state on the range. For an unsent cell all of
//! the sender's dots lie in `base`, hence in the receiver's context. Could the join still remove some
//! dot `d` that the receiver holds? Then the sender has seen `d` and does not hold it, so some
//! dominator `e` of `d` is among the sender's dots of that cell or its range tombstones (I4); `e` lies
//! in `base`, hence in the receiver's context, and so the receiver no longer holds `d` (I3):
//! a contradiction.
//!
//! *Below the horizon.* Where `base` does not cover the horizon, a dominator may have been collected, and
//! a difference could not name every removal. There the part lists cells that have not changed, too
//! ([`Coverage`]): what is listed is then all that the sender holds, and the join is that of the two
//! states by its definition, with no tombstone needed. The receiver inherits the horizon, since it now
//! claims to have seen removals that it does not hold either.
//!
//! A delta goes through four types, and the compiler keeps the order: decoded ([`Delta`]), validated
//! ([`ValidDelta`]), authorised ([`AuthorisedDelta`]), applied (`Store::join`).
//!
//! Source: delta-intervals and the causal-delta-merging condition of Almeida, Shoker, Baquero, *Delta
//! State Replicated Data Types*, 2018, section 4.2; ranges, the explicit base and its check are ours.
//!
//! What was weighed: `docs/decisions/0006-delta-of-parts.md`.

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;
use thiserror::Error;

use crate::context::{Context, MOST_PARTS};
use crate::coverage::Coverage;
use crate::delta_cell::DeltaCell;
use crate::dot::Dot;
use crate::dot_set::DotSet;
use crate::entry::Entry;
use crate::fingerprint::Fingerprint;
use crate::limits::Limits;
use crate::planted::any_planted;
use crate::range::KeyRange;
use crate::range_tombstone::RangeTombstone;
use crate::replica::ReplicaId;
use crate::version_vector::VersionVector;

/// The changes by which a sender is ahead, as parts of disjoint ranges that apply as one commit.
///
/// Normally there is one part of the full range; there are several when either side is hydrating.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Delta<K, V> {
    /// Sorted by range, disjoint.
    pub parts: Vec<Part<K, V>>,
    /// The sender's horizon: every tombstone that was collected lies under it.
    pub horizon: VersionVector,
    /// The fingerprint of the sender's whole state after `upto`, for an audit by the receiver.
    #[serde(default)]
    pub fingerprint: Option<Fingerprint>,
}

/// The changes of one key range between two contexts.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Part<K, V> {
    /// The keys that this part speaks of.
    pub range: KeyRange<K>,
    /// What the receiver must have incorporated on the range.
    pub base: VersionVector,
    /// What the receiver has incorporated on the range afterwards.
    pub upto: VersionVector,
    /// The listed cells, sorted by key.
    pub cells: Vec<DeltaCell<K, V>>,
    /// Every range tombstone outside `base`, cut to the range, sorted by dot.
    pub range_tombstones: Vec<RangeTombstone<K>>,
    /// Which cells are listed. Last and left out where it can be: nearly every part is a difference.
    #[serde(default, skip_serializing_if = "Coverage::is_difference")]
    pub coverage: Coverage,
}

impl<K, V> Delta<K, V> {
    /// Whether there is nothing to apply.
    pub fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// The number of cells in all parts.
    pub fn cell_count(&self) -> usize {
        self.parts.iter().map(|part| part.cells.len()).sum()
    }
}

impl<K: Ord + Clone, V> Delta<K, V> {
    /// What somebody has incorporated at the least who sends or has applied this delta.
    pub fn reach(&self) -> Context<K> {
        let mut segments = vec![(None, VersionVector::new())];
        for part in &self.parts {
            match segments.last_mut() {
                Some(last) if last.0 == part.range.start => last.1.clone_from(&part.upto),
                _ => segments.push((part.range.start.clone(), part.upto.clone())),
            }
            if let Some(end) = &part.range.end {
                segments.push((Some(end.clone()), VersionVector::new()));
            }
        }
        segments.dedup_by(|next, kept| next.1 == kept.1);
        // Parts are sorted and disjoint; a context that promises nothing is the safe answer for a
        // delta that was not validated and whose parts are not.
        Context::from_segments(segments).unwrap_or_default()
    }
}

/// Why a delta is not one. Nothing was changed.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum InvalidDelta {
    /// Parts overlap, are out of order or empty.
    #[error("part {part} is empty, overlaps the one before or is out of order")]
    PartOrder {
        /// The position of the part.
        part: usize,
    },
    /// A part promises less than it demands.
    #[error("part {part}: its base is not covered by its upto")]
    BaseAboveUpto {
        /// The position of the part.
        part: usize,
    },
    /// The horizon lies above what the receiver must have.
    #[error("part {part}: its base does not cover the horizon of the delta")]
    HorizonAboveBase {
        /// The position of the part.
        part: usize,
    },
    /// Cells are not strictly sorted by key, or lie outside the range.
    #[error("part {part}, cell {cell}: key out of order or outside the range of the part")]
    KeyOrder {
        /// The position of the part.
        part: usize,
        /// The position of the cell in its part.
        cell: usize,
    },
    /// Dots of a cell are not strictly sorted, or a cell brings nothing new.
    #[error("part {part}, cell {cell}: dots out of order, repeated or missing")]
    DotOrder {
        /// The position of the part.
        part: usize,
        /// The position of the cell in its part.
        cell: usize,
    },
    /// A dot lies on the wrong side of `base` or beyond `upto` (invariant I2).
    #[error("part {part}, cell {cell}: a dot lies outside the interval that the part covers")]
    DotOutsideInterval {
        /// The position of the part.
        part: usize,
        /// The position of the cell in its part.
        cell: usize,
    },
    /// An entry names dots it cannot have seen, or its lists are not canonical.
    #[error("part {part}, cell {cell}: an entry contradicts its own dot")]
    Entry {
        /// The position of the part.
        part: usize,
        /// The position of the cell in its part.
        cell: usize,
    },
    /// One replica has more live dots in a cell than it can make.
    #[error("part {part}, cell {cell}: more than {limit} dots of one replica in a cell")]
    TooManyDots {
        /// The position of the part.
        part: usize,
        /// The position of the cell in its part.
        cell: usize,
        /// The limit that was passed.
        limit: usize,
    },
    /// A range tombstone is out of order, out of its part, or has seen what it cannot have seen.
    #[error("part {part}, range tombstone {tombstone}: out of order or outside its part")]
    RangeTombstone {
        /// The position of the part.
        part: usize,
        /// The position of the range tombstone in its part.
        tombstone: usize,
    },
    /// One dot names two changes (invariant I1).
    #[error("dot {dot:?} names more than one change")]
    RepeatedDot {
        /// The dot.
        dot: Dot,
    },
    /// There is more of something than one delta may hold.
    #[error("the delta exceeds a limit: {found} where at most {limit} are allowed")]
    TooLarge {
        /// How many there are.
        found: usize,
        /// How many there may be.
        limit: usize,
    },
}

/// A delta whose inner consistency has been checked; what remains to be asked is whether its sender
/// may say so and whether this replica is ready for it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ValidDelta<K, V>(Delta<K, V>);

/// A valid delta of a sender that may write everything it contains.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AuthorisedDelta<K, V>(Delta<K, V>);

/// What a peer may write.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Authority<K> {
    /// Every key.
    Full,
    /// The keys of these ranges.
    Ranges(Vec<KeyRange<K>>),
}

/// A sender wrote where it may not. Nothing was changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[error("part {part} writes outside the ranges that its sender may write")]
pub struct Unauthorised {
    /// The position of the part.
    pub part: usize,
}

impl<K: Ord + Clone, V> Delta<K, V> {
    /// Checks everything that can be checked without a store.
    ///
    /// # Errors
    /// Says which rule the delta breaks, and where.
    pub fn validate(self, limits: &Limits) -> Result<ValidDelta<K, V>, InvalidDelta> {
        self.check(limits)?;
        Ok(ValidDelta(self))
    }

    /// Every fresh dot, with its key and its entry.
    pub(crate) fn fresh(&self) -> impl Iterator<Item = (&K, Dot, &Entry<V>)> {
        let cells = self.parts.iter().flat_map(|part| &part.cells);
        cells.flat_map(|cell| cell.fresh.iter().map(|(dot, entry)| (&cell.key, *dot, entry)))
    }

    fn check(&self, limits: &Limits) -> Result<(), InvalidDelta> {
        at_most(self.parts.len(), MOST_PARTS)?;
        at_most(self.cell_count(), limits.cells_per_delta)?;
        let tombstones = self.parts.iter().map(|part| part.range_tombstones.len()).sum();
        at_most(tombstones, limits.range_tombstones_per_delta)?;
        at_most(self.horizon.len(), limits.version_vector_entries)?;
        let mut last_end = None;
        for (at, part) in self.parts.iter().enumerate() {
            let follows = match (last_end, &part.range.start) {
                (None, _) => true,
                (Some(Some(end)), Some(start)) => end <= start,
                (Some(_), _) => false,
            };
            if !follows || part.range.is_empty() {
                return Err(InvalidDelta::PartOrder { part: at });
            }
            last_end = Some(part.range.end.as_ref());
            if part.coverage == Coverage::Difference && !part.base.covers(&self.horizon) {
                return Err(InvalidDelta::HorizonAboveBase { part: at });
            }
            part.check(at, limits)?;
        }
        self.check_unique_dots()
    }

    /// A dot names one change; only a range tombstone shares its dot, with resets.
    fn check_unique_dots(&self) -> Result<(), InvalidDelta> {
        let spans = self.parts.iter().flat_map(|part| part.upto.ahead_of(&part.base));
        let mut seen = DotSet::for_dots(self.cell_count(), spans);
        // The pieces of one tombstone share its dot with each other and with its resets.
        let mut resets = Vec::new();
        let is_repeated = |(_, dot, entry): &(_, Dot, &Entry<V>)| match entry {
            Entry::Reset(_) => {
                resets.push(*dot);
                false
            }
            _ => !seen.insert(*dot),
        };
        let repeated = self.fresh().find(is_repeated).map(|(_, dot, _)| dot);
        let tombstones = self.parts.iter().flat_map(|part| &part.range_tombstones);
        let mut shared = resets.into_iter().chain(tombstones.map(|tombstone| tombstone.dot));
        if let Some(dot) = repeated.or_else(|| shared.find(|dot| seen.contains(*dot))) {
            return Err(InvalidDelta::RepeatedDot { dot });
        }
        let mut pieces: Vec<&RangeTombstone<K>> =
            self.parts.iter().flat_map(|part| &part.range_tombstones).collect();
        pieces.sort_by_key(|piece| piece.dot);
        let mut pairs = pieces.iter().zip(pieces.iter().skip(1));
        match pairs.find(|(a, b)| a.dot == b.dot && a.seen != b.seen) {
            Some((piece, _)) => Err(InvalidDelta::RepeatedDot { dot: piece.dot }),
            None => Ok(()),
        }
    }
}

impl<K: Ord + Clone, V> Part<K, V> {
    fn check(&self, part: usize, limits: &Limits) -> Result<(), InvalidDelta> {
        at_most(self.upto.len(), limits.version_vector_entries)?;
        if !self.upto.covers(&self.base) {
            return Err(InvalidDelta::BaseAboveUpto { part });
        }
        let mut last = None;
        for (cell, listed) in self.cells.iter().enumerate() {
            if !self.range.contains(&listed.key) || last.is_some_and(|last| last >= &listed.key) {
                return Err(InvalidDelta::KeyOrder { part, cell });
            }
            last = Some(&listed.key);
            self.check_cell(listed, (part, cell), limits)?;
        }
        self.check_range_tombstones(part)
    }

    fn check_cell(
        &self,
        listed: &DeltaCell<K, V>,
        (part, cell): (usize, usize),
        limits: &Limits,
    ) -> Result<(), InvalidDelta> {
        let sorted = listed.fresh.is_sorted_by(|a, b| a.0 < b.0)
            && listed.kept.is_sorted_by(|a, b| a < b)
            && (self.coverage != Coverage::Difference || !listed.fresh.is_empty());
        if !sorted {
            return Err(InvalidDelta::DotOrder { part, cell });
        }
        let inside = |dot: Dot| dot.seq > 0 && self.upto.contains(dot) && !self.base.contains(dot);
        let fresh_inside = listed.fresh.iter().all(|(dot, _)| inside(*dot));
        let kept_inside = listed.kept.iter().all(|dot| dot.seq > 0 && self.base.contains(*dot));
        if !fresh_inside || !kept_inside {
            return Err(InvalidDelta::DotOutsideInterval { part, cell });
        }
        let is_honest = |dot: Dot, entry: &Entry<V>| {
            // What a tombstone has superseded is not alive beside it.
            let over: &[Dot] = match entry {
                Entry::Tombstone(tombstone) => &tombstone.over,
                _ => &[],
            };
            entry.is_well_formed(dot, &self.upto) && !over.iter().any(|dot| listed.names(*dot))
        };
        if !listed.fresh.iter().all(|(dot, entry)| is_honest(*dot, entry)) {
            return Err(InvalidDelta::Entry { part, cell });
        }
        let limit = limits.dots_per_life_in_cell;
        if self.is_crowded(listed, limit) || self.has_two_slots(listed) {
            return Err(InvalidDelta::TooManyDots { part, cell, limit });
        }
        Ok(())
    }

    /// Beside its slot, a replica has one live dot in a cell: what it writes supersedes what it wrote.
    /// Fresh dots and kept ones are counted together, since together they are what is alive after the
    /// join. Of a difference the slot may be here already, unlisted, so there it is not counted.
    fn is_crowded(&self, listed: &DeltaCell<K, V>, limit: usize) -> bool {
        let has_slots = self.coverage != Coverage::Difference;
        // As nearly always: no replica has more dots than there are.
        if listed.fresh.len() + listed.kept.len() < limit {
            return false;
        }
        let fresh = listed.fresh.iter().filter(|(_, entry)| has_slots || !entry.is_single_writer());
        let mut owners: SmallVec<[ReplicaId; 4]> = fresh
            .map(|(dot, _)| *dot)
            .chain(listed.kept.iter().copied())
            .map(|d| d.replica)
            .collect();
        let fresh_values = listed.fresh.iter().filter(|(_, entry)| !entry.is_single_writer());
        let mut writers: SmallVec<[ReplicaId; 4]> =
            fresh_values.map(|(dot, _)| dot.replica).collect();
        writers.sort_unstable();
        if writers.chunk_by(|a, b| a == b).any(|dots| dots.len() >= limit) {
            return true;
        }
        owners.sort_unstable();
        owners.chunk_by(|a, b| a == b).any(|dots| dots.len() + usize::from(!has_slots) > limit)
    }

    /// A single writer has one slot or row in a cell, never two.
    fn has_two_slots(&self, listed: &DeltaCell<K, V>) -> bool {
        let slots = listed.fresh.iter().filter(|(_, entry)| entry.is_single_writer());
        let owners: SmallVec<[_; 4]> = slots.map(|(dot, _)| dot.replica).collect();
        owners.windows(2).any(|pair| matches!(pair, [a, b] if a == b))
    }

    fn check_range_tombstones(&self, part: usize) -> Result<(), InvalidDelta> {
        let mut last = None;
        for (at, tombstone) in self.range_tombstones.iter().enumerate() {
            let follows = last.is_none_or(|last: &RangeTombstone<K>| {
                (last.dot, &last.range.start) < (tombstone.dot, &tombstone.range.start)
            });
            last = Some(tombstone);
            let inside = self.range.covers(&tombstone.range);
            let fresh = tombstone.dot.seq > 0
                && self.upto.contains(tombstone.dot)
                && !self.base.contains(tombstone.dot);
            let honest =
                self.upto.covers(&tombstone.seen) && !tombstone.seen.contains(tombstone.dot);
            // With a planted bug it is the oracle that has to notice.
            let consistent = (follows && inside && fresh && honest) || any_planted();
            if !consistent || tombstone.range.is_empty() {
                return Err(InvalidDelta::RangeTombstone { part, tombstone: at });
            }
        }
        Ok(())
    }
}

impl<K: Ord + Clone, V> ValidDelta<K, V> {
    /// Checks that the sender may write everything that the delta speaks of.
    ///
    /// # Errors
    /// Names the first part that writes elsewhere.
    pub fn authorise(
        self,
        authority: &Authority<K>,
    ) -> Result<AuthorisedDelta<K, V>, Unauthorised> {
        // A part also says what its sender knows of the keys that it does not list, so the whole
        // range must be within the sender's authority, not only the listed cells.
        if let Authority::Ranges(ranges) = authority {
            let allowed = |part: &Part<K, V>| ranges.iter().any(|r| r.covers(&part.range));
            if let Some(part) = self.0.parts.iter().position(|part| !allowed(part)) {
                return Err(Unauthorised { part });
            }
        }
        Ok(AuthorisedDelta(self.0))
    }

    /// The delta inside.
    pub const fn as_delta(&self) -> &Delta<K, V> {
        &self.0
    }
}

impl<K, V> AuthorisedDelta<K, V> {
    pub(crate) fn into_delta(self) -> Delta<K, V> {
        self.0
    }

    /// The delta inside.
    pub const fn as_delta(&self) -> &Delta<K, V> {
        &self.0
    }
}

const fn at_most(found: usize, limit: usize) -> Result<(), InvalidDelta> {
    if found > limit { Err(InvalidDelta::TooLarge { found, limit }) } else { Ok(()) }
}
