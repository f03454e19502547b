//! No bytes make a recovery panic.

use fastrand::Rng;
use rejoin_storage::{
    MemoryDisk, MemoryPlace, OpenError, RecoverError, Slot, TokenPlace, open, recover, restore,
};

use crate::common::{append, close, open_at, token, used_log};

#[test]
fn random_bytes_are_no_log_and_no_panic() {
    let mut rng = Rng::with_seed(1);
    for _ in 0..20_000 {
        let [a, b] = [(); 2].map(|()| {
            let len = rng.usize(..200);
            (0..len).map(|_| rng.u8(..)).collect::<Vec<_>>()
        });
        let _ = restore(&mut MemoryDisk::default(), &a);
        let opened = open_at(MemoryDisk::from_bytes(a, b), MemoryPlace::default(), 1);
        assert!(opened.records.is_empty());
    }
}

#[test]
fn mutated_logs_give_a_prefix_and_no_panic() {
    let mut rng = Rng::with_seed(2);
    let (mut log, _) = used_log();
    (0..10).for_each(|number| append(&mut log, &format!("record {number}")).unwrap());
    let records = recover(log.disk()).unwrap().records;
    close(&mut log, 7, 3).unwrap();
    let whole = log.disk().bytes(Slot::B).to_vec();
    for _ in 0..20_000 {
        let mut bytes = whole.clone();
        for _ in 0..rng.usize(1..4) {
            let at = rng.usize(..bytes.len());
            let end = rng.usize(at..(at + 60).min(bytes.len()));
            match rng.u8(..4) {
                0 => bytes[at] = rng.u8(..),
                1 => drop(bytes.drain(at..end)),
                2 => bytes.extend_from_within(at..end),
                _ => bytes.truncate(at.max(1)),
            }
        }
        let recovered = recover(&MemoryDisk::from_bytes(Vec::new(), bytes)).unwrap();
        assert!(records.starts_with(&recovered.records));
    }
}

#[test]
fn a_newer_format_is_refused_and_left_alone() {
    let mut header = b"rejoin\r\n\x02\0\0\0\x01\0\0\0\0\0\0\0".to_vec();
    let mut hasher = blake3::Hasher::new_keyed(b"rejoin: storage checksum, form 1");
    hasher.update(&header);
    header.extend(&hasher.finalize().as_bytes()[..16]);
    header.extend(b"what a later version has written");
    let disk = MemoryDisk::from_bytes(header, Vec::new());
    let place = MemoryPlace::default();
    let error = open(disk, place.clone(), token(1)).unwrap_err();
    assert_eq!(error, OpenError::Recover(RecoverError::NewerFormat { found: 2, known: 1 }));
    assert_eq!(place.read(), Ok(None));
}
