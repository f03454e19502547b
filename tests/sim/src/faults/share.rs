//! What histories of each size have to meet: how large a part of them, and how often each.

use std::fmt;
use std::ops::AddAssign;

use super::mark::{Mark, Marks};
use crate::replay::Fault;
use crate::world::Shape;

/// A part of all histories has to meet something.
#[derive(Debug)]
struct Share {
    what: &'static str,
    /// It was met if one of these was reached.
    marks: &'static [Mark],
    /// At least one history in so many, for each size in the order of [`Shape::NAMED`].
    one_in: [u64; 3],
    /// So many histories at least, of the small ones.
    small: u64,
}

/// Every history in which a fault can happen has to meet it so often.
#[derive(Debug)]
struct Least {
    what: &'static str,
    fault: Fault,
    mark: Mark,
    /// So often, for each size in the order of [`Shape::NAMED`].
    times: [u64; 3],
}

const fn share(what: &'static str, marks: &'static [Mark], one_in: [u64; 3], small: u64) -> Share {
    Share { what, marks, one_in, small }
}

const LIES: &[Mark] = &[Mark::LieRefused, Mark::LieHarmless, Mark::LieBesideTruth];

const SHARES: [Share; 8] = [
    share("clones", &[Mark::Cloned], [10, 10, 4], 2_000),
    share("lost disks", &[Mark::DiskLost, Mark::Restored], [10, 10, 4], 2_000),
    share("liars", LIES, [10, 10, 4], 0),
    share("long absences", &[Mark::BelowHorizon], [10, 5, 2], 0),
    share("failing disks", &[Mark::DiskFails], [5, 5, 5], 0),
    share("flipped bits", &[Mark::BitFlipped], [5, 5, 5], 0),
    share("changes of members", &[Mark::MembersChanged], [5, 2, 1], 0),
    share("interrupted catch-ups", &[Mark::RoundInterrupted], [5, 2, 1], 0),
];

/// Of the faults that have a rhythm.
const LEAST: [Least; 3] = [
    Least { what: "partitions", fault: Fault::Partition, mark: Mark::Parted, times: [2, 6, 20] },
    Least { what: "crashes", fault: Fault::Crash, mark: Mark::Crash, times: [2, 6, 20] },
    Least { what: "clock faults", fault: Fault::Clock, mark: Mark::ClockSet, times: [1, 3, 8] },
];

/// In how many histories something was met.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Shares([u64; SHARES.len()]);

/// How often something was met in the history that met it least.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Fewest([Option<u64>; LEAST.len()]);

impl Shares {
    /// Of one history.
    pub(super) fn of(marks: &Marks) -> Self {
        Self(
            SHARES.map(|Share { marks: any, .. }| {
                u64::from(any.iter().any(|mark| marks.of(*mark) > 0))
            }),
        )
    }

    /// Each with how many have met it of so many histories, and how many have to.
    pub(crate) fn needed(&self, histories: u64, shape: &Shape) -> impl Iterator<Item = Needed> {
        SHARES.iter().zip(self.0).filter_map(move |(share, met)| {
            let size = size(shape)?;
            let part = histories.div_ceil(share.one_in[size]);
            let needed = if size == 0 { part.max(share.small) } else { part };
            Some(Needed { what: share.what, met, needed, of: "histories" })
        })
    }
}

impl Fewest {
    /// Of one history, in which these faults can happen.
    pub(super) fn of(marks: &Marks, is_on: impl Fn(Fault) -> bool) -> Self {
        Self(LEAST.map(|Least { fault, mark, .. }| is_on(fault).then(|| marks.of(mark))))
    }

    /// Each with how often the history has met it that met it least, and how often it has to.
    pub(crate) fn needed(&self, shape: &Shape) -> impl Iterator<Item = Needed> {
        LEAST.iter().zip(self.0).filter_map(move |(least, fewest)| {
            let (what, needed) = (least.what, least.times[size(shape)?]);
            Some(Needed { what, met: fewest.unwrap_or(0), needed, of: "in each history" })
        })
    }
}

/// How often something was met, and how often it has to be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Needed {
    what: &'static str,
    met: u64,
    needed: u64,
    of: &'static str,
}

impl Needed {
    /// # Errors
    /// What was met too seldom.
    pub(crate) fn check(self) -> Result<(), String> {
        if self.met < self.needed { Err(self.to_string()) } else { Ok(()) }
    }
}

impl fmt::Display for Needed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, met, needed, of } = self;
        write!(f, "{what:<22} {met:>6} {of}, at least {needed}")
    }
}

/// The position among the sizes that have a name.
fn size(shape: &Shape) -> Option<usize> {
    Shape::NAMED.iter().position(|(_, named)| named == shape)
}

impl AddAssign for Shares {
    fn add_assign(&mut self, other: Self) {
        self.0.iter_mut().zip(other.0).for_each(|(sum, more)| *sum += more);
    }
}

impl AddAssign for Fewest {
    fn add_assign(&mut self, other: Self) {
        for (fewest, other) in self.0.iter_mut().zip(other.0) {
            *fewest = [*fewest, other].into_iter().flatten().min();
        }
    }
}

impl fmt::Debug for Shares {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(SHARES.iter().map(|share| share.what).zip(self.0)).finish()
    }
}

impl fmt::Debug for Fewest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(LEAST.iter().map(|least| least.what).zip(self.0)).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marks(reached: &[(Mark, u64)]) -> Marks {
        let mut marks = Marks::default();
        for (mark, times) in reached {
            (0..*times).for_each(|_| marks.reach(*mark));
        }
        marks
    }

    fn missed(needed: impl Iterator<Item = Needed>) -> Vec<&'static str> {
        needed.filter(|needed| needed.check().is_err()).map(|needed| needed.what).collect()
    }

    #[test]
    fn a_share_that_is_too_small_is_noticed() {
        let all: Vec<_> = SHARES.iter().map(|share| (share.marks[0], 1)).collect();
        let all = Shares::of(&marks(&all));
        for (at, share) in SHARES.iter().enumerate() {
            assert_eq!(missed(all.needed(1, &Shape::LARGE)), [""; 0]);
            let mut without = all;
            without.0[at] = 0;
            assert_eq!(missed(without.needed(1, &Shape::LARGE)), [share.what]);
        }
        let many = ["failing disks", "flipped bits"];
        assert_eq!(
            missed(all.needed(2, &Shape::LARGE)),
            ["changes of members", "interrupted catch-ups"]
        );
        assert_eq!(
            missed(all.needed(6, &Shape::SMALL))[..4],
            ["clones", "lost disks", many[0], many[1]]
        );
    }

    #[test]
    fn one_history_that_meets_too_little_is_noticed_among_others() {
        let often = [(Mark::Parted, 2), (Mark::Crash, 2), (Mark::ClockSet, 1)];
        let mut fewest = Fewest::of(&marks(&often), |_| true);
        fewest += Fewest::of(&marks(&[]), |_| false);
        assert_eq!(missed(fewest.needed(&Shape::SMALL)), [""; 0]);
        assert_eq!(missed(fewest.needed(&Shape::MEDIUM)).len(), 3);
        fewest += Fewest::of(&marks(&often[1..]), |_| true);
        assert_eq!(missed(fewest.needed(&Shape::SMALL)), ["partitions"]);
        assert_eq!(missed(Fewest::default().needed(&Shape::SMALL)).len(), 3, "nobody could");
    }
}
