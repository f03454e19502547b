//! Random histories on disks with faults: no acknowledged record is lost unseen, no number is reused.

use std::ops::Range;

use fastrand::Rng;
use rejoin_crdt::ReplicaId;
use rejoin_storage::{
    End, FaultCounts, FaultPlan, FaultyDisk, Life, MemoryPlace, Reservation, SEQ_BLOCK, Storage,
    Write, open,
};

use crate::common::{copied, token};

/// One machine, and what must hold of it.
struct Machine {
    rng: Rng,
    seed: u64,
    disk: FaultyDisk,
    place: MemoryPlace,
    tokens: u128,
    /// Records in order of submission, since the checkpoint that is acknowledged last.
    acknowledged: Vec<Vec<u8>>,
    /// The write whose outcome is unknown would make these the records.
    unknown: Option<Vec<Vec<u8>>>,
    /// The greatest number used under each id.
    used: Vec<(ReplicaId, u64)>,
    /// Whether something was done to the bytes that no storage can prevent.
    is_damaged: bool,
    lives: u128,
    goes_on: usize,
}

/// Runs the histories of these seeds; the first failure, or how often what was reached.
pub(crate) fn histories(seeds: Range<u64>) -> Result<(usize, FaultCounts), String> {
    let mut goes_on = 0;
    let mut sum = FaultCounts::default();
    for seed in seeds {
        let mut machine = Machine::new(seed);
        machine.run().map_err(|error| format!("seed {seed}: {error}"))?;
        goes_on += machine.goes_on;
        let counts = machine.disk.counts();
        sum.crashes_with_unsynced += counts.crashes_with_unsynced;
        sum.torn_writes += counts.torn_writes;
        sum.lost_changes += counts.lost_changes;
        sum.failed_syncs += counts.failed_syncs;
        sum.misdirected += counts.misdirected;
        sum.full += counts.full;
    }
    Ok((goes_on, sum))
}

impl Machine {
    fn new(seed: u64) -> Self {
        Self {
            rng: Rng::with_seed(seed),
            seed,
            disk: FaultyDisk::new(seed, FaultPlan::NONE),
            place: MemoryPlace::default(),
            tokens: 0,
            acknowledged: Vec::new(),
            unknown: None,
            used: Vec::new(),
            is_damaged: false,
            lives: u128::from(seed) << 64,
            goes_on: 0,
        }
    }

    fn run(&mut self) -> Result<(), String> {
        for _ in 0..6 {
            let backup = self.rng.u8(..4) == 0;
            let copy = backup.then(|| self.disk.copy(self.seed + 1));
            let plan = self.plan();
            self.disk.set_plan(plan);
            self.incarnation()?;
            self.disk.set_plan(FaultPlan::NONE);
            if self.rng.u8(..3) > 0 {
                self.disk.crash();
            }
            if self.rng.u8(..10) == 0 {
                self.is_damaged = true;
                self.disk.flip_bit();
            }
            if let Some(copy) = copy {
                self.open_a_copy(&copy)?;
            }
        }
        Ok(())
    }

    fn plan(&mut self) -> FaultPlan {
        let mut plan = FaultPlan::NONE;
        match self.rng.u8(..6) {
            0 => plan.failing_syncs_per_mille = 60,
            1 => plan.capacity_bytes = self.rng.u64(500..3_000),
            2 => self.disk.power_off_after(self.rng.u64(..40)),
            _ => {}
        }
        plan
    }

    fn token(&mut self) -> rejoin_storage::Token {
        self.tokens += 1;
        token(u128::from(self.seed) << 32 | self.tokens)
    }

