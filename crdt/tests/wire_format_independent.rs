//! A second decoder, written from `docs/wire-format.md` alone: if page and code part, this fails.
//!
//! It trusts its input and takes whole columns into memory, so it is short; only the envelope is read
//! by a library.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "a test: whatever goes wrong fails it"
)]

use std::collections::BTreeMap;

use rejoin_crdt::path::{IntoPath, Key, TypeTag};
use rejoin_crdt::value::Value;
use rejoin_crdt::wire::{KeylessDelta, encode_delta, encode_keyless};
use rejoin_crdt::{
    Coverage, Delta, DeltaCell, Dot, Entry, Fingerprint, Hlc, KeyRange, Limits, Part,
    RangeTombstone, Record, ReplicaId, Reset, Row, Slot, Tombstone, VersionVector,
};
use smallvec::smallvec;

type Id = [u8; 16];
type PlainDot = (Id, u64);
type Vector = BTreeMap<Id, u64>;
type Range = [Option<Vec<u8>>; 2];

#[derive(PartialEq, Debug)]
struct PlainDelta {
    horizon: Vector,
    fingerprint: Option<Vec<u8>>,
    parts: Vec<PlainPart>,
}

#[derive(PartialEq, Debug)]
struct PlainPart {
    range: Range,
    base: Vector,
    upto: Vector,
    coverage: u64,
    tombstones: Vec<(PlainDot, Range, Vector)>,
    removals: Vec<PlainRemoval>,
    /// Over the keys of the removals.
    check: Vec<u8>,
    cells: Vec<PlainCell>,
}

#[derive(PartialEq, Debug)]
struct PlainRemoval {
    dot: PlainDot,
    ms: u64,
    logical: u64,
    over: PlainDot,
}

#[derive(PartialEq, Debug)]
struct PlainCell {
    key: Vec<u8>,
    fresh: Vec<(PlainDot, PlainEntry)>,
    kept: Vec<PlainDot>,
}

#[derive(PartialEq, Debug)]
enum PlainEntry {
    Value { ms: u64, logical: u64, bytes: Vec<u8> },
    Tombstone { ms: u64, logical: u64, over: Vec<PlainDot> },
    Slot { epoch: u64, inc: u64, dec: u64 },
    Reset(Vec<(PlainDot, u64, u64)>),
    Row { inc: u64, dec: u64, sent: Vec<(Id, u64)> },
}

// The decoder.

fn varint(bytes: &mut &[u8]) -> u64 {
    let len = bytes.iter().position(|byte| byte & 0x80 == 0).unwrap() + 1;
    let (number, rest) = bytes.split_at(len);
    *bytes = rest;
    number.iter().rev().fold(0, |sum, byte| (sum << 7) | u64::from(byte & 0x7f))
}

fn take<'a>(bytes: &mut &'a [u8], len: u64) -> &'a [u8] {
    let (taken, rest) = bytes.split_at(len as usize);
    *bytes = rest;
    taken
}

fn plus(from: u64, zigzag: u64) -> u64 {
    let signed = (zigzag >> 1) as i64 ^ -((zigzag & 1) as i64);
    from.wrapping_add(signed as u64)
}

fn bin<'a>(bytes: &mut &'a [u8]) -> &'a [u8] {
    let len = rmp::decode::read_bin_len(bytes).unwrap();
    take(bytes, u64::from(len))
}

fn nil_or_bin<'a>(bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    if bytes[0] == 0xc0 {
        *bytes = &bytes[1..];
        return None;
    }
    Some(bin(bytes))
}

fn vector(bytes: &mut &[u8], ids: &[Id], reference: &Vector) -> Vector {
    let mut vector = reference.clone();
    let mut next = 0;
    for _ in 0..varint(bytes) {
        let at = next + varint(bytes) as usize;
        next = at + 1;
        let seq = vector.entry(ids[at]).or_default();
        *seq = plus(*seq, varint(bytes));
    }
    vector.retain(|_, seq| *seq > 0);
    vector
}

