//! Deltas for a reader who knows a version vector already, the *reference*: what a push in an open
//! session is, and a record of the log.
//!
//! Such a delta mostly has a single cell, so every byte around it counts. The envelope is no MessagePack
//! but one number of flags and what they name; and a replica that the reference has is named by its place
//! there instead of 16 bytes. Vectors and columns name replicas by their number in the dictionary, as
//! everywhere: it has only the ids that the delta needs, and is as small for 65 536 writers as for two.
//!
//! What was weighed: `docs/decisions/0020-deltas-after-a-reference.md`.

use std::borrow::Borrow;
use std::collections::BTreeMap;

use super::bounds::Bounds;
use super::error::DecodeError;
use super::keyless::KeylessDelta;
use super::part::{PartBytes, read_part};
use super::removals::Removals;
use super::varint::{Reader, put_count, put_varint, wide};
use super::vectors::{Dictionary, DictionaryWriter, put_vector, read_id, read_vector};
use super::weight::{Budget, DICTIONARY_ENTRY_BYTES};
use super::{decode_keyless, non_empty, open, read_fingerprint, replicas_of};
use crate::delta::{Delta, Part};
use crate::limits::Limits;
use crate::path::Key;
use crate::replica::ReplicaId;
use crate::value::Value;
use crate::version_vector::VersionVector;

/// The first byte.
const REFERENCED_VERSION: u8 = 3;

const CHECK_BYTES: usize = 2;
const ID_BYTES: usize = 16;
const FINGERPRINT_BYTES: usize = 16;

const HAS_NEW_IDS: u64 = 1;
const HAS_HORIZON: u64 = 2;
const HAS_FINGERPRINT: u64 = 4;

/// Two bits: how many replicas of the reference are named. The greatest number means so many or more, and
/// how many more stands behind the flags.
const KNOWN_SHIFT: u32 = 3;
const MOST_KNOWN_IN_FLAGS: usize = 3;

/// All bits from here on: the number of parts.
const PARTS_SHIFT: u32 = 5;

/// The bytes of a delta for a reader who knows `reference`: of its vectors, only what differs from that
/// is written. So the bytes do not grow with the number of writers.
pub fn encode_delta_after<V: Borrow<Value>>(
    delta: &Delta<Key, V>,
    reference: &VersionVector,
) -> Vec<u8> {
    encode(delta, &BTreeMap::new(), reference)
}

/// The same of a delta of which some removals may lack their keys.
pub fn encode_keyless_after<V: Borrow<Value>>(
    delta: &KeylessDelta<V>,
    reference: &VersionVector,
) -> Vec<u8> {
    encode(&delta.rest, &delta.removals, reference)
}

fn encode<V: Borrow<Value>>(
    delta: &Delta<Key, V>,
    removals: &BTreeMap<usize, Removals>,
    reference: &VersionVector,
) -> Vec<u8> {
    let ids = replicas_of(delta, removals, Some(reference));
    let dictionary = DictionaryWriter::after_reference(ids);
    let mut out = vec![REFERENCED_VERSION];
    out.extend(check_of(reference));
    put_header(&mut out, &dictionary, delta, reference);
    if !delta.horizon.is_empty() {
        put_vector(&mut out, &dictionary, &delta.horizon, reference);
    }
    out.extend(delta.fingerprint.iter().flat_map(|fingerprint| fingerprint.0));
    let (mut bounds, mut reference) = (Bounds::default(), reference);
    let last = delta.parts.len().saturating_sub(1);
    for (position, part) in delta.parts.iter().enumerate() {
        let removals = removals.get(&position);
        let bytes = PartBytes::of(&dictionary, &mut bounds, reference, part, removals);
        if position < last {
            put_count(&mut out, bytes.len());
        }
        bytes.append_to(&mut out);
        reference = &part.base;
    }
    out
}

/// Writes the flags and the dictionary.
fn put_header<V>(
    out: &mut Vec<u8>,
    dictionary: &DictionaryWriter,
    delta: &Delta<Key, V>,
    reference: &VersionVector,
) {
    let ids = dictionary.ids();
    let known: Vec<usize> = ids.iter().filter_map(|id| reference.place(*id)).collect();
    let new_len = ids.len() - known.len();
    let known_in_flags = known.len().min(MOST_KNOWN_IN_FLAGS);
    let mut flags = wide(known_in_flags) << KNOWN_SHIFT | wide(delta.parts.len()) << PARTS_SHIFT;
    flags |= if new_len > 0 { HAS_NEW_IDS } else { 0 };
    flags |= if delta.horizon.is_empty() { 0 } else { HAS_HORIZON };
    flags |= if delta.fingerprint.is_some() { HAS_FINGERPRINT } else { 0 };
    put_varint(out, flags);
    if known_in_flags == MOST_KNOWN_IN_FLAGS {
        put_count(out, known.len() - known_in_flags);
    }
    let mut next = 0;
    for place in known {
        put_count(out, place.saturating_sub(next));
        next = place + 1;
    }
    if new_len > 0 {
        put_count(out, new_len);
        let new = ids.iter().filter(|id| reference.place(**id).is_none());
        out.extend(new.flat_map(|id| *id.as_bytes()));
    }
}

/// The delta that was encoded to these bytes, for a reader who knows `reference`. A delta that needs no
/// reference is read, too.
///
/// # Errors
/// As [`decode_delta`](super::decode_delta), and when the delta was encoded after another reference.
pub fn decode_delta_after(
    bytes: &[u8],
    limits: &Limits,
    reference: &VersionVector,
) -> Result<Delta<Key, Value>, DecodeError> {
    let decoded = decode_keyless_after(bytes, limits, reference)?;
    decoded.into_delta().map_err(|_| DecodeError::Keyless)
}

