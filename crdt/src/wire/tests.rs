use std::iter::repeat_n;

use quickcheck::{QuickCheck, quickcheck};
use smallvec::smallvec;

use super::arbitrary::{AnyDelta, Random, delta};
use super::*;
use crate::coverage::Coverage;
use crate::dot::{Dot, Seq};
use crate::entry::Slot;
use crate::hlc::Hlc;
use crate::path::{IntoPath, TypeTag};

fn decode(bytes: &[u8]) -> Result<Delta<Key, Value>, DecodeError> {
    decode_delta(bytes, &Limits::default())
}

quickcheck! {
    fn a_delta_comes_back_as_it_was_encoded(delta: AnyDelta) -> bool {
        decode(&encode_delta(&delta.0)).as_ref() == Ok(&delta.0)
    }

    fn a_delta_comes_back_after_any_reference(delta: AnyDelta, other: AnyDelta) -> bool {
        let limits = Limits::default();
        let of = |delta: &Delta<Key, Value>| {
            delta.parts.last().map(|part| part.upto.clone()).unwrap_or_default()
        };
        let half = of(&delta.0).iter().step_by(2).map(|(id, seq)| (id, seq / 2)).collect();
        let mut joined = of(&other.0);
        joined.join(&half);
        [of(&delta.0), of(&other.0), half, joined, VersionVector::new()].iter().all(|reference| {
            let bytes = encode_delta_after(&delta.0, reference);
            let read = decode_delta_after(&bytes, &limits, reference);
            read.as_ref() == Ok(&delta.0) && decode_delta(&bytes, &limits).is_err()
        })
    }

    fn damage_to_a_delta_with_a_reference_is_refused_or_is_another_delta(delta: AnyDelta) -> bool {
        let limits = Limits::default();
        let reference: VersionVector = [(A, 7), (B, 9)].into_iter().collect();
        let bytes = encode_delta_after(&delta.0, &reference);
        (0..bytes.len()).step_by(1 + bytes.len() / 40).all(|at| {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1 << (at % 8);
            match decode_delta_after(&damaged, &limits, &reference) {
                Ok(other) => encode_delta_after(&other, &reference) == damaged
                    || decode_delta(&damaged, &limits).is_ok(),
                Err(_) => true,
            }
        })
    }

    fn a_delta_may_cost_exactly_what_its_sender_computes(delta: AnyDelta) -> bool {
        let bytes = encode_delta(&delta.0);
        let needed = bytes.len() as u64 + decoded_bytes(&delta.0);
        let limits = |memory: u64| {
            Limits { delta_bytes: memory.div_ceil(3) as usize, ..Limits::default() }
        };
        let is_too_long = limits(needed).delta_bytes < bytes.len();
        let refused = DecodeError::Memory { limit_bytes: needed.div_ceil(3) * 3 - 3 };
        is_too_long
            || decode_delta(&bytes, &limits(needed)).is_ok()
                && (limits(needed - 3).delta_bytes < bytes.len()
                    || decode_delta(&bytes, &limits(needed - 3)) == Err(refused))
    }
}

#[test]
fn random_deltas_contain_everything_that_a_delta_can_contain() {
    let deltas: Vec<_> = (0..200).map(|seed| delta(&mut Random::new(seed))).collect();
    let has = |what: &dyn Fn(&Delta<Key, Value>) -> bool| {
        assert!(deltas.iter().filter(|delta| what(delta)).count() > 10);
    };
    has(&|delta| delta.parts.len() > 1);
    has(&|delta| !delta.horizon.is_empty());
    has(&|delta| delta.fingerprint.is_some());
    has(&|delta| delta.parts.iter().any(|part| part.range_tombstones.len() > 1));
    let cells = |delta: &Delta<Key, Value>, what: &dyn Fn(&DeltaCell<Key, Value>) -> bool| {
        delta.parts.iter().flat_map(|part| &part.cells).any(what)
    };
    has(&|delta| cells(delta, &|cell| cell.fresh.len() > 1));
    has(&|delta| cells(delta, &|cell| !cell.kept.is_empty()));
    let entries = |delta: &Delta<Key, Value>, what: &dyn Fn(&Entry<Value>) -> bool| {
        cells(delta, &|cell| cell.fresh.iter().any(|(_, entry)| what(entry)))
    };
    has(&|delta| entries(delta, &|entry| matches!(entry, Entry::Tombstone(t) if t.over.len() > 1)));
    has(&|delta| entries(delta, &|entry| matches!(entry, Entry::Slot(_))));
    has(&|delta| entries(delta, &|entry| matches!(entry, Entry::Reset(r) if r.records.len() > 1)));
    has(&|delta| entries(delta, &|entry| matches!(entry, Entry::Row(r) if r.sent.len() > 1)));
}