fn range(bytes: &mut &[u8], last: &mut Vec<u8>, flags: u64) -> Range {
    [1, 2].map(|flag| {
        (flags & flag != 0).then(|| {
            let (shared, len) = (varint(bytes), varint(bytes));
            last.truncate(shared as usize);
            last.extend(take(bytes, len));
            last.clone()
        })
    })
}

fn column(bytes: &mut &[u8], is_present: bool, len: usize) -> std::vec::IntoIter<u64> {
    let mut numbers = Vec::new();
    if !is_present {
        numbers.resize(len, 0);
    }
    while numbers.len() < len {
        match len - numbers.len() {
            missing @ 1..8 => (0..missing).for_each(|_| numbers.push(varint(bytes))),
            _ => match varint(bytes) {
                h if h % 2 == 1 => {
                    let number = varint(bytes);
                    (0..(h - 1) / 2 + 8).for_each(|_| numbers.push(number));
                }
                h => literals(bytes, h as usize / 2 + 1, &mut numbers),
            },
        }
    }
    numbers.into_iter()
}

fn literals(bytes: &mut &[u8], count: usize, numbers: &mut Vec<u64>) {
    for first in (0..count).step_by(128) {
        let len = (count - first).min(128);
        let width = if len < 8 { 0 } else { usize::from(take(bytes, 1)[0]) };
        if width == 0 {
            (0..len).for_each(|_| numbers.push(varint(bytes)));
            continue;
        }
        let packed = take(bytes, (len * width).div_ceil(8) as u64);
        let bit = |at: usize| u64::from(packed[at / 8] >> (at % 8) & 1);
        let number = |at: usize| (0..width).map(|i| bit(at * width + i) << i).sum::<u64>();
        numbers.extend((0..len).map(number));
    }
}

fn sum(column: &std::vec::IntoIter<u64>) -> usize {
    column.as_slice().iter().sum::<u64>() as usize
}

/// The sequence number written as this difference from the expected one.
fn expected(history: &mut Vector, base: &Vector, id: Id, difference: u64) -> PlainDot {
    let last = history.entry(id).or_insert_with(|| base.get(&id).copied().unwrap_or(0));
    *last = plus(*last + 1, difference);
    (id, *last)
}

fn tombstones(
    bytes: &mut &[u8],
    ids: &[Id],
    last_bound: &mut Vec<u8>,
    base: &Vector,
) -> Vec<(PlainDot, Range, Vector)> {
    let (mut history, mut seen) = (Vector::new(), base.clone());
    let count = varint(bytes);
    let one = |_| {
        let id = ids[varint(bytes) as usize];
        let dot = expected(&mut history, base, id, varint(bytes));
        let flags = varint(bytes);
        let range = range(bytes, last_bound, flags);
        seen = vector(bytes, ids, &seen);
        (dot, range, seen.clone())
    };
    (0..count).map(one).collect()
}

fn removals(bytes: &mut &[u8], ids: &[Id], base: &Vector) -> (Vec<PlainRemoval>, Vec<u8>) {
    let n = varint(bytes) as usize;
    let flags = varint(bytes);
    let columns = [1, 2, 4, 8, 16, 32].map(|flag| column(bytes, flags & flag != 0, n));
    let check = take(bytes, 8).to_vec();
    let (mut own_history, mut over_history) = (Vector::new(), Vector::new());
    let mut ms = 0;
    let one = |at: usize| {
        let number = |column: usize| columns[column].as_slice()[at];
        let dot = expected(&mut own_history, base, ids[number(0) as usize], number(1));
        ms = plus(ms, number(2));
        let over = expected(&mut over_history, base, ids[number(4) as usize], number(5));
        PlainRemoval { dot, ms, logical: number(3), over }
    };
    ((0..n).map(one).collect(), check)
}

