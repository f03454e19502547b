//! What replays a history: a seed, and what of it is left out.
//!
//! Every step draws from a generator of its own, derived from the seed and the number of the step. So a
//! step that is left out changes nothing about the draws of the others, a fault can be switched off
//! alone, and a history that fails can be made [small](crate::shrink) and kept as a text file of the
//! corpus: one `key = value` on each line, in any order, each key once.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

use fastrand::Rng;
use thiserror::Error;

use crate::collecting::Collecting;
use crate::faults::Faults;
use crate::network::Network;
use crate::report::{Failure, Tally};
use crate::world::{Shape, World};

/// Everything that decides what happens in a history.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Replay {
    /// What the replicas talk through.
    pub lane: Lane,
    /// Decides everything that is not said here.
    pub seed: u64,
    /// The size.
    pub shape: Shape,
    /// The numbers of the steps that are left out; the first step is 1.
    pub without: BTreeSet<u64>,
    /// The faults that are switched off.
    pub calm: BTreeSet<Fault>,
}

/// What the replicas of a history talk through.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Lane {
    /// Deltas, thrown about by hand.
    Deltas,
    /// Sessions of the protocol.
    Sessions,
    /// Deltas and acknowledgements; removals are collected.
    Collecting,
    /// Whole replicas with disks, clocks, members and links, and everything that can break.
    Faults,
}

/// Something unkind that can be switched off. A lane that does not have it does not mind.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Fault {
    /// Clocks that are off.
    Skew,
    /// Messages are lost.
    Drop,
    /// Messages arrive twice.
    Duplicate,
    /// Messages arrive late, and overtake each other.
    Delay,
    /// Messages speak of a part of the keys.
    Partial,
    /// Replicas cannot talk for a while; links break.
    Partition,
    /// Bytes arrive in fragments.
    Fragment,
    /// Links stand still.
    Stall,
    /// Replicas stop and load what they have saved.
    Reload,
    /// Machines lose power, in the middle of a write or of a recovery too.
    Crash,
    /// Disks fail to sync, or are full.
    Disk,
    /// Bits flip on disks.
    Damage,
    /// Bits flip on the way.
    Corrupt,
    /// Clocks jump, stand still, drift, and go back.
    Clock,
    /// Disks are lost, or set back to a backup.
    Loss,
    /// Disks are copied, and both copies go on.
    Clone,
    /// Machines are away for long.
    Away,
    /// Members come and go.
    Members,
    /// Somebody lies in well-formed messages.
    Lie,
    /// Writes land elsewhere on their disk.
    Misdirect,
    /// Memory changes by itself.
    Memory,
}

/// Why a text is no replay. Nothing was run.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum ParseReplayError {
    /// A line has no equals sign.
    #[error("line {line} is not `key = value`")]
    NoEquals {
        /// The number of the line; the first is 1.
        line: usize,
    },
    /// There is no such key.
    #[error("line {line} has an unknown key")]
    UnknownKey {
        /// The number of the line.
        line: usize,
    },
    /// A key stands twice.
    #[error("line {line} repeats a key")]
    RepeatedKey {
        /// The number of the line.
        line: usize,
    },
    /// A key is missing.
    #[error("there is no `{key}`")]
    MissingKey {
        /// The key.
        key: &'static str,
    },
    /// There is no such lane.
    #[error("`lane` is none of `deltas`, `sessions`, `collecting` and `faults`")]
    Lane,
    /// There is no such fault.
    #[error("`calm` names an unknown fault, or one twice")]
    Fault,
    /// A value is no number, or out of bounds.
    #[error("`{key}` is not a number from {least} to {most}")]
    Number {
        /// The key.
        key: &'static str,
        /// The least that is allowed.
        least: u64,
        /// The most that is allowed.
        most: u64,
    },
    /// Left-out steps are no ascending list of numbers and ranges within the history.
    #[error("`without` is not an ascending list of steps of the history")]
    Without,
}

/// The number of the generator that is no step's.
pub(crate) const PLACES: u64 = u64::MAX;
pub(crate) const SITES: u64 = u64::MAX - 1;
pub(crate) const WEATHER: u64 = u64::MAX - 2;
pub(crate) const HEALING: u64 = u64::MAX - 3;
pub(crate) const HASTE: u64 = u64::MAX - 4;

/// The generator of one step, or of one thing beside the steps.
pub(crate) fn generator(seed: u64, part: u64) -> Rng {
    // An odd factor, so that no two parts of a seed meet; it is 2^64 divided by the golden ratio.
    Rng::with_seed(seed ^ part.wrapping_mul(0x9e37_79b9_7f4a_7c15))
}

impl Replay {
    /// The whole history of a seed.
    pub fn new(lane: Lane, seed: u64, shape: &Shape) -> Self {
        Self { lane, seed, shape: *shape, without: BTreeSet::new(), calm: BTreeSet::new() }
    }

