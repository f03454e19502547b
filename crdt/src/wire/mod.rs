//! The byte form of deltas, contexts and version vectors of the document store.
//!
//! A message is one byte of format version and a MessagePack array (a delta that is written as what it adds
//! to a vector which the reader knows has no array, see `referenced.rs`); everything bulky inside it is a
//! byte string of columns. Columns, because what follows one another in a column is alike: lengths,
//! kinds and replicas come in runs, sequence numbers and time stamps in small differences, keys share
//! their beginnings. Apart from keys and values a bulk load takes a fraction of a byte per cell when
//! it was written in key order, and less than four when it was not.
//!
//! What must always hold:
//!
//! - every delta has exactly one form: decoding gives back what was encoded, and encoding gives back
//!   the bytes that were decoded. Only elements at the end of the envelope, which a later version may
//!   add and this one passes over, are not given back;
//! - value bytes are never re-encoded;
//! - nothing is allocated for a number that was only stated: counts are held against the bytes that
//!   remain, and what they cost in memory against a budget (see `weight.rs`);
//! - decoding checks the form. Whether a delta makes sense is what [`Delta::validate`] asks;
//! - a delta without all its keys (see `keyless.rs`) is another type until they are found.
//!
//! The format is written down byte by byte in `docs/wire-format.md`. Idea: column layout and run
//! lengths as in Parquet, front-coded keys as in LevelDB; each file names its own.

mod ahead;
mod blocks;
mod bounds;
mod cells;
mod columns;
mod dots;
mod entries;
mod envelope;
mod error;
mod extract;
mod keyless;
mod keys;
mod part;
mod referenced;
mod removals;
mod runs;
mod stamps;
mod varint;
mod vectors;
mod weight;

use std::borrow::Borrow;
use std::collections::{BTreeMap, BTreeSet};

pub use error::DecodeError;
pub use extract::{Extract, PlaceTooLarge, extract, fit};
pub use keyless::{KeylessDelta, UnknownKey};
pub use referenced::{
    decode_delta_after, decode_keyless_after, encode_delta_after, encode_keyless_after,
    is_referenced,
};
pub use weight::decoded_bytes;

use bounds::Bounds;
use envelope::{
    array_len, bin, optional_bin, put_array_len, put_bin, put_bin_len, put_optional_bin, skip,
};
use part::{PartBytes, read_part};
use removals::Removals;
use varint::{Reader, put_count, put_varint, wide};
use vectors::{Dictionary, DictionaryWriter, put_vector, read_vector};
use weight::{Budget, SEGMENT_BYTES};

use crate::context::{Context, MOST_SEGMENTS, MOST_VECTORS};
use crate::delta::{Delta, Part};
use crate::delta_cell::DeltaCell;
use crate::document::Acknowledgements;
use crate::entry::Entry;
use crate::fingerprint::Fingerprint;
use crate::limits::Limits;
use crate::path::Key;
use crate::range::KeyRange;
use crate::replica::ReplicaId;
use crate::value::Value;
use crate::version_vector::VersionVector;

/// The first byte of every message. It changes when old readers can no longer read it.
const FORMAT_VERSION: u8 = 1;

/// Elements of the envelope of a delta: dictionary, horizon, fingerprint, parts.
const DELTA_ELEMENTS: usize = 4;

/// Elements of the envelope of a context and of a version vector: dictionary, content.
const VECTOR_ELEMENTS: usize = 2;

/// The bytes of a delta, which must be a valid one: keys and lists that are not in order cannot all
/// be written so that they can be read.
pub fn encode_delta<V: Borrow<Value>>(delta: &Delta<Key, V>) -> Vec<u8> {
    encode(delta, &BTreeMap::new())
}

/// The bytes of a delta of which some removals may lack their keys; else the same as those of the delta.
pub fn encode_keyless<V: Borrow<Value>>(delta: &KeylessDelta<V>) -> Vec<u8> {
    encode(&delta.rest, &delta.removals)
}

fn encode<V: Borrow<Value>>(
    delta: &Delta<Key, V>,
    removals: &BTreeMap<usize, Removals>,
) -> Vec<u8> {
    let dictionary = DictionaryWriter::new(replicas_of(delta, removals, None));
    let mut out = begin(DELTA_ELEMENTS, &dictionary);
    let mut horizon = Vec::new();
    put_vector(&mut horizon, &dictionary, &delta.horizon, &VersionVector::new());
    put_optional_bin(&mut out, (!delta.horizon.is_empty()).then_some(horizon.as_slice()));
    put_optional_bin(&mut out, delta.fingerprint.as_ref().map(|fingerprint| &fingerprint.0[..]));
    put_array_len(&mut out, delta.parts.len());
    let (mut bounds, mut reference) = (Bounds::default(), &delta.horizon);
    for (at, part) in delta.parts.iter().enumerate() {
        let removals = removals.get(&at);
        let part_bytes = PartBytes::of(&dictionary, &mut bounds, reference, part, removals);
        put_bin_len(&mut out, part_bytes.len());
        part_bytes.append_to(&mut out);
        reference = &part.base;
    }
    out
}

