//! A world in which removals are collected.
//!
//! Replicas write and exchange deltas as in [`World`](crate::World). Members also acknowledge what they
//! have; acknowledgements travel apart from the deltas, so a replica may know that another one has
//! something before it has it itself. Everybody collects at random times, on whatever it has heard.
//! Some replicas are guests: nobody waits for them, and a guest that has not seen what was collected
//! is told everything. Some members retire. Whoever changes is compared with the oracle at once.

use std::collections::VecDeque;

use fastrand::Rng;
use rejoin_crdt::path::{Key, TypeTag};
use rejoin_crdt::{
    Collected, Context, Coverage, KeyRange, Stability, VersionVector, planted, wire,
};

use crate::judge::{Judge, audit};
use crate::replay::{Fault, HEALING, Lane, PLACES, Replay, WEATHER, generator};
use crate::report::{Difference, Failure, Symptom, Tally};
use crate::site::{Refused, Site, sites};
use crate::workload::{partial_range, universe};
use crate::world::Shape;

/// Replicas, deltas in flight, and what each replica has heard of the acknowledgements.
#[allow(missing_debug_implementations, reason = "a failure prints the seed, which says everything")]
pub struct Collecting {
    replay: Replay,
    rng: Rng,
    step: u64,
    sites: Vec<Site>,
    judge: Judge,
    /// Deltas and their receivers.
    flight: VecDeque<(usize, Vec<u8>)>,
    /// What each replica knows of what each one has acknowledged.
    heard: Vec<Vec<VersionVector>>,
    /// The last change of every member that has retired.
    ended: VersionVector,
    retired: Vec<usize>,
    /// What each replica remembers of every other one's context; stale on purpose.
    remembered: Vec<Vec<Context<Key>>>,
    partial_percent: u8,
    tally: Tally,
}

impl Collecting {
    /// The world of a seed.
    pub fn new(seed: u64, shape: &Shape) -> Self {
        Self::of(&Replay::new(Lane::Collecting, seed, shape))
    }

    pub(crate) fn of(replay: &Replay) -> Self {
        let Replay { seed, shape, .. } = *replay;
        let places = universe(&mut generator(seed, PLACES), shape.groups, shape.places_per_group);
        let mut rng = generator(seed, WEATHER);
        let mut sites = sites(replay);
        let guests = rng.usize(..=shape.sites / 2);
        sites.iter_mut().take(guests).for_each(|site| site.is_member = false);
        let partial_percent = if rng.u8(..4) == 0 { rng.u8(..40) } else { 0 };
        Self {
            step: 0,
            judge: Judge::new(shape.sites, places),
            flight: VecDeque::new(),
            heard: vec![vec![VersionVector::new(); shape.sites]; shape.sites],
            ended: VersionVector::new(),
            retired: Vec::new(),
            remembered: vec![vec![Context::default(); shape.sites]; shape.sites],
            partial_percent: if replay.has(Fault::Partial) { partial_percent } else { 0 },
            tally: Tally { histories: 1, ..Tally::default() },
            rng,
            sites,
            replay: replay.clone(),
        }
    }

    /// Lets the time of a step pass.
    pub(crate) const fn skip(&mut self) {
        self.step += 1;
    }

    /// Does one thing, and compares.
    ///
    /// # Errors
    /// When a replica differs from the oracle.
    pub fn step(&mut self) -> Result<(), Failure> {
        self.step += 1;
        self.rng = generator(self.replay.seed, self.step);
        match self.rng.u16(..1000) {
            0..330 => self.write(),
            330..370 => self.delete_subtree(),
            370..560 => self.send(),
            560..740 => self.deliver(),
            740..870 => self.acknowledge(),
            870..995 => {
                let at = self.rng.usize(..self.sites.len());
                self.collect(at)
            }
            _ => self.retire(),
        }
    }

