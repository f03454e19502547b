//! A world of whole replicas to which everything happens.
//!
//! Here runs what an application runs: `rejoin::Replica` on a disk, with a clock and randomness from
//! outside, and `rejoin::link::Link` over connections. Machines lose power, disks fail, are damaged, lost,
//! restored and copied, clocks are wrong, connections break and carry damaged bytes, somebody lies,
//! members come and go, and everybody collects what it may. What must always hold: a replica shows
//! exactly what its context claims, by the oracle; what was durable is there after every restart; who may
//! have lost something writes under a new id; and once the faults have ended, all become equal and nothing
//! is missing that anybody still had.
//!
//! The kinds of faults are those of Alvaro, Rosen and Hellerstein, *Lineage-driven Fault Injection*, 2015,
//! and of Kingsbury's Jepsen, with the disks of `rejoin_storage::FaultyDisk`. About half of them are
//! switched off in each history, since a history in which everything fails shows little else.

mod absence;
mod bound;
mod clock;
mod disk;
mod fault;
mod lie;
mod life;
mod machine;
mod mark;
mod member;
mod memory;
mod plug;
mod share;
mod traffic;
mod weather;
mod wire;
mod write;
mod write_off;

use std::collections::{BTreeMap, BTreeSet};

use fastrand::Rng;
use rejoin::{Dot, KeyRange, ReplicaId, Status, planted};
use rejoin_storage::{FaultPlan, FaultyDisk};

use crate::judge::Judge;
use crate::replay::{Fault, HASTE, HEALING, Lane, PLACES, Replay, SITES, WEATHER, generator};
use crate::report::{Difference, Failure, Symptom, Tally};
use crate::workload::universe;
use crate::world::Shape;

use machine::{Machine, covers};
pub use mark::{Mark, Marks};
pub(crate) use share::Needed;
pub use share::{Fewest, Shares};
use weather::Weather;
use wire::Wire;

/// When the first step begins.
const BEGINNING_MS: u64 = 1_000;

/// The time from one step to the next, about; a step that is left out takes as long.
const STEP_MS: u64 = 150;

/// More rounds than any network of this size needs to become equal.
const MOST_ROUNDS: u32 = 1_000;

/// The step in which the document is founded.
const FOUNDED: u64 = 1;

/// After so many rounds everybody who can be mended by a peer was.
const PATIENT_ROUNDS: u32 = 40;

/// So many registers more are in some documents: enough that two sides compare what they have before they
/// list it.
const COMPARED: u32 = 700;

/// So many in a few: enough that they compare scattered changes by a sketch. That takes more than eight
/// pieces of 32 cells that differ, of the 256 pieces of the second step.
const SKETCHED: u32 = 9_000;

/// One document in so many has [`SKETCHED`] registers, by its seed, since chance could make them too few. No number by
/// which faults take turns divides it.
const SKETCHES: u64 = 203;

/// Five documents in so many have [`COMPARED`] registers.
const BULKS: u16 = 270;

/// Machines that copies of others may add.
const MOST_CLONES: usize = 2;

/// Machines, connections and time.
#[allow(missing_debug_implementations, reason = "a failure prints the seed, which says everything")]
pub struct Faults {
    replay: Replay,
    rng: Rng,
    step: u64,
    now_ms: u64,
    /// How much longer than others some steps took.
    delay_ms: u64,
    machines: Vec<Machine>,
    wires: Vec<Wire>,
    judge: Judge,
    /// What can happen in this history.
    weather: Weather,
    /// Whether the document has members.
    is_managed: bool,
    /// Whether members are retired that may still write; then nobody collects.
    is_hasty: bool,
    /// How many registers the document has that nobody looks at.
    bulk: u32,
    /// Which machine writes under each life.
    owners: BTreeMap<ReplicaId, usize>,
    /// Every dot that was used.
    used: BTreeSet<Dot>,
    /// Dots that stood on a disk and name nothing: nobody may use them again.
    burnt: BTreeSet<Dot>,
    /// Changes that nobody had any more when the last disk with them was lost.
    excused: BTreeSet<Dot>,
    /// How many liars have told something that was true.
    strangers: usize,
    /// Lives that nobody goes on with.
    dead: BTreeSet<ReplicaId>,
    tally: Tally,
}

