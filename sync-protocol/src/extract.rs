//! Deltas of a size that the peer takes.
//!
//! A difference that is larger than one delta may be travels in rounds: each brings the first part of
//! the keys that still differ, and advances the receiver's context on these keys only. The receiver
//! then asks again with the context it has, so neither side remembers how far it came.

use rejoin_crdt::{Fingerprint, Limits};

use crate::document::{Context, Delta, KeyRange, Store, decoded_bytes, encode_delta};
use crate::error::SessionError;
use crate::segments;

/// A receiver takes a delta that costs at most so many times the limit of its bytes, once decoded.
const DECODED_SHARE: u64 = 3;

/// A delta, ready to be sent.
#[derive(Debug)]
pub(crate) struct Extract {
    pub(crate) bytes: Vec<u8>,
    /// What the receiver has afterwards.
    pub(crate) reach: Context,
}

/// What somebody with the context `base` lacks, or the first part of it; `None` if that is nothing.
/// With `is_audit` a delta that is complete carries the fingerprint of the store.
///
/// # Errors
/// When `base` does not cover the horizon, or not even one cell fits.
pub(crate) fn extract(
    store: &Store,
    base: &Context,
    limits: &Limits,
    is_audit: bool,
) -> Result<Option<Extract>, SessionError> {
    let mut delta = store.delta_since(base).map_err(|_| SessionError::BelowHorizon)?;
    if delta.is_empty() {
        return Ok(None);
    }
    if is_audit && store.view().context().uniform().is_some() {
        delta.fingerprint = Some(root_fingerprint(store));
    }
    truncate(&mut delta, limits.cells_per_delta.max(1));
    loop {
        let cells = delta.cell_count();
        let (weight, limit_bytes) = (weight(&delta), limits.delta_bytes);
        if weight <= limit_bytes && tombstones(&delta) <= limits.range_tombstones_per_delta {
            let bytes = encode_delta(&delta);
            if is_light(&bytes, &delta, limits) {
                return Ok(Some(Extract { bytes, reach: segments::reach(&delta) }));
            }
        }
        if cells <= 1 {
            return Err(SessionError::DeltaTooLarge { len_bytes: weight, limit_bytes });
        }
        // A little less than the share that would just fit, if it is the bytes that are too many.
        let share = (cells / 8 * 7).saturating_mul(limit_bytes) / weight.max(1);
        let next = if weight > limit_bytes { share } else { cells / 2 };
        truncate(&mut delta, next.clamp(1, cells - 1));
    }
}

/// What a receiver reckons for a delta, as bytes on the wire; known before they are made.
fn weight(delta: &Delta) -> usize {
    usize::try_from(decoded_bytes(delta) / DECODED_SHARE).unwrap_or(usize::MAX)
}

/// Whether the receiver takes a delta and these bytes of it.
fn is_light(bytes: &[u8], delta: &Delta, limits: &Limits) -> bool {
    let memory = decoded_bytes(delta).saturating_add(bytes.len() as u64);
    bytes.len() <= limits.delta_bytes
        && memory <= (limits.delta_bytes as u64).saturating_mul(DECODED_SHARE)
}

/// The fingerprint of everything in a store.
pub(crate) fn root_fingerprint(store: &Store) -> Fingerprint {
    store.view().fingerprint(&KeyRange::full())
}

fn tombstones(delta: &Delta) -> usize {
    delta.parts.iter().map(|part| part.range_tombstones.len()).sum()
}

/// Cuts `delta` before its cell `most_cells`, if it has as many: what remains is complete for the
/// keys before that cell.
fn truncate(delta: &mut Delta, most_cells: usize) {
    let mut room = most_cells;
    for (whole_parts, part) in delta.parts.iter_mut().enumerate() {
        if let Some(end) = part.cells.get(room).map(|cell| cell.key.clone()) {
            part.cells.truncate(room);
            part.range.end = Some(end);
            let range = &part.range;
            part.range_tombstones.retain_mut(|tombstone| {
                tombstone.range.intersect(range).is_some_and(|inside| {
                    tombstone.range = inside;
                    true
                })
            });
            // The part may begin with the first cell beyond the limit: then nothing is left of it.
            let is_left = !part.range.is_empty();
            delta.parts.truncate(whole_parts + usize::from(is_left));
            delta.fingerprint = None;
            return;
        }
        room -= part.cells.len();
    }
}