    /// Runs the history, and returns what it did.
    ///
    /// # Errors
    /// Says what differed from the oracle, or which honest session failed, at which step.
    pub fn run(&self) -> Result<Tally, Failure> {
        match self.lane {
            Lane::Deltas => self
                .play(World::of(self), World::skip, World::step, World::heal)
                .map(World::into_tally),
            Lane::Sessions => self
                .play(Network::of(self), Network::skip, Network::step, Network::heal)
                .map(Network::into_tally),
            Lane::Collecting => self
                .play(Collecting::of(self), Collecting::skip, Collecting::step, Collecting::heal)
                .map(Collecting::into_tally),
            Lane::Faults => self
                .play(Faults::of(self), Faults::skip, Faults::step, Faults::heal)
                .map(Faults::into_tally),
        }
    }

    /// Takes a world through all steps that are not left out, and to its end.
    fn play<W>(
        &self,
        mut world: W,
        skip: fn(&mut W),
        step: fn(&mut W) -> Result<(), Failure>,
        heal: fn(&mut W) -> Result<(), Failure>,
    ) -> Result<W, Failure> {
        for number in 1..=self.shape.steps {
            if self.without.contains(&number) { skip(&mut world) } else { step(&mut world)? }
        }
        heal(&mut world)?;
        Ok(world)
    }

    /// The steps that are not left out.
    pub fn kept(&self) -> Vec<u64> {
        (1..=self.shape.steps).filter(|step| !self.without.contains(step)).collect()
    }

    pub(crate) fn has(&self, fault: Fault) -> bool {
        !self.calm.contains(&fault)
    }
}

impl Fault {
    /// Every fault.
    pub const ALL: [Self; 21] = [
        Self::Skew,
        Self::Drop,
        Self::Duplicate,
        Self::Delay,
        Self::Partial,
        Self::Partition,
        Self::Fragment,
        Self::Stall,
        Self::Reload,
        Self::Crash,
        Self::Disk,
        Self::Damage,
        Self::Corrupt,
        Self::Clock,
        Self::Loss,
        Self::Clone,
        Self::Away,
        Self::Members,
        Self::Lie,
        Self::Misdirect,
        Self::Memory,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::Skew => "skew",
            Self::Drop => "drop",
            Self::Duplicate => "duplicate",
            Self::Delay => "delay",
            Self::Partial => "partial",
            Self::Partition => "partition",
            Self::Fragment => "fragment",
            Self::Stall => "stall",
            Self::Reload => "reload",
            Self::Crash => "crash",
            Self::Disk => "disk",
            Self::Damage => "damage",
            Self::Corrupt => "corrupt",
            Self::Clock => "clock",
            Self::Loss => "loss",
            Self::Clone => "clone",
            Self::Away => "away",
            Self::Members => "members",
            Self::Lie => "lie",
            Self::Misdirect => "misdirect",
            Self::Memory => "memory",
        }
    }
}

impl Lane {
    /// Every lane.
    pub const ALL: [Self; 4] = [Self::Deltas, Self::Sessions, Self::Collecting, Self::Faults];

    /// What the command line and the corpus call this lane.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Deltas => "deltas",
            Self::Sessions => "sessions",
            Self::Collecting => "collecting",
            Self::Faults => "faults",
        }
    }
}

impl FromStr for Lane {
    type Err = ParseReplayError;

    fn from_str(name: &str) -> Result<Self, ParseReplayError> {
        let found = Self::ALL.into_iter().find(|lane| lane.name() == name);
        found.ok_or(ParseReplayError::Lane)
    }
}

impl fmt::Display for Replay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Shape { sites, steps, groups, places_per_group } = self.shape;
        writeln!(f, "lane = {}", self.lane.name())?;
        writeln!(f, "seed = {}", self.seed)?;
        writeln!(f, "sites = {sites}")?;
        writeln!(f, "steps = {steps}")?;
        writeln!(f, "groups = {groups}")?;
        writeln!(f, "places-per-group = {places_per_group}")?;
        let without: Vec<String> = runs(&self.without)
            .into_iter()
            .map(|run| match run.start() == run.end() {
                true => run.start().to_string(),
                false => format!("{}-{}", run.start(), run.end()),
            })
            .collect();
        writeln!(f, "{}", format!("without = {}", without.join(" ")).trim_end())?;
        let calm: Vec<_> = self.calm.iter().map(|fault| fault.name()).collect();
        writeln!(f, "{}", format!("calm = {}", calm.join(" ")).trim_end())
    }
}

impl FromStr for Replay {
    type Err = ParseReplayError;

    fn from_str(text: &str) -> Result<Self, ParseReplayError> {
        let values = values(text)?;
        let text = |key| values.get(key).copied().ok_or(ParseReplayError::MissingKey { key });
        let number = |key, bounds| number(key, text(key)?, bounds);
        let small = |key, bounds| {
            number(key, bounds).map(|number| u32::try_from(number).unwrap_or(u32::MAX))
        };
        let shape = Shape {
            // More replicas than any shape has, and at least two, who can talk.
            sites: usize::try_from(number("sites", 2..=64)?).unwrap_or(usize::MAX),
            steps: number("steps", 0..=1_000_000)?,
            groups: small("groups", 1..=100)?,
            places_per_group: small("places-per-group", 1..=100)?,
        };
        let seed = number("seed", 0..=u64::MAX)?;
        let without = steps(text("without")?, shape.steps)?;
        Ok(Self {
            lane: text("lane")?.parse()?,
            seed,
            shape,
            without,
            calm: faults(text("calm")?)?,
        })
    }
}

