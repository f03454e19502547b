//! Ranges of keys.

use std::ops::Bound;

use serde::{Deserialize, Serialize};

/// The keys from `start` (inclusive) to `end` (exclusive); a missing bound is open.
///
/// A bound is a position in key order; it need not be the key of a cell.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct KeyRange<K> {
    /// The first key of the range; `None` starts before every key.
    pub start: Option<K>,
    /// The first key behind the range; `None` ends after every key.
    pub end: Option<K>,
}

impl<K> KeyRange<K> {
    /// Every key.
    pub const fn full() -> Self {
        Self { start: None, end: None }
    }

    /// Whether this is the range of every key.
    pub const fn is_full(&self) -> bool {
        self.start.is_none() && self.end.is_none()
    }
}

impl<K: Ord> KeyRange<K> {
    /// The range from `start` to `end`.
    pub const fn new(start: Option<K>, end: Option<K>) -> Self {
        Self { start, end }
    }

    /// Whether `key` lies in the range.
    pub fn contains(&self, key: &K) -> bool {
        self.start.as_ref().is_none_or(|start| start <= key) && self.is_before_end(key)
    }

    /// Whether every key of `other` lies in this range.
    pub fn covers(&self, other: &Self) -> bool {
        starts_no_later(self.start.as_ref(), other.start.as_ref())
            && ends_no_later(other.end.as_ref(), self.end.as_ref())
    }

    /// Whether some key may lie in both ranges.
    pub fn meets(&self, other: &Self) -> bool {
        let is_apart = |end: &Option<K>, start: &Option<K>| matches!((end, start), (Some(end), Some(start)) if end <= start);
        !is_apart(&self.end, &other.start) && !is_apart(&other.end, &self.start)
    }

    /// Whether the range cannot hold a key.
    pub fn is_empty(&self) -> bool {
        matches!((&self.start, &self.end), (Some(start), Some(end)) if start >= end)
    }

    /// The range in the form that the standard library's ordered collections take.
    pub fn bounds(&self) -> (Bound<&K>, Bound<&K>) {
        (
            self.start.as_ref().map_or(Bound::Unbounded, Bound::Included),
            self.end.as_ref().map_or(Bound::Unbounded, Bound::Excluded),
        )
    }

    fn is_before_end(&self, key: &K) -> bool {
        self.end.as_ref().is_none_or(|end| key < end)
    }
}

impl<K: Ord + Clone> KeyRange<K> {
    /// The keys that lie in both ranges; `None` if there are none.
    pub fn intersect(&self, other: &Self) -> Option<Self> {
        let start = if starts_no_later(self.start.as_ref(), other.start.as_ref()) {
            &other.start
        } else {
            &self.start
        };
        let end = if ends_no_later(self.end.as_ref(), other.end.as_ref()) {
            &self.end
        } else {
            &other.end
        };
        let both = Self { start: start.clone(), end: end.clone() };
        (!both.is_empty()).then_some(both)
    }
}

impl<K: Ord + Clone> KeyRange<K> {
    /// The keys of this range that are not in `other`: what lies before it and what lies behind it.
    pub fn without(&self, other: &Self) -> impl Iterator<Item = Self> + use<K> {
        let before = other.start.clone().map(|start| Self { start: None, end: Some(start) });
        let behind = other.end.clone().map(|end| Self { start: Some(end), end: None });
        let own = self.clone();
        [before, behind].into_iter().flatten().filter_map(move |rest| own.intersect(&rest))
    }
}

/// Whether a range that starts at `a` starts at or before one that starts at `b`.
fn starts_no_later<K: Ord>(a: Option<&K>, b: Option<&K>) -> bool {
    match (a, b) {
        (None, _) => true,
        (Some(_), None) => false,
        (Some(a), Some(b)) => a <= b,
    }
}

/// Whether a range that ends at `a` ends at or before one that ends at `b`.
fn ends_no_later<K: Ord>(a: Option<&K>, b: Option<&K>) -> bool {
    match (a, b) {
        (_, None) => true,
        (None, Some(_)) => false,
        (Some(a), Some(b)) => a <= b,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(start: Option<i32>, end: Option<i32>) -> KeyRange<i32> {
        KeyRange::new(start, end)
    }

    #[test]
    fn the_start_belongs_to_the_range_and_the_end_does_not() {
        let r = range(Some(2), Some(5));
        assert!([2, 3, 4].iter().all(|k| r.contains(k)) && [1, 5].iter().all(|k| !r.contains(k)));
    }

    #[test]
    fn an_open_bound_covers_every_closed_one() {
        assert!(KeyRange::full().covers(&range(Some(1), None)));
        assert!(!range(Some(1), None).covers(&KeyRange::full()));
        assert!(range(Some(1), Some(9)).covers(&range(Some(1), Some(9))));
    }

    #[test]
    fn a_range_without_another_is_what_lies_before_and_behind_it() {
        let without = |a: &KeyRange<i32>, b: &KeyRange<i32>| a.without(b).collect::<Vec<_>>();
        let r = range(Some(2), Some(9));
        assert_eq!(
            without(&r, &range(Some(4), Some(5))),
            [range(Some(2), Some(4)), range(Some(5), Some(9))]
        );
        assert_eq!(without(&r, &range(None, Some(5))), [range(Some(5), Some(9))]);
        assert_eq!(without(&r, &range(Some(20), None)), vec![r.clone()]);
        assert_eq!(without(&r, &KeyRange::full()), []);
    }

    #[test]
    fn ranges_that_only_touch_do_not_intersect() {
        assert_eq!(range(None, Some(3)).intersect(&range(Some(3), None)), None);
        assert_eq!(
            range(None, Some(4)).intersect(&range(Some(3), None)),
            Some(range(Some(3), Some(4)))
        );
    }
}