fn cells(mut bytes: &[u8], ids: &[Id], flags: u64, base: &Vector) -> Vec<PlainCell> {
    let least_fresh = if (flags >> 22) & 3 == 0 { 1 } else { 0 };
    let n = varint(&mut bytes) as usize;
    let mut bit = 2;
    let mut next = |len| {
        bit += 1;
        column(&mut bytes, flags & (1 << bit) != 0, len)
    };
    let mut shared = next(n);
    let mut suffix = next(n);
    let mut further = next(n);
    let mut kept = next(n);
    let entries = n * least_fresh + sum(&further);
    let (mut replica, mut seq, mut kind) = (next(entries), next(entries), next(entries));
    let kinds = kind.as_slice().to_vec();
    let of_kind = |wanted: u64| kinds.iter().filter(|kind| **kind == wanted).count();
    let stamped = of_kind(0) + of_kind(1);
    let (mut ms, mut logical) = (next(stamped), next(stamped));
    let mut value = next(of_kind(0));
    let (mut over, mut records, mut sent) = (next(of_kind(1)), next(of_kind(3)), next(of_kind(4)));
    let named_dots = sum(&kept) + sum(&over) + sum(&records);
    let (mut named_replica, mut named_seq) = (next(named_dots + sum(&sent)), next(named_dots));
    let mut epoch = next(of_kind(2));
    let totals = of_kind(2) + sum(&records) + of_kind(4);
    let (mut inc, mut dec, mut rights) = (next(totals), next(totals), next(sum(&sent)));
    let suffixes_len = sum(&suffix) + n;
    let mut suffixes = take(&mut bytes, suffixes_len as u64);
    let mut values = bytes;
    assert_eq!(values.len(), sum(&value) + of_kind(0));

    let (mut key, mut last_ms) = (Vec::new(), 0);
    let (mut fresh_history, mut named_history) = (Vector::new(), Vector::new());
    let dots = replica.by_ref().zip(seq.by_ref());
    let dots = dots.map(|(id, seq)| expected(&mut fresh_history, base, ids[id as usize], seq));
    let dots: Vec<PlainDot> = dots.collect();
    let mut stamped: Vec<usize> = (0..entries).filter(|entry| kinds[*entry] < 2).collect();
    stamped.sort_by_key(|entry| dots[*entry]);
    let mut stamps = vec![(0, 0); entries];
    for entry in stamped {
        last_ms = plus(last_ms, ms.next().unwrap());
        stamps[entry] = (last_ms, logical.next().unwrap());
    }
    let (mut dots, mut stamps) = (dots.into_iter(), stamps.into_iter());
    let number = |column: &mut std::vec::IntoIter<u64>| column.next().unwrap();
    let mut named = |named_replica: &mut std::vec::IntoIter<u64>| {
        let id = ids[named_replica.next().unwrap() as usize];
        expected(&mut named_history, base, id, named_seq.next().unwrap())
    };
    let mut cells = Vec::new();
    for _ in 0..n {
        key.truncate(number(&mut shared) as usize);
        key.extend(take(&mut suffixes, number(&mut suffix) + 1));
        let kept = (0..number(&mut kept)).map(|_| named(&mut named_replica)).collect();
        let mut fresh = Vec::new();
        for _ in 0..number(&mut further) + least_fresh as u64 {
            let (dot, (ms, logical)) = (dots.next().unwrap(), stamps.next().unwrap());
            let entry = match number(&mut kind) {
                0 => {
                    let bytes = take(&mut values, number(&mut value) + 1).to_vec();
                    PlainEntry::Value { ms, logical, bytes }
                }
                1 => {
                    let over = (0..number(&mut over)).map(|_| named(&mut named_replica)).collect();
                    PlainEntry::Tombstone { ms, logical, over }
                }
                2 => {
                    let epoch = dot.1 - number(&mut epoch);
                    PlainEntry::Slot { epoch, inc: number(&mut inc), dec: number(&mut dec) }
                }
                3 => {
                    let record =
                        |_| (named(&mut named_replica), inc.next().unwrap(), dec.next().unwrap());
                    PlainEntry::Reset((0..number(&mut records)).map(record).collect())
                }
                4 => {
                    let (inc, dec) = (number(&mut inc), number(&mut dec));
                    let right = |_| {
                        let id = ids[named_replica.next().unwrap() as usize];
                        (id, rights.next().unwrap())
                    };
                    let sent = (0..number(&mut sent)).map(right).collect();
                    PlainEntry::Row { inc, dec, sent }
                }
                kind => panic!("kind {kind}"),
            };
            fresh.push((dot, entry));
        }
        cells.push(PlainCell { key: key.clone(), fresh, kept });
    }
    cells
}