/// The delta that was encoded to these bytes.
///
/// # Errors
/// What is wrong with the bytes, and where; also when there are more of them than
/// `limits.delta_bytes`, the delta would take too much memory (see [`decoded_bytes`]), or keys are missing.
pub fn decode_delta(bytes: &[u8], limits: &Limits) -> Result<Delta<Key, Value>, DecodeError> {
    decode_keyless(bytes, limits)?.into_delta().map_err(|_| DecodeError::Keyless)
}

/// The delta that was encoded to these bytes, where removals may lack their keys.
///
/// # Errors
/// As [`decode_delta`], but keys may be missing.
pub fn decode_keyless(bytes: &[u8], limits: &Limits) -> Result<KeylessDelta, DecodeError> {
    let (mut message, mut budget) = Message::open(bytes, limits, DELTA_ELEMENTS)?;
    let Message { reader, dictionary, .. } = &mut message;
    let horizon = match optional_bin(reader)? {
        Some(bytes) => {
            let at = bytes.at();
            non_empty(read_whole_vector(bytes, dictionary, &mut budget)?, at)?
        }
        None => VersionVector::new(),
    };
    let fingerprint = optional_bin(reader)?.map(read_fingerprint).transpose()?;
    let count = array_len(reader, 0)?;
    let mut bounds = Bounds::default();
    let (mut parts, mut removals) = (Vec::<Part<Key, Value>>::new(), BTreeMap::new());
    for _ in 0..count {
        let reference = parts.last().map_or(&horizon, |last| &last.base);
        let bytes = bin(reader)?;
        let (part, keyless) = read_part(bytes, dictionary, &mut budget, &mut bounds, reference)?;
        removals.extend(keyless.map(|keyless| (parts.len(), keyless)));
        parts.push(part);
    }
    message.close()?;
    Ok(KeylessDelta { rest: Delta { parts, horizon, fingerprint }, removals })
}

/// The bytes of a context.
pub fn encode_context(context: &Context<Key>) -> Vec<u8> {
    let dictionary = DictionaryWriter::new(replicas_of_context(context));
    let mut out = begin(VECTOR_ELEMENTS, &dictionary);
    let mut segments = Vec::new();
    put_count(&mut segments, context.segment_count());
    let (mut bounds, nothing, full) = (Bounds::default(), VersionVector::new(), KeyRange::full());
    let mut reference = &nothing;
    for (range, vector) in context.segments_in(&full) {
        // The first segment starts before every key and has no bound.
        if let Some(start) = &range.start {
            bounds.put(&mut segments, start.as_bytes());
        }
        put_vector(&mut segments, &dictionary, vector, reference);
        reference = vector;
    }
    put_bin(&mut out, &segments);
    out
}

/// The context that was encoded to these bytes.
///
/// # Errors
/// What is wrong with the bytes, and where; limits are those of a delta, and no context has more than
/// [`MOST_SEGMENTS`] segments or more than [`MOST_VECTORS`] different vectors.
pub fn decode_context(bytes: &[u8], limits: &Limits) -> Result<Context<Key>, DecodeError> {
    let (mut message, mut budget) = Message::open(bytes, limits, VECTOR_ELEMENTS)?;
    let Message { reader, dictionary, .. } = &mut message;
    let segments = read_segments(bin(reader)?, dictionary, &mut budget)?;
    message.close()?;
    Context::from_segments(segments).ok_or(DecodeError::Segments)
}

fn read_segments(
    mut content: Reader<'_>,
    dictionary: &mut Dictionary,
    budget: &mut Budget,
) -> Result<Vec<(Option<Key>, VersionVector)>, DecodeError> {
    let at = content.at();
    let at_most = |found: usize, limit: usize| match found <= limit {
        true => Ok(()),
        false => Err(DecodeError::TooMany { at, found: wide(found), limit: wide(limit) }),
    };
    let count = content.count(1)?;
    at_most(count, MOST_SEGMENTS)?;
    let (mut bounds, nothing) = (Bounds::default(), VersionVector::new());
    let (mut segments, mut distinct) = (Vec::new(), Vec::<VersionVector>::new());
    for position in 0..count {
        budget.charge(1, SEGMENT_BYTES)?;
        let start = match position {
            0 => None,
            _ => Some(bounds.read(&mut content, budget)?),
        };
        let reference = segments.last().map_or(&nothing, |(_, last)| last);
        let vector = read_vector(&mut content, dictionary, budget, reference)?;
        // Equal ones share their memory.
        let known = distinct.iter().find(|known| **known == vector).cloned();
        let vector = known.unwrap_or_else(|| {
            distinct.push(vector.clone());
            vector
        });
        at_most(distinct.len(), MOST_VECTORS)?;
        segments.push((start, vector));
    }
    content.end()?;
    Ok(segments)
}