/// Decodes what may be anything: nothing panics, and what is accepted has no second form, unless
/// there are unknown elements, of which there are none with the usual array header.
fn is_refused_or_canonical(bytes: &[u8]) -> bool {
    match decode(bytes) {
        Ok(delta) => bytes[1] != 0x94 || encode_delta(&delta) == bytes,
        Err(_) => true,
    }
}

#[test]
fn a_changed_byte_is_refused_or_says_something_else_in_its_only_form() {
    let mut accepted = 0;
    for seed in 0..40 {
        let mut bytes = encode_delta(&delta(&mut Random::new(seed)));
        for at in 0..bytes.len().min(1_000) {
            for flip in [1, 2, 3, 0x40, 0x7f, 0x80, 0xff] {
                bytes[at] ^= flip;
                assert!(is_refused_or_canonical(&bytes), "seed {seed}, byte {at} ^ {flip:#x}");
                accepted += usize::from(decode(&bytes).is_ok());
                bytes[at] ^= flip;
            }
        }
    }
    assert!(accepted > 1_000);
}

#[test]
fn two_hundred_thousand_mutations_do_no_harm() {
    for seed in 0..400 {
        let random = &mut Random::new(seed);
        let original = encode_delta(&delta(random));
        for _ in 0..500 {
            let bytes = random.mutated(&original);
            assert!(is_refused_or_canonical(&bytes), "seed {seed}: {bytes:02x?}");
        }
    }
}

#[test]
fn no_prefix_of_a_delta_is_one() {
    for seed in 0..20 {
        let bytes = encode_delta(&delta(&mut Random::new(seed)));
        for len in 0..bytes.len() {
            assert!(decode(&bytes[..len]).is_err(), "seed {seed}, {len} of {} bytes", bytes.len());
        }
        assert!(decode(&[&bytes[..], &[0]].concat()).is_err());
    }
}

#[test]
fn elements_of_a_later_version_are_passed_over() {
    let delta = delta(&mut Random::new(1));
    let mut bytes = encode_delta(&delta);
    assert_eq!(bytes[1], 0x94);
    bytes[1] = 0x96;
    bytes.extend(*b"\x82\x01\xc0\x02\xa2hi\xc4\x01x");
    assert_eq!(decode(&bytes), Ok(delta));
}

#[test]
fn another_major_version_is_named() {
    let mut bytes = encode_delta(&delta(&mut Random::new(1)));
    bytes[0] = 2;
    assert_eq!(decode(&bytes), Err(DecodeError::Version { found: 2 }));
}

const A: ReplicaId = ReplicaId::from_bytes(*b"replica-A-------");
const B: ReplicaId = ReplicaId::from_bytes(*b"replica-B-------");
const C: ReplicaId = ReplicaId::from_bytes(*b"replica-C-------");
const NOW: Hlc = Hlc::new(1_790_000_000_000, 0);

/// A delta of the full range.
fn delta_of(
    base: &[(ReplicaId, Seq)],
    upto: &[(ReplicaId, Seq)],
    cells: Vec<DeltaCell<Key, Value>>,
) -> Delta<Key, Value> {
    let (base, upto) = (base.iter().copied().collect(), upto.iter().copied().collect());
    let (range, coverage, range_tombstones) = (KeyRange::full(), Coverage::Difference, Vec::new());
    let part = Part { range, base, upto, coverage, cells, range_tombstones };
    let delta = Delta { parts: vec![part], horizon: VersionVector::new(), fingerprint: None };
    assert!(delta.clone().validate(&Limits::default()).is_ok());
    delta
}

fn cell(key: Key, seq: Seq, entry: Entry<Value>) -> DeltaCell<Key, Value> {
    DeltaCell { key, fresh: smallvec![(Dot::new(A, seq), entry)], kept: Vec::new() }
}

