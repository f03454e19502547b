//! Deltas of a size that a receiver takes.
//!
//! A difference that is larger than one delta may be travels in rounds: each brings the first part of
//! the keys that still differ, and advances the receiver's context on these keys only. The receiver
//! then asks again with the context it has, so neither side remembers how far it came. A round costs what
//! it brings: making the delta stops where the limits are reached.

use thiserror::Error;

use super::weight::{DECODED_SHARE, bytes_around_cells, bytes_of_cells, cell_bytes};
use super::{KeylessDelta, ahead, decoded_bytes, encode_delta, encode_keyless};
use crate::context::Context;
use crate::delta::Delta;
use crate::delta_cell::DeltaCell;
use crate::fingerprint::Fingerprint;
use crate::limits::Limits;
use crate::path::Key;
use crate::store::Store;
use crate::value::Value;

/// A delta that a receiver takes. Its values are those in the store, which most of what is made only to be sent would
/// copy in vain.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Extract<'s> {
    /// What the receiver has at the least once it has applied it.
    pub reach: Context<Key>,
    /// The delta itself.
    pub delta: KeylessDelta<&'s Value>,
    /// Its bytes, where they had to be counted to know that it fits.
    bytes: Option<Vec<u8>>,
}

impl<'s> Extract<'s> {
    fn new(delta: Delta<Key, &'s Value>, bytes: Option<Vec<u8>>) -> Self {
        Self { reach: delta.reach(), delta: delta.into(), bytes }
    }

    /// The same, without the keys of removals where at least `least` of a part can do without.
    #[must_use]
    pub fn omit_keys(self, least: usize) -> Self {
        let Self { reach, delta, bytes } = self;
        let delta = delta.omit_keys(least);
        let bytes = bytes.filter(|_| !delta.is_keyless());
        Self { reach, delta, bytes }
    }

    /// The encoded delta.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes.unwrap_or_else(|| encode_keyless(&self.delta))
    }
}

/// Not even one cell, or the deletions at one key, fit into a delta. Nothing was changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[error("a single place takes {len_bytes} bytes, a delta may have {limit_bytes}")]
pub struct PlaceTooLarge {
    /// What it takes.
    pub len_bytes: usize,
    /// What is allowed.
    pub limit_bytes: usize,
}

/// What somebody with the context `base` lacks, or the first part of it that fits the limits; `None`
/// if that is nothing, or nothing but what is [withheld](Store::withholds). A delta that is complete and of one context carries `fingerprint`.
///
/// # Errors
/// When not even one place fits.
pub fn extract<'s>(
    store: &'s Store<Key, Value>,
    base: &Context<Key>,
    limits: &Limits,
    fingerprint: impl FnOnce() -> Option<Fingerprint>,
) -> Result<Option<Extract<'s>>, PlaceTooLarge> {
    let mut load = Load::default();
    let mut delta = store.delta_while(base, |cells| load.takes(cells, limits));
    if load.is_over {
        cut_before_cell(&mut delta, load.comfortable.cells);
        return fit_cells(delta, limits, load.comfortable.memory_bytes);
    }
    if !delta.is_empty() && store.view().context().uniform().is_some() && !store.withholds(base) {
        delta.fingerprint = fingerprint();
    }
    fit_cells(delta, limits, load.weighed.memory_bytes)
}

/// What the cells of a delta take, while it is made.
#[derive(Default)]
struct Load {
    weighed: Weighed,
    /// The bytes of keys and values; on the wire keys take less, and the rest takes little.
    content_bytes: u64,
    /// The first cells that leave an eighth of the limits free; one at the least, which must be tried.
    comfortable: Weighed,
    /// Whether there are certainly more cells than fit. A difference that just fits shall not be cut: it
    /// may be a single transaction.
    is_over: bool,
}

/// Some cells.
#[derive(Clone, Copy, Default)]
struct Weighed {
    cells: usize,
    /// What they take once they are decoded.
    memory_bytes: u64,
}

impl Load {
    /// How many of some cells may fit. The first one of all must be tried.
    fn takes(&mut self, cells: &[DeltaCell<Key, &Value>], limits: &Limits) -> usize {
        ahead::read(cells.iter().flat_map(|cell| &cell.fresh).map(|(_, entry)| entry));
        cells.iter().position(|cell| !self.takes_one(cell, limits)).unwrap_or(cells.len())
    }

    fn takes_one(&mut self, cell: &DeltaCell<Key, &Value>, limits: &Limits) -> bool {
        let values = cell.fresh.iter().filter_map(|(_, entry)| entry.value());
        let value_bytes: u64 = values.map(|value| value.as_bytes().len() as u64).sum();
        self.content_bytes += cell.key.as_bytes().len() as u64 + value_bytes;
        let Weighed { cells, memory_bytes } = self.weighed;
        let memory_bytes = memory_bytes + cell_bytes(cell);
        let wire_limit = limits.delta_bytes as u64;
        let memory_limit = wire_limit.saturating_mul(DECODED_SHARE);
        let is_full = cells >= limits.cells_per_delta || memory_bytes > memory_limit;
        self.is_over = cells > 0 && is_full;
        if self.is_over {
            return false;
        }
        self.weighed = Weighed { cells: cells + 1, memory_bytes };
        let all_bytes = memory_bytes + self.content_bytes;
        let is_comfortable =
            self.content_bytes <= wire_limit / 8 * 7 && all_bytes <= memory_limit / 8 * 7;
        if is_comfortable || cells == 0 {
            self.comfortable = self.weighed;
        }
        true
    }
}

