//! A world of replicas and the network between them, driven by one generator.

use fastrand::Rng;
use rejoin_crdt::document::WriteError;
use rejoin_crdt::path::Key;
use rejoin_crdt::{Context, KeyRange, ReplicaId, planted, wire};
use rejoin_oracle::{History, Kind, Op, Snapshot, Stamp};

use crate::report::{Failure, Tally};
use crate::site::{Refused, Site};
use crate::workload::{
    Place, operation, partial_range, perform, read, siblings, specs, subtree, universe,
};

/// The size of a history.
#[derive(Clone, Copy, Debug)]
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

/// Replicas, messages in flight, and the oracle that knows what each replica must show.
pub struct World {
    seed: u64,
    rng: Rng,
    step: u64,
    places: Vec<Place>,
    sites: Vec<Site>,
    history: History,
    flight: Vec<Message>,
    weather: Weather,
    /// Until when which pairs cannot talk.
    partition: Option<(u64, Vec<bool>)>,
    /// What each replica remembers of every other one's context; stale on purpose.
    remembered: Vec<Vec<Context<Key>>>,
    txn: u64,
    tally: Tally,
}

impl World {
    /// The world of a seed.
    pub fn new(seed: u64, shape: &Shape) -> Self {
        let mut rng = Rng::with_seed(seed);
        let places = universe(&mut rng, shape.groups, shape.places_per_group);
        // Ids in random order: nothing may depend on who is greater.
        let ids: Vec<u128> = (0..shape.sites).map(|_| rng.u128(1..)).collect();
        let skew = |rng: &mut Rng| if rng.u8(..3) == 0 { rng.u64(..5_000) } else { 0 };
        let sites =
            ids.iter().map(|id| Site::new(ReplicaId::from_u128(*id), skew(&mut rng))).collect();
        let weather = Weather {
            drop_percent: if rng.bool() { rng.u8(..60) } else { 0 },
            duplicate_percent: if rng.bool() { rng.u8(..50) } else { 0 },
            max_delay: if rng.bool() { rng.u64(1..40) } else { 1 },
            partial_percent: if rng.bool() { rng.u8(..60) } else { 0 },
        };
        Self {
            seed,
            step: 0,
            history: History::new(shape.sites, specs(&places)),
            remembered: vec![vec![Context::default(); shape.sites]; shape.sites],
            flight: Vec::new(),
            partition: None,
            txn: 0,
            tally: Tally { histories: 1, ..Tally::default() },
            rng,
            places,
            sites,
            weather,
        }
    }

    /// Does one thing, and compares.
    ///
    /// # Errors
    /// When a replica differs from the oracle.
    pub fn step(&mut self) -> Result<(), Failure> {
        self.step += 1;
        match self.rng.u8(..100) {
            0..40 => self.write(),
            40..45 => self.delete_subtree(),
            45..70 => self.send(),
            70..95 => self.deliver(),
            95..97 => self.reload(),
            _ => self.cut(),
        }
    }

    /// Ends all faults, lets everybody talk, and checks that all are equal.
    ///
    /// # Errors
    /// When replicas do not converge, or differ from the oracle.
    pub fn heal(&mut self) -> Result<(), Failure> {
        self.partition = None;
        while !self.flight.is_empty() {
            self.step += 1_000;
            self.deliver()?;
        }
        // Two rounds of everybody to everybody are enough for any topology.
        for round in 0..2 {
            for from in 0..self.sites.len() {
                for to in 0..self.sites.len() {
                    if from != to {
                        let base = self.sites[to].context().clone();
                        let message = self.message(from, to, &base, &KeyRange::full());
                        self.apply(message)?;
                        if round == 1 {
                            self.audit(from, to)?;
                        }
                    }
                }
            }
        }
        let first = self.sites[0].context().clone();
        let same = self.sites.iter().position(|site| *site.context() != first);
        match same {
            Some(site) => self.fail(site, "contexts differ after everybody has talked".into()),
            None => Ok(()),
        }
    }

    /// What was done.
    pub fn into_tally(mut self) -> Tally {
        self.tally.concurrent = self.history.concurrent_count() as u64;
        self.tally
    }

