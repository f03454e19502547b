//! Version vectors: which changes have been incorporated.
//!
//! A component `replica -> seq` stands for the complete prefix `1..=seq` of that replica's dots:
//! no exceptions, no gaps, no cloud of loose dots (invariant I6). That makes "have you seen this
//! dot" one comparison, and a context as large as the number of writers, however many dots there are.
//!
//! Source: Parker et al., *Detection of Mutual Inconsistency in Distributed Systems*, 1983; as the
//! compact causal context of delta-CRDTs: Almeida, Shoker, Baquero, *Delta State Replicated Data
//! Types*, 2018, section 7.2.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::dot::{Dot, Seq};
use crate::replica::ReplicaId;

/// A complete prefix of the dots of each replica.
///
/// A clone shares the components until either side changes: contexts, deltas and tokens pass vectors of up to
/// 65 536 components on, and mostly to be compared with what they came from.
#[derive(Clone, Eq, Default)]
pub struct VersionVector {
    /// Sorted by replica; no component is zero. `None` stands for no component.
    components: Option<Arc<Vec<(ReplicaId, Seq)>>>,
}

/// A component by which one version vector is ahead of another: the dots `after + 1 ..= upto`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ahead {
    /// Whose dots they are.
    pub replica: ReplicaId,
    /// The last dot that both sides have; 0 for none.
    pub after: Seq,
    /// The last dot that the side ahead has.
    pub upto: Seq,
}

impl VersionVector {
    /// The version vector of somebody who has seen nothing.
    pub const fn new() -> Self {
        Self { components: None }
    }

    fn of(components: Vec<(ReplicaId, Seq)>) -> Self {
        Self { components: (!components.is_empty()).then(|| Arc::new(components)) }
    }

    fn components(&self) -> &[(ReplicaId, Seq)] {
        self.components.as_ref().map_or(&[], |components| components)
    }

    /// Whether both are one vector in memory: then they are equal, and nobody needs to look.
    pub(crate) fn is_shared_with(&self, other: &Self) -> bool {
        match (&self.components, &other.components) {
            (Some(own), Some(other)) => Arc::ptr_eq(own, other),
            (None, None) => true,
            _ => false,
        }
    }

    /// The last incorporated dot of `replica`; 0 if there is none.
    pub fn seq(&self, replica: ReplicaId) -> Seq {
        match self.find(replica) {
            Ok(at) => self.components().get(at).map_or(0, |c| c.1),
            Err(_) => 0,
        }
    }

    /// The position of `replica` among the components.
    pub(crate) fn place(&self, replica: ReplicaId) -> Option<usize> {
        self.find(replica).ok()
    }

    /// The replica at this position.
    pub(crate) fn replica_at(&self, place: usize) -> Option<ReplicaId> {
        self.components().get(place).map(|c| c.0)
    }

    /// Another vector, whose component of `replica` is `seq`.
    pub(crate) fn with(&self, replica: ReplicaId, seq: Seq) -> Self {
        let (found, components) = (self.find(replica), self.components());
        let (Ok(at) | Err(at)) = found;
        let (before, after) = components.split_at(at);
        let after = after.get(usize::from(found.is_ok())..).unwrap_or_default();
        let mut changed = Vec::with_capacity(components.len() + 1);
        changed.extend_from_slice(before);
        changed.extend((seq > 0).then_some((replica, seq)));
        changed.extend_from_slice(after);
        Self::of(changed)
    }

    /// Whether `dot` has been incorporated.
    pub fn contains(&self, dot: Dot) -> bool {
        dot.seq <= self.seq(dot.replica)
    }

    /// Whether everything in `other` has been incorporated here: `self ⊇ other`.
    pub fn covers(&self, other: &Self) -> bool {
        other.ahead_of(self).next().is_none()
    }

    /// Raises the component of `replica` to `seq`; never lowers it (invariant I8).
    pub fn advance(&mut self, replica: ReplicaId, seq: Seq) {
        if seq == 0 {
            return;
        }
        let at = self.find(replica);
        if at.is_ok() && seq <= self.seq(replica) {
            return;
        }
        let components = Arc::make_mut(self.components.get_or_insert_default());
        match at {
            Ok(at) => components.iter_mut().skip(at).take(1).for_each(|c| c.1 = seq),
            Err(at) => components.insert(at, (replica, seq)),
        }
    }

    /// The least upper bound: afterwards both prefixes are incorporated.
    pub fn join(&mut self, other: &Self) {
        if self.covers(other) {
            return;
        }
        *self = match other.covers(self) {
            true => other.clone(),
            false => merge(self, other, Seq::max).collect(),
        };
    }

    /// The greatest lower bound: what both have incorporated.
    pub fn meet(&self, other: &Self) -> Self {
        match (other.covers(self), self.covers(other)) {
            (true, _) => self.clone(),
            (_, true) => other.clone(),
            _ => merge(self, other, Seq::min).collect(),
        }
    }

