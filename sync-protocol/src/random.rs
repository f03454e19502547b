//! The random bits of announce delays, from a seed that the environment supplies, and those of the
//! mapping of [sketches](crate::sketch), from a hash.
//!
//! Delays spread load and decide nothing, and a mapping needs independent numbers and no secrets, so a
//! generator of one word is enough. Both ends of a session compute the same mappings: the constants
//! are part of the protocol.
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

    /// A number from `low` to `high`, both included.
    pub(crate) const fn between(&mut self, low: u64, high: u64) -> u64 {
        let span = high.saturating_sub(low).saturating_add(1);
        low.saturating_add(self.next() % span)
    }

    /// 16 bytes that tell one exchange from others.
    pub(crate) fn nonce(&mut self) -> [u8; 16] {
        let (high, low) = (u128::from(self.next()), u128::from(self.next()));
        (high << 64 | low).to_be_bytes()
    }

    /// The next word.
    pub(crate) const fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}