    /// Lets everybody talk and collect, and checks that nobody shows anything else than before.
    ///
    /// # Errors
    /// When a replica differs from the oracle.
    pub fn heal(&mut self) -> Result<(), Failure> {
        self.rng = generator(self.replay.seed, HEALING);
        while !self.flight.is_empty() {
            self.step += 1;
            self.deliver()?;
        }
        let count = self.sites.len();
        let pairs = || (0..count).flat_map(move |from| (0..count).map(move |to| (from, to)));
        for _ in 0..2 {
            for (from, to) in pairs().filter(|(from, to)| from != to) {
                let base = self.sites[to].context().clone();
                let delta = self.delta(from, to, &base, &KeyRange::full())?;
                self.apply(to, &delta)?;
                self.hear(from, to);
            }
            (0..count).try_for_each(|at| self.collect(at))?;
        }
        let first = self.sites[0].context().clone();
        if let Some(site) = self.sites.iter().position(|site| *site.context() != first) {
            return self
                .fail(site, Symptom::Diverged.says("contexts differ after everybody has talked"));
        }
        pairs().try_for_each(|(a, b)| self.audit(a, b))
    }

    /// What was done.
    pub fn into_tally(mut self) -> Tally {
        self.tally.concurrent = self.judge.history.concurrent_count() as u64;
        self.tally
    }

    fn write(&mut self) -> Result<(), Failure> {
        let Some(at) = self.writer() else { return Ok(()) };
        let (judge, tally) = (&mut self.judge, &mut self.tally);
        let written = self.sites[at].write(&mut self.rng, self.step, at, judge, tally);
        written.or_else(|what| self.fail(at, what))?;
        self.compare(at)
    }

    fn delete_subtree(&mut self) -> Result<(), Failure> {
        let Some(at) = self.writer() else { return Ok(()) };
        let (judge, tally) = (&mut self.judge, &mut self.tally);
        let deleted = self.sites[at].delete_subtree(&mut self.rng, self.step, at, judge, tally);
        deleted.or_else(|what| self.fail(at, what))?;
        self.compare(at)
    }

    /// Somebody who has not retired.
    fn writer(&mut self) -> Option<usize> {
        let at = self.rng.usize(..self.sites.len());
        (!self.retired.contains(&at)).then_some(at)
    }

    fn two(&mut self) -> (usize, usize) {
        let from = self.rng.usize(..self.sites.len());
        (from, (from + self.rng.usize(1..self.sites.len())) % self.sites.len())
    }

    /// Puts a delta on its way, for what the sender remembers of the receiver's context.
    fn send(&mut self) -> Result<(), Failure> {
        let (from, to) = self.two();
        if self.rng.u8(..4) > 0 {
            self.remembered[from][to] = self.sites[to].context().clone();
        }
        let range = if self.rng.u8(..100) < self.partial_percent {
            self.tally.partial += 1;
            partial_range(&mut self.rng, &self.judge.places)
        } else {
            KeyRange::full()
        };
        let base = self.remembered[from][to].clone();
        let delta = self.delta(from, to, &base, &range)?;
        self.flight.push_back((to, delta));
        // As if it had arrived: the receiver's check must catch it if it has not.
        if self.rng.bool() {
            self.remembered[from][to] = self.sites[from].context().clone();
        }
        Ok(())
    }

    /// A delta as bytes; a listing for a receiver below the horizon.
    fn delta(
        &mut self,
        from: usize,
        to: usize,
        base: &Context<Key>,
        range: &KeyRange<Key>,
    ) -> Result<Vec<u8>, Failure> {
        let delta = self.sites[from].delta(base, range);
        if delta.parts.iter().any(|part| part.coverage == Coverage::Complete) {
            self.tally.below_horizon += 1;
            // What all members have acknowledged, an active member has; only a sender that is hydrating
            // may itself lag behind the horizon it was told of.
            let is_due = self.is_active(to) && *base == *self.sites[to].context();
            let is_whole = self.sites[from].context().uniform().is_some();
            if is_due && is_whole && !planted::any_planted() {
                self.fail(to, Symptom::Horizon.says("an active member lies below a horizon"))?;
            }
        }
        Ok(wire::encode_delta(&delta))
    }