fn value_of_100_bytes() -> Entry<Value> {
    let value = Value::from_serialize(&"v".repeat(98)).unwrap();
    assert_eq!(value.as_bytes().len(), 100);
    Entry::Value { hlc: NOW, value }
}

fn key(path: impl IntoPath) -> Key {
    Key::new(path, TypeTag::Register).unwrap()
}

#[test]
fn one_changed_cell_takes_44_bytes_beside_key_and_value() {
    let one = key(("user", 42, "n"));
    assert_eq!(one.as_bytes().len(), 12);
    let one = |base: &[_], upto: &[_]| {
        encode_delta(&delta_of(
            base,
            upto,
            vec![cell(one.clone(), upto[0].1, value_of_100_bytes())],
        ))
    };
    assert!(one(&[(A, 40)], &[(A, 41)]).len() <= 154);
    assert!(one(&[(A, 1_000_000)], &[(A, 1_000_001)]).len() <= 156);
    // Each further replica costs its id and its component of base.
    let (base, upto) = ([(A, 900), (B, 2_000), (C, 80)], [(A, 901), (B, 2_000), (C, 80)]);
    assert!(one(&base, &upto).len() <= 193);
}

#[test]
fn a_bulk_load_takes_less_than_four_bytes_per_cell_beside_key_suffix_and_value() {
    const CELLS: u64 = 20_000;
    let load = |seq_of: &dyn Fn(u64) -> Seq| {
        let cells = (0..CELLS).map(|n| cell(key(("users", n)), seq_of(n), value_of_100_bytes()));
        let delta = delta_of(&[], &[(A, CELLS)], cells.collect());
        let mut last: &[u8] = &[];
        let mut suffixes = 0;
        for cell in &delta.parts[0].cells {
            suffixes += cell.key.as_bytes().len() - bounds::shared_len(last, cell.key.as_bytes());
            last = cell.key.as_bytes();
        }
        let bytes = encode_delta(&delta);
        assert_eq!(decode(&bytes), Ok(delta));
        (bytes.len() - suffixes - 100 * CELLS as usize) as f64 / CELLS as f64
    };
    let in_key_order = load(&|n| n + 1);
    // 7 919 is a prime: every sequence number once, far from its neighbours.
    let shuffled = load(&|n| n * 7_919 % CELLS + 1);
    assert!(in_key_order < 0.85, "{in_key_order}");
    assert!(shuffled < 4.0, "{shuffled}");
}

#[test]
fn runs_cannot_make_a_few_bytes_cost_gigabytes() {
    let slot =
        |seq| cell(key(seq), seq, Entry::Slot(Box::new(Slot { epoch: seq, inc: 1, dec: 0 })));
    let cells = (1..=400_000).map(slot).collect();
    let bytes = encode_delta(&delta_of(&[], &[(A, 400_000)], cells));
    assert!(bytes.len() < 2 << 20);
    let limit_bytes = 3 * Limits::default().delta_bytes as u64;
    assert_eq!(decode(&bytes), Err(DecodeError::Memory { limit_bytes }));
}

#[test]
fn a_count_is_held_against_its_limit_before_its_things_are_read() {
    let cells = (1..=20).map(|n| cell(key(n), n, value_of_100_bytes())).collect();
    let bytes = encode_delta(&delta_of(&[], &[(A, 20)], cells));
    let limits = Limits { cells_per_delta: 19, ..Limits::default() };
    let refused = decode_delta(&bytes, &limits);
    assert!(matches!(refused, Err(DecodeError::TooMany { found: 20, limit: 19, .. })));
    let limits = Limits { value_bytes: 99, ..Limits::default() };
    assert!(matches!(decode_delta(&bytes, &limits), Err(DecodeError::Value { .. })));
    let limits = Limits { key_components: 0, ..Limits::default() };
    assert!(matches!(decode_delta(&bytes, &limits), Err(DecodeError::Key { .. })));
    let limits = Limits { delta_bytes: bytes.len() - 1, ..Limits::default() };
    assert!(matches!(decode_delta(&bytes, &limits), Err(DecodeError::TooLong { .. })));
    let limits = Limits { version_vector_entries: 0, ..Limits::default() };
    assert!(matches!(decode_delta(&bytes, &limits), Err(DecodeError::TooMany { found: 1, .. })));
}