impl Faults {
    /// The world of a seed.
    pub fn new(seed: u64, shape: &Shape) -> Self {
        Self::of(&Replay::new(Lane::Faults, seed, shape))
    }

    pub(crate) fn of(replay: &Replay) -> Self {
        let Replay { seed, shape, .. } = *replay;
        let places = universe(&mut generator(seed, PLACES), shape.groups, shape.places_per_group);
        let mut rng = generator(seed, WEATHER);
        let bulk = match rng.u16(..BULKS) {
            _ if shape.sites <= Shape::SMALL.sites && seed % SKETCHES == 0 => SKETCHED,
            ..=4 => COMPARED,
            _ => 0,
        };
        let is_crowded = shape.is_crowded();
        let is_managed = bulk > 0 || is_crowded || rng.u8(..6) > 0;
        let always: &[Fault] = match (bulk > 0, is_crowded) {
            (true, true) => &[Fault::Members, Fault::Drop, Fault::Away, Fault::Loss, Fault::Clone],
            (true, false) => &[Fault::Away, Fault::Loss, Fault::Clone],
            (false, true) => &[Fault::Members, Fault::Drop, Fault::Away],
            _ if shape.sites > Shape::SMALL.sites => &[Fault::Away],
            _ => &[],
        };
        let weather = Weather::new(&mut rng, replay, always);
        let wires = topology(&mut rng, shape.sites);
        let mut rng = generator(seed, SITES);
        let machines = (0..shape.sites).map(|at| {
            let disk = FaultyDisk::new(rng.u64(..), FaultPlan::NONE);
            let is_guest = at > 0 && rng.u8(..3) == 0;
            Machine::new(disk, rng.fork(), 0, is_guest || (bulk > 0 && at + 1 == shape.sites))
        });
        Self {
            step: 0,
            now_ms: BEGINNING_MS,
            delay_ms: 0,
            machines: machines.collect(),
            wires,
            judge: Judge::new(0, places),
            weather,
            is_managed,
            is_hasty: bulk == 0 && !is_crowded && generator(seed, HASTE).u8(..10) == 0,
            bulk,
            owners: BTreeMap::new(),
            used: BTreeSet::new(),
            burnt: BTreeSet::new(),
            excused: BTreeSet::new(),
            strangers: 0,
            dead: BTreeSet::new(),
            tally: Tally { histories: 1, ..Tally::default() },
            rng,
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
    /// When a replica differs from the oracle, something durable is gone, or a session or a storage
    /// fails without a reason.
    pub fn step(&mut self) -> Result<(), Failure> {
        self.step += 1;
        self.rng = generator(self.replay.seed, self.step);
        let jitter_ms = self.rng.u64(..STEP_MS);
        self.set_time(BEGINNING_MS + self.step * STEP_MS + jitter_ms + self.delay_ms);
        self.begin()?;
        for at in 0..self.machines.len() {
            self.look_after(at)?;
        }
        for fault in self.weather.due(self.step) {
            self.strike(fault)?;
        }
        if self.is_on(Fault::Drop) {
            self.interrupt();
        }
        // While they are all there: later there may be nobody left who can.
        let is_due = self.step > FOUNDED && self.tally.marks.of(Mark::MembersChanged) == 0;
        if is_due && self.replay.shape.is_crowded() && self.is_on(Fault::Members) {
            self.reorganise(0)?;
        }
        let at = self.rng.usize(..self.machines.len());
        match self.rng.u16(..1000) {
            0..100 if self.bulk > 0 => self.scatter(at, 60),
            100..160 if self.bulk >= SKETCHED => self.overtake(),
            0..280 => self.write(at),
            280..310 => self.delete_subtree(at),
            310..620 => self.carry(),
            620..700 => self.wait(),
            700..790 => self.connect_some(),
            790..830 => self.acknowledge(at),
            830..870 => self.collect(at),
            870..900 => self.change_members(at),
            _ => self.break_something(at),
        }
    }

    /// Ends all faults and checks that all become equal, and that nothing is missing.
    ///
    /// # Errors
    /// As [`Self::step`], and when replicas do not become equal in far more time than it takes.
    pub fn heal(&mut self) -> Result<(), Failure> {
        self.rng = generator(self.replay.seed, HEALING);
        self.tally.fewest = Fewest::of(&self.tally.marks, |fault| self.is_on(fault));
        self.weather.clear();
        self.begin()?;
        for at in 0..self.machines.len() {
            self.repair(at)?;
        }
        for wire in &mut self.wires {
            wire.hang_up(&mut self.tally.marks);
            wire.blocked_until = [0; 2];
        }
        self.become_equal()?;
        self.check_nothing_missing()?;
        self.write_off_unfinished()?;
        // Once more, with everything collected that can be.
        for at in 0..self.machines.len() {
            self.acknowledge(at)?;
        }
        self.become_equal()?;
        (0..self.machines.len()).try_for_each(|at| self.collect(at))?;
        self.become_equal()?;
        self.check_remains()?;
        for wire in &mut self.wires {
            wire.hang_up(&mut self.tally.marks);
        }
        Ok(())
    }

    /// What was done.
    pub fn into_tally(mut self) -> Tally {
        self.tally.concurrent = self.judge.history.concurrent_count() as u64;
        self.tally.shares = Shares::of(&self.tally.marks);
        self.tally
    }

    fn set_time(&mut self, now_ms: u64) {
        self.now_ms = now_ms;
        self.machines.iter().for_each(|machine| machine.clock.advance(now_ms));
    }

    /// Starts all machines, before the first step.
    fn begin(&mut self) -> Result<(), Failure> {
        if self.machines.iter().any(|machine| machine.life.is_some()) {
            return Ok(());
        }
        (0..self.machines.len()).try_for_each(|at| self.start(at))?;
        if self.is_managed {
            self.found()?;
            self.introduce()?;
        }
        if self.bulk > 0 { self.scatter(0, self.bulk) } else { Ok(()) }
    }

    /// In a large network everybody hears at once who the members are. Where they do not, the founder can
    /// be lost before anybody has heard of it, and nobody changes the members of that document any more:
    /// smaller networks meet that.
    fn introduce(&mut self) -> Result<(), Failure> {
        for _ in 0..PATIENT_ROUNDS {
            let has_heard = (0..self.machines.len()).all(|at| self.standing(at).0);
            if has_heard || !self.replay.shape.is_crowded() {
                return Ok(());
            }
            self.talk()?;
        }
        Ok(())
    }

    /// Lets everybody talk until all have the same.
    fn become_equal(&mut self) -> Result<(), Failure> {
        for round in 0..MOST_ROUNDS {
            self.talk()?;
            (0..self.machines.len()).for_each(|at| self.look_at_quarantine(at));
            if round == PATIENT_ROUNDS {
                self.restart_quarantined()?;
            }
            let first = &self.machines[0].known;
            let is_whole = |machine: &Machine| machine.quarantine.is_empty();
            if self.machines.iter().all(|machine| machine.known == *first && is_whole(machine)) {
                return self.check_equal();
            }
        }
        self.fail(0, Symptom::Diverged.says("no equality long after all faults had ended"))
    }

    /// Lets everybody talk for a while who can.
    fn talk(&mut self) -> Result<(), Failure> {
        self.delay_ms += STEP_MS;
        self.set_time(self.now_ms + STEP_MS);
        for wire in 0..self.wires.len() {
            self.connect(wire)?;
            for end in 0..2 {
                self.deliver(wire, end, usize::MAX)?;
            }
        }
        self.wait()
    }

    /// Equal contexts mean equal states, and readers find what the oracle says.
    fn check_equal(&mut self) -> Result<(), Failure> {
        let mut first = None;
        for at in 0..self.machines.len() {
            self.check(at)?;
            let Some(replica) = self.machines[at].replica() else { continue };
            let found = replica.view().cells().fingerprint(&KeyRange::full());
            if *first.get_or_insert(found) != found {
                let what = "I11: equal contexts, different states";
                return self.fail(at, Symptom::Audit.says(what));
            }
            self.digest(format!("{found:?}").as_bytes());
        }
        Ok(())
    }

    /// Every committed change that anybody still had is everywhere.
    fn check_nothing_missing(&self) -> Result<(), Failure> {
        let mut claims = self.judge.claims(&self.machines[0].known);
        let missing = claims.find(|(dot, claimed)| !claimed && !self.excused.contains(dot));
        match missing {
            Some((dot, _)) => {
                let what = format!("{dot:?} was committed and is missing everywhere");
                self.fail(0, Symptom::Lost.says(what))
            }
            None => Ok(()),
        }
    }

    /// Compares a machine with the oracle, and with what it had before.
    fn check(&mut self, at: usize) -> Result<(), Failure> {
        let Some(replica) = self.machines[at].replica().cloned() else { return Ok(()) };
        let machine = &mut self.machines[at];
        let context = replica.context();
        if !covers(&context, &machine.known) {
            return self.fail(at, Symptom::Lost.says("the context of a running replica went back"));
        }
        machine.known = context;
        let Status { suspect_stamps, late_writes, .. } = replica.status();
        if suspect_stamps > std::mem::replace(&mut machine.suspect_stamps, suspect_stamps) {
            self.tally.marks.reach(Mark::ClockSuspect);
        }
        if late_writes > std::mem::replace(&mut machine.late_writes, late_writes) {
            self.tally.marks.reach(Mark::LateWrite);
        }
        let index = machine.index;
        self.judge.believe(index, &machine.known);
        self.look_at_quarantine(at);
        let quarantine = &self.machines[at].quarantine;
        let compared = self.judge.compare_view(index, &replica.view(), quarantine);
        compared.or_else(|what| self.fail(at, what))?;
        self.check_bounds(at)?;
        // It walks over the whole document: the larger that is, the less often.
        let is_due = self.bulk == 0 || self.rng.u32(..self.bulk) < 44;
        if is_due
            && !planted::any_planted()
            && let Err(violation) = replica.verify()
        {
            let what = format!("invariant {violation}");
            return self.fail(at, Symptom::Invariant.says(what));
        }
        Ok(())
    }

    /// Whether this can happen in this history.
    fn is_on(&self, fault: Fault) -> bool {
        self.weather.has(fault)
    }

    fn reach(&mut self, mark: Mark) {
        self.tally.marks.reach(mark);
    }

    /// Takes bytes into the number that tells one run from another (FNV-1a).
    fn digest(&mut self, bytes: &[u8]) {
        for byte in bytes {
            let digest = self.tally.digest ^ u64::from(*byte);
            self.tally.digest = digest.wrapping_mul(0x0100_0000_01b3);
        }
    }

    fn fail<T>(&self, at: usize, what: Difference) -> Result<T, Failure> {
        Err(Failure::new(self.replay.seed, self.step, at, what))
    }
}

/// A chain, a star, a ring or a mesh.
fn topology(rng: &mut Rng, count: usize) -> Vec<Wire> {
    let kind = rng.u8(..4);
    let pairs = (0..count).flat_map(|a| (a + 1..count).map(move |b| (a, b)));
    let is_wired = |&(a, b): &(usize, usize)| match kind {
        0 => b == a + 1,
        1 => a == 0,
        2 => b == a + 1 || (a == 0 && b + 1 == count),
        _ => true,
    };
    pairs.filter(is_wired).map(|(a, b)| Wire::new(a, b)).collect()
}