fn decode(mut bytes: &[u8]) -> PlainDelta {
    assert_eq!(take(&mut bytes, 1), [1]);
    assert_eq!(rmp::decode::read_array_len(&mut bytes).unwrap(), 4);
    let ids: Vec<Id> = bin(&mut bytes).chunks(16).map(|id| id.try_into().unwrap()).collect();
    let horizon = nil_or_bin(&mut bytes)
        .map_or_else(Vector::new, |mut bytes| vector(&mut bytes, &ids, &Vector::new()));
    let fingerprint = nil_or_bin(&mut bytes).map(<[u8]>::to_vec);
    let (mut last_bound, mut reference) = (Vec::new(), horizon.clone());
    let mut parts = Vec::new();
    for _ in 0..rmp::decode::read_array_len(&mut bytes).unwrap() {
        let mut bytes = bin(&mut bytes);
        let flags = varint(&mut bytes);
        let base = vector(&mut bytes, &ids, &reference);
        let upto = vector(&mut bytes, &ids, &base);
        let range = range(&mut bytes, &mut last_bound, flags);
        let tombstones = match flags & 4 {
            0 => Vec::new(),
            _ => tombstones(&mut bytes, &ids, &mut last_bound, &base),
        };
        let (removals, check) = match (flags >> 24) & 1 {
            0 => (Vec::new(), Vec::new()),
            _ => removals(&mut bytes, &ids, &base),
        };
        let cells = cells(bytes, &ids, flags, &base);
        reference = base.clone();
        let coverage = (flags >> 22) & 3;
        parts.push(PlainPart { range, base, upto, coverage, tombstones, removals, check, cells });
    }
    assert!(bytes.is_empty());
    PlainDelta { horizon, fingerprint, parts }
}

// What the decoder should have found.

fn plain(delta: &Delta<Key, Value>) -> PlainDelta {
    PlainDelta {
        horizon: plain_vector(&delta.horizon),
        fingerprint: delta.fingerprint.map(|fingerprint| fingerprint.0.to_vec()),
        parts: delta.parts.iter().map(plain_part).collect(),
    }
}

fn plain_part(part: &Part<Key, Value>) -> PlainPart {
    let tombstone =
        |t: &RangeTombstone<Key>| (plain_dot(&t.dot), plain_range(&t.range), plain_vector(&t.seen));
    let cell = |cell: &DeltaCell<Key, Value>| PlainCell {
        key: cell.key.as_bytes().to_vec(),
        fresh: cell.fresh.iter().map(|(dot, e)| (plain_dot(dot), plain_entry(e))).collect(),
        kept: cell.kept.iter().map(plain_dot).collect(),
    };
    PlainPart {
        range: plain_range(&part.range),
        base: plain_vector(&part.base),
        upto: plain_vector(&part.upto),
        coverage: part.coverage as u64,
        tombstones: part.range_tombstones.iter().map(tombstone).collect(),
        removals: Vec::new(),
        check: Vec::new(),
        cells: part.cells.iter().map(cell).collect(),
    }
}

fn plain_entry(entry: &Entry<Value>) -> PlainEntry {
    let stamp = |hlc: Hlc| (hlc.to_u64() >> 16, hlc.to_u64() & 0xffff);
    match entry {
        Entry::Value { hlc, value } => {
            let (ms, logical) = stamp(*hlc);
            PlainEntry::Value { ms, logical, bytes: value.as_bytes().to_vec() }
        }
        Entry::Tombstone(tombstone) => {
            let (ms, logical) = stamp(tombstone.hlc);
            let over = tombstone.over.iter().map(plain_dot).collect();
            PlainEntry::Tombstone { ms, logical, over }
        }
        Entry::Slot(slot) => PlainEntry::Slot { epoch: slot.epoch, inc: slot.inc, dec: slot.dec },
        Entry::Reset(reset) => {
            let record = |(id, r): &(ReplicaId, Record)| ((*id.as_bytes(), r.seq), r.inc, r.dec);
            PlainEntry::Reset(reset.records.iter().map(record).collect())
        }
        Entry::Row(row) => {
            let sent = row.sent.iter().map(|(id, rights)| (*id.as_bytes(), *rights)).collect();
            PlainEntry::Row { inc: row.inc, dec: row.dec, sent }
        }
    }
}