/// The bytes of a version vector.
pub fn encode_version_vector(vector: &VersionVector) -> Vec<u8> {
    let dictionary = DictionaryWriter::new(vector.iter().map(|(id, _)| id).collect());
    let mut out = begin(VECTOR_ELEMENTS, &dictionary);
    let mut content = Vec::new();
    put_vector(&mut content, &dictionary, vector, &VersionVector::new());
    put_bin(&mut out, &content);
    out
}

/// The version vector that was encoded to these bytes.
///
/// # Errors
/// What is wrong with the bytes, and where; also when it has more entries than
/// `limits.version_vector_entries`.
pub fn decode_version_vector(bytes: &[u8], limits: &Limits) -> Result<VersionVector, DecodeError> {
    let (mut message, mut budget) = Message::open(bytes, limits, VECTOR_ELEMENTS)?;
    let content = bin(&mut message.reader)?;
    let vector = read_whole_vector(content, &mut message.dictionary, &mut budget)?;
    message.close()?;
    Ok(vector)
}

/// The bytes of acknowledgements.
pub fn encode_acknowledgements(acknowledgements: &Acknowledgements) -> Vec<u8> {
    let entries = || acknowledgements.iter();
    let named = entries().flat_map(|(life, seen)| seen.iter().map(|(id, _)| id).chain([life]));
    let dictionary = DictionaryWriter::new(named.collect());
    let mut out = begin(VECTOR_ELEMENTS, &dictionary);
    let mut content = Vec::new();
    put_count(&mut content, entries().count());
    let nothing = VersionVector::new();
    let mut reference = &nothing;
    for (life, seen) in entries() {
        put_varint(&mut content, dictionary.index(life));
        put_vector(&mut content, &dictionary, seen, reference);
        reference = seen;
    }
    put_bin(&mut out, &content);
    out
}

/// The acknowledgements that were encoded to these bytes.
///
/// # Errors
/// What is wrong with the bytes, and where; limits are those of a delta.
pub fn decode_acknowledgements(
    bytes: &[u8],
    limits: &Limits,
) -> Result<Acknowledgements, DecodeError> {
    let (mut message, mut budget) = Message::open(bytes, limits, VECTOR_ELEMENTS)?;
    let Message { reader, dictionary, .. } = &mut message;
    let mut content = bin(reader)?;
    let mut entries: Vec<(ReplicaId, VersionVector)> = Vec::new();
    let nothing = VersionVector::new();
    // An entry takes a byte for its life and one for its vector.
    for _ in 0..content.count(2)? {
        budget.charge(1, SEGMENT_BYTES)?;
        let at = content.at();
        let index = content.varint()?;
        let life = dictionary.id(at, index)?;
        if entries.last().is_some_and(|(last, _)| *last >= life) {
            return Err(DecodeError::NotCanonical { at });
        }
        let reference = entries.last().map_or(&nothing, |(_, seen)| seen);
        let seen = read_vector(&mut content, dictionary, &mut budget, reference)?;
        entries.push((life, seen));
    }
    content.end()?;
    message.close()?;
    Ok(entries.into_iter().collect())
}

/// Version, header and dictionary of a message.
fn begin(elements: usize, dictionary: &DictionaryWriter) -> Vec<u8> {
    let mut out = vec![FORMAT_VERSION];
    put_array_len(&mut out, elements);
    put_bin(&mut out, &dictionary.to_bytes());
    out
}

/// What follows the version, and what may be spent on it.
fn open<'a>(
    bytes: &'a [u8],
    limits: &Limits,
    version: u8,
) -> Result<(Reader<'a>, Budget), DecodeError> {
    let (found_bytes, limit_bytes) = (bytes.len(), limits.delta_bytes);
    if found_bytes > limit_bytes {
        return Err(DecodeError::TooLong { found_bytes, limit_bytes });
    }
    let mut reader = Reader::new(bytes);
    let found = reader.byte()?;
    if found != version {
        return Err(DecodeError::Version { found });
    }
    Ok((reader, Budget::new(found_bytes, limits)))
}

/// A message whose header and dictionary are read.
#[derive(Debug)]
struct Message<'a> {
    reader: Reader<'a>,
    dictionary: Dictionary,
    unknown_elements: usize,
}

