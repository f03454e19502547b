//! A world in which removals are collected.
//!
//! Replicas write and exchange deltas as in [`World`](crate::World). Members also acknowledge what they
//! have; acknowledgements travel apart from the deltas, so a replica may know that another one has
//! something before it has it itself. Everybody collects at random times, on whatever it has heard.
//! Some replicas are guests: nobody waits for them, and a guest that has not seen what was collected
//! is told everything. Some members retire. Whoever changes is compared with the oracle at once.

use std::collections::VecDeque;

use rejoin_crdt::path::{Key, TypeTag};
use rejoin_crdt::{
    Collected, Context, Coverage, KeyRange, Stability, VersionVector, planted, wire,
};

use crate::replay::{Fault, Lane, Replay, WEATHER, generator};
use crate::report::{Failure, Symptom, Tally};
use crate::site::{Refused, Site};
use crate::stage::Stage;
use crate::workload::partial_range;
use crate::world::Shape;

/// Replicas, deltas in flight, and what each replica has heard of the acknowledgements.
#[allow(missing_debug_implementations, reason = "a failure prints the seed, which says everything")]
pub struct Collecting {
    stage: Stage,
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
}

impl Collecting {
    /// The world of a seed.
    pub fn new(seed: u64, shape: &Shape) -> Self {
        Self::of(&Replay::new(Lane::Collecting, seed, shape))
    }