fn plain_dot(dot: &Dot) -> PlainDot {
    (*dot.replica.as_bytes(), dot.seq)
}

fn plain_range(range: &KeyRange<Key>) -> Range {
    [&range.start, &range.end].map(|bound| bound.as_ref().map(|key| key.as_bytes().to_vec()))
}

fn plain_vector(vector: &VersionVector) -> Vector {
    vector.iter().map(|(id, seq)| (*id.as_bytes(), seq)).collect()
}

// A delta with two parts, every kind of entry, kept dots, runs and restarts.

const A: ReplicaId = ReplicaId::from_bytes([0xa1; 16]);
const B: ReplicaId = ReplicaId::from_bytes([0xb2; 16]);
const C: ReplicaId = ReplicaId::from_bytes([0xc3; 16]);

fn vector_of(components: &[(ReplicaId, u64)]) -> VersionVector {
    components.iter().copied().collect()
}

fn key(path: impl IntoPath) -> Key {
    Key::new(path.into_path(), TypeTag::Register).unwrap()
}

fn entry(seq: u64) -> Entry<Value> {
    let hlc = Hlc::new(1_790_000_000_000 + seq / 20, u16::try_from(seq % 3).unwrap());
    match seq % 9 {
        1 => {
            let over = smallvec![Dot::new(A, seq % 7 + 1), Dot::new(B, 2)];
            Entry::Tombstone(Box::new(Tombstone { hlc, over }))
        }
        2 => Entry::Slot(Box::new(Slot { epoch: seq / 2, inc: seq * 1_000, dec: 7 })),
        3 => {
            let record = |seq| Record { seq, inc: 5 * seq, dec: 1 };
            Entry::Reset(Box::new(Reset { records: vec![(A, record(9)), (C, record(1))] }))
        }
        4 => Entry::Row(Box::new(Row { inc: seq, dec: 1, sent: vec![(B, 3), (C, seq)] })),
        _ => {
            let text = "v".repeat(if seq < 60 { 10 } else { seq as usize });
            Entry::Value { hlc, value: Value::from_serialize(&text).unwrap() }
        }
    }
}

fn part(
    range: KeyRange<Key>,
    coverage: Coverage,
    first: u64,
    base: &[(ReplicaId, u64)],
) -> Part<Key, Value> {
    let (base, upto) = (vector_of(base), vector_of(&[(A, 400), (B, 70), (C, 9)]));
    let cells = (first..first + 100).map(|n| {
        // The middle of the part was not written in key order.
        let seq = if n % 100 > 70 { first + 170 - n % 100 } else { n };
        let fresh = smallvec![(Dot::new(A, seq), entry(seq))];
        let mut kept = vec![Dot::new(B, 1), Dot::new(C, n % 8 + 1)];
        kept.retain(|dot| n % 11 == 0 && base.contains(*dot));
        let mut cell = DeltaCell { key: key(("list", n, "name")), fresh, kept };
        if n % 30 == 0 {
            cell.fresh.push((Dot::new(B, 10 + n / 10), entry(n)));
        }
        cell
    });
    let cells = cells.collect();
    Part { range, base, upto, coverage, cells, range_tombstones: Vec::new() }
}