impl<'a> Message<'a> {
    fn open(
        bytes: &'a [u8],
        limits: &Limits,
        elements: usize,
    ) -> Result<(Self, Budget), DecodeError> {
        let (mut reader, mut budget) = open(bytes, limits, FORMAT_VERSION)?;
        let unknown_elements = array_len(&mut reader, elements)? - elements;
        let dictionary = Dictionary::read(bin(&mut reader)?, &mut budget)?;
        Ok((Self { reader, dictionary, unknown_elements }, budget))
    }

    /// Passes over elements of later versions and checks that nothing is left.
    fn close(mut self) -> Result<(), DecodeError> {
        skip(&mut self.reader, self.unknown_elements)?;
        self.reader.end()?;
        self.dictionary.end()
    }
}

fn read_whole_vector(
    mut content: Reader<'_>,
    dictionary: &mut Dictionary,
    budget: &mut Budget,
) -> Result<VersionVector, DecodeError> {
    let vector = read_vector(&mut content, dictionary, budget, &VersionVector::new())?;
    content.end()?;
    Ok(vector)
}

/// An empty horizon is nil.
fn non_empty(vector: VersionVector, at: usize) -> Result<VersionVector, DecodeError> {
    if vector.is_empty() { Err(DecodeError::NotCanonical { at }) } else { Ok(vector) }
}

fn read_fingerprint(mut content: Reader<'_>) -> Result<Fingerprint, DecodeError> {
    let at = content.at();
    let bytes = content.bytes(content.remaining())?;
    bytes.try_into().map(Fingerprint).map_err(|_| DecodeError::Envelope { at })
}

/// Every replica that a delta names for a reader who knows `known`: those of dots, and those in which a
/// vector differs from the one it refers to.
fn replicas_of_delta<V>(
    delta: &Delta<Key, V>,
    known: Option<&VersionVector>,
) -> BTreeSet<ReplicaId> {
    let mut ids = BTreeSet::new();
    let mut add = |vector: &VersionVector, reference: &VersionVector| {
        let ahead = vector.ahead_of(reference).chain(reference.ahead_of(vector));
        ids.extend(ahead.map(|ahead| ahead.replica));
    };
    let nothing = VersionVector::new();
    if !delta.horizon.is_empty() {
        add(&delta.horizon, known.unwrap_or(&nothing));
    }
    let mut reference = known.unwrap_or(&delta.horizon);
    for part in &delta.parts {
        add(&part.base, reference);
        add(&part.upto, &part.base);
        let mut seen = &part.base;
        for tombstone in &part.range_tombstones {
            add(&tombstone.seen, seen);
            seen = &tombstone.seen;
        }
        reference = &part.base;
    }
    // Mostly the next dot is of the same replica.
    let mut recent = None;
    let mut add = |id: ReplicaId| {
        if recent.replace(id) != Some(id) {
            ids.insert(id);
        }
    };
    for part in &delta.parts {
        part.range_tombstones.iter().for_each(|tombstone| add(tombstone.dot.replica));
        part.cells.iter().for_each(|cell| add_replicas_of_cell(&mut add, cell));
    }
    ids
}

/// Every replica that a delta and its removals without keys name.
fn replicas_of<V>(
    delta: &Delta<Key, V>,
    removals: &BTreeMap<usize, Removals>,
    known: Option<&VersionVector>,
) -> BTreeSet<ReplicaId> {
    let mut ids = replicas_of_delta(delta, known);
    for removal in removals.values().flat_map(|removals| &removals.list) {
        ids.extend([removal.dot.replica, removal.over.replica]);
    }
    ids
}

fn add_replicas_of_cell<V>(add: &mut impl FnMut(ReplicaId), cell: &DeltaCell<Key, V>) {
    cell.kept.iter().for_each(|dot| add(dot.replica));
    for (dot, entry) in &cell.fresh {
        add(dot.replica);
        match entry {
            Entry::Value { .. } | Entry::Slot(_) => {}
            Entry::Tombstone(tombstone) => {
                tombstone.over.iter().for_each(|dot| add(dot.replica));
            }
            Entry::Reset(reset) => reset.records.iter().for_each(|(id, _)| add(*id)),
            Entry::Row(row) => row.sent.iter().for_each(|(id, _)| add(*id)),
        }
    }
}

/// Every replica that a context names.
fn replicas_of_context(context: &Context<Key>) -> BTreeSet<ReplicaId> {
    let full = KeyRange::full();
    context.segments_in(&full).flat_map(|(_, vector)| vector.iter().map(|(id, _)| id)).collect()
}

#[cfg(test)]
#[allow(clippy::cast_possible_truncation, reason = "small numbers of tests")]
mod arbitrary;
#[cfg(test)]
#[allow(clippy::cast_possible_truncation, reason = "small numbers of tests")]
mod tests;