    fn deliver(&mut self) -> Result<(), Failure> {
        if self.flight.is_empty() {
            return Ok(());
        }
        let any = self.rng.usize(..self.flight.len());
        let at = if self.replay.has(Fault::Delay) { any } else { 0 };
        let comes_again = self.rng.u8(..10) == 0 && self.replay.has(Fault::Duplicate);
        let message =
            if comes_again { self.flight.get(at).cloned() } else { self.flight.remove(at) };
        let Some((to, delta)) = message else { return Ok(()) };
        self.tally.duplicated += u64::from(comes_again);
        self.apply(to, &delta)?;
        (0..self.sites.len()).try_for_each(|other| self.audit(to, other))
    }

    fn apply(&mut self, to: usize, delta: &[u8]) -> Result<(), Failure> {
        match self.sites[to].join(delta, self.step) {
            Ok(_) => self.tally.applied += 1,
            Err(Refused::Gap) => self.tally.gaps += 1,
            Err(refused) => {
                let what = format!("an honest delta was refused: {refused:?}");
                return self.fail(to, Symptom::DeltaRefused.says(what));
            }
        }
        let context = self.sites[to].context();
        self.tally.segmented += u64::from(context.segment_count() > 1);
        self.judge.believe(to, context);
        self.compare(to)
    }

    fn acknowledge(&mut self) -> Result<(), Failure> {
        let (from, to) = self.two();
        self.hear(from, to);
        Ok(())
    }

    /// One replica tells another one what it has, and what it has heard.
    fn hear(&mut self, from: usize, to: usize) {
        self.heard[from][from] = self.sites[from].acknowledgement();
        let told = self.heard[from].clone();
        self.heard[to].iter_mut().zip(&told).for_each(|(known, told)| known.join(told));
    }

    fn is_active(&self, at: usize) -> bool {
        self.sites[at].is_member && !self.retired.contains(&at)
    }

    fn collect(&mut self, at: usize) -> Result<(), Failure> {
        self.heard[at][at] = self.sites[at].acknowledgement();
        let active = (0..self.sites.len()).filter(|member| self.is_active(*member));
        let seen = |member: usize| (self.sites[member].replica, self.heard[at][member].clone());
        let stability = Stability::new(active.map(seen), self.ended.clone());
        let fingerprint = |site: &Site| site.store().view().fingerprint(&KeyRange::full());
        let before = (fingerprint(&self.sites[at]), self.sites[at].context().clone());
        let collected = self.sites[at].collect(&stability);
        self.count(&collected);
        let after = (fingerprint(&self.sites[at]), self.sites[at].context().clone());
        if before != after && !planted::any_planted() {
            return self.fail(
                at,
                Symptom::Audit.says("collection changed the fingerprint or the context"),
            );
        }
        self.compare(at)
    }

    fn count(&mut self, collected: &Collected<Key>) {
        let changed = collected.commit.cells.iter();
        let winners = changed.filter(|cell| cell.key.tag().is_some_and(TypeTag::is_member_only));
        self.tally.collected_winners += winners.count() as u64;
        self.tally.collected_tombstones += collected.tombstones as u64;
        self.tally.collected_resets += collected.resets as u64;
        self.tally.collected_range_tombstones += collected.range_tombstones as u64;
        self.tally.idle_collections += u64::from(collected.is_empty());
    }

    /// A member stops writing for good, and everybody hears of its last change. Two stay.
    fn retire(&mut self) -> Result<(), Failure> {
        let active: Vec<usize> = (0..self.sites.len()).filter(|at| self.is_active(*at)).collect();
        if active.len() > 2 {
            let at = active[self.rng.usize(..active.len())];
            let site = &self.sites[at];
            self.ended.advance(site.replica, site.store().last_seq(site.replica));
            self.retired.push(at);
            self.tally.retired += 1;
        }
        Ok(())
    }

    fn compare(&self, at: usize) -> Result<(), Failure> {
        self.judge.compare(at, &self.sites[at]).or_else(|what| self.fail(at, what))
    }

    fn audit(&mut self, a: usize, b: usize) -> Result<(), Failure> {
        match audit(&self.sites[a], &self.sites[b]) {
            Ok(compared) => self.tally.audits += u64::from(compared && a != b),
            Err(what) => return self.fail(b, what),
        }
        Ok(())
    }

    fn fail(&self, site: usize, what: Difference) -> Result<(), Failure> {
        Err(Failure::new(self.replay.seed, self.step, site, what))
    }
}
