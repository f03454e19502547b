//! Random valid deltas with everything that a delta can contain.

use std::collections::BTreeSet;

use quickcheck::{Arbitrary, Gen};
use smallvec::smallvec;

use crate::coverage::Coverage;
use crate::delta::{Delta, Part};
use crate::delta_cell::DeltaCell;
use crate::dot::{Dot, Seq};
use crate::entry::{Entry, Record, Reset, Row, Slot, Tombstone};
use crate::fingerprint::Fingerprint;
use crate::hlc::Hlc;
use crate::limits::Limits;
use crate::path::{IntoPath, Key, TypeTag};
use crate::range::KeyRange;
use crate::range_tombstone::RangeTombstone;
use crate::replica::ReplicaId;
use crate::value::Value;
use crate::version_vector::VersionVector;

#[derive(Clone, Debug)]
pub(super) struct AnyDelta(pub(super) Delta<Key, Value>);

impl Arbitrary for AnyDelta {
    fn arbitrary(g: &mut Gen) -> Self {
        Self(delta(&mut Random::new(u64::arbitrary(g))))
    }
}

/// SplitMix64: Steele, Lea, Flood, *Fast Splittable Pseudorandom Number Generators*, 2014.
#[derive(Clone, Debug)]
pub(super) struct Random(u64);

impl Random {
    pub(super) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(super) fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(super) fn below(&mut self, end: u64) -> u64 {
        self.number() % end.max(1)
    }

    pub(super) fn index(&mut self, len: usize) -> usize {
        self.below(len as u64) as usize
    }

    /// These bytes with up to four changed, added or taken out.
    pub(super) fn mutated(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut bytes = bytes.to_vec();
        for _ in 0..=self.below(4) {
            let at = self.index(bytes.len());
            match self.below(4) {
                0 => bytes[at] = self.number() as u8,
                1 => bytes.insert(at, self.number() as u8),
                2 => drop(bytes.remove(at)),
                _ => bytes[at] ^= 1 << self.below(8),
            }
        }
        bytes
    }

    fn chance(&mut self, one_in: u64) -> bool {
        self.below(one_in) == 0
    }

    /// Mostly small, at times any 64-bit number.
    fn skewed(&mut self) -> u64 {
        let bits = [4, 4, 4, 8, 16, 40, 63][self.index(7)];
        self.below(1 << bits)
    }
}

pub(super) fn delta(random: &mut Random) -> Delta<Key, Value> {
    let ids: Vec<_> = (0..=random.below(5)).map(|_| id(random)).collect();
    let horizon: VersionVector = match random.chance(2) {
        true => VersionVector::new(),
        false => ids.iter().map(|id| (*id, random.below(4))).collect(),
    };
    let mut maker = Maker { random, ids, used: BTreeSet::new() };
    let parts = maker.parts(&horizon);
    let fingerprint = maker.random.chance(2).then(|| {
        let half = maker.random.number().to_le_bytes();
        Fingerprint([half, half].concat().try_into().unwrap())
    });
    let delta = Delta { parts, horizon, fingerprint };
    assert_eq!(delta.clone().validate(&Limits::default()).err(), None, "{delta:?}");
    delta
}

fn id(random: &mut Random) -> ReplicaId {
    ReplicaId::from_u128((u128::from(random.number()) << 64) | u128::from(random.number()))
}

/// What the parts of one delta have in common.
struct Maker<'r> {
    random: &'r mut Random,
    ids: Vec<ReplicaId>,
    /// A dot names one change.
    used: BTreeSet<Dot>,
}

