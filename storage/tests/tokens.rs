//! Copies of a log do not write under the id of the original.

use rejoin_storage::{FaultPlan, FaultyDisk, Life, MemoryDisk, MemoryPlace, WhyNew};

use crate::common::{append, close, copied, next_seq, open_at, reserve, texts, used_log};

/// Copies of the files, each made at another time and put back after the original has moved on.
/// Returns those whose life went on.
pub(crate) fn accepted_copies() -> Vec<&'static str> {
    let (mut log, place) = used_log();
    let running = log.disk().clone();
    close(&mut log, 7, 3).unwrap();
    let closed = log.disk().clone();
    let mut log = open_at(closed.clone(), place.clone(), 4).storage;
    let reopened = log.disk().clone();
    reserve(&mut log, 200, 5).unwrap();
    append(&mut log, "three").unwrap();
    let elsewhere = log.disk().clone();
    let copies = [
        ("made while running, put back after a close", running, copied(&place)),
        ("made while closed, put back after an open", closed, copied(&place)),
        ("put back after a reservation", reopened, copied(&place)),
        ("on another machine", elsewhere, MemoryPlace::default()),
    ];
    let accepted = copies.into_iter().filter(|(_, disk, place)| {
        next_seq(open_at(disk.clone(), place.clone(), 6).life).is_some()
    });
    accepted.map(|(name, ..)| name).collect()
}

#[test]
fn an_older_copy_that_is_put_back_begins_a_new_life() {
    assert_eq!(accepted_copies(), [""; 0]);
}

#[test]
fn a_copy_on_another_machine_begins_a_new_life_and_has_the_records() {
    let (log, _) = used_log();
    let opened = open_at(log.into_parts().0, MemoryPlace::default(), 3);
    assert_eq!(opened.life, Life::New { why: WhyNew::TokenMissing });
    assert_eq!(texts(&opened.records), ["one", "two"]);
}

#[test]
fn of_two_clones_with_one_place_only_the_first_goes_on() {
    let (log, place) = used_log();
    let clone = log.disk().clone();
    assert_eq!(next_seq(open_at(log.into_parts().0, place.clone(), 3).life), Some(101));
    let second = open_at(clone, place, 4);
    assert_eq!(second.life, Life::New { why: WhyNew::TokenDiffers });
}

#[test]
fn a_new_life_does_not_inherit_the_old_reservation() {
    let (log, _) = used_log();
    let place = MemoryPlace::default();
    let log = open_at(log.into_parts().0, place.clone(), 3).storage;
    let opened = open_at(log.into_parts().0, place, 4);
    assert_eq!(opened.life, Life::New { why: WhyNew::Unused });
}

#[test]
fn from_the_beginning_of_a_reservation_no_older_copy_matches() {
    let (disk, place) = (FaultyDisk::new(1, FaultPlan::NONE), MemoryPlace::default());
    let mut log = open_at(disk.clone(), place.clone(), 1).storage;
    reserve(&mut log, 100, 2).unwrap();
    let copy = disk.copy(2);
    append(&mut log, "one").unwrap();
    disk.power_off_after(0);
    assert!(reserve(&mut log, 200, 3).is_err());
    assert_eq!(open_at(copy, place, 4).life, Life::New { why: WhyNew::TokenDiffers });
}

#[test]
fn an_empty_disk_has_no_life() {
    let opened = open_at(MemoryDisk::default(), MemoryPlace::default(), 1);
    assert_eq!(opened.life, Life::New { why: WhyNew::Empty });
}

#[test]
fn a_disk_that_was_replaced_by_an_empty_one_begins_a_new_life() {
    let (_, place) = used_log();
    let opened = open_at(MemoryDisk::default(), place, 3);
    assert_eq!(opened.life, Life::New { why: WhyNew::Empty });
}
