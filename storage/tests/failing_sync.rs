//! After a failed sync nothing is written any more, and the next open shows no more than is durable.

use rejoin_storage::{FaultPlan, FaultyDisk, Life, MemoryPlace, StorageError, Write};

use crate::common::{append, close, open_at, reserve, texts, write};

const FAILING: FaultPlan = FaultPlan { failing_syncs_per_mille: 1_000, ..FaultPlan::NONE };

fn log_with_one(seed: u64) -> (FaultyDisk, MemoryPlace, impl rejoin_storage::Storage) {
    let (disk, place) = (FaultyDisk::new(seed, FaultPlan::NONE), MemoryPlace::default());
    let mut log = open_at(disk.clone(), place.clone(), 1).storage;
    reserve(&mut log, 100, 2).unwrap();
    append(&mut log, "one").unwrap();
    (disk, place, log)
}

#[test]
fn a_failed_sync_poisons_the_storage() {
    let (disk, _, mut log) = log_with_one(1);
    disk.set_plan(FAILING);
    assert!(matches!(append(&mut log, "two"), Err(StorageError::OutcomeUnknown(_))));
    disk.set_plan(FaultPlan::NONE);
    assert_eq!(append(&mut log, "three"), Err(StorageError::Poisoned));
    assert_eq!(write(&mut log, Write::checkpoint([])), Err(StorageError::Poisoned));
    assert_eq!(reserve(&mut log, 200, 3), Err(StorageError::Poisoned));
    assert_eq!(close(&mut log, 1, 4), Err(StorageError::Poisoned));
}

#[test]
fn what_was_acknowledged_before_a_failed_sync_is_there() {
    let mut outcomes = [0, 0];
    for seed in 0..500 {
        let (disk, place, mut log) = log_with_one(seed);
        disk.set_plan(FAILING);
        let failed = match seed % 3 {
            0 => append(&mut log, "two"),
            1 => write(&mut log, Write::checkpoint([b"one".to_vec(), b"two".to_vec()])),
            _ => reserve(&mut log, 200, 3),
        };
        assert!(matches!(failed, Err(StorageError::OutcomeUnknown(_))));
        disk.set_plan(FaultPlan::NONE);
        disk.crash();
        let opened = open_at(disk, place, 4);
        let records = texts(&opened.records);
        outcomes[records.len() - 1] += 1;
        assert!(["one", "two"].starts_with(&records));
    }
    assert!(outcomes.iter().all(|&count| count > 10), "{outcomes:?}");
}

#[test]
fn what_only_the_cache_has_is_made_durable_by_the_open_that_shows_it() {
    let mut shown = 0;
    for seed in 0..500 {
        let (disk, place, mut log) = log_with_one(seed);
        disk.set_plan(FAILING);
        let _ = append(&mut log, "two");
        disk.set_plan(FaultPlan::NONE);
        // The process starts again, the machine does not: the cache still shows the record.
        let mut log = open_at(disk.clone(), place.clone(), 3).storage;
        append(&mut log, "three").unwrap();
        disk.crash();
        let opened = open_at(disk, place, 4);
        shown += usize::from(texts(&opened.records) == ["one", "two", "three"]);
    }
    assert_eq!(shown, 500);
}

#[test]
fn a_close_whose_sync_failed_is_no_proof() {
    for seed in 0..200 {
        let (disk, place, mut log) = log_with_one(seed);
        disk.set_plan(FAILING);
        assert!(matches!(close(&mut log, 1, 3), Err(StorageError::OutcomeUnknown(_))));
        disk.set_plan(FaultPlan::NONE);
        // The cache shows a close that may not be on the device: nothing may be built upon it.
        let mut opened = open_at(disk.clone(), place.clone(), 4);
        assert!(matches!(opened.life, Life::New { .. }));
        append(&mut opened.storage, "two").unwrap();
        disk.crash();
        assert_eq!(texts(&open_at(disk, place, 5).records), ["one", "two"]);
    }
}
