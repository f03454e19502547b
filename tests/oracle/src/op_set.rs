//! A set of operations, kept as one bit per operation ever issued.
//!
//! The model copies and unites such sets all the time; a bit set makes both a walk over a few
//! words. It only ever grows, so its last word is never zero and equal sets have equal words.

use crate::OpId;

/// A set of operations that grows only.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OpSet {
    words: Vec<u64>,
}

impl OpSet {
    /// Adds one operation.
    pub fn insert(&mut self, id: OpId) {
        let word = id.0 / 64;
        if self.words.len() <= word {
            self.words.resize(word + 1, 0);
        }
        self.words[word] |= 1 << (id.0 % 64);
    }

    /// Adds every operation of `other`.
    pub fn union_with(&mut self, other: &OpSet) {
        if self.words.len() < other.words.len() {
            self.words.resize(other.words.len(), 0);
        }
        for (mine, theirs) in self.words.iter_mut().zip(&other.words) {
            *mine |= theirs;
        }
    }

    /// Whether the operation is in the set.
    #[must_use]
    pub fn contains(&self, id: OpId) -> bool {
        self.words.get(id.0 / 64).is_some_and(|word| word & (1 << (id.0 % 64)) != 0)
    }

    /// The operations of the set, in the order they were issued.
    pub fn iter(&self) -> impl Iterator<Item = OpId> + '_ {
        let bits_of = |(index, word): (usize, u64)| {
            (0..64).filter(move |bit| word & (1 << bit) != 0).map(move |bit| OpId(index * 64 + bit))
        };
        self.words.iter().copied().enumerate().filter(|(_, word)| *word != 0).flat_map(bits_of)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set_of(numbers: &[usize]) -> OpSet {
        let mut set = OpSet::default();
        numbers.iter().for_each(|number| set.insert(OpId(*number)));
        set
    }

    #[test]
    fn a_union_holds_the_operations_of_both_sides_in_order() {
        let mut union = set_of(&[3, 64]);
        union.union_with(&set_of(&[0, 3, 200]));
        assert_eq!(union.iter().map(|id| id.0).collect::<Vec<_>>(), [0, 3, 64, 200]);
        assert_eq!(union, set_of(&[200, 64, 3, 0]));
    }

    #[test]
    fn an_operation_past_the_last_word_is_not_contained() {
        assert!(!set_of(&[1]).contains(OpId(500)));
        assert!(set_of(&[1]).contains(OpId(1)));
    }
}
