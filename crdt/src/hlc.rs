//! Hybrid logical clocks: time stamps that order concurrent siblings, and nothing else.
//!
//! What has been seen is decided by version vectors; a clock only picks which of several concurrent
//! values a last-writer-wins register shows. A wrong clock can therefore win one comparison too many,
//! but it can lose no write, and every later causal write wins over it.
//!
//! Source: Kulkarni et al., *Logical Physical Clocks*, 2014, section 3; the guard against clocks in
//! the future is ours.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::planted::{Bug, planted};

/// How far a remote stamp may pull the local clock ahead of local time, in milliseconds.
///
/// One minute is far above the error of any clock that is set at all and far below what would let a
/// broken one rule for long.
pub const MAX_AHEAD_MS: u64 = 60_000;

/// The bits of a stamp below its milliseconds.
pub(crate) const LOGICAL_BITS: u32 = 16;

/// A time stamp: 48 bits of milliseconds since 1970 and a 16-bit logical part.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Hlc(u64);

impl Hlc {
    /// The stamp of types that need no time.
    pub const ZERO: Self = Self(0);

    /// The stamp of this many milliseconds and this logical part. Milliseconds beyond 48 bits (the
    /// year 10889) are cut to the greatest stamp.
    pub const fn new(physical_ms: u64, logical: u16) -> Self {
        if physical_ms >> (64 - LOGICAL_BITS) != 0 {
            return Self(u64::MAX);
        }
        Self((physical_ms << LOGICAL_BITS) | logical as u64)
    }

    /// The stamp with this 64-bit form.
    pub const fn from_u64(bits: u64) -> Self {
        Self(bits)
    }

    /// The 64-bit form: milliseconds in the upper 48 bits, the logical part in the lower 16.
    pub const fn to_u64(self) -> u64 {
        self.0
    }

    /// Milliseconds since 1970.
    pub const fn physical_ms(self) -> u64 {
        self.0 >> LOGICAL_BITS
    }

    /// Whether this stamp lies further in the future than the guard allows.
    pub const fn is_suspect(self, now_ms: u64) -> bool {
        self.physical_ms() > now_ms.saturating_add(MAX_AHEAD_MS)
    }
}

impl fmt::Debug for Hlc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}ms+{}", self.physical_ms(), self.0 & 0xffff)
    }
}

/// The clock of one replica: never goes back, whatever the system clock does.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Clock {
    last: Hlc,
}

impl Clock {
    /// A clock that continues after `last`, the greatest stamp this replica ever issued.
    pub const fn after(last: Hlc) -> Self {
        Self { last }
    }

    /// The greatest stamp issued or taken over.
    pub const fn last(&self) -> Hlc {
        self.last
    }

    /// A stamp greater than every stamp before. When the logical part is full, the physical part
    /// advances by a millisecond: that is what adding one to the 64-bit form does.
    pub fn tick(&mut self, now_ms: u64) -> Hlc {
        let next = Hlc(self.last.0.saturating_add(1));
        self.last = next.max(Hlc::new(now_ms, 0));
        self.last
    }

    /// Takes a remote stamp into account, so that the next local stamp is greater. A stamp beyond the
    /// guard moves nothing: its data are accepted, its time is not.
    ///
    /// Returns whether the stamp was suspect.
    pub fn observe(&mut self, remote: Hlc, now_ms: u64) -> bool {
        if remote.is_suspect(now_ms) && !planted(Bug::ClockFollowsAnyStamp) {
            return true;
        }
        self.last = self.last.max(remote);
        false
    }

    /// Whether own writes alone have driven this clock further ahead than the guard allows.
    pub const fn runs_ahead(&self, now_ms: u64) -> bool {
        self.last.is_suspect(now_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_grow_while_the_system_clock_stands_still_or_goes_back() {
        let mut clock = Clock::default();
        let stamps = [clock.tick(1_000), clock.tick(1_000), clock.tick(10), clock.tick(2_000)];
        assert!(stamps.is_sorted_by(|a, b| a < b));
        assert_eq!(stamps.map(Hlc::physical_ms), [1_000, 1_000, 1_000, 2_000]);
    }

    #[test]
    fn a_full_logical_part_borrows_a_millisecond() {
        let mut clock = Clock::after(Hlc::new(1_000, u16::MAX));
        assert_eq!(clock.tick(1_000), Hlc::new(1_001, 0));
    }

    #[test]
    fn a_stamp_from_the_far_future_does_not_move_the_clock() {
        let mut clock = Clock::after(Hlc::new(1_000, 0));
        assert!(clock.observe(Hlc::new(1_000 + MAX_AHEAD_MS + 1, 0), 1_000));
        assert_eq!(clock.last(), Hlc::new(1_000, 0));
        assert!(!clock.observe(Hlc::new(1_000 + MAX_AHEAD_MS, 0), 1_000));
        assert!(clock.tick(1_000) > Hlc::new(1_000 + MAX_AHEAD_MS, 0));
    }

    #[test]
    fn a_year_beyond_the_format_is_cut_not_wrapped() {
        assert_eq!(Hlc::new(u64::MAX, 3), Hlc::from_u64(u64::MAX));
    }
}
