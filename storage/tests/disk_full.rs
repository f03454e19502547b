//! A full disk refuses a write and keeps what was; with room again, writing goes on.

use rejoin_storage::{DiskError, FaultPlan, FaultyDisk, MemoryPlace, StorageError, Write};

use crate::common::{append, next_seq, open_at, reserve, texts, write};

#[test]
fn a_full_disk_leaves_what_was() {
    for seed in 0..300 {
        let (disk, place) = (FaultyDisk::new(seed, FaultPlan::NONE), MemoryPlace::default());
        let mut log = open_at(disk.clone(), place.clone(), 1).storage;
        reserve(&mut log, 100, 2).unwrap();
        append(&mut log, "one").unwrap();
        disk.set_plan(FaultPlan { capacity_bytes: 300 + seed % 100, ..FaultPlan::NONE });
        let large = "x".repeat(400);
        let full = Err(StorageError::NotWritten(DiskError::Full));
        assert_eq!(append(&mut log, &large), full);
        let states = vec![b"one".to_vec(), large.clone().into_bytes()];
        assert_eq!(write(&mut log, Write::checkpoint(states)), full);
        disk.set_plan(FaultPlan::NONE);
        if seed % 2 == 0 {
            append(&mut log, "two").unwrap();
        }
        disk.crash();
        let opened = open_at(disk, place, 3);
        let expected: &[&str] = if seed % 2 == 0 { &["one", "two"] } else { &["one"] };
        assert_eq!(texts(&opened.records), expected, "seed {seed}");
        assert_eq!(next_seq(opened.life), Some(101), "nothing was torn");
    }
}

#[test]
fn an_open_without_room_loses_no_record() {
    let (disk, place) = (FaultyDisk::new(1, FaultPlan::NONE), MemoryPlace::default());
    let mut log = open_at(disk.clone(), place.clone(), 1).storage;
    append(&mut log, "one").unwrap();
    drop(log);
    disk.set_plan(FaultPlan { capacity_bytes: 200, ..FaultPlan::NONE });
    assert!(rejoin_storage::open(disk.clone(), place.clone(), crate::common::token(2)).is_err());
    disk.set_plan(FaultPlan::NONE);
    let opened = open_at(disk, place, 3);
    assert_eq!(texts(&opened.records), ["one"]);
    assert_eq!(next_seq(opened.life), None);
}
