//! The mapping: which coded symbols a symbol is part of.
//!
//! A symbol is part of the coded symbol at index `i` with probability 1 / (1 + i/2), hence always of
//! the first. It is a walk that jumps from one index to the next, so that its cost is the number of
//! coded symbols it is part of, about 2 ln `i`, and not `i`.
//!
//! Between `i` and the next index `x`, with `v` uniform in (0, 1], the inverse transform gives
//! `x + 1.5 = (i + 1.5) / sqrt(v)`, rounded up. Source: Yang, Gilad, Alizadeh, section 4.2, with
//! alpha = 1/2 and the same approximation.
//!
//! Both ends must walk alike, in native code and in WebAssembly. In floating point that would still
//! be safe with this alpha, as IEEE 754 defines every bit of `+`, `*`, `/` and `sqrt`; it would not be
//! with another, since `powf` and `exp` come from libraries that differ. Here everything is an integer,
//! and the question does not arise. With `v = r / 2^64` and `s = sqrt(r)` rounded down, a relative error
//! below 2^-31 for nearly all `r`, the formula is `2x + 3 = (2i + 3) 2^32 / s`, rounded up.

use crate::random::SplitMix64;

/// The index that is never reached: the walk is over.
///
/// Walks end before index 2^31 or soon after it, when a stream is longer than 50 GiB.
const NEVER: u64 = u64::MAX;

/// A position in the walk of one symbol.
#[derive(Clone, Debug)]
pub(super) struct Mapping {
    random: SplitMix64,
    index: u64,
}

impl Mapping {
    /// The walk of this seed, at its first index, which is 0.
    pub(super) const fn new(seed: u64) -> Self {
        Self { random: SplitMix64::new(seed), index: 0 }
    }

    /// The index where the walk is.
    pub(super) const fn index(&self) -> u64 {
        self.index
    }

    /// Goes on to the next index, which is larger.
    pub(super) fn advance(&mut self) {
        let root = self.random.next().isqrt().max(1);
        let from = self.index.saturating_mul(2).saturating_add(3);
        // The root is below 2^32, so the quotient is above `from`, and half of it above the index.
        self.index = match from.checked_mul(1 << 32) {
            Some(scaled) => (scaled.div_ceil(root) - 2) / 2,
            None => NEVER,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The share of 100 000 walks that visit `index`.
    fn share(index: u64) -> f64 {
        let mut visits = 0_u32;
        for seed in 0..100_000 {
            let mut mapping = Mapping::new(seed);
            while mapping.index() < index {
                mapping.advance();
            }
            visits += u32::from(mapping.index() == index);
        }
        f64::from(visits) / 100_000.0
    }

    #[test]
    fn an_index_is_visited_as_often_as_the_paper_says() {
        assert!((share(0) - 1.0).abs() < f64::EPSILON);
        // The approximation of section 4.2 shows at the first jump only: 0.64 for 2/3.
        for (index, rho) in [(1, 0.64), (2, 0.5), (10, 1.0 / 6.0), (100, 1.0 / 51.0)] {
            let found = share(index);
            let deviation = (found - rho).abs();
            let sigma = (rho * (1.0 - rho) / 100_000.0).sqrt();
            assert!(deviation < 5.0 * sigma + 0.01 * rho, "{found} of walks visit {index}");
        }
    }

    #[test]
    fn a_walk_only_goes_up_and_ends() {
        for seed in 0..1_000 {
            let mut mapping = Mapping::new(seed);
            let mut steps = 0;
            while mapping.index() != NEVER {
                let before = mapping.index();
                mapping.advance();
                assert!(mapping.index() > before);
                steps += 1;
            }
            assert!(steps < 200, "2 ln 2^31 is 43");
            mapping.advance();
            assert_eq!(mapping.index(), NEVER);
        }
    }

    #[test]
    fn walks_are_the_same_on_every_platform() {
        let mut mapping = Mapping::new(7);
        let walk: Vec<u64> = std::iter::repeat_with(|| {
            mapping.advance();
            mapping.index()
        })
        .take(8)
        .collect();
        assert_eq!(walk, [1, 18, 20, 27, 41, 84, 124, 218]);
    }
}
