//! Numbers are reserved in blocks, durable before use, and never handed out twice.

use rejoin_storage::{Disk, Life, Reservation, SEQ_BLOCK, Slot};

use crate::common::{ALICE, close, next_seq, open_at, reserve, used_log};

#[test]
fn a_reservation_covers_what_is_needed_and_a_block() {
    let new = Reservation::new(ALICE);
    assert_eq!(new.reserve(0), None);
    assert_eq!(new.reserve(1), Some(1 + SEQ_BLOCK));
    assert_eq!(new.reserve(SEQ_BLOCK * 3), Some(SEQ_BLOCK * 4));
    let used = Reservation { next_seq: 90, seq_limit: 100, ..new };
    assert_eq!(used.reserve(11), None);
    assert_eq!(used.reserve(12), Some(101 + SEQ_BLOCK));
}

#[test]
fn after_a_crash_numbers_go_on_past_every_reservation() {
    let (mut log, place) = used_log();
    reserve(&mut log, 250, 3).unwrap();
    let mut disk = log.into_parts().0;
    for number in 4..10 {
        disk.lose_unsynced();
        let opened = open_at(disk, place.clone(), number);
        let Life::GoesOn(reservation) = opened.life else { panic!("{:?}", opened.life) };
        let expected = Reservation { replica: ALICE, next_seq: 251, seq_limit: 250 };
        assert_eq!(reservation, expected);
        assert!(reservation.reserve(1).is_some());
        disk = opened.storage.into_parts().0;
    }
}

#[test]
fn what_is_reserved_stays_usable_over_a_close() {
    let (mut log, place) = used_log();
    close(&mut log, 40, 3).unwrap();
    let opened = open_at(log.into_parts().0, place, 4);
    let Life::GoesOn(reservation) = opened.life else { panic!("{:?}", opened.life) };
    assert_eq!(reservation.reserve(60), None);
    assert!(reservation.reserve(61).is_some());
}

#[test]
fn a_life_without_numbers_left_ends() {
    let (mut log, place) = used_log();
    reserve(&mut log, u64::MAX, 3).unwrap();
    assert_eq!(next_seq(open_at(log.into_parts().0, place, 4).life), None);
}

#[test]
fn a_reservation_is_durable_when_it_completes() {
    let (log, place) = used_log();
    let mut disk = log.into_parts().0;
    let len = disk.len_bytes(Slot::B).unwrap();
    disk.lose_unsynced();
    assert_eq!(disk.len_bytes(Slot::B).unwrap(), len);
    assert_eq!(next_seq(open_at(disk, place, 3).life), Some(101));
}