fn delta(coverage: Coverage) -> Delta<Key, Value> {
    let middle = Key::bound(&("list", 200).into_path().encoded());
    let below = KeyRange::new(None, Some(middle.clone()));
    let mut parts = vec![
        part(below, Coverage::Difference, 100, &[(A, 9), (B, 2)]),
        part(KeyRange::new(Some(middle), None), coverage, 200, &[(A, 20), (B, 3), (C, 9)]),
    ];
    let (start, end) = ("list", 300).into_path().subtree();
    let whole = parts[1].range.clone();
    let subtree = KeyRange::new(Some(start), Some(end));
    parts[1].range_tombstones = vec![
        RangeTombstone { dot: Dot::new(B, 60), range: whole, seen: vector_of(&[(A, 21), (C, 8)]) },
        RangeTombstone { dot: Dot::new(B, 61), range: subtree, seen: vector_of(&[(A, 21)]) },
    ];
    let fingerprint = Some(Fingerprint([0x5f; 16]));
    Delta { parts, horizon: vector_of(&[(A, 3), (B, 2)]), fingerprint }
}

#[test]
fn a_decoder_written_from_the_page_finds_what_was_encoded() {
    for coverage in [Coverage::Difference, Coverage::Complete, Coverage::Differing] {
        let mut delta = delta(coverage);
        if coverage != Coverage::Difference {
            // Only here may a cell bring nothing new.
            delta.parts[1].cells[5].fresh.clear();
        }
        assert_eq!(delta.clone().validate(&Limits::default()).err(), None);
        assert_eq!(decode(&encode_delta(&delta)), plain(&delta));
    }
}

#[test]
fn a_delta_without_horizon_fingerprint_and_parts_is_read_too() {
    let empty = Delta { parts: vec![], horizon: VersionVector::new(), fingerprint: None };
    assert_eq!(decode(&encode_delta(&empty)), plain(&empty));
}

/// The same without the keys of removals, by the words of the page.
fn without_keys(delta: &Delta<Key, Value>) -> PlainDelta {
    let mut plain = plain(delta);
    for part in plain.parts.iter_mut().filter(|part| part.coverage == 0) {
        let (mut removed, mut others) = (Vec::new(), Vec::new());
        for cell in part.cells.drain(..) {
            match (cell.fresh.as_slice(), cell.kept.len()) {
                ([(dot, PlainEntry::Tombstone { ms, logical, over })], 0)
                    if over.len() == 1 && part.base.get(&over[0].0) >= Some(&over[0].1) =>
                {
                    let (dot, ms, logical, over) = (*dot, *ms, *logical, over[0]);
                    removed.push((PlainRemoval { dot, ms, logical, over }, cell.key));
                }
                _ => others.push(cell),
            }
        }
        part.cells = others;
        removed.sort_by_key(|(removal, _)| removal.dot);
        let mut keys = Vec::new();
        for (_, key) in &removed {
            keys.extend((key.len() as u64).to_le_bytes());
            keys.extend(key);
        }
        if !removed.is_empty() {
            part.check = blake3::hash(&keys).as_bytes()[..8].to_vec();
        }
        part.removals = removed.into_iter().map(|(removal, _)| removal).collect();
    }
    plain
}

#[test]
fn removals_without_keys_are_read_too() {
    let mut delta = delta(Coverage::Difference);
    for (at, part) in delta.parts.iter_mut().enumerate() {
        let cells = part.cells.iter_mut().filter(|cell| cell.kept.is_empty());
        for (seq, cell) in (1..).zip(cells.step_by(2 + at)) {
            let hlc = Hlc::new(1_790_000_000_000 + seq / 3, u16::try_from(seq % 4).unwrap());
            // Some remove what the reader has not seen, and keep their keys.
            let over = smallvec![Dot::new([A, B][at], seq)];
            let dot = cell.fresh[0].0;
            cell.fresh = smallvec![(dot, Entry::Tombstone(Box::new(Tombstone { hlc, over })))];
        }
    }
    assert_eq!(delta.clone().validate(&Limits::default()).err(), None);
    let expected = without_keys(&delta);
    assert!(expected.parts.iter().all(|part| part.removals.len() > 2 && part.cells.len() > 50));
    let keyless = KeylessDelta::from(delta).omit_keys(1);
    assert_eq!(decode(&encode_keyless(&keyless)), expected);
}
