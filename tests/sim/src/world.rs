//! A world of replicas and the network between them, driven by one generator.

use rejoin_crdt::path::Key;
use rejoin_crdt::{Context, KeyRange, wire};
use rejoin_oracle::Snapshot;

use crate::replay::{Fault, Lane, Replay, WEATHER, generator};
use crate::report::{Failure, Symptom, Tally};
use crate::site::{Refused, Site};
use crate::stage::Stage;
use crate::workload::partial_range;

/// The size of a history.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Shape {
    /// Replicas.
    pub sites: usize,
    /// Steps; about half of them are writes.
    pub steps: u64,
    /// Groups of places; a group can be deleted as a whole.
    pub groups: u32,
    /// Places in each group.
    pub places_per_group: u32,
}

impl Shape {
    /// The small history, run by the thousands.
    pub const SMALL: Self = Self { sites: 4, steps: 120, groups: 2, places_per_group: 3 };
    /// More replicas, longer.
    pub const MEDIUM: Self = Self { sites: 7, steps: 400, groups: 3, places_per_group: 4 };
    /// Many replicas, long.
    pub const LARGE: Self = Self { sites: 16, steps: 1_500, groups: 4, places_per_group: 6 };
    /// The sizes by name.
    pub const NAMED: [(&str, Self); 3] =
        [("small", Self::SMALL), ("medium", Self::MEDIUM), ("large", Self::LARGE)];

    /// Whether there are as many replicas as in the large history.
    pub(crate) const fn is_crowded(&self) -> bool {
        self.sites >= Self::LARGE.sites
    }
}

/// A message on its way: a delta, and what its sender knew, for the oracle.
struct Message {
    to: usize,
    due: u64,
    delta: Vec<u8>,
    /// The ranges that the delta speaks of.
    ranges: Vec<KeyRange<Key>>,
    knowledge: Snapshot,
    from: usize,
}

/// How unkind this history's network is.
struct Weather {
    drop_percent: u8,
    duplicate_percent: u8,
    max_delay: u64,
    partial_percent: u8,
}

impl Weather {
    fn of(replay: &Replay) -> Self {
        let rng = &mut generator(replay.seed, WEATHER);
        let mut weather = Self {
            drop_percent: if rng.bool() { rng.u8(..60) } else { 0 },
            duplicate_percent: if rng.bool() { rng.u8(..50) } else { 0 },
            max_delay: if rng.bool() { rng.u64(1..40) } else { 1 },
            partial_percent: if rng.bool() { rng.u8(..60) } else { 0 },
        };
        for fault in &replay.calm {
            match fault {
                Fault::Drop => weather.drop_percent = 0,
                Fault::Duplicate => weather.duplicate_percent = 0,
                Fault::Delay => weather.max_delay = 1,
                Fault::Partial => weather.partial_percent = 0,
                _ => {}
            }
        }
        weather
    }
}

/// Replicas, messages in flight, and the oracle that knows what each replica must show.
#[allow(missing_debug_implementations, reason = "a failure prints the seed, which says everything")]
pub struct World {
    stage: Stage,
    flight: Vec<Message>,
    weather: Weather,
    /// Until when which pairs cannot talk.
    partition: Option<(u64, Vec<bool>)>,
    /// What each replica remembers of every other one's context; stale on purpose.
    remembered: Vec<Vec<Context<Key>>>,
}

impl World {
    /// The world of a seed.
    pub fn new(seed: u64, shape: &Shape) -> Self {
        Self::of(&Replay::new(Lane::Deltas, seed, shape))
    }

    pub(crate) fn of(replay: &Replay) -> Self {
        let count = replay.shape.sites;
        Self {
            stage: Stage::of(replay),
            flight: Vec::new(),
            weather: Weather::of(replay),
            partition: None,
            remembered: vec![vec![Context::default(); count]; count],
        }
    }

    /// Lets the time of a step pass.
    pub(crate) const fn skip(&mut self) {
        self.stage.skip();
    }

    /// Does one thing, and compares.
    ///
    /// # Errors
    /// When a replica differs from the oracle.
    pub fn step(&mut self) -> Result<(), Failure> {
        self.stage.advance();
        match self.stage.rng.u8(..100) {
            0..40 => self.write(),
            40..45 => self.delete_subtree(),
            45..70 => self.send(),
            70..95 => self.deliver(),
            95..97 if self.stage.replay.has(Fault::Reload) => self.reload(),
            97.. if self.stage.replay.has(Fault::Partition) => self.cut(),
            _ => Ok(()),
        }
    }

    /// Ends all faults, lets everybody talk, and checks that all are equal.
    ///
    /// # Errors
    /// When replicas do not converge, or differ from the oracle.
    pub fn heal(&mut self) -> Result<(), Failure> {
        self.partition = None;
        self.stage.heal();
        while !self.flight.is_empty() {
            self.stage.step += 1_000;
            self.deliver()?;
        }
        // Two rounds of everybody to everybody are enough for any topology.
        for round in 0..2 {
            for from in 0..self.stage.sites.len() {
                for to in 0..self.stage.sites.len() {
                    if from != to {
                        let base = self.stage.sites[to].context().clone();
                        let message = self.message(from, to, &base, &KeyRange::full());
                        self.apply(message)?;
                        if round == 1 {
                            self.stage.audit(from, to)?;
                        }
                    }
                }
            }
        }
        let first = self.stage.sites[0].context().clone();
        let same = self.stage.sites.iter().position(|site| *site.context() != first);
        match same {
            Some(site) => {
                let what = "contexts differ after everybody has talked";
                self.stage.fail(site, Symptom::Diverged.says(what))
            }
            None => Ok(()),
        }
    }

