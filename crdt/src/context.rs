//! The causal context of a replica, by key range.
//!
//! Normally there is one segment and the context is one version vector. While a replica takes over
//! another's state range by range, each range has incorporated something else, and saying so exactly
//! is what makes the catch-up resumable: a context may over-state only dots that cannot concern the
//! key, and applying a delta of a range changes the context on that range only (invariant I7).

use serde::{Deserialize, Deserializer, Serialize};
use smallvec::{SmallVec, smallvec};

use crate::dot::Seq;
use crate::range::KeyRange;
use crate::replica::ReplicaId;
use crate::version_vector::VersionVector;

/// The segments that a replica may have. Each catch-up that was broken off leaves one, so honest peers
/// come nowhere near; and every commit raises its own component in all of them.
pub const MOST_SEGMENTS: usize = 4_096;

/// The distinct version vectors that a replica may have: each is a catch-up that was broken off, of up to a
/// megabyte and a half where 65 536 lives have written. Segments with the same vector share it.
pub const MOST_VECTORS: usize = 64;

/// Which dots have been incorporated, for every key.
///
/// Segments are sorted, cover every key, and neighbours differ.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(transparent)]
pub struct Context<K> {
    segments: Segments<K>,
}

type Segments<K> = SmallVec<[Segment<K>; 1]>;

/// One version vector, and the key from which on it holds, up to the next segment.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct Segment<K> {
    /// `None` starts before every key; only the first segment has it.
    start: Option<K>,
    vector: VersionVector,
}

impl<K> Default for Context<K> {
    fn default() -> Self {
        Self::from(VersionVector::new())
    }
}

impl<K> From<VersionVector> for Context<K> {
    /// The context that is the same for every key.
    fn from(vector: VersionVector) -> Self {
        Self { segments: smallvec![Segment { start: None, vector }] }
    }
}

impl<K: Ord> Context<K> {
    fn checked(segments: Segments<K>) -> Option<Self> {
        let opens = segments.first().is_some_and(|s| s.start.is_none());
        let sorted = segments.is_sorted_by(|a, b| a.start < b.start);
        let merged = segments.is_sorted_by(|a, b| a.vector != b.vector);
        (opens && sorted && merged).then_some(Self { segments })
    }
}

impl<K: Ord + Clone> Context<K> {
    /// The context of these segments, each with the key from which on it holds; `None` unless they
    /// start before every key, are sorted and differ from their neighbours.
    pub fn from_segments(
        segments: impl IntoIterator<Item = (Option<K>, VersionVector)>,
    ) -> Option<Self> {
        let segments =
            segments.into_iter().map(|(start, vector)| Segment { start, vector }).collect();
        Self::checked(segments)
    }

    /// The version vector that holds for `key`.
    pub fn at(&self, key: &K) -> &VersionVector {
        let behind = self.segments.partition_point(|s| s.start.as_ref().is_none_or(|s| s <= key));
        self.segment(behind.saturating_sub(1))
    }

    /// The version vector of every key, if all keys have the same: the replica is not hydrating.
    pub fn uniform(&self) -> Option<&VersionVector> {
        match self.segments.as_slice() {
            [only] => Some(&only.vector),
            _ => None,
        }
    }