    fn write(&mut self) -> Result<(), Failure> {
        let at = self.rng.usize(..self.sites.len());
        let count = if self.rng.u8(..4) == 0 { self.rng.usize(2..4) } else { 1 };
        let plan: Vec<_> = (0..count)
            .map(|_| {
                let place = self.rng.usize(..self.places.len());
                (place, operation(&mut self.rng, self.places[place].kind))
            })
            .collect();
        let places = &self.places;
        let before = self.sites[at].store().last_seq(self.sites[at].replica);
        let (staged, done) = self.sites[at].transact(self.step, |tx| {
            let hlc = tx.hlc().to_u64();
            let mut perform = |&(place, op): &(usize, Op)| {
                Ok(perform(tx, &places[place], op)?.then_some((place, op, hlc)))
            };
            plan.iter().map(&mut perform).collect::<Result<Vec<_>, WriteError>>()
        });
        let done = match done {
            Ok(done) => done,
            Err(error) => return self.fail(at, format!("a small write was refused: {error}")),
        };
        self.tally.operations += plan.len() as u64;
        if self.rng.u8(..10) == 0 {
            // Rolled back: nothing may have changed.
            return self.compare(at);
        }
        self.sites[at].commit(staged);
        self.txn += 1;
        let replica = u128::from_be_bytes(*self.sites[at].replica.as_bytes());
        // Every operation that had anything to do took the next dot.
        for (seq, (place, op, hlc)) in (before + 1..).zip(done.into_iter().flatten()) {
            self.tally.changes += 1;
            self.history.apply(at, self.txn, place, op, Stamp { hlc, replica, seq });
        }
        self.compare(at)
    }

    fn delete_subtree(&mut self) -> Result<(), Failure> {
        let at = self.rng.usize(..self.sites.len());
        let path = subtree(&mut self.rng, &self.places);
        let (staged, deleted) = self.sites[at].transact(self.step, |tx| tx.delete(&path));
        if let Err(error) = deleted {
            return self.fail(at, format!("a deletion was refused: {error}"));
        }
        self.tally.operations += 1;
        let commit = self.sites[at].commit(staged);
        // Where a segment holds nothing live, nothing is deleted and nothing recorded.
        let places = self.places_in(&commit.ranges);
        if !commit.ranges.is_empty() {
            self.txn += 1;
            self.tally.changes += 1;
            self.tally.subtree_deletions += 1;
            self.tally.segmented_deletions += u64::from(commit.ranges.len() > 1);
            self.history.delete_subtree(at, self.txn, &places);
        }
        self.compare(at)
    }

    /// The positions of the places in some ranges.
    fn places_in(&self, ranges: &[KeyRange<Key>]) -> Vec<usize> {
        let covered = |at: &usize| ranges.iter().any(|r| r.contains(&self.places[*at].key));
        (0..self.places.len()).filter(covered).collect()
    }