    /// Three replicas to compare.
    pub(crate) fn first_three(&self) -> [&Site; 3] {
        [&self.stage.sites[0], &self.stage.sites[1], &self.stage.sites[2]]
    }

    /// All keys, cut into three ranges at random places.
    pub(crate) fn three_ranges(&mut self) -> [KeyRange<Key>; 3] {
        let last = self.stage.judge.places.len() - 1;
        let first = self.stage.rng.usize(..last);
        let second = self.stage.rng.usize(first + 1..=last);
        let bound = |at: usize| Some(self.stage.judge.places[at].key.clone());
        [
            KeyRange::new(None, bound(first)),
            KeyRange::new(bound(first), bound(second)),
            KeyRange::new(bound(second), None),
        ]
    }

    /// What was done.
    pub fn into_tally(self) -> Tally {
        self.stage.into_tally()
    }

    fn write(&mut self) -> Result<(), Failure> {
        let at = self.stage.one();
        self.stage.write(at, self.stage.step)
    }

    fn delete_subtree(&mut self) -> Result<(), Failure> {
        let at = self.stage.one();
        self.stage.delete_subtree(at, self.stage.step)
    }

    /// Puts a delta on its way: the answer to a pull, or a push on what is remembered of the peer.
    fn send(&mut self) -> Result<(), Failure> {
        let (from, to) = self.stage.two();
        if self.stage.rng.bool() {
            self.remembered[from][to] = self.stage.sites[to].context().clone();
        }
        let range = if self.stage.rng.u8(..100) < self.weather.partial_percent {
            self.stage.tally.partial += 1;
            partial_range(&mut self.stage.rng, &self.stage.judge.places)
        } else {
            KeyRange::full()
        };
        let base = self.remembered[from][to].clone();
        let cut_off = self
            .partition
            .as_ref()
            .is_some_and(|(until, side)| *until > self.stage.step && side[from] != side[to]);
        if cut_off || self.stage.rng.u8(..100) < self.weather.drop_percent {
            self.stage.tally.dropped += 1;
            return Ok(());
        }
        let message = self.message(from, to, &base, &range);
        // What was sent is remembered as if it had arrived; the receiver's check must catch the lie.
        if self.stage.rng.bool() {
            self.remembered[from][to] = self.stage.sites[from].context().clone();
        }
        if self.stage.rng.u8(..100) < self.weather.duplicate_percent {
            self.stage.tally.duplicated += 1;
            let due = self.stage.step + self.stage.rng.u64(..=self.weather.max_delay * 10);
            let again = Message {
                due,
                delta: message.delta.clone(),
                ranges: message.ranges.clone(),
                knowledge: message.knowledge.clone(),
                ..message
            };
            self.flight.push(again);
        }
        self.flight.push(message);
        Ok(())
    }

    fn message(
        &mut self,
        from: usize,
        to: usize,
        base: &Context<Key>,
        range: &KeyRange<Key>,
    ) -> Message {
        let delta = self.stage.sites[from].delta(base, range);
        let due = self.stage.step + self.stage.rng.u64(..=self.weather.max_delay);
        let ranges = delta.parts.iter().map(|part| part.range.clone()).collect();
        let knowledge = self.stage.judge.history.knowledge(from);
        Message { from, to, due, delta: wire::encode_delta(&delta), ranges, knowledge }
    }

    fn deliver(&mut self) -> Result<(), Failure> {
        let due: Vec<_> =
            (0..self.flight.len()).filter(|at| self.flight[*at].due <= self.stage.step).collect();
        let Some(at) = self.stage.rng.choice(due) else { return Ok(()) };
        let message = self.flight.swap_remove(at);
        let (from, to) = (message.from, message.to);
        self.apply(message)?;
        self.stage.audit(from, to)
    }

    fn apply(&mut self, message: Message) -> Result<(), Failure> {
        let Message { to, delta, ranges, knowledge, .. } = message;
        self.stage.tally.segmented += u64::from(self.stage.sites[to].context().uniform().is_none());
        match self.stage.sites[to].join(&delta, self.stage.step) {
            Ok(_) => {
                self.stage.tally.applied += 1;
                let places = self.stage.judge.places_in(&ranges);
                self.stage.judge.history.deliver_snapshot(&knowledge, to, &places);
            }
            Err(Refused::Gap) => self.stage.tally.gaps += 1,
            Err(refused) => {
                let what = format!("an honest delta was refused: {refused:?}");
                return self.stage.fail(to, Symptom::DeltaRefused.says(what));
            }
        }
        self.stage.compare(to)
    }

    fn reload(&mut self) -> Result<(), Failure> {
        let at = self.stage.one();
        self.stage.tally.reloads += 1;
        if let Err(refused) = self.stage.sites[at].reload(self.stage.step) {
            let what = format!("an own saved state was refused: {refused:?}");
            return self.stage.fail(at, Symptom::DeltaRefused.says(what));
        }
        self.stage.compare(at)
    }

    fn cut(&mut self) -> Result<(), Failure> {
        let side = self.stage.sites.iter().map(|_| self.stage.rng.bool()).collect();
        self.partition = Some((self.stage.step + self.stage.rng.u64(5..30), side));
        self.stage.tally.partitions += 1;
        Ok(())
    }
}
