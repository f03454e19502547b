//! A write that lands elsewhere on the disk never gives a wrong record or a wrong proof of life.

use rejoin_storage::{Disk, End, FaultPlan, FaultyDisk, Life, MemoryPlace, Slot};

use crate::common::{append, open_at, reserve, texts, used_log};

#[test]
fn a_misdirected_record_ends_the_life() {
    let mut tails = 0;
    for seed in 0..2_000 {
        let disk = FaultyDisk::new(seed, FaultPlan::NONE);
        let place = MemoryPlace::default();
        let mut log = open_at(disk.clone(), place.clone(), 1).storage;
        reserve(&mut log, 100, 2).unwrap();
        append(&mut log, "one").unwrap();
        append(&mut log, "two").unwrap();
        disk.set_plan(FaultPlan { misdirected_per_mille: 1_000, ..FaultPlan::NONE });
        append(&mut log, "three").unwrap();
        disk.set_plan(FaultPlan::NONE);
        if seed % 2 == 0 {
            append(&mut log, "four").unwrap();
            tails += 1;
        }
        disk.crash();
        let opened = open_at(disk, place, 3);
        let records = texts(&opened.records);
        assert!(["one", "two"].starts_with(&records), "seed {seed}: {records:?}");
        assert!(matches!(opened.life, Life::New { .. }), "seed {seed}: {:?}", opened.end);
    }
    assert_eq!(tails, 1_000);
}

#[test]
fn a_record_in_the_slot_that_does_not_count_is_noticed() {
    let (log, place) = used_log();
    let mut disk = log.into_parts().0;
    let stray = disk.bytes(Slot::B)[36..100].to_vec();
    disk.append(Slot::A, &stray).unwrap();
    let opened = open_at(disk, place, 3);
    assert!(matches!(opened.end, End::Damaged { .. }));
    assert_eq!(texts(&opened.records), ["one", "two"]);
}
