//! Sets of dots, as large as a delta.
//!
//! The dots of a delta mostly lie close together: they are between what its reader has and what its author has.
//! Then a set of them is a bit for each number in between, and asking takes a nanosecond. Where they are few
//! and far between it is a tree, so that no delta can make anybody allocate more than its own size.

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