const KEYS: [&str; 8] =
    ["lane", "seed", "sites", "steps", "groups", "places-per-group", "without", "calm"];

fn values(text: &str) -> Result<BTreeMap<&'static str, &str>, ParseReplayError> {
    let mut values = BTreeMap::new();
    for (line, content) in (1..).zip(text.lines()) {
        let Some((key, value)) = content.split_once('=') else {
            return Err(ParseReplayError::NoEquals { line });
        };
        let known = KEYS.into_iter().find(|known| *known == key.trim());
        let key = known.ok_or(ParseReplayError::UnknownKey { line })?;
        if values.insert(key, value.trim()).is_some() {
            return Err(ParseReplayError::RepeatedKey { line });
        }
    }
    Ok(values)
}

fn number(
    key: &'static str,
    text: &str,
    bounds: RangeInclusive<u64>,
) -> Result<u64, ParseReplayError> {
    let (least, most) = (*bounds.start(), *bounds.end());
    let number = text.parse().ok().filter(|number| bounds.contains(number));
    number.ok_or(ParseReplayError::Number { key, least, most })
}

/// Numbers and ranges, each beyond the one before, none beyond the last step.
fn steps(text: &str, last: u64) -> Result<BTreeSet<u64>, ParseReplayError> {
    let mut steps = BTreeSet::new();
    for run in text.split_whitespace() {
        let (start, end) = run.split_once('-').unwrap_or((run, run));
        let (Ok(start), Ok(end)) = (start.parse::<u64>(), end.parse()) else {
            return Err(ParseReplayError::Without);
        };
        let after = steps.last().copied().unwrap_or(0);
        if start <= after || end < start || end > last {
            return Err(ParseReplayError::Without);
        }
        steps.extend(start..=end);
    }
    Ok(steps)
}

fn faults(text: &str) -> Result<BTreeSet<Fault>, ParseReplayError> {
    let mut faults = BTreeSet::new();
    for name in text.split_whitespace() {
        let fault = Fault::ALL.into_iter().find(|fault| fault.name() == name);
        if !faults.insert(fault.ok_or(ParseReplayError::Fault)?) {
            return Err(ParseReplayError::Fault);
        }
    }
    Ok(faults)
}

/// The numbers, neighbours together.
fn runs(numbers: &BTreeSet<u64>) -> Vec<RangeInclusive<u64>> {
    let mut runs: Vec<RangeInclusive<u64>> = Vec::new();
    for &number in numbers {
        match runs.last_mut() {
            Some(run) if run.end() + 1 == number => *run = *run.start()..=number,
            _ => runs.push(number..=number),
        }
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "lane = sessions\nseed = 7\nsites = 3\nsteps = 20\ngroups = 2\n\
        places-per-group = 3\nwithout = 1-4 6 9-20\ncalm = drop reload\n";

    #[test]
    fn a_replay_is_what_its_text_says() {
        let replay: Replay = TEXT.parse().unwrap();
        assert_eq!(replay.kept(), [5, 7, 8]);
        assert!(!replay.has(Fault::Drop) && replay.has(Fault::Delay));
        assert_eq!(replay.to_string(), TEXT);
        let whole = Replay::new(Lane::Deltas, u64::MAX, &Shape::SMALL);
        assert_eq!(whole.to_string().parse(), Ok(whole));
    }

    #[test]
    fn a_text_that_is_not_exact_is_refused() {
        let parse = |from: &str, to: &str| TEXT.replace(from, to).parse::<Replay>().unwrap_err();
        use ParseReplayError as E;
        assert_eq!(parse("lane = sessions\n", ""), E::MissingKey { key: "lane" });
        assert_eq!(parse("sessions", "session"), E::Lane);
        assert_eq!(parse("seed = 7", "seed 7"), E::NoEquals { line: 2 });
        assert_eq!(parse("seed = 7", "sead = 7"), E::UnknownKey { line: 2 });
        assert_eq!(parse("seed = 7", "seed = 7\nseed = 7"), E::RepeatedKey { line: 3 });
        assert_eq!(parse("sites = 3", "sites = 1"), E::Number { key: "sites", least: 2, most: 64 });
        assert_eq!(parse("drop", "drip"), E::Fault);
        assert_eq!(parse("drop", "reload"), E::Fault);
        for wrong in ["4-1", "1-4 4", "0-4", "1-4 6-21", "x", "-4"] {
            assert_eq!(parse("1-4 6 9-20", wrong), E::Without, "{wrong}");
        }
    }
}