    pub(crate) fn of(replay: &Replay) -> Self {
        let count = replay.shape.sites;
        let mut stage = Stage::of(replay);
        let mut rng = generator(replay.seed, WEATHER);
        let guests = rng.usize(..=count / 2);
        stage.sites.iter_mut().take(guests).for_each(|site| site.is_member = false);
        let partial_percent = if rng.u8(..4) == 0 { rng.u8(..40) } else { 0 };
        Self {
            stage,
            flight: VecDeque::new(),
            heard: vec![vec![VersionVector::new(); count]; count],
            ended: VersionVector::new(),
            retired: Vec::new(),
            remembered: vec![vec![Context::default(); count]; count],
            partial_percent: if replay.has(Fault::Partial) { partial_percent } else { 0 },
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
        match self.stage.rng.u16(..1000) {
            0..330 => self.write(),
            330..370 => self.delete_subtree(),
            370..560 => self.send(),
            560..740 => self.deliver(),
            740..870 => self.acknowledge(),
            870..995 => {
                let at = self.stage.one();
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
        self.stage.heal();
        while !self.flight.is_empty() {
            self.stage.step += 1;
            self.deliver()?;
        }
        let count = self.stage.sites.len();
        let pairs = || (0..count).flat_map(move |from| (0..count).map(move |to| (from, to)));
        for _ in 0..2 {
            for (from, to) in pairs().filter(|(from, to)| from != to) {
                let base = self.stage.sites[to].context().clone();
                let delta = self.delta(from, to, &base, &KeyRange::full())?;
                self.apply(to, &delta)?;
                self.hear(from, to);
            }
            (0..count).try_for_each(|at| self.collect(at))?;
        }
        let first = self.stage.sites[0].context().clone();
        if let Some(site) = self.stage.sites.iter().position(|site| *site.context() != first) {
            let what = "contexts differ after everybody has talked";
            return self.stage.fail(site, Symptom::Diverged.says(what));
        }
        pairs().try_for_each(|(a, b)| self.stage.audit(a, b))
    }

    /// What was done.
    pub fn into_tally(self) -> Tally {
        self.stage.into_tally()
    }

    fn write(&mut self) -> Result<(), Failure> {
        let Some(at) = self.writer() else { return Ok(()) };
        self.stage.write(at, self.stage.step)
    }

    fn delete_subtree(&mut self) -> Result<(), Failure> {
        let Some(at) = self.writer() else { return Ok(()) };
        self.stage.delete_subtree(at, self.stage.step)
    }

    /// Somebody who has not retired.
    fn writer(&mut self) -> Option<usize> {
        let at = self.stage.one();
        (!self.retired.contains(&at)).then_some(at)
    }

    /// Puts a delta on its way, for what the sender remembers of the receiver's context.
    fn send(&mut self) -> Result<(), Failure> {
        let (from, to) = self.stage.two();
        if self.stage.rng.u8(..4) > 0 {
            self.remembered[from][to] = self.stage.sites[to].context().clone();
        }
        let range = if self.stage.rng.u8(..100) < self.partial_percent {
            self.stage.tally.partial += 1;
            partial_range(&mut self.stage.rng, &self.stage.judge.places)
        } else {
            KeyRange::full()
        };
        let base = self.remembered[from][to].clone();
        let delta = self.delta(from, to, &base, &range)?;
        self.flight.push_back((to, delta));
        // As if it had arrived: the receiver's check must catch it if it has not.
        if self.stage.rng.bool() {
            self.remembered[from][to] = self.stage.sites[from].context().clone();
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
        let delta = self.stage.sites[from].delta(base, range);
        if delta.parts.iter().any(|part| part.coverage == Coverage::Complete) {
            self.stage.tally.below_horizon += 1;
            // What all members have acknowledged, an active member has; only a sender that is hydrating
            // may itself lag behind the horizon it was told of.
            let is_due = self.is_active(to) && *base == *self.stage.sites[to].context();
            let is_whole = self.stage.sites[from].context().uniform().is_some();
            if is_due && is_whole && !planted::any_planted() {
                self.stage
                    .fail(to, Symptom::Horizon.says("an active member lies below a horizon"))?;
            }
        }
        Ok(wire::encode_delta(&delta))
    }

    fn deliver(&mut self) -> Result<(), Failure> {
        if self.flight.is_empty() {
            return Ok(());
        }
        let any = self.stage.rng.usize(..self.flight.len());
        let at = if self.stage.replay.has(Fault::Delay) { any } else { 0 };
        let comes_again = self.stage.rng.u8(..10) == 0 && self.stage.replay.has(Fault::Duplicate);
        let message =
            if comes_again { self.flight.get(at).cloned() } else { self.flight.remove(at) };
        let Some((to, delta)) = message else { return Ok(()) };
        self.stage.tally.duplicated += u64::from(comes_again);
        self.apply(to, &delta)?;
        (0..self.stage.sites.len()).try_for_each(|other| self.stage.audit(to, other))
    }

    fn apply(&mut self, to: usize, delta: &[u8]) -> Result<(), Failure> {
        match self.stage.sites[to].join(delta, self.stage.step) {
            Ok(_) => self.stage.tally.applied += 1,
            Err(Refused::Gap) => self.stage.tally.gaps += 1,
            Err(refused) => {
                let what = format!("an honest delta was refused: {refused:?}");
                return self.stage.fail(to, Symptom::DeltaRefused.says(what));
            }
        }
        let context = self.stage.sites[to].context();
        self.stage.tally.segmented += u64::from(context.segment_count() > 1);
        self.stage.judge.believe(to, context);
        self.stage.compare(to)
    }

    fn acknowledge(&mut self) -> Result<(), Failure> {
        let (from, to) = self.stage.two();
        self.hear(from, to);
        Ok(())
    }

    /// One replica tells another one what it has, and what it has heard.
    fn hear(&mut self, from: usize, to: usize) {
        self.heard[from][from] = self.stage.sites[from].acknowledgement();
        let told = self.heard[from].clone();
        self.heard[to].iter_mut().zip(&told).for_each(|(known, told)| known.join(told));
    }

    fn is_active(&self, at: usize) -> bool {
        self.stage.sites[at].is_member && !self.retired.contains(&at)
    }

    fn collect(&mut self, at: usize) -> Result<(), Failure> {
        self.heard[at][at] = self.stage.sites[at].acknowledgement();
        let active = (0..self.stage.sites.len()).filter(|member| self.is_active(*member));
        let seen =
            |member: usize| (self.stage.sites[member].replica, self.heard[at][member].clone());
        let stability = Stability::new(active.map(seen), self.ended.clone());
        let fingerprint = |site: &Site| site.store().view().fingerprint(&KeyRange::full());
        let before = (fingerprint(&self.stage.sites[at]), self.stage.sites[at].context().clone());
        let collected = self.stage.sites[at].collect(&stability);
        self.count(&collected);
        let after = (fingerprint(&self.stage.sites[at]), self.stage.sites[at].context().clone());
        if before != after && !planted::any_planted() {
            return self.stage.fail(
                at,
                Symptom::Audit.says("collection changed the fingerprint or the context"),
            );
        }
        self.stage.compare(at)
    }

    fn count(&mut self, collected: &Collected<Key>) {
        let changed = collected.commit.cells.iter();
        let winners = changed.filter(|cell| cell.key.tag().is_some_and(TypeTag::is_member_only));
        self.stage.tally.collected_winners += winners.count() as u64;
        self.stage.tally.collected_tombstones += collected.tombstones as u64;
        self.stage.tally.collected_resets += collected.resets as u64;
        self.stage.tally.collected_range_tombstones += collected.range_tombstones as u64;
        self.stage.tally.idle_collections += u64::from(collected.is_empty());
    }

    /// A member stops writing for good, and everybody hears of its last change. Two stay.
    fn retire(&mut self) -> Result<(), Failure> {
        let active: Vec<usize> =
            (0..self.stage.sites.len()).filter(|at| self.is_active(*at)).collect();
        if active.len() > 2 {
            let at = active[self.stage.rng.usize(..active.len())];
            let site = &self.stage.sites[at];
            self.ended.advance(site.replica, site.store().last_seq(site.replica));
            self.retired.push(at);
            self.stage.tally.retired += 1;
        }
        Ok(())
    }
}
