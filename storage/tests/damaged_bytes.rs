//! Damage never gives a wrong record or a wrong proof of life.

use rejoin_storage::{End, Life, MemoryDisk, MemoryPlace, Slot, Write, recover};

use crate::common::{append, close, copied, next_seq, open_at, reserve, texts, used_log, write};

#[test]
fn no_flipped_bit_gives_a_wrong_record_or_a_proof_of_life() {
    let (mut log, place) = used_log();
    write(&mut log, Write::checkpoint([b"one".to_vec(), b"two".to_vec()])).unwrap();
    append(&mut log, "three").unwrap();
    close(&mut log, 9, 3).unwrap();
    let disk = log.into_parts().0;
    let bytes = disk.bytes(Slot::A).to_vec();
    assert_eq!(next_seq(open_at(disk, copied(&place), 4).life), Some(10));
    for bit in 0..bytes.len() * 8 {
        let mut bytes = bytes.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        let opened = open_at(MemoryDisk::from_bytes(bytes, Vec::new()), copied(&place), 4);
        let records = texts(&opened.records);
        assert!(["one", "two", "three"].starts_with(&records), "bit {bit}: {records:?}");
        assert!(matches!(opened.life, Life::New { .. }), "bit {bit}: {:?}", opened.life);
        assert!(!matches!(opened.end, End::Clean | End::Crashed), "bit {bit}: {:?}", opened.end);
    }
}

#[test]
fn damage_before_the_end_is_told_from_a_torn_end() {
    let (mut log, _) = used_log();
    append(&mut log, "three").unwrap();
    // With the checksum of the second damaged, the third cannot be checked, but the fourth can.
    append(&mut log, "four").unwrap();
    let bytes = log.disk().bytes(Slot::B).to_vec();
    let second_begins = bytes.windows(3).position(|window| window == b"two").unwrap() - 13;
    // Length, kind, number, payload, checksum: whatever is damaged.
    for offset in second_begins..second_begins + 13 + 3 + 16 {
        let mut bytes = bytes.clone();
        bytes[offset] ^= 0x10;
        let recovered = recover(&MemoryDisk::from_bytes(Vec::new(), bytes)).unwrap();
        assert!(matches!(recovered.end, End::Damaged { .. }), "{offset}: {:?}", recovered.end);
        assert_eq!(texts(&recovered.records), ["one"]);
    }
}

#[test]
fn a_record_missing_in_the_middle_is_damage() {
    let (mut log, _) = used_log();
    append(&mut log, "three").unwrap();
    append(&mut log, "four").unwrap();
    let mut bytes = log.disk().bytes(Slot::B).to_vec();
    let begins = bytes.windows(3).position(|window| window == b"two").unwrap() - 13;
    bytes.drain(begins..begins + 13 + 3 + 16);
    let recovered = recover(&MemoryDisk::from_bytes(Vec::new(), bytes)).unwrap();
    assert!(matches!(recovered.end, End::Damaged { .. }));
    assert_eq!(texts(&recovered.records), ["one"]);
}

#[test]
fn a_leftover_of_another_log_does_not_check_out_at_the_same_place() {
    let (log, _) = used_log();
    let other = {
        let mut log = open_at(MemoryDisk::default(), MemoryPlace::default(), 7).storage;
        reserve(&mut log, 100, 8).unwrap();
        append(&mut log, "uno").unwrap();
        append(&mut log, "due").unwrap();
        log
    };
    let (bytes, leftover) = (log.disk().bytes(Slot::B), other.disk().bytes(Slot::B));
    assert_eq!(bytes.len(), leftover.len());
    let second = bytes.windows(3).position(|window| window == b"two").unwrap() - 13;
    let mixed = [&bytes[..second], &leftover[second..]].concat();
    let recovered = recover(&MemoryDisk::from_bytes(Vec::new(), mixed)).unwrap();
    assert_eq!(texts(&recovered.records), ["one"]);
}