    /// An open and some writes.
    fn incarnation(&mut self) -> Result<(), String> {
        let new = self.token();
        let Ok(opened) = open(self.disk.clone(), self.place.clone(), new) else { return Ok(()) };
        self.check(&opened.records, opened.end)?;
        let mut reservation = match opened.life {
            Life::GoesOn(reservation) => self.check_life(reservation)?,
            _ => {
                self.lives += 1;
                Reservation::new(ReplicaId::from_u128(self.lives))
            }
        };
        // What was found counts as acknowledged from now on: the open has made it durable.
        self.acknowledged = opened.records;
        (self.unknown, self.is_damaged) = (None, false);
        let mut storage = opened.storage;
        for _ in 0..self.rng.usize(..12) {
            let count = self.rng.u64(1..SEQ_BLOCK / 2);
            if let Some(seq_limit) = reservation.reserve(count) {
                let (replica, token) = (reservation.replica, self.token());
                let write = Write::Reserve { replica, seq_limit, token };
                if !self.submit(&mut storage, write, self.acknowledged.clone()) {
                    continue;
                }
                reservation.seq_limit = seq_limit;
            }
            reservation.next_seq += count;
            self.used.retain(|(replica, _)| *replica != reservation.replica);
            self.used.push((reservation.replica, reservation.next_seq - 1));
            let mut records = self.acknowledged.clone();
            if self.rng.u8(..6) == 0 {
                records.truncate(2);
                let write = Write::checkpoint(records.clone());
                self.submit(&mut storage, write, records);
            } else {
                let record = vec![self.rng.u8(..); self.rng.usize(..120)];
                records.push(record.clone());
                self.submit(&mut storage, Write::Append(record), records);
            }
        }
        if self.rng.bool() {
            let (last_seq, token) = (reservation.next_seq - 1, self.token());
            let write = Write::Close { last_seq, token };
            self.submit(&mut storage, write, self.acknowledged.clone());
        }
        Ok(())
    }

    /// A write after which the records would be these; whether it was acknowledged.
    fn submit(&mut self, storage: &mut impl Storage, write: Write, records: Vec<Vec<u8>>) -> bool {
        use rejoin_storage::StorageError::OutcomeUnknown;

        storage.submit(write);
        match storage.poll().map(|completion| completion.result) {
            Some(Ok(())) => self.acknowledged = records,
            Some(Err(OutcomeUnknown(_))) => {
                self.unknown = Some(records);
                return false;
            }
            _ => return false,
        }
        true
    }

    fn check(&self, records: &[Vec<u8>], end: End) -> Result<(), String> {
        let mut states = [Some(&self.acknowledged), self.unknown.as_ref()].into_iter().flatten();
        if states.clone().any(|state| state == records) {
            return Ok(());
        }
        let is_prefix = states.any(|state| state.starts_with(records));
        let is_admitted = matches!(end, End::Torn { .. } | End::Damaged { .. } | End::Empty);
        if self.is_damaged && is_prefix && is_admitted {
            return Ok(());
        }
        let (found, expected) = (records.len(), self.acknowledged.len());
        Err(format!("{end:?} with {found} records instead of {expected}"))
    }

    fn check_life(&mut self, reservation: Reservation) -> Result<Reservation, String> {
        self.goes_on += 1;
        let used = self.used.iter().find(|(replica, _)| *replica == reservation.replica);
        match used {
            Some((_, used)) if reservation.next_seq <= *used => {
                Err(format!("{} is used again, used is {used}", reservation.next_seq))
            }
            _ => Ok(reservation),
        }
    }

    /// A copy that was made before the last incarnation, opened at the place of the original.
    fn open_a_copy(&mut self, copy: &FaultyDisk) -> Result<(), String> {
        let new = self.token();
        copy.set_plan(FaultPlan::NONE);
        match open(copy.clone(), copied(&self.place), new).map(|opened| opened.life) {
            Ok(Life::GoesOn(reservation)) if self.used_since(reservation) => {
                Err("a copy goes on".to_owned())
            }
            _ => Ok(()),
        }
    }

    fn used_since(&self, reservation: Reservation) -> bool {
        self.used
            .iter()
            .any(|(replica, used)| *replica == reservation.replica && *used >= reservation.next_seq)
    }
}

#[test]
fn nothing_acknowledged_is_lost_unseen_and_no_number_is_reused() {
    let (goes_on, counts) = histories(0..3_000).unwrap();
    println!("{goes_on} lives went on, {counts:?}");
    assert!(goes_on > 1_000);
    let FaultCounts {
        crashes_with_unsynced, torn_writes, lost_changes, failed_syncs, full, ..
    } = counts;
    let reached = [crashes_with_unsynced, torn_writes, lost_changes, failed_syncs, full];
    assert!(reached.iter().all(|&count| count >= 100), "{counts:?}");
}
