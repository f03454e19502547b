//! The random choices of a faulty disk, from a seed.
//!
//! Source: Steele, Lea, Flood, *Fast Splittable Pseudorandom Number Generators*, 2014, figure 17
//! (SplitMix64).

/// A stream of random words.
#[derive(Clone, Debug)]
pub(crate) struct SplitMix64 {
    state: u64,
}

impl SplitMix64 {
    /// The stream of this seed.
    pub(crate) const fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// A number less than `end`; 0 if there is none.
    pub(crate) const fn below(&mut self, end: u64) -> u64 {
        let next = self.next();
        if end == 0 { 0 } else { next % end }
    }

    /// An index less than `len`, if there is one.
    pub(crate) fn index_below(&mut self, len: usize) -> Option<usize> {
        let index = usize::try_from(self.below(len as u64)).ok()?;
        (index < len).then_some(index)
    }

    /// True so many times of 1 000.
    pub(crate) const fn is_hit(&mut self, per_mille: u64) -> bool {
        per_mille > 0 && self.below(1_000) < per_mille
    }

    const fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}