/// The same of a delta of which some removals may lack their keys.
///
/// # Errors
/// As [`decode_keyless`], and when the delta was encoded after another reference.
pub fn decode_keyless_after(
    bytes: &[u8],
    limits: &Limits,
    reference: &VersionVector,
) -> Result<KeylessDelta, DecodeError> {
    if !is_referenced(bytes) {
        return decode_keyless(bytes, limits);
    }
    let (mut reader, mut budget) = open(bytes, limits, REFERENCED_VERSION)?;
    let at = reader.at();
    if reader.bytes(CHECK_BYTES)? != check_of(reference) {
        return Err(DecodeError::Reference { at });
    }
    let flags = reader.varint()?;
    let mut dictionary = read_dictionary(&mut reader, &mut budget, flags, reference)?;
    let mut horizon = VersionVector::new();
    if flags & HAS_HORIZON != 0 {
        let at = reader.at();
        let read = read_vector(&mut reader, &mut dictionary, &mut budget, reference)?;
        horizon = non_empty(read, at)?;
    }
    let fingerprint = if flags & HAS_FINGERPRINT == 0 {
        None
    } else {
        Some(read_fingerprint(reader.section(FINGERPRINT_BYTES)?)?)
    };
    let count = flags >> PARTS_SHIFT;
    let (parts, removals) = read_parts(reader, &mut dictionary, &mut budget, count, reference)?;
    dictionary.end()?;
    Ok(KeylessDelta { rest: Delta { parts, horizon, fingerprint }, removals })
}

/// Whether these bytes are a delta that only a reader of the right reference understands.
pub fn is_referenced(bytes: &[u8]) -> bool {
    bytes.first() == Some(&REFERENCED_VERSION)
}

/// Reads the ids of the reference that are named, and those that it lacks.
fn read_dictionary(
    reader: &mut Reader<'_>,
    budget: &mut Budget,
    flags: u64,
    reference: &VersionVector,
) -> Result<Dictionary, DecodeError> {
    let more = MOST_KNOWN_IN_FLAGS;
    let known = usize::try_from(flags >> KNOWN_SHIFT).unwrap_or_default() & more;
    let known = if known == more { reader.count(1)?.saturating_add(more) } else { known };
    budget.charge(wide(known), DICTIONARY_ENTRY_BYTES)?;
    let mut ids = Vec::with_capacity(known);
    let mut next = 0_u64;
    for _ in 0..known {
        let index = next.saturating_add(reader.varint()?);
        let unknown = DecodeError::UnknownReplica { at: reader.at(), index };
        let place = usize::try_from(index).map_err(|_| unknown)?;
        ids.push(reference.replica_at(place).ok_or(unknown)?);
        next = index.saturating_add(1);
    }
    if flags & HAS_NEW_IDS != 0 {
        ids.extend(read_new_ids(reader, budget, reference)?);
    }
    Ok(Dictionary::after_reference(ids))
}

fn read_new_ids(
    reader: &mut Reader<'_>,
    budget: &mut Budget,
    reference: &VersionVector,
) -> Result<Vec<ReplicaId>, DecodeError> {
    let at = reader.at();
    let count = reader.count(ID_BYTES)?;
    budget.charge(wide(count), DICTIONARY_ENTRY_BYTES)?;
    let mut ids = Vec::with_capacity(count);
    for _ in 0..count {
        read_id(reader, &mut ids)?;
    }
    // None has a flag for it; one that the reference has is named by its place.
    if ids.is_empty() || ids.iter().any(|id| reference.place(*id).is_some()) {
        return Err(DecodeError::NotCanonical { at });
    }
    Ok(ids)
}

/// Parts, and by their positions the removals without keys.
type Parts = (Vec<Part<Key, Value>>, BTreeMap<usize, Removals>);

/// Reads the parts, of which only the last has no length: it goes on to the end.
fn read_parts(
    mut reader: Reader<'_>,
    dictionary: &mut Dictionary,
    budget: &mut Budget,
    count: u64,
    reference: &VersionVector,
) -> Result<Parts, DecodeError> {
    let mut bounds = Bounds::default();
    let (mut parts, mut removals) = (Vec::<Part<Key, Value>>::new(), BTreeMap::new());
    for left in (0..count).rev() {
        let len = if left == 0 { reader.remaining() } else { reader.count(1)? };
        let bytes = reader.section(len)?;
        let reference = parts.last().map_or(reference, |last| &last.base);
        let (part, keyless) = read_part(bytes, dictionary, budget, &mut bounds, reference)?;
        removals.extend(keyless.map(|keyless| (parts.len(), keyless)));
        parts.push(part);
    }
    reader.end()?;
    Ok((parts, removals))
}

/// Tells a reference from another one that somebody holds by mistake; of so many mistakes, one in 65 536
/// passes. It is no defence against malice: who sends a delta can say what it likes without.
fn check_of(reference: &VersionVector) -> [u8; CHECK_BYTES] {
    let mix = |sum: u64, seq: u64| sum.wrapping_mul(31).wrapping_add(seq);
    let sum = reference.iter().fold(wide(reference.len()), |sum, (_, seq)| mix(sum, seq));
    let [a, b, c, d, e, f, g, h] = sum.to_le_bytes();
    [a ^ c ^ e ^ g, b ^ d ^ f ^ h]
}

#[cfg(test)]
#[allow(clippy::cast_possible_truncation, reason = "small numbers of tests")]
mod tests;