impl Maker<'_> {
    fn parts(&mut self, horizon: &VersionVector) -> Vec<Part<Key, Value>> {
        let count = self.random.below(60);
        let keys: BTreeSet<Key> = (0..count).map(|_| self.key()).collect();
        let keys: Vec<_> = keys.into_iter().collect();
        let len = 1 + self.random.index(keys.len() + 1);
        let mut parts: Vec<_> = keys.chunks(len).map(|keys| self.part(horizon, keys)).collect();
        // An open bound at either end, and now and then neighbours that touch.
        if let Some(first) = parts.first_mut() {
            first.range.start = first.range.start.take().filter(|_| self.random.chance(2));
        }
        if let Some(last) = parts.last_mut() {
            last.range.end = last.range.end.take().filter(|_| self.random.chance(2));
        }
        for at in 1..parts.len() {
            if self.random.chance(2) {
                parts[at - 1].range.end = parts[at].range.start.clone();
            }
        }
        parts
    }

    fn part(&mut self, horizon: &VersionVector, keys: &[Key]) -> Part<Key, Value> {
        let behind = [keys[keys.len() - 1].as_bytes(), &[0]].concat();
        let range = KeyRange::new(Some(keys[0].clone()), Some(Key::bound(&behind)));
        let mut base = horizon.clone();
        for id in &self.ids {
            base.advance(*id, self.random.skewed());
        }
        let mut upto = base.clone();
        for id in &self.ids {
            upto.advance(*id, upto.seq(*id).saturating_add(self.random.below(40)));
        }
        let coverage = match self.random.below(4) {
            0 => Coverage::Complete,
            1 => Coverage::Differing,
            _ => Coverage::Difference,
        };
        let cells = keys.iter().filter_map(|key| self.cell(key, &base, &upto));
        let mut cells: Vec<_> = cells.collect();
        if coverage != Coverage::Difference {
            // Only here may a cell bring nothing new, or nothing at all.
            cells.iter_mut().filter(|_| self.random.chance(3)).for_each(|cell| cell.fresh.clear());
        }
        let mut range_tombstones: Vec<_> = (0..self.random.below(4))
            .filter_map(|_| self.range_tombstone(&range, keys, &base, &upto))
            .collect();
        range_tombstones.sort_by_key(|tombstone| tombstone.dot);
        Part { range, base, upto, coverage, cells, range_tombstones }
    }

    fn cell(
        &mut self,
        key: &Key,
        base: &VersionVector,
        upto: &VersionVector,
    ) -> Option<DeltaCell<Key, Value>> {
        if self.random.chance(6) {
            return self.removal(key, base, upto);
        }
        let many = if self.random.chance(3) { 3 } else { 1 };
        let mut fresh: Vec<_> = (0..many)
            .filter_map(|_| {
                let dot = self.fresh_dot(base, upto)?;
                Some((dot, self.entry(dot, upto)))
            })
            .collect();
        fresh.sort_by_key(|(dot, _)| *dot);
        fresh.dedup_by_key(|(dot, _)| dot.replica);
        let mut kept: Vec<_> = match self.random.chance(3) {
            true => (0..3).filter_map(|_| self.dot_under(base)).collect(),
            false => Vec::new(),
        };
        kept.sort();
        kept.dedup_by_key(|dot| dot.replica);
        // What a replica writes supersedes what it wrote.
        kept.retain(|dot| {
            let newer = fresh.iter().find(|(fresh, _)| fresh.replica == dot.replica);
            newer.is_none_or(|(_, entry)| entry.is_single_writer())
        });
        // What a tombstone has superseded is not alive beside it.
        let listed: Vec<Dot> = fresh.iter().map(|(dot, _)| *dot).chain(kept.clone()).collect();
        for (_, entry) in &mut fresh {
            if let Entry::Tombstone(tombstone) = entry {
                tombstone.over.retain(|dot| !listed.contains(dot));
            }
        }
        (!fresh.is_empty()).then(|| DeltaCell { key: key.clone(), fresh: fresh.into(), kept })
    }

    /// A removal of one dot that the reader has.
    fn removal(
        &mut self,
        key: &Key,
        base: &VersionVector,
        upto: &VersionVector,
    ) -> Option<DeltaCell<Key, Value>> {
        let (over, dot) = (self.dot_under(base)?, self.fresh_dot(base, upto)?);
        let tombstone = Tombstone { hlc: self.hlc(), over: smallvec![over] };
        let fresh = smallvec![(dot, Entry::Tombstone(Box::new(tombstone)))];
        Some(DeltaCell { key: key.clone(), fresh, kept: Vec::new() })
    }

    fn entry(&mut self, dot: Dot, upto: &VersionVector) -> Entry<Value> {
        match self.random.below(8) {
            0 => {
                let over: BTreeSet<_> =
                    (0..3).filter_map(|_| self.dot_under(upto)).filter(|o| *o != dot).collect();
                let over = over.into_iter().take(self.random.index(4)).collect();
                Entry::Tombstone(Box::new(Tombstone { hlc: self.hlc(), over }))
            }
            1 => {
                let epoch = 1 + self.random.below(dot.seq);
                let (inc, dec) = (self.random.skewed(), self.random.skewed());
                Entry::Slot(Box::new(Slot { epoch, inc, dec }))
            }
            2 => {
                let mut reset = Reset::default();
                for _ in 0..self.random.below(3) {
                    let Some(Dot { replica, seq }) = self.dot_under(upto) else { break };
                    let (inc, dec) = (self.random.skewed(), self.random.number());
                    reset.record(replica, Record { seq, inc, dec });
                }
                Entry::Reset(Box::new(reset))
            }
            3 => {
                let receivers: BTreeSet<_> =
                    self.ids.iter().copied().filter(|id| *id != dot.replica).collect();
                let sent = receivers.into_iter().map(|id| (id, 1 + self.random.skewed())).collect();
                Entry::Row(Box::new(Row { inc: self.random.skewed(), dec: 0, sent }))
            }
            _ => Entry::Value { hlc: self.hlc(), value: self.value() },
        }
    }

    fn range_tombstone(
        &mut self,
        range: &KeyRange<Key>,
        keys: &[Key],
        base: &VersionVector,
        upto: &VersionVector,
    ) -> Option<RangeTombstone<Key>> {
        let dot = self.fresh_dot(base, upto)?;
        let from = keys[self.random.index(keys.len())].clone();
        let range = match self.random.chance(2) {
            true => range.clone(),
            false => KeyRange::new(Some(from), range.end.clone()),
        };
        let seen = base.iter().filter(|(id, _)| *id != dot.replica || !self.random.chance(3));
        Some(RangeTombstone { dot, range, seen: seen.collect() })
    }

    fn fresh_dot(&mut self, base: &VersionVector, upto: &VersionVector) -> Option<Dot> {
        let ahead: Vec<_> = upto.ahead_of(base).collect();
        let ahead = ahead.get(self.random.index(ahead.len()))?;
        let seq = ahead.after + 1 + self.random.below(ahead.upto - ahead.after);
        let dot = Dot::new(ahead.replica, seq);
        self.used.insert(dot).then_some(dot)
    }

    fn dot_under(&mut self, vector: &VersionVector) -> Option<Dot> {
        let components: Vec<(ReplicaId, Seq)> = vector.iter().collect();
        let (replica, seq) = *components.get(self.random.index(components.len()))?;
        Some(Dot::new(replica, 1 + self.random.below(seq)))
    }

    fn hlc(&mut self) -> Hlc {
        match self.random.chance(4) {
            true => Hlc::from_u64(self.random.number()),
            false => Hlc::new(1_700_000_000_000, 3),
        }
    }

    fn key(&mut self) -> Key {
        let number = self.random.below(40);
        let path = match self.random.below(4) {
            0 => number.into_path(),
            1 => ("users", self.random.skewed(), "name").into_path(),
            2 => ("x".repeat(number as usize), number).into_path(),
            _ => ("users", number).into_path(),
        };
        let tag = [TypeTag::Register, TypeTag::Counter][self.random.index(2)];
        Key::new(&path, tag).unwrap()
    }

    fn value(&mut self) -> Value {
        match self.random.below(4) {
            0 => Value::from_serialize(&self.random.skewed()),
            1 => Value::from_serialize(&"v".repeat(self.random.index(300))),
            2 => Value::from_serialize(&vec![self.random.skewed(); 3]),
            _ => Value::from_serialize(&()),
        }
        .unwrap()
    }
}
