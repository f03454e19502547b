//! A snapshot brings the records and no life.

use rejoin_storage::{
    Disk, End, Life, MemoryDisk, RestoreError, Slot, WhyNew, export_snapshot, recover, restore,
};

use crate::common::trace::{Event, for_each_crash};
use crate::common::{open_at, story, texts, used_log};

fn snapshot() -> Vec<u8> {
    let (log, _) = used_log();
    export_snapshot(recover(log.disk()).unwrap().records).unwrap()
}

#[test]
fn a_restored_log_has_the_records_and_begins_a_new_life() {
    let (_, place) = used_log();
    let mut disk = MemoryDisk::default();
    restore(&mut disk, &snapshot()).unwrap();
    let opened = open_at(disk, place, 3);
    assert_eq!(texts(&opened.records), ["one", "two"]);
    assert_eq!(opened.life, Life::New { why: WhyNew::Restored });
}

#[test]
fn a_snapshot_in_the_place_of_a_slot_brings_no_life_either() {
    let (_, place) = used_log();
    let opened = open_at(MemoryDisk::from_bytes(snapshot(), Vec::new()), place, 3);
    assert_eq!(opened.life, Life::New { why: WhyNew::Restored });
}

#[test]
fn a_log_is_not_overwritten_by_a_restore() {
    let (log, place) = used_log();
    let mut disk = log.into_parts().0;
    assert_eq!(restore(&mut disk, &snapshot()), Err(RestoreError::NotEmpty));
    assert_eq!(open_at(disk, place, 3).end, End::Crashed);
}

#[test]
fn no_damaged_snapshot_is_restored() {
    let whole = snapshot();
    for bit in 0..whole.len() * 8 {
        let mut bytes = whole.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        assert_refused(&bytes);
    }
    (0..whole.len()).for_each(|len| assert_refused(&whole[..len]));
    assert_refused(&[&whole[..], b"x"].concat());
    let (log, _) = used_log();
    assert_refused(log.disk().bytes(Slot::B));
}

fn assert_refused(bytes: &[u8]) {
    let mut disk = MemoryDisk::default();
    assert!(matches!(restore(&mut disk, bytes), Err(RestoreError::Damaged { .. })));
    assert!(Slot::BOTH.iter().all(|&slot| disk.len_bytes(slot) == Ok(0)));
}

#[test]
fn a_restore_that_crashes_has_restored_all_or_nothing_and_can_be_repeated() {
    let (mut disk, _) = story::nothing().traced();
    restore(&mut disk, &snapshot()).unwrap();
    let trace: Vec<Event> = disk.trace.borrow().clone();
    let mut found = [0, 0];
    for_each_crash(&story::nothing(), &trace, |image| {
        let records = recover(&image.disk).unwrap().records;
        found[usize::from(!records.is_empty())] += 1;
        if records.is_empty() {
            let mut disk = image.disk.clone();
            restore(&mut disk, &snapshot()).map_err(|error| error.to_string())?;
            assert_eq!(texts(&recover(&disk).unwrap().records), ["one", "two"]);
        } else {
            assert_eq!(texts(&records), ["one", "two"]);
        }
        Ok::<(), String>(())
    })
    .unwrap();
    assert!(found.iter().all(|&count| count > 0), "{found:?}");
}
