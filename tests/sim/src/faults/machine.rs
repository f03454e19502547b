//! One machine: a disk, a place for the token, a clock, and a replica while it runs.

use std::sync::{Arc, Mutex, PoisonError};

use fastrand::Rng;
use rejoin::path::Key;
use rejoin::{
    Context, KeyRange, MemoryPlace, Observer, OpenReplicaError, Origin, Recovery, Replica,
    ReplicaId,
};
use rejoin_oracle::Op;
use rejoin_storage::{FaultCounts, FaultPlan, FaultyDisk};

use super::clock::Clock;
use super::plug::Plug;

/// A transaction whose outcome is not known: an open finds it, or not.
#[derive(Debug)]
pub(super) struct Unknown {
    pub(super) life: ReplicaId,
    /// The last own change before it.
    pub(super) before: u64,
    /// What it did, with its stamps; nothing if it deleted a subtree or changed the member list.
    pub(super) ops: Vec<(usize, Op, u64)>,
    /// Whether its record was handed to the disk, so that its dots may be on some copy of it.
    pub(super) is_on_disk: bool,
}

/// A running replica.
struct Process {
    replica: Replica,
    plug: Plug,
    /// What its observer was told and nobody has looked at.
    told: Arc<Mutex<Vec<Origin>>>,
    _observer: Observer,
}

/// One machine.
pub(super) struct Machine {
    pub(super) disk: FaultyDisk,
    pub(super) place: MemoryPlace,
    pub(super) clock: Clock,
    process: Option<Process>,
    /// The life that the oracle knows this machine by, and its number there.
    pub(super) life: Option<ReplicaId>,
    pub(super) index: usize,
    /// Whether that life has written something durable.
    pub(super) has_written: bool,
    /// Earlier lives of this machine.
    pub(super) former: Option<ReplicaId>,
    /// What it has, or had when it was last seen running.
    pub(super) known: Context<Key>,
    pub(super) unknown: Option<Unknown>,
    /// Whether it is to become a member.
    pub(super) is_guest: bool,
    /// Whether its storage may refuse writes.
    pub(super) in_trouble: bool,
    /// Whether its disk may have lost something that was durable.
    pub(super) is_damaged: bool,
    /// Whether nothing of it can be on its disk any more.
    pub(super) is_replaced: bool,
    /// Whether it was stopped in good order, on a healthy disk.
    pub(super) was_closed: bool,
    /// What was damaged in its memory and is not whole again.
    pub(super) quarantine: Vec<KeyRange<Key>>,
    /// The step at which it starts again.
    pub(super) starts_at: u64,
    /// A snapshot of it.
    pub(super) backup: Option<Vec<u8>>,
    /// What its clock showed when it was stopped.
    pub(super) stopped_ms: u64,
    /// How many suspect stamps its process has counted.
    pub(super) suspect_stamps: u64,
    /// How many late writes.
    pub(super) late_writes: u64,
}

impl Machine {
    /// A machine that was never started.
    pub(super) fn new(disk: FaultyDisk, rng: Rng, index: usize, is_guest: bool) -> Self {
        Self {
            disk,
            place: MemoryPlace::default(),
            clock: Clock::new(rng),
            process: None,
            life: None,
            index,
            has_written: false,
            former: None,
            known: Context::default(),
            unknown: None,
            is_guest,
            in_trouble: false,
            is_damaged: false,
            is_replaced: false,
            was_closed: false,
            quarantine: Vec::new(),
            starts_at: 0,
            backup: None,
            stopped_ms: 0,
            suspect_stamps: 0,
            late_writes: 0,
        }
    }

    /// The replica, while it runs.
    pub(super) fn replica(&self) -> Option<&Replica> {
        self.process.as_ref().map(|process| &process.replica)
    }

    pub(super) const fn is_running(&self) -> bool {
        self.process.is_some()
    }

    /// Starts the replica.
    pub(super) fn start(&mut self) -> Result<Recovery, OpenReplicaError> {
        let plug = Plug::default();
        let disk = plug.connect(&self.disk);
        let builder = Replica::builder().env(self.clock.clone());
        let replica = builder.open_on(disk, self.place.clone()).inspect_err(|_| plug.pull())?;
        let told: Arc<Mutex<Vec<Origin>>> = Arc::default();
        let observer = replica.observe({
            let told = told.clone();
            move |origin| told.lock().unwrap_or_else(PoisonError::into_inner).push(origin)
        });
        let recovery = replica.recovery();
        self.process = Some(Process { replica, plug, told, _observer: observer });
        recovery.ok_or(OpenReplicaError::NoEnvironment)
    }

    /// Stops the replica in good order.
    pub(super) fn close(&mut self) {
        self.was_closed = !self.in_trouble && !self.is_damaged && self.process.is_some();
        self.process = None;
    }

    /// Stops the process at once, and the machine with it; returns what the crash did to the disk.
    pub(super) fn crash(&mut self) -> FaultCounts {
        self.was_closed = false;
        if let Some(process) = self.process.take() {
            process.plug.pull();
        }
        let before = self.disk.counts();
        self.disk.crash();
        let after = self.disk.counts();
        FaultCounts {
            crashes_with_unsynced: after.crashes_with_unsynced - before.crashes_with_unsynced,
            torn_writes: after.torn_writes - before.torn_writes,
            lost_changes: after.lost_changes - before.lost_changes,
            ..FaultCounts::default()
        }
    }

    /// What the observer was told since the last question.
    pub(super) fn take_told(&self) -> Vec<Origin> {
        let told = self.process.as_ref().map(|process| &process.told);
        told.map_or_else(Vec::new, |told| {
            std::mem::take(&mut *told.lock().unwrap_or_else(PoisonError::into_inner))
        })
    }

    /// Whether the observer was told something that nobody has looked at.
    pub(super) fn has_told(&self) -> bool {
        let told = self.process.as_ref().map(|process| &process.told);
        told.is_some_and(|told| !told.lock().unwrap_or_else(PoisonError::into_inner).is_empty())
    }

    /// Makes the disk do what it should again.
    pub(super) fn mend(&self) {
        self.disk.set_plan(FaultPlan::NONE);
    }

    /// Whether everything that it is known to have would be found by somebody who asks now.
    pub(super) const fn is_reliable(&self) -> bool {
        !self.is_damaged && !self.is_replaced
    }
}

/// Whether one context claims everything that another one does.
pub(super) fn covers(context: &Context<Key>, other: &Context<Key>) -> bool {
    let full = KeyRange::full();
    other.segments_in(&full).all(|(range, vector)| context.covers(&range, vector))
}
