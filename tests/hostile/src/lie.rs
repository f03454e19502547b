//! Deltas that are well-formed and untrue: what a peer that lies would send.
//!
//! Mutated bytes seldom get past validation with anything but another value in them. Here the delta
//! is changed as a structure and encoded again, so that most lies reach the store.

use fastrand::Rng;
use rejoin_crdt::path::Key;
use rejoin_crdt::value::Value;
use rejoin_crdt::{Delta, Dot, KeyRange, Part, RangeTombstone, Seq, VersionVector};

use crate::state::REPLICAS;

/// Changes `delta` in one to four places; `other` is a second delta to take pieces from.
pub(crate) fn lie(delta: &mut Delta<Key, Value>, other: &Delta<Key, Value>, random: &mut Rng) {
    for _ in 0..random.usize(1..=4) {
        let Delta { parts, horizon, .. } = delta;
        let at = random.usize(0..=parts.len());
        match (random.u8(0..8), parts.get_mut(at)) {
            (0, _) => shift(horizon, random),
            (1, Some(part)) if random.u8(0..4) == 0 => {
                horizon.clone_from(&part.base);
                parts.clear();
            }
            (1, Some(_)) => drop(parts.remove(at)),
            (2, Some(part)) => {
                if let Some(rest) = cut(part, random) {
                    parts.insert(at + 1, rest);
                }
            }
            (3, _) => parts.extend(random.choice(&other.parts).cloned()),
            (_, Some(part)) => {
                let source = random.choice(&other.parts).cloned().unwrap_or_else(|| part.clone());
                change(part, &source, random);
            }
            (_, None) => {}
        }
    }
    delta.parts.sort_by(|a, b| a.range.start.cmp(&b.range.start));
}

fn change(part: &mut Part<Key, Value>, source: &Part<Key, Value>, random: &mut Rng) {
    match random.u8(0..8) {
        0 => shift(&mut part.base, random),
        1 => shift(&mut part.upto, random),
        2 => part.range = range(part, random),
        3 | 4 => change_range_tombstones(part, random),
        5 => {
            part.cells.extend(random.choice(&source.cells).cloned());
            part.cells.sort_by(|a, b| a.key.cmp(&b.key));
            part.cells.dedup_by(|a, b| a.key == b.key);
        }
        _ => change_cell(part, source, random),
    }
}

fn change_cell(part: &mut Part<Key, Value>, source: &Part<Key, Value>, random: &mut Rng) {
    let fresh = fresh_dot(part, random);
    let known = part.base.iter().nth(random.usize(0..8));
    let Some(cell) = random.choice(&mut part.cells) else { return };
    let mut entries = source.cells.iter().flat_map(|cell| &cell.fresh).map(|(_, entry)| entry);
    let entry = entries.nth(random.usize(0..6)).cloned();
    match (random.u8(0..6), fresh, known, entry) {
        (0, Some(dot), _, _) => cell.fresh.iter_mut().for_each(|(named, _)| *named = dot),
        (1 | 2, Some(dot), _, Some(entry)) => cell.fresh.push((dot, entry)),
        (3, _, Some((replica, seq)), _) => {
            cell.kept.push(Dot::new(replica, random.u64(1..=seq)));
        }
        (4, _, _, _) => cell.kept.clear(),
        (_, _, _, Some(entry)) => cell.fresh.iter_mut().for_each(|(_, e)| *e = entry.clone()),
        _ => {}
    }
    cell.fresh.sort_by_key(|(dot, _)| *dot);
    cell.fresh.dedup_by_key(|(dot, _)| *dot);
    cell.kept.sort_unstable();
    cell.kept.dedup();
}

fn change_range_tombstones(part: &mut Part<Key, Value>, random: &mut Rng) {
    let place = range(part, random);
    let Some(dot) = fresh_dot(part, random) else { return };
    match (random.u8(0..5), random.choice(&mut part.range_tombstones)) {
        (0, Some(tombstone)) => shift(&mut tombstone.seen, random),
        (1, Some(tombstone)) => tombstone.range = place,
        // Two pieces of one tombstone, which may say different things.
        (2, Some(tombstone)) => {
            let mut piece = RangeTombstone { range: place, ..tombstone.clone() };
            if random.bool() {
                shift(&mut piece.seen, random);
            }
            part.range_tombstones.push(piece);
        }
        _ => {
            let mut seen: VersionVector = part.upto.iter().filter(|_| random.bool()).collect();
            shift(&mut seen, random);
            let seen = seen.iter().filter(|(id, seq)| *id != dot.replica || *seq < dot.seq);
            part.range_tombstones.push(RangeTombstone { dot, range: place, seen: seen.collect() });
        }
    }
    part.range_tombstones.sort_by(|a, b| (a.dot, &a.range.start).cmp(&(b.dot, &b.range.start)));
}

/// A range inside the part, between two of its cells.
fn range(part: &Part<Key, Value>, random: &mut Rng) -> KeyRange<Key> {
    let mut bound = |open: &Option<Key>| match random.bool() {
        true => open.clone(),
        false => random.choice(&part.cells).map(|cell| cell.key.clone()),
    };
    let (start, end) = (bound(&part.range.start), bound(&part.range.end));
    let range = KeyRange::new(start, end);
    if range.is_empty() { part.range.clone() } else { range }
}

/// Cuts a part in two at one of its cells.
fn cut(part: &mut Part<Key, Value>, random: &mut Rng) -> Option<Part<Key, Value>> {
    let at = random.usize(0..=part.cells.len());
    let key = part.cells.get(at)?.key.clone();
    let mut rest = part.clone();
    rest.range.start = Some(key.clone());
    rest.cells = part.cells.split_off(at);
    part.range.end = Some(key);
    let clip = |tombstones: &mut Vec<RangeTombstone<Key>>, range: &KeyRange<Key>| {
        tombstones.retain_mut(|tombstone| match tombstone.range.intersect(range) {
            Some(inside) => {
                tombstone.range = inside;
                true
            }
            None => false,
        });
    };
    clip(&mut part.range_tombstones, &part.range);
    clip(&mut rest.range_tombstones, &rest.range);
    Some(rest)
}

/// A dot between base and upto.
fn fresh_dot(part: &Part<Key, Value>, random: &mut Rng) -> Option<Dot> {
    let ahead: Vec<_> = part.upto.ahead_of(&part.base).collect();
    let ahead = random.choice(ahead)?;
    Some(Dot::new(ahead.replica, random.u64(ahead.after + 1..=ahead.upto)))
}

/// Moves one component, mostly by a little.
fn shift(vector: &mut VersionVector, random: &mut Rng) {
    let Some(replica) = random.choice(REPLICAS) else { return };
    let seq = vector.seq(replica);
    let moved: Seq = match random.u8(0..6) {
        0 => 0,
        1 => Seq::MAX,
        2 | 3 => seq.saturating_add(random.u64(1..4)),
        _ => seq.saturating_sub(random.u64(1..4)),
    };
    let others = vector.iter().filter(|(id, _)| *id != replica);
    *vector = others.chain([(replica, moved)]).collect();
}