    /// The segments that meet `range`, cut to it, in key order.
    pub fn segments_in<'a>(
        &'a self,
        range: &'a KeyRange<K>,
    ) -> impl Iterator<Item = (KeyRange<K>, &'a VersionVector)> + 'a {
        self.segments.iter().enumerate().filter_map(move |(at, segment)| {
            let end = self.segments.get(at + 1).and_then(|next| next.start.clone());
            let own = KeyRange::new(segment.start.clone(), end);
            Some((own.intersect(range)?, &segment.vector))
        })
    }

    /// The number of segments; 1 unless the replica is hydrating.
    pub fn segment_count(&self) -> usize {
        self.segments.len()
    }

    /// The number of distinct version vectors.
    pub fn vector_count(&self) -> usize {
        let mut distinct: Vec<&VersionVector> = Vec::new();
        for Segment { vector, .. } in &self.segments {
            if !distinct.contains(&vector) {
                distinct.push(vector);
            }
        }
        distinct.len()
    }

    /// Whether a replica that has this context may take over `grown` as its next one: it is within the
    /// bounds, or no step away from them.
    pub(crate) fn may_grow_to(&self, grown: &Self) -> bool {
        let (before, after) = (self.segment_count(), grown.segment_count());
        if after <= MOST_VECTORS {
            return true;
        }
        let few_segments = after <= MOST_SEGMENTS || after <= before;
        few_segments && {
            let vectors = grown.vector_count();
            vectors <= MOST_VECTORS || vectors <= self.vector_count()
        }
    }

    /// Whether everything in `vector` has been incorporated for every key of `range`.
    pub fn covers(&self, range: &KeyRange<K>, vector: &VersionVector) -> bool {
        self.segments_in(range).all(|(_, own)| own.covers(vector))
    }

    /// The last dot of `replica` that has been incorporated for every key; 0 if there is none.
    pub fn seq(&self, replica: ReplicaId) -> Seq {
        self.segments.iter().map(|segment| segment.vector.seq(replica)).min().unwrap_or(0)
    }

    /// What has been incorporated for every key of every segment.
    pub fn floor(&self) -> VersionVector {
        let mut vectors = self.segments.iter().map(|s| &s.vector);
        let first = vectors.next().cloned().unwrap_or_default();
        vectors.fold(first, |floor, vector| floor.meet(vector))
    }

    /// The least context that covers both.
    pub fn joined(&self, other: &Self) -> Self {
        let mut both = self.clone();
        for (range, vector) in other.segments_in(&KeyRange::full()) {
            both.join(&range, vector);
        }
        both
    }

    /// Incorporates `vector` for the keys of `range`.
    pub(crate) fn join(&mut self, range: &KeyRange<K>, vector: &VersionVector) {
        self.split_at(range.start.as_ref());
        self.split_at(range.end.as_ref());
        for segment in &mut self.segments {
            let starts_inside = match (&segment.start, &range.start) {
                (_, None) => true,
                (None, Some(_)) => false,
                (Some(start), Some(first)) => start >= first,
            };
            let starts_before_end = match (&segment.start, &range.end) {
                (None, _) | (_, None) => true,
                (Some(start), Some(end)) => start < end,
            };
            if starts_inside && starts_before_end {
                segment.vector.join(vector);
            }
        }
        self.segments.dedup_by(|next, kept| next.vector == kept.vector);
    }

    /// Raises one component for every key: a replica's own dots hold everywhere (invariant I6).
    pub(crate) fn advance(&mut self, replica: ReplicaId, seq: Seq) {
        if let [only] = self.segments.as_mut_slice() {
            only.vector.advance(replica, seq);
            return;
        }
        // What segments share they go on sharing.
        let mut raised: Vec<(VersionVector, VersionVector)> = Vec::new();
        for Segment { vector, .. } in &mut self.segments {
            let known = raised.iter().find(|(before, _)| before.is_shared_with(vector));
            *vector = match known {
                Some((_, after)) => after.clone(),
                None => {
                    let mut after = vector.clone();
                    after.advance(replica, seq);
                    raised.push((vector.clone(), after.clone()));
                    after
                }
            };
        }
    }

    /// Makes `key` the start of a segment.
    fn split_at(&mut self, key: Option<&K>) {
        let Some(key) = key else { return };
        let at = self.segments.partition_point(|s| s.start.as_ref().is_none_or(|s| s < key));
        if self.segments.get(at).is_some_and(|s| s.start.as_ref() == Some(key)) {
            return;
        }
        let vector = self.segment(at.saturating_sub(1)).clone();
        self.segments.insert(at, Segment { start: Some(key.clone()), vector });
    }

    fn segment(&self, at: usize) -> &VersionVector {
        static NOTHING: VersionVector = VersionVector::new();
        self.segments.get(at).map_or(&NOTHING, |s| &s.vector)
    }
}

impl<'de, K: Ord + Deserialize<'de>> Deserialize<'de> for Context<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // A vector believes no length that somebody claims before it has seen the items; a small one does.
        let segments = Vec::<Segment<K>>::deserialize(deserializer)?;
        Self::checked(segments.into()).ok_or_else(|| {
            serde::de::Error::custom("context segments are sorted, cover all keys and differ")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: ReplicaId = ReplicaId::from_u128(1);

    fn seen(seq: Seq) -> VersionVector {
        [(A, seq)].into_iter().collect()
    }

    #[test]
    fn a_range_delta_raises_its_range_only() {
        let mut context = Context::<i32>::default();
        context.join(&KeyRange::new(Some(10), Some(20)), &seen(5));
        let at = |key| context.at(&key).seq(A);
        assert_eq!([at(9), at(10), at(19), at(20)], [0, 5, 5, 0]);
        assert_eq!((context.segment_count(), context.uniform()), (3, None));
        assert_eq!(context.floor(), VersionVector::new());
    }

    #[test]
    fn segments_that_become_equal_merge_back_into_one() {
        let mut context = Context::<i32>::default();
        context.join(&KeyRange::new(Some(10), Some(20)), &seen(5));
        context.join(&KeyRange::new(None, Some(10)), &seen(5));
        assert_eq!(context.segment_count(), 2);
        context.join(&KeyRange::new(Some(20), None), &seen(5));
        assert_eq!(context.uniform(), Some(&seen(5)));
    }

    #[test]
    fn a_context_does_not_grow_beyond_its_bounds() {
        let of = |vectors: Seq, segments: usize| {
            let starts = std::iter::once(None).chain((1..).map(Some));
            let all = starts.zip((1..=vectors).cycle()).take(segments);
            Context::<i32>::from_segments(all.map(|(start, seq)| (start, seen(seq)))).unwrap()
        };
        let small = of(1, 1);
        assert!(small.may_grow_to(&of(64, 64)) && small.may_grow_to(&of(2, MOST_SEGMENTS)));
        assert!(!small.may_grow_to(&of(65, 65)));
        assert!(!small.may_grow_to(&of(2, MOST_SEGMENTS + 1)));
        // Whoever is beyond them, by an older version, finds its way back.
        assert!(of(70, 80).may_grow_to(&of(70, 80)) && of(70, 80).may_grow_to(&of(69, 79)));
        assert!(!of(70, 80).may_grow_to(&of(71, 80)));
    }

    #[test]
    fn coverage_of_a_range_asks_every_segment_that_meets_it() {
        let mut context = Context::<i32>::default();
        context.join(&KeyRange::new(Some(10), None), &seen(5));
        assert!(context.covers(&KeyRange::new(Some(10), Some(11)), &seen(5)));
        assert!(!context.covers(&KeyRange::new(Some(9), Some(11)), &seen(5)));
    }
}
