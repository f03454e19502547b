//! Sets of dots, as large as a delta.
//!
//! The dots of a delta mostly lie close together: they are between what its reader has and what its author has.
//! Then a set of them is a bit for each number in between, and asking takes a nanosecond. Where they are few
//! and far between it is a tree, so that no delta can make anybody allocate more than its own size.
//!
//! What was weighed: `docs/decisions/0018-sets-of-dots.md`.

use std::collections::BTreeSet;

use crate::dot::{Dot, Seq};
use crate::replica::ReplicaId;
use crate::version_vector::Ahead;

/// As many bits for a dot take no more than a cell does, or a node of a tree.
const MOST_BITS_PER_DOT: u64 = 512;

/// Some dots.
#[derive(Debug)]
pub(crate) struct DotSet {
    /// Sorted by replica.
    spans: Vec<Span>,
    /// Those outside of all spans.
    others: BTreeSet<Dot>,
}

/// A bit for each number of a replica behind `after`.
#[derive(Debug)]
struct Span {
    replica: ReplicaId,
    after: Seq,
    words: Vec<u64>,
}

impl DotSet {
    /// An empty set for so many dots, which mostly lie in `spans`.
    pub(crate) fn for_dots(count: usize, spans: impl IntoIterator<Item = Ahead>) -> Self {
        let mut spans: Vec<Ahead> = spans.into_iter().collect();
        spans.sort_unstable_by_key(|span| span.replica);
        spans.dedup_by(|next, kept| {
            let is_same = next.replica == kept.replica;
            if is_same {
                (kept.after, kept.upto) = (kept.after.min(next.after), kept.upto.max(next.upto));
            }
            is_same
        });
        let mut bits_left =
            u64::try_from(count).unwrap_or(u64::MAX).saturating_mul(MOST_BITS_PER_DOT);
        let take = |span: Ahead| {
            bits_left = bits_left.checked_sub(span.upto.saturating_sub(span.after))?;
            let words = span.upto.saturating_sub(span.after).div_ceil(64);
            let words = vec![0; usize::try_from(words).ok()?];
            Some(Span { replica: span.replica, after: span.after, words })
        };
        Self { spans: spans.into_iter().filter_map(take).collect(), others: BTreeSet::new() }
    }

    /// Adds a dot. Returns whether it was not there.
    pub(crate) fn insert(&mut self, dot: Dot) -> bool {
        match self.place(dot) {
            Some((span, word, bit)) => {
                let word = self.spans.get_mut(span).and_then(|span| span.words.get_mut(word));
                word.is_some_and(|word| std::mem::replace(word, *word | bit) & bit == 0)
            }
            None => self.others.insert(dot),
        }
    }

    pub(crate) fn contains(&self, dot: Dot) -> bool {
        match self.place(dot) {
            Some((span, word, bit)) => {
                let word = self.spans.get(span).and_then(|span| span.words.get(word));
                word.is_some_and(|word| word & bit != 0)
            }
            None => self.others.contains(&dot),
        }
    }

    /// Whether any of 64 neighbouring numbers is in the set: from `first` on those whose bits are set.
    pub(crate) fn contains_any(&self, replica: ReplicaId, first: Seq, bits: u64) -> bool {
        let at = self.spans.binary_search_by_key(&replica, |span| span.replica).ok();
        let is_in_span = at.and_then(|at| self.spans.get(at)).is_some_and(|span| {
            let word =
                |at: u64| usize::try_from(at).ok().and_then(|at| span.words.get(at)).copied();
            match first.checked_sub(span.after).and_then(|behind| behind.checked_sub(1)) {
                Some(offset) => {
                    let (low, high) = (word(offset / 64), word(offset / 64 + 1));
                    let window = u128::from(low.unwrap_or(0)) | u128::from(high.unwrap_or(0)) << 64;
                    (window >> (offset % 64)) & u128::from(bits) != 0
                }
                None => {
                    let missing = u32::try_from(span.after.saturating_add(1) - first);
                    let window = missing.ok().and_then(|n| word(0)?.checked_shl(n));
                    window.is_some_and(|window| window & bits != 0)
                }
            }
        });
        let mut others = self
            .others
            .range(Dot::new(replica, first)..=Dot::new(replica, first.saturating_add(63)));
        is_in_span || others.any(|dot| bits >> (dot.seq - first) & 1 == 1)
    }

