//! What an unfinished write leaves is dropped, said to be torn, and costs the life.

use rejoin_storage::{End, Life, MemoryDisk, Slot, WhyNew};

use crate::common::{append, copied, open_at, texts, used_log};

#[test]
fn a_torn_record_is_dropped_and_the_life_ends() {
    let (mut log, place) = used_log();
    let whole = log.disk().bytes(Slot::B).len();
    append(&mut log, "three").unwrap();
    let bytes = log.disk().bytes(Slot::B).to_vec();
    for len in whole + 1..bytes.len() {
        let place = copied(&place);
        let disk = MemoryDisk::from_bytes(Vec::new(), bytes[..len].to_vec());
        let opened = open_at(disk, place, 1_000);
        assert_eq!(texts(&opened.records), ["one", "two"]);
        assert_eq!(opened.end, End::Torn { dropped_bytes: (len - whole) as u64 });
        assert_eq!(opened.life, Life::New { why: WhyNew::Torn });
    }
}

#[test]
fn zeros_behind_the_last_record_are_a_torn_write() {
    let (log, place) = used_log();
    let bytes = [log.disk().bytes(Slot::B), &[0; 512]].concat();
    let opened = open_at(MemoryDisk::from_bytes(Vec::new(), bytes), place, 3);
    assert_eq!(opened.end, End::Torn { dropped_bytes: 512 });
    assert_eq!(texts(&opened.records), ["one", "two"]);
}

#[test]
fn a_torn_tail_is_told_until_somebody_has_written() {
    let (log, place) = used_log();
    let bytes = [log.disk().bytes(Slot::B), &[7; 5]].concat();
    let mut disk = MemoryDisk::from_bytes(Vec::new(), bytes);
    for number in 3..6 {
        let opened = open_at(disk, place.clone(), number);
        assert_eq!(opened.end, End::Torn { dropped_bytes: 5 });
        assert_eq!(opened.life, Life::New { why: WhyNew::Torn });
        disk = opened.storage.into_parts().0;
    }
}

#[test]
fn a_torn_tail_is_gone_after_the_open() {
    let (log, place) = used_log();
    let bytes = [log.disk().bytes(Slot::B), &[7; 5]].concat();
    let disk = MemoryDisk::from_bytes(Vec::new(), bytes);
    let mut log = open_at(disk, place.clone(), 3).storage;
    append(&mut log, "three").unwrap();
    let opened = open_at(log.into_parts().0, place, 4);
    assert_eq!(opened.end, End::Crashed);
    assert_eq!(texts(&opened.records), ["one", "two", "three"]);
}
