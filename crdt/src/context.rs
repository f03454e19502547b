//! The causal context of a replica, by key range.
//!
//! Normally there is one segment and the context is one version vector. While a replica takes over
//! another's state range by range, each range has incorporated something else, and saying so exactly
//! is what makes the catch-up resumable: a context may over-state only dots that cannot concern the
//! key, and applying a delta of a range changes the context on that range only (invariant I7).

use std::cmp::Ordering;
use std::ops::Range;

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

/// The parts that a delta may have. Two replicas have no more than twice [`MOST_SEGMENTS`] ranges of different
/// contexts between them, and damaged ranges cut few of those.
pub const MOST_PARTS: usize = 4 * MOST_SEGMENTS;

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
        self.segment(self.behind(key).saturating_sub(1))
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
        self.meeting(range).filter_map(move |at| {
            let segment = self.segments.get(at)?;
            let end = self.segments.get(at + 1).and_then(|next| next.start.clone());
            let own = KeyRange::new(segment.start.clone(), end);
            Some((own.intersect(range)?, &segment.vector))
        })
    }

    /// The positions of the segments that meet `range`.
    fn meeting(&self, range: &KeyRange<K>) -> Range<usize> {
        let first = range.start.as_ref().map_or(0, |start| self.behind(start).saturating_sub(1));
        let end = range.end.as_ref().map_or(self.segments.len(), |end| self.starting_before(end));
        first..end
    }

    /// How many segments start at `key` or before.
    fn behind(&self, key: &K) -> usize {
        self.segments.partition_point(|s| s.start.as_ref().is_none_or(|start| start <= key))
    }

    fn starting_before(&self, key: &K) -> usize {
        self.segments.partition_point(|s| s.start.as_ref().is_none_or(|start| start < key))
    }

    /// The pieces of the keys on which both contexts are uniform, in key order: where each starts, the own
    /// vector and the other one. Costs the segments of both.
    fn beside<'a>(
        &'a self,
        other: &'a Self,
    ) -> impl Iterator<Item = (Option<&'a K>, &'a VersionVector, &'a VersionVector)> {
        let mut rest = (self.segments.iter().peekable(), other.segments.iter().peekable());
        let (mut own, mut others) = (None, None);
        std::iter::from_fn(move || {
            // A segment without a start comes before all others.
            let order = match (rest.0.peek(), rest.1.peek()) {
                (Some(a), Some(b)) => a.start.cmp(&b.start),
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (None, None) => return None,
            };
            let next = if order.is_le() { rest.0.next() } else { None };
            let others_next = if order.is_ge() { rest.1.next() } else { None };
            (own, others) = (next.or(own), others_next.or(others));
            let start = next.or(others_next)?.start.as_ref();
            Some((start, &own?.vector, &others?.vector))
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

    /// Whether a replica may have this context: [`MOST_SEGMENTS`], [`MOST_VECTORS`].
    pub fn is_within_bounds(&self) -> bool {
        let segments = self.segment_count();
        // Few segments cannot have many vectors, and are not compared.
        segments <= MOST_VECTORS
            || (segments <= MOST_SEGMENTS && self.vector_count() <= MOST_VECTORS)
    }

    /// Whether a replica that has this context may take over `grown` as its next one: it is within the
    /// bounds, or no step away from them.
    pub(crate) fn may_grow_to(&self, grown: &Self) -> bool {
        grown.is_within_bounds()
            || ((grown.segment_count() <= MOST_SEGMENTS.max(self.segment_count()))
                && grown.vector_count() <= MOST_VECTORS.max(self.vector_count()))
    }

    /// Whether everything in `vector` has been incorporated for every key of `range`.
    pub fn covers(&self, range: &KeyRange<K>, vector: &VersionVector) -> bool {
        let mut meeting = self.meeting(range).filter_map(|at| self.segments.get(at));
        range.is_empty() || meeting.all(|segment| segment.vector.covers(vector))
    }

    /// Whether everything in `other` has been incorporated, for every key.
    pub fn covers_context(&self, other: &Self) -> bool {
        self.beside(other).all(|(_, own, vector)| own.covers(vector))
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

    /// The least context that covers both; of equal vectors that of `other`.
    pub fn joined(&self, other: &Self) -> Self {
        // As nearly always.
        if let (Some(own), Some(vector)) = (self.uniform(), other.uniform()) {
            let mut both = vector.clone();
            both.join(own);
            return Self::from(both);
        }
        // Few different vectors meet, however many segments there are, and what they share they go on sharing.
        let mut known: Vec<(&VersionVector, &VersionVector, VersionVector)> = Vec::new();
        let mut segments = Segments::new();
        for (start, own, vector) in self.beside(other) {
            let is_same = |pair: &&(&VersionVector, &VersionVector, VersionVector)| {
                pair.0.is_shared_with(own) && pair.1.is_shared_with(vector)
            };
            let both = match known.iter().rev().take(MOST_VECTORS).find(is_same) {
                Some((_, _, both)) => both.clone(),
                None => {
                    let mut both = vector.clone();
                    both.join(own);
                    known.push((own, vector, both.clone()));
                    both
                }
            };
            segments.push(Segment { start: start.cloned(), vector: both });
        }
        segments.dedup_by(|next, kept| next.vector == kept.vector);
        Self { segments }
    }

    /// Incorporates `vector` for the keys of `range`.
    pub(crate) fn join(&mut self, range: &KeyRange<K>, vector: &VersionVector) {
        self.split_at(range.start.as_ref());
        self.split_at(range.end.as_ref());
        let inside = self.meeting(range);
        for segment in self.segments.get_mut(inside).into_iter().flatten() {
            segment.vector.join(vector);
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
        let at = self.starting_before(key);
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
    use std::cell::Cell;
    use std::ops::RangeInclusive;
    use std::rc::Rc;

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

    /// All there are.
    const KEYS: RangeInclusive<u8> = 0..=23;

    const LIVES: [ReplicaId; 2] = [A, ReplicaId::from_u128(2)];

    /// A context of what was joined to it one after the other.
    fn context_of(joined: &[(u8, u8, bool, u8)]) -> Context<u8> {
        let mut context = Context::default();
        for (start, end, which, seq) in joined {
            // No key comes before the first one, so no segment ends there.
            let bound = |key: &u8| (1..24).contains(&(key % 30)).then_some(key % 30);
            let life = LIVES[usize::from(*which)];
            let vector = [(life, Seq::from(seq % 4))].into_iter().collect();
            let range = KeyRange::new(bound(start), bound(end));
            if !range.is_empty() {
                context.join(&range, &vector);
            }
        }
        context
    }

    fn two_contexts_beside_each_other(
        a: Vec<(u8, u8, bool, u8)>,
        b: Vec<(u8, u8, bool, u8)>,
        (start, end): (u8, u8),
    ) -> bool {
        let (a, b) = (context_of(&a), context_of(&b));
        let both = a.joined(&b);
        let is_least = KEYS.into_iter().all(|key| {
            let mut vector = a.at(&key).clone();
            vector.join(b.at(&key));
            *both.at(&key) == vector
        });
        let covered = KEYS.into_iter().all(|key| a.at(&key).covers(b.at(&key)));
        let range = KeyRange::new(Some(start % 24), Some(end % 24));
        let inside = || KEYS.filter(|key| range.contains(key));
        let segments: Vec<_> = a.segments_in(&range).collect();
        let is_cut = inside().all(|key| {
            let mut own = segments.iter().filter(|(segment, _)| segment.contains(&key));
            own.next().map(|(_, vector)| *vector) == Some(a.at(&key)) && own.next().is_none()
        });
        let vector = b.at(&0);
        is_least
            && Context::checked(both.segments.clone()).as_ref() == Some(&both)
            && both.covers_context(&a)
            && both.covers_context(&b)
            && a.covers_context(&b) == covered
            && is_cut
            && segments.iter().all(|(segment, _)| range.covers(segment) && !segment.is_empty())
            && a.covers(&range, vector) == inside().all(|key| a.at(&key).covers(vector))
    }

    #[test]
    fn contexts_are_joined_compared_and_cut_as_each_key_says() {
        let property = two_contexts_beside_each_other
            as fn(Vec<(u8, u8, bool, u8)>, Vec<(u8, u8, bool, u8)>, (u8, u8)) -> bool;
        quickcheck::QuickCheck::new().tests(20_000).quickcheck(property);
    }

    /// A key that counts how often any is compared.
    #[derive(Clone, Debug)]
    struct Counted(u32, Rc<Cell<u64>>);

    impl Ord for Counted {
        fn cmp(&self, other: &Self) -> Ordering {
            self.1.set(self.1.get() + 1);
            self.0.cmp(&other.0)
        }
    }

    impl PartialOrd for Counted {
        fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
            Some(self.cmp(other))
        }
    }

    impl PartialEq for Counted {
        fn eq(&self, other: &Self) -> bool {
            self.cmp(other) == Ordering::Equal
        }
    }

    impl Eq for Counted {}

    #[test]
    fn two_contexts_of_many_segments_are_gone_through_once() {
        const SEGMENTS: u32 = 4_000;
        let compared = Rc::<Cell<u64>>::default();
        let of = |first: u32, seqs: [Seq; 2]| {
            let starts = (1..SEGMENTS).map(|n| Some(Counted(2 * n + first, Rc::clone(&compared))));
            let starts = std::iter::once(None).chain(starts);
            let segments = starts.zip(seqs.into_iter().cycle());
            Context::from_segments(segments.map(|(start, seq)| (start, seen(seq)))).unwrap()
        };
        let (a, b) = (of(0, [1, 3]), of(1, [2, 4]));
        let before = compared.get();
        let both = a.joined(&b);
        assert!(both.covers_context(&a) && both.covers_context(&b) && !a.covers_context(&b));
        let first = KeyRange::new(None, Some(Counted(9, Rc::clone(&compared))));
        assert_eq!(a.segments_in(&first).count(), 5);
        let cost = compared.get() - before;
        assert!(cost < 10 * u64::from(SEGMENTS), "{cost} comparisons");
    }
}