    /// The span, the word in it, and the bit in that.
    fn place(&self, dot: Dot) -> Option<(usize, usize, u64)> {
        let at = self.spans.binary_search_by_key(&dot.replica, |span| span.replica).ok()?;
        let span = self.spans.get(at)?;
        let offset = dot.seq.checked_sub(span.after)?.checked_sub(1)?;
        let word = usize::try_from(offset / 64).ok().filter(|word| *word < span.words.len())?;
        Some((at, word, 1 << (offset % 64)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: ReplicaId = ReplicaId::from_u128(1);
    const B: ReplicaId = ReplicaId::from_u128(2);

    const fn span(replica: ReplicaId, after: Seq, upto: Seq) -> Ahead {
        Ahead { replica, after, upto }
    }

    fn holds_what_a_plain_set_holds(dots: Vec<(bool, u64)>, spans: Vec<(bool, u8, u8)>) -> bool {
        let replica = |is_a: bool| if is_a { A } else { B };
        let spans = spans.into_iter().map(|(is_a, after, more)| {
            span(replica(is_a), after.into(), u64::from(after) + u64::from(more))
        });
        let (mut set, mut model) = (DotSet::for_dots(dots.len(), spans), BTreeSet::new());
        dots.into_iter().all(|(is_a, seq)| {
            let dot = Dot::new(replica(is_a), seq % 600);
            let next = Dot::new(dot.replica, dot.seq + 1);
            set.insert(dot) == model.insert(dot)
                && set.contains(dot)
                && set.contains(next) == model.contains(&next)
        })
    }

    #[test]
    fn a_set_holds_what_a_plain_set_holds_inside_and_outside_of_its_spans() {
        let property =
            holds_what_a_plain_set_holds as fn(Vec<(bool, u64)>, Vec<(bool, u8, u8)>) -> bool;
        quickcheck::QuickCheck::new().tests(5_000).quickcheck(property);
    }

    fn any_of_64_is_found_as_one_by_one(dots: Vec<u64>, asked: Vec<(u16, u64)>, after: u8) -> bool {
        // The second span has no bits, since it is too long for so few dots.
        let spans = [span(A, after.into(), 400), span(B, 0, u64::MAX)];
        let mut set = DotSet::for_dots(dots.len(), spans);
        let both = |seq: u64| [Dot::new(A, seq % 600), Dot::new(B, seq % 600)];
        dots.into_iter().flat_map(both).for_each(|dot| {
            set.insert(dot);
        });
        asked.into_iter().all(|(first, bits)| {
            let first = u64::from(first) % 600;
            [A, B].into_iter().all(|replica| {
                // Few bits, so that some questions have no for an answer.
                [bits, 1 << (bits % 64), 0].into_iter().all(|bits| {
                    let mut asked = (0..64).filter(|at| bits >> at & 1 == 1);
                    let expected = asked.any(|at| set.contains(Dot::new(replica, first + at)));
                    set.contains_any(replica, first, bits) == expected
                })
            })
        })
    }

    #[test]
    fn any_of_64_neighbours_is_found_wherever_a_span_begins_and_ends() {
        let property =
            any_of_64_is_found_as_one_by_one as fn(Vec<u64>, Vec<(u16, u64)>, u8) -> bool;
        quickcheck::QuickCheck::new().tests(5_000).quickcheck(property);
    }

    #[test]
    fn a_span_that_is_much_longer_than_there_are_dots_takes_no_memory() {
        let mut set = DotSet::for_dots(2, [span(A, 0, u64::MAX), span(B, u64::MAX - 3, u64::MAX)]);
        let words: Vec<usize> = set.spans.iter().map(|span| span.words.len()).collect();
        assert_eq!(words, [1], "only the short one");
        for dot in [Dot::new(A, 7), Dot::new(A, u64::MAX), Dot::new(B, u64::MAX), Dot::new(B, 0)] {
            assert!(set.insert(dot) && !set.insert(dot) && set.contains(dot));
        }
    }
}