    /// The components by which `self` is ahead of `other`, sorted by replica.
    pub fn ahead_of<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = Ahead> + 'a {
        let own = if self.is_shared_with(other) { &[] } else { self.components() };
        let mut theirs = other.components().iter().peekable();
        own.iter().filter_map(move |&(replica, upto)| {
            while theirs.next_if(|(their, _)| *their < replica).is_some() {}
            let after = theirs.next_if(|(their, _)| *their == replica).map_or(0, |&(_, seq)| seq);
            (upto > after).then_some(Ahead { replica, after, upto })
        })
    }

    /// The components, sorted by replica.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (ReplicaId, Seq)> + '_ {
        self.components().iter().copied()
    }

    /// The number of replicas with at least one dot.
    pub fn len(&self) -> usize {
        self.components().len()
    }

    /// Whether nothing at all has been incorporated.
    pub fn is_empty(&self) -> bool {
        self.components.is_none()
    }

    fn find(&self, replica: ReplicaId) -> Result<usize, usize> {
        self.components().binary_search_by(|(id, _)| id.cmp(&replica))
    }
}

/// Walks two sorted lists at once and combines the components of each replica.
fn merge<'a>(
    a: &'a VersionVector,
    b: &'a VersionVector,
    combine: impl Fn(Seq, Seq) -> Seq + 'a,
) -> impl Iterator<Item = (ReplicaId, Seq)> + 'a {
    let (mut left, mut right) = (a.iter().peekable(), b.iter().peekable());
    std::iter::from_fn(move || {
        let replica = match (left.peek(), right.peek()) {
            (Some(l), Some(r)) => l.0.min(r.0),
            (Some(one), None) | (None, Some(one)) => one.0,
            (None, None) => return None,
        };
        let l = left.next_if(|c| c.0 == replica).map_or(0, |c| c.1);
        let r = right.next_if(|c| c.0 == replica).map_or(0, |c| c.1);
        Some((replica, combine(l, r)))
    })
}

impl FromIterator<(ReplicaId, Seq)> for VersionVector {
    fn from_iter<I: IntoIterator<Item = (ReplicaId, Seq)>>(components: I) -> Self {
        let mut components: Vec<_> = components.into_iter().filter(|c| c.1 > 0).collect();
        if !components.is_sorted_by(|a, b| a.0 < b.0) {
            components.sort_unstable();
            // Of several components of one replica the last, that is the greatest, is kept.
            components.reverse();
            components.dedup_by_key(|c| c.0);
            components.reverse();
        }
        Self::of(components)
    }
}

impl PartialEq for VersionVector {
    fn eq(&self, other: &Self) -> bool {
        self.is_shared_with(other) || self.components() == other.components()
    }
}

impl fmt::Debug for VersionVector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl Serialize for VersionVector {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.components().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for VersionVector {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let components = Vec::<(ReplicaId, Seq)>::deserialize(deserializer)?;
        if components.iter().any(|c| c.1 == 0) || !components.is_sorted_by(|a, b| a.0 < b.0) {
            return Err(serde::de::Error::custom(
                "a version vector is sorted by replica and has no zero component",
            ));
        }
        Ok(Self::of(components))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: ReplicaId = ReplicaId::from_u128(1);
    const B: ReplicaId = ReplicaId::from_u128(2);
    const C: ReplicaId = ReplicaId::from_u128(3);

    fn vector(components: &[(ReplicaId, Seq)]) -> VersionVector {
        components.iter().copied().collect()
    }

    #[test]
    fn a_component_stands_for_its_whole_prefix() {
        let vv = vector(&[(B, 3)]);
        assert!(vv.contains(Dot::new(B, 1)) && vv.contains(Dot::new(B, 3)));
        assert!(!vv.contains(Dot::new(B, 4)) && !vv.contains(Dot::new(A, 1)));
    }

    #[test]
    fn join_is_the_maximum_and_meet_the_minimum_of_each_component() {
        let (a, b) = (vector(&[(A, 2), (B, 7)]), vector(&[(B, 5), (C, 1)]));
        let mut joined = a.clone();
        joined.join(&b);
        assert_eq!(joined, vector(&[(A, 2), (B, 7), (C, 1)]));
        assert_eq!(a.meet(&b), vector(&[(B, 5)]));
    }

    #[test]
    fn ahead_names_exactly_the_missing_dots() {
        let (a, b) = (vector(&[(A, 2), (B, 7)]), vector(&[(B, 5), (C, 1)]));
        let missing: Vec<_> = a.ahead_of(&b).collect();
        assert_eq!(
            missing,
            [Ahead { replica: A, after: 0, upto: 2 }, Ahead { replica: B, after: 5, upto: 7 }]
        );
        assert!(!a.covers(&b) && a.covers(&a.meet(&b)));
    }

    #[test]
    fn collecting_keeps_the_greatest_of_repeated_components() {
        assert_eq!(vector(&[(B, 1), (A, 4), (B, 3), (C, 0)]), vector(&[(A, 4), (B, 3)]));
    }
}
