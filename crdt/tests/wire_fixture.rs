//! Bytes of format version 1 must be readable for ever.
//!
//! The first fixture is taken apart byte by byte at the end of `docs/wire-format.md`.

#![allow(clippy::unwrap_used, reason = "a test: whatever goes wrong fails it")]

use rejoin_crdt::path::{IntoPath, Key, TypeTag};
use rejoin_crdt::value::Value;
use rejoin_crdt::wire::{
    DecodeError, KeylessDelta, decode_delta, decode_keyless, encode_delta, encode_keyless,
};
use rejoin_crdt::{
    Coverage, Delta, DeltaCell, Dot, Entry, Fingerprint, Hlc, KeyRange, Limits, Part,
    RangeTombstone, ReplicaId, Tombstone, VersionVector,
};
use smallvec::smallvec;

const DELTA_V1: &[u8] =
    include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fixtures/delta-v1.bin"));

const KEYLESS_V1: &[u8] =
    include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fixtures/keyless-v1.bin"));

const A: ReplicaId = ReplicaId::from_bytes([0x11; 16]);
const B: ReplicaId = ReplicaId::from_bytes([0x22; 16]);

fn vector(components: &[(ReplicaId, u64)]) -> VersionVector {
    components.iter().copied().collect()
}

fn cell(
    path: impl IntoPath,
    dot: Dot,
    entry: Entry<Value>,
    kept: Vec<Dot>,
) -> DeltaCell<Key, Value> {
    let key = Key::new(path.into_path(), TypeTag::Register).unwrap();
    DeltaCell { key, fresh: smallvec![(dot, entry)], kept }
}

/// B wrote `a` and removed `b` after A had written both, then removed everything below `c`.
fn expected() -> Delta<Key, Value> {
    let value =
        Entry::Value { hlc: Hlc::new(1_000, 2), value: Value::from_serialize("hi").unwrap() };
    let removal = Tombstone { hlc: Hlc::new(1_000, 2), over: smallvec![Dot::new(A, 3)] };
    let (start, end) = "c".into_path().subtree();
    let below_c = RangeTombstone {
        dot: Dot::new(B, 3),
        range: KeyRange::new(Some(start), Some(end)),
        seen: vector(&[(A, 5)]),
    };
    let part = Part {
        coverage: Coverage::Difference,
        range: KeyRange::full(),
        base: vector(&[(A, 5)]),
        upto: vector(&[(A, 5), (B, 3)]),
        cells: vec![
            cell("a", Dot::new(B, 1), value, vec![Dot::new(A, 2)]),
            cell("b", Dot::new(B, 2), Entry::Tombstone(Box::new(removal)), vec![]),
        ],
        range_tombstones: vec![below_c],
    };
    let fingerprint = Some(Fingerprint(*b"fingerprint-0123"));
    Delta { parts: vec![part], horizon: vector(&[(A, 1)]), fingerprint }
}

#[test]
fn a_delta_of_format_version_1_is_read_and_written_as_ever() {
    assert!(expected().validate(&Limits::default()).is_ok());
    assert_eq!(decode_delta(DELTA_V1, &Limits::default()), Ok(expected()));
    assert_eq!(encode_delta(&expected()), DELTA_V1);
}

/// The same delta, whose removal of `b` goes without its key.
#[test]
fn a_delta_without_keys_is_read_and_written_as_ever() {
    let keyless = KeylessDelta::from(expected()).omit_keys(1);
    assert_eq!((keyless.keyless_count(), keyless.cell_count()), (1, 2));
    assert_eq!(encode_keyless(&keyless), KEYLESS_V1);
    assert_eq!(decode_keyless(KEYLESS_V1, &Limits::default()), Ok(keyless));
    assert_eq!(decode_delta(KEYLESS_V1, &Limits::default()), Err(DecodeError::Keyless));
}