fn any_vector(random: &mut Random) -> VersionVector {
    let ids = 0..random.below(6);
    ids.map(|_| (ReplicaId::from_u128(u128::from(random.below(9))), random.number())).collect()
}

fn any_context(random: &mut Random) -> Context<Key> {
    let starts: BTreeSet<_> = (0..random.below(6)).map(|_| random.below(99)).collect();
    let starts = repeat_n(None, 1).chain(starts.into_iter().map(|n| Some(key(n))));
    let segments: Vec<_> = starts.map(|start| (start, any_vector(random))).collect();
    Context::from_segments(segments).unwrap_or_default()
}

#[test]
fn contexts_and_version_vectors_come_back_and_have_one_form() {
    let limits = Limits::default();
    for seed in 0..300 {
        let random = &mut Random::new(seed);
        let (vector, context) = (any_vector(random), any_context(random));
        let mut bytes = encode_version_vector(&vector);
        assert_eq!(decode_version_vector(&bytes, &limits), Ok(vector));
        for at in 0..bytes.len() {
            assert!(decode_version_vector(&bytes[..at], &limits).is_err());
            bytes[at] ^= 1 << random.below(8);
            let changed = decode_version_vector(&bytes, &limits);
            assert!(changed.is_err() || changed.is_ok_and(|v| encode_version_vector(&v) == bytes));
            bytes = encode_version_vector(&any_vector(&mut Random::new(seed)));
        }
        let original = encode_context(&context);
        assert_eq!(decode_context(&original, &limits), Ok(context));
        for at in 0..original.len() {
            assert!(decode_context(&original[..at], &limits).is_err());
            let mut bytes = original.clone();
            bytes[at] ^= 1 << random.below(8);
            let changed = decode_context(&bytes, &limits);
            assert!(changed.is_err() || changed.is_ok_and(|c| encode_context(&c) == bytes));
        }
    }
}

/// A context of so many segments, with so many different vectors in turn.
fn segmented(segments: usize, vectors: u64) -> Context<Key> {
    let starts = (1_u64..).map(|n| Key::new((n,).into_path(), TypeTag::Register).ok());
    let starts = std::iter::once(None).chain(starts);
    let seqs = (1..=vectors).cycle().map(|seq| [(A, seq)].into_iter().collect());
    Context::from_segments(starts.zip(seqs).take(segments)).expect("neighbours differ")
}

#[test]
fn a_context_beyond_what_a_replica_may_have_is_refused() {
    let decoded = |segments: usize, vectors: usize| {
        let context = segmented(segments, vectors as u64);
        decode_context(&encode_context(&context), &Limits::default()).map(|read| read == context)
    };
    assert_eq!(decoded(MOST_SEGMENTS, MOST_VECTORS), Ok(true));
    for (segments, vectors, limit) in
        [(MOST_SEGMENTS + 1, 2, MOST_SEGMENTS), (MOST_VECTORS + 1, MOST_VECTORS + 1, MOST_VECTORS)]
    {
        let found = wide(limit) + 1;
        let refused = decoded(segments, vectors);
        assert!(
            matches!(refused, Err(DecodeError::TooMany { found: f, limit: l, .. }) if (f, l) == (found, wide(limit))),
            "{refused:?}"
        );
    }
}

#[test]
fn the_context_of_a_replica_that_is_not_hydrating_is_as_short_as_its_vector() {
    let vector: VersionVector = [(A, 7), (B, 70)].into_iter().collect();
    assert_eq!(encode_version_vector(&vector).len(), 1 + 1 + 2 + 32 + 2 + 6);
    let context = Context::from(vector.clone());
    assert_eq!(encode_context(&context).len(), encode_version_vector(&vector).len() + 1);
}

#[test]
fn ten_thousand_random_deltas_come_back() {
    fn comes_back(delta: AnyDelta) -> bool {
        decode(&encode_delta(&delta.0)).is_ok_and(|decoded| decoded == delta.0)
    }
    QuickCheck::new().tests(10_000).quickcheck(comes_back as fn(AnyDelta) -> bool);
}
