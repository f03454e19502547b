//! A second decoder, written from `docs/storage-format.md` alone: if page and code part, this fails.

use rejoin_storage::{MemoryDisk, MemoryPlace, Slot, Write, export_snapshot};

use crate::common::{ALICE, append, close, open_at, token, used_log, write};

#[derive(PartialEq, Debug)]
enum Frame {
    Record(Vec<u8>),
    Life { token: Vec<u8>, life: Option<(Vec<u8>, u64)> },
    Seal(Option<(u8, u64)>),
    Close { token: Vec<u8>, last_seq: u64 },
}

fn number(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |number, &byte| number << 8 | u64::from(byte))
}

fn checksum(bytes: &[u8]) -> Vec<u8> {
    let hash = blake3::keyed_hash(b"rejoin: storage checksum, form 1", bytes);
    hash.as_bytes()[..16].to_vec()
}

/// Generation and frames of a slot; everything must check out.
fn decode(slot: &[u8]) -> (u64, Vec<Frame>) {
    assert_eq!(slot[..8], [0x72, 0x65, 0x6a, 0x6f, 0x69, 0x6e, 0x0d, 0x0a]);
    assert_eq!(number(&slot[8..12]), 1);
    assert_eq!(slot[20..36], checksum(&slot[..20]));
    let mut frames = Vec::new();
    let mut at = 36;
    while at < slot.len() {
        let frame = &slot[at..];
        let end = 13 + usize::try_from(number(&frame[..4])).unwrap();
        assert_eq!(number(&frame[5..13]), frames.len() as u64);
        assert_eq!(frame[end..end + 16], checksum(&slot[at - 16..at + end]));
        let payload = frame[13..end].to_vec();
        frames.push(match frame[4] {
            1 => Frame::Record(payload),
            2 if payload.len() == 16 => Frame::Life { token: payload, life: None },
            2 => Frame::Life {
                token: payload[..16].to_vec(),
                life: Some((payload[16..32].to_vec(), number(&payload[32..40]))),
            },
            3 if payload.is_empty() => Frame::Seal(None),
            3 => Frame::Seal(Some((payload[0], number(&payload[1..9])))),
            4 => Frame::Close { token: payload[..16].to_vec(), last_seq: number(&payload[16..24]) },
            kind => panic!("kind {kind}"),
        });
        at += end + 16;
    }
    (number(&slot[12..20]), frames)
}

fn life(of: u128, seq_limit: u64) -> Frame {
    let life = Some((ALICE.as_bytes().to_vec(), seq_limit));
    Frame::Life { token: token(of).0.to_vec(), life }
}

#[test]
fn a_log_is_written_as_the_page_says() {
    let (mut log, _) = used_log();
    let frames = vec![
        Frame::Life { token: token(1).0.to_vec(), life: None },
        Frame::Seal(None),
        life(2, 100),
        Frame::Record(b"one".to_vec()),
        Frame::Record(b"two".to_vec()),
    ];
    assert_eq!(decode(log.disk().bytes(Slot::B)), (2, frames));
    assert!(log.disk().bytes(Slot::A).is_empty());

    write(&mut log, Write::checkpoint([b"both".to_vec()])).unwrap();
    append(&mut log, "").unwrap();
    close(&mut log, 7, 3).unwrap();
    let frames = vec![
        life(2, 100),
        Frame::Record(b"both".to_vec()),
        Frame::Seal(None),
        Frame::Record(Vec::new()),
        Frame::Close { token: token(3).0.to_vec(), last_seq: 7 },
    ];
    assert_eq!(decode(log.disk().bytes(Slot::A)), (3, frames));
}

#[test]
fn the_copy_of_a_torn_log_says_so_in_its_seal() {
    let (log, place) = used_log();
    let torn = [log.disk().bytes(Slot::B), &[9; 77]].concat();
    let log = open_at(MemoryDisk::from_bytes(Vec::new(), torn), place, 3).storage;
    let frames = vec![
        Frame::Life { token: token(3).0.to_vec(), life: None },
        Frame::Record(b"one".to_vec()),
        Frame::Record(b"two".to_vec()),
        Frame::Seal(Some((1, 77))),
    ];
    assert_eq!(decode(log.disk().bytes(Slot::A)), (3, frames));
}

#[test]
fn a_snapshot_is_written_as_the_page_says() {
    let frames = vec![Frame::Record(b"one".to_vec()), Frame::Seal(None)];
    assert_eq!(decode(&export_snapshot(["one"]).unwrap()), (0, frames));
}

/// The bytes of the first open, for ever: old logs stay readable.
#[test]
fn the_bytes_of_an_empty_log_are_these() {
    let log = open_at(MemoryDisk::default(), MemoryPlace::default(), 1).storage;
    let bytes = log.disk().bytes(Slot::B);
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let expected = [
        "72656a6f696e0d0a0100000002000000000000001e8c3ceb26e03814446166d60e660851",
        "10000000020000000000000000010000000000000000000000000000008789f4377f77dcad00584fe9efda97f3",
        "00000000030100000000000000508bb7ec37163fa551d2a563fbc7a9e7",
    ];
    assert_eq!(hex, expected.concat());
}