    /// Puts a delta on its way: the answer to a pull, or a push on what is remembered of the peer.
    fn send(&mut self) -> Result<(), Failure> {
        let from = self.rng.usize(..self.sites.len());
        let to = (from + self.rng.usize(1..self.sites.len())) % self.sites.len();
        if self.rng.bool() {
            self.remembered[from][to] = self.sites[to].context().clone();
        }
        let range = if self.rng.u8(..100) < self.weather.partial_percent {
            self.tally.partial += 1;
            partial_range(&mut self.rng, &self.places)
        } else {
            KeyRange::full()
        };
        let base = self.remembered[from][to].clone();
        let cut_off = self
            .partition
            .as_ref()
            .is_some_and(|(until, side)| *until > self.step && side[from] != side[to]);
        if cut_off || self.rng.u8(..100) < self.weather.drop_percent {
            self.tally.dropped += 1;
            return Ok(());
        }
        let message = self.message(from, to, &base, &range);
        // What was sent is remembered as if it had arrived; the receiver's check must catch the lie.
        if self.rng.bool() {
            self.remembered[from][to] = self.sites[from].context().clone();
        }
        if self.rng.u8(..100) < self.weather.duplicate_percent {
            self.tally.duplicated += 1;
            let due = self.step + self.rng.u64(..=self.weather.max_delay * 10);
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
        let delta = self.sites[from].delta(base, range);
        let due = self.step + self.rng.u64(..=self.weather.max_delay);
        let ranges = delta.parts.iter().map(|part| part.range.clone()).collect();
        let knowledge = self.history.knowledge(from);
        Message { from, to, due, delta: wire::encode_delta(&delta), ranges, knowledge }
    }

    fn deliver(&mut self) -> Result<(), Failure> {
        let due: Vec<_> =
            (0..self.flight.len()).filter(|at| self.flight[*at].due <= self.step).collect();
        let Some(at) = self.rng.choice(due) else { return Ok(()) };
        let message = self.flight.swap_remove(at);
        let (from, to) = (message.from, message.to);
        self.apply(message)?;
        self.audit(from, to)
    }

    fn apply(&mut self, message: Message) -> Result<(), Failure> {
        let Message { to, delta, ranges, knowledge, .. } = message;
        self.tally.segmented += u64::from(self.sites[to].context().uniform().is_none());
        match self.sites[to].join(&delta, self.step) {
            Ok(_) => {
                self.tally.applied += 1;
                let places = self.places_in(&ranges);
                self.history.deliver_snapshot(&knowledge, to, &places);
            }
            Err(Refused::Gap) => self.tally.gaps += 1,
            Err(refused) => {
                return self.fail(to, format!("an honest delta was refused: {refused:?}"));
            }
        }
        self.compare(to)
    }

    fn reload(&mut self) -> Result<(), Failure> {
        let at = self.rng.usize(..self.sites.len());
        self.tally.reloads += 1;
        if let Err(refused) = self.sites[at].reload(self.step) {
            return self.fail(at, format!("an own saved state was refused: {refused:?}"));
        }
        self.compare(at)
    }

    fn cut(&mut self) -> Result<(), Failure> {
        let side = self.sites.iter().map(|_| self.rng.bool()).collect();
        self.partition = Some((self.step + self.rng.u64(5..30), side));
        self.tally.partitions += 1;
        Ok(())
    }

    /// Compares one replica with the oracle on every key.
    fn compare(&self, at: usize) -> Result<(), Failure> {
        let site = &self.sites[at];
        let view = site.view();
        for (index, place) in self.places.iter().enumerate() {
            let expected = self.history.value(at, index);
            let found = read(&view, place);
            if found != expected {
                let what = format!(
                    "{:?} {} reads {found:?}, must be {expected:?}",
                    place.kind, place.path
                );
                return self.fail(at, what);
            }
            if place.kind == Kind::LwwRegister || place.kind == Kind::MvRegister {
                let (found, expected) = (siblings(&view, place), self.history.siblings(at, index));
                if found != expected {
                    let what =
                        format!("siblings at {}: {found:?}, must be {expected:?}", place.path);
                    return self.fail(at, what);
                }
                let differ = expected.windows(2).any(|pair| pair[0] != pair[1]);
                if differ != view.conflicts(&place.path).next().is_some() {
                    let what = format!("conflicts at {} are not listed as they are", place.path);
                    return self.fail(at, what);
                }
            }
        }
        if !view.cells().is_hydrating()
            && let Some(torn) = self.history.torn(at)
        {
            return self.fail(at, format!("a part of a transaction is visible: {torn:?}"));
        }
        if !planted::any_planted()
            && let Err(violation) = site.store().verify(Some(site.replica))
        {
            return self.fail(at, format!("invariant {violation}"));
        }
        Ok(())
    }

    /// Invariant I11: equal contexts mean equal fingerprints.
    fn audit(&mut self, a: usize, b: usize) -> Result<(), Failure> {
        let (left, right) = (self.sites[a].store().view(), self.sites[b].store().view());
        if left.context() != right.context() {
            return Ok(());
        }
        self.tally.audits += 1;
        let range = KeyRange::full();
        if left.fingerprint(&range) != right.fingerprint(&range) {
            return self.fail(b, format!("I11: equal context as replica {a}, different state"));
        }
        Ok(())
    }

    fn fail(&self, site: usize, what: String) -> Result<(), Failure> {
        Err(Failure { seed: self.seed, step: self.step, site, what })
    }
}
