use smallvec::smallvec;

use super::super::arbitrary::{Random, delta};
use super::super::decode_delta;
use super::*;
use crate::coverage::Coverage;
use crate::delta_cell::DeltaCell;
use crate::dot::{Dot, Seq};
use crate::entry::{Entry, Slot};
use crate::hlc::Hlc;
use crate::path::TypeTag;
use crate::range::KeyRange;

const A: ReplicaId = ReplicaId::from_bytes(*b"replica-A-------");
const B: ReplicaId = ReplicaId::from_bytes(*b"replica-B-------");
const NOW: Hlc = Hlc::new(1_790_000_000_000, 0);

/// A context of so many others, and of A with so many changes.
fn others_and_a(others: u128, own: Seq) -> VersionVector {
    let others = (1..=others).map(|id| (ReplicaId::from_u128(id << 100), 7));
    others.chain((own > 0).then_some((A, own))).collect()
}

/// What A pushes after its change `seq`, on top of `base`.
fn push_of(base: &VersionVector, seq: Seq, entry: Entry<Value>) -> Delta<Key, Value> {
    let key = Key::new("twelve chars", TypeTag::Register).unwrap();
    assert_eq!(key.as_bytes().len(), 15);
    let fresh = smallvec![(Dot::new(A, seq), entry)];
    let part = Part {
        range: KeyRange::full(),
        base: base.clone(),
        upto: base.with(A, seq),
        coverage: Coverage::Difference,
        cells: vec![DeltaCell { key, fresh, kept: Vec::new() }],
        range_tombstones: Vec::new(),
    };
    Delta { parts: vec![part], horizon: VersionVector::new(), fingerprint: None }
}

fn value(len: usize) -> Entry<Value> {
    Entry::Value { hlc: NOW, value: Value::from_serialize(&"v".repeat(len)).unwrap() }
}

/// The bytes for a reader of `reference`, who gets back what was sent.
fn through(delta: &Delta<Key, Value>, reference: &VersionVector) -> Vec<u8> {
    let bytes = encode_delta_after(delta, reference);
    let read = decode_delta_after(&bytes, &Limits::default(), reference);
    assert_eq!(read.as_ref(), Ok(delta));
    bytes
}

#[test]
fn one_change_is_these_bytes() {
    let reference: VersionVector = [(A, 40), (B, 7)].into_iter().collect();
    let delta = push_of(&reference, 41, value(1));
    let bytes = through(&delta, &reference);
    // Start with 2; times 31 and 40; times 31 and 7: 3169.
    let header = [3, 0x61, 0x0c, 1 << 3 | 1 << 5, 0];
    let part = [0x90, 0x28, 0, 2, 1, 14, 0x80, 0xb0, 0x83, 0xc5, 0x98, 0x68, 1];
    assert_eq!(bytes, [&header[..], &part, b"\x40twelve chars\x00\x01", b"\xa1v"].concat());
}

#[test]
fn one_change_takes_twenty_bytes_beside_key_and_value_whoever_else_has_written() {
    for others in [0, 3, 1_000, 65_535] {
        let reference = others_and_a(others, 5);
        let mut base = reference.clone();
        base.advance(A, 50);
        let bytes = through(&push_of(&base, 51, value(100)), &reference);
        let place = if others < 128 { 1 } else { 2 + usize::from(others >= 1 << 14) };
        assert_eq!(bytes.len() - 15 - 102, 17 + place, "{others} others");
    }
}

#[test]
fn a_counter_takes_sixteen_bytes_beside_its_key() {
    let reference = others_and_a(1_000, 5);
    let slot = Entry::Slot(Box::new(Slot { epoch: 3, inc: 100, dec: 0 }));
    assert_eq!(through(&push_of(&reference, 6, slot), &reference).len(), 15 + 16);
}

#[test]
fn an_author_that_the_reference_lacks_is_named_once_in_full() {
    for others in [0, 1_000] {
        let reference = others_and_a(others, 0);
        let bytes = through(&push_of(&reference, 1, value(100)), &reference);
        assert_eq!(bytes.len() - 15 - 102, 17 + 17, "{others} others");
    }
}

#[test]
fn an_author_with_a_place_is_refused_in_full() {
    let reference = others_and_a(0, 5);
    let mut bytes = through(&push_of(&reference, 6, value(1)), &reference);
    bytes[3] = HAS_NEW_IDS as u8 | 1 << PARTS_SHIFT;
    bytes.splice(4..5, [&[1][..], A.as_bytes()].concat());
    let read = decode_delta_after(&bytes, &Limits::default(), &reference);
    assert_eq!(read, Err(DecodeError::NotCanonical { at: 4 }));
    bytes.splice(4..21, [1]);
    bytes[3] = 1 << KNOWN_SHIFT | 1 << PARTS_SHIFT;
    let read = decode_delta_after(&bytes, &Limits::default(), &reference);
    assert_eq!(read, Err(DecodeError::UnknownReplica { at: 5, index: 1 }));
}

#[test]
fn a_reader_of_another_reference_refuses() {
    let reference = others_and_a(20, 5);
    let bytes = through(&push_of(&reference, 6, value(1)), &reference);
    for (replica, seq) in reference.iter() {
        for other in [reference.with(replica, seq + 1), reference.with(replica, 0)] {
            let read = decode_delta_after(&bytes, &Limits::default(), &other);
            assert_eq!(read, Err(DecodeError::Reference { at: 1 }));
        }
    }
    let alone = decode_delta(&bytes, &Limits::default());
    assert_eq!(alone, Err(DecodeError::Version { found: 3 }));
}

#[test]
fn no_prefix_of_a_delta_is_one() {
    let reference = others_and_a(3, 5);
    for seed in 0..20 {
        let bytes = through(&delta(&mut Random::new(seed)), &reference);
        for len in 0..bytes.len() {
            let read = decode_delta_after(&bytes[..len], &Limits::default(), &reference);
            assert!(read.is_err(), "seed {seed}, {len} of {} bytes", bytes.len());
        }
        let longer = [&bytes[..], &[0]].concat();
        assert!(decode_delta_after(&longer, &Limits::default(), &reference).is_err());
    }
}

#[test]
fn mutations_are_refused_or_say_something_else_in_its_only_form() {
    let (limits, mut accepted) = (Limits::default(), 0);
    for seed in 0..300 {
        let random = &mut Random::new(seed);
        let delta = delta(random);
        let last = delta.parts.last().map(|part| part.upto.clone()).unwrap_or_default();
        let reference = if seed % 2 == 0 { last } else { others_and_a(3, 5) };
        let original = through(&delta, &reference);
        for _ in 0..200 {
            let mut bytes = original.clone();
            // Behind the check, which would refuse nearly everything else.
            let at = 3 + random.index(bytes.len() - 3);
            match random.below(4) {
                0 => bytes[at] = random.number() as u8,
                1 => bytes.insert(at, random.number() as u8),
                2 => drop(bytes.remove(at)),
                _ => bytes[at] ^= 1 << random.below(8),
            }
            if let Ok(other) = decode_delta_after(&bytes, &limits, &reference) {
                assert_eq!(encode_delta_after(&other, &reference), bytes, "seed {seed}");
                accepted += 1;
            }
        }
    }
    assert!(accepted > 1_000);
}