/// The first part of `delta` that fits the limits, ready to be sent; `None` if there is nothing in it.
///
/// # Errors
/// When not even one place fits.
pub fn fit<'s>(
    mut delta: Delta<Key, &'s Value>,
    limits: &Limits,
) -> Result<Option<Extract<'s>>, PlaceTooLarge> {
    cut_before_cell(&mut delta, limits.cells_per_delta.max(1));
    let cells_bytes = bytes_of_cells(&delta);
    fit_cells(delta, limits, cells_bytes)
}

/// The same, of a delta of no more cells than are allowed, which take `cells_bytes` once they are decoded.
fn fit_cells<'s>(
    mut delta: Delta<Key, &'s Value>,
    limits: &Limits,
    mut cells_bytes: u64,
) -> Result<Option<Extract<'s>>, PlaceTooLarge> {
    if delta.is_empty() {
        return Ok(None);
    }
    let weighed = delta.cell_count();
    cut_before_tombstone(&mut delta, limits.range_tombstones_per_delta.max(1));
    if delta.cell_count() < weighed {
        cells_bytes = bytes_of_cells(&delta);
    }
    loop {
        let (cells, tombstones) = (delta.cell_count(), tombstones(&delta));
        let limit_bytes = limits.delta_bytes;
        let decoded_bytes = bytes_around_cells(&delta).saturating_add(cells_bytes);
        let mut weight = weight(decoded_bytes, 0);
        if weight <= limit_bytes && tombstones <= limits.range_tombstones_per_delta {
            // On the wire nothing takes more than decoded.
            if decoded_bytes <= limit_bytes as u64 {
                return Ok(Some(Extract::new(delta, None)));
            }
            let bytes = encode_delta(&delta);
            weight = self::weight(decoded_bytes, bytes.len());
            if weight <= limit_bytes {
                return Ok(Some(Extract::new(delta, Some(bytes))));
            }
        }
        // A little less than the share that would just fit, if it is the bytes that are too many.
        let share = |count: usize| match weight > limit_bytes {
            true => (count.saturating_mul(7) / 8).saturating_mul(limit_bytes) / weight,
            false => count / 2,
        };
        if cells > 1 {
            cut_before_cell(&mut delta, share(cells).clamp(1, cells - 1));
        } else {
            cut_before_tombstone(&mut delta, (tombstones / 2).max(1));
        }
        if delta.cell_count() == cells && self::tombstones(&delta) == tombstones {
            return Err(PlaceTooLarge { len_bytes: weight, limit_bytes });
        }
        cells_bytes = bytes_of_cells(&delta);
    }
}

/// Whether a receiver with these limits takes a delta.
pub(super) fn is_taken(delta: &Delta<Key, Value>, limits: &Limits) -> bool {
    let (decoded_bytes, limit_bytes) = (decoded_bytes(delta), limits.delta_bytes);
    // On the wire nothing takes more than decoded.
    decoded_bytes <= limit_bytes as u64
        || weight(decoded_bytes, encode_delta(delta).len()) <= limit_bytes
}

/// What a receiver reckons for a delta of so many bytes: it takes this delta if its limit is no less.
fn weight(decoded_bytes: u64, wire_bytes: usize) -> usize {
    let memory = decoded_bytes.saturating_add(wire_bytes as u64).div_ceil(DECODED_SHARE);
    usize::try_from(memory).unwrap_or(usize::MAX).max(wire_bytes)
}

fn tombstones<V>(delta: &Delta<Key, V>) -> usize {
    delta.parts.iter().map(|part| part.range_tombstones.len()).sum()
}

/// Cuts `delta` before its cell `most_cells`, if it has as many.
fn cut_before_cell<V>(delta: &mut Delta<Key, V>, most_cells: usize) {
    let mut room = most_cells;
    for at in 0..delta.parts.len() {
        let Some(part) = delta.parts.get(at) else { return };
        match part.cells.get(room).map(|cell| cell.key.clone()) {
            Some(end) => return cut_at(delta, at, end),
            None => room -= part.cells.len(),
        }
    }
}

/// Cuts `delta` before the place where its range tombstone `most_tombstones` begins, if it has as many.
/// Those that begin with the delta itself stay together: it is cut before the first one behind them.
fn cut_before_tombstone<V>(delta: &mut Delta<Key, V>, most_tombstones: usize) {
    let mut room = most_tombstones;
    for at in 0..delta.parts.len() {
        let Some(part) = delta.parts.get(at) else { return };
        let mut starts: Vec<_> = part.range_tombstones.iter().map(|t| &t.range.start).collect();
        if starts.len() <= room {
            room -= starts.len();
            continue;
        }
        starts.sort_unstable();
        let mut further = starts.into_iter().skip(room);
        let end = further.find(|start| at > 0 || **start != part.range.start);
        if let Some(end) = end.cloned().flatten() {
            cut_at(delta, at, end);
        }
        return;
    }
}

/// Cuts `delta` in its part `at` before the key `end`: what remains is complete for the keys before.
fn cut_at<V>(delta: &mut Delta<Key, V>, at: usize, end: Key) {
    let Some(part) = delta.parts.get_mut(at) else { return };
    part.cells.truncate(part.cells.partition_point(|cell| cell.key < end));
    part.range.end = Some(end);
    let range = &part.range;
    part.range_tombstones.retain_mut(|tombstone| {
        tombstone.range.intersect(range).is_some_and(|inside| {
            tombstone.range = inside;
            true
        })
    });
    // The part may begin with the place that is too much: then nothing is left of it.
    let is_left = !part.range.is_empty();
    delta.parts.truncate(at + usize::from(is_left));
    delta.fingerprint = None;
}
