//! Fingerprints: the proof that two replicas of equal context hold equal state (invariant I11).
//!
//! Each cell is hashed by keyed BLAKE3 over its key and its *effective* content: live values with
//! their dots, and of counters what a reset has not cancelled. Tombstones are left out, so that the
//! time of their collection cannot fail an audit; save where a removal wins over a value beside it: those are
//! not collected, and decide what a reader finds. The hashes of a range are added as 256-bit wrapping
//! integers, which lets a tree keep partial sums; 16 bytes of the sum travel.
//!
//! A second sum is over everything that is *held*, tombstones included: where two replicas look for what
//! one of them lacks, equality must mean the same dots.
//!
//! Addition, not XOR: XOR is linear, so that with it somebody could choose cells that cancel out.
//! Source: Bellare and Micciancio, *A New Paradigm for Collision-Free Hashing: Incrementality at
//! Reduced Cost*, 1997, section 4 (AdHash).

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::cell::CellRef;
use crate::dot::Dot;
use crate::entry::Entry;
use crate::hlc::Hlc;
use crate::ordered_map::Aggregate;
use crate::planted::{Bug, planted};

/// Separates these hashes from every other use of BLAKE3.
pub(crate) const HASH_KEY: &[u8; blake3::KEY_LEN] = b"rejoin: cell fingerprint, form 1";

const HELD_KEY: &[u8; blake3::KEY_LEN] = b"rejoin: what a cell holds,form 1";

/// 16 bytes that two replicas of equal state and context agree on.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fingerprint(pub [u8; 16]);

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The sums of some cells.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct CellSum {
    /// Over what a reader finds.
    pub(crate) live: HashSum,
    /// Over all live dots, those of tombstones and resets included.
    pub(crate) held: HashSum,
}

/// The sum of some hashes, and how many there are.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct HashSum {
    pub(crate) count: u64,
    /// A 256-bit integer, least significant limb first.
    limbs: [u64; 4],
}

impl HashSum {
    pub(crate) fn of(hash: blake3::Hash) -> Self {
        let mut limbs = [0; 4];
        for (limb, bytes) in limbs.iter_mut().zip(hash.as_bytes().as_chunks().0) {
            *limb = u64::from_le_bytes(*bytes);
        }
        Self { count: 1, limbs }
    }

    /// The 16 bytes that travel: a hash of the whole sum, so that no part of it can be ignored.
    pub(crate) fn fingerprint(&self) -> Fingerprint {
        let mut hasher = blake3::Hasher::new_keyed(HASH_KEY);
        hasher.update(&self.count.to_le_bytes());
        self.limbs.iter().for_each(|limb| {
            hasher.update(&limb.to_le_bytes());
        });
        let mut out = [0; 16];
        hasher.finalize_xof().fill(&mut out);
        Fingerprint(out)
    }
}

impl Aggregate for CellSum {
    fn add(&mut self, other: &Self) {
        self.live.add(&other.live);
        self.held.add(&other.held);
    }
}

impl HashSum {
    /// Takes out what was added before.
    pub(crate) fn subtract(&mut self, other: &Self) {
        self.count = self.count.wrapping_sub(other.count);
        let mut borrow = false;
        for (limb, sub) in self.limbs.iter_mut().zip(other.limbs) {
            let (rest, under) = limb.overflowing_sub(sub);
            let (rest, under_by_borrow) = rest.overflowing_sub(u64::from(borrow));
            (*limb, borrow) = (rest, under || under_by_borrow);
        }
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.count = self.count.wrapping_add(other.count);
        let mut carry = false;
        for (limb, add) in self.limbs.iter_mut().zip(other.limbs) {
            (*limb, carry) = carrying_add(*limb, add, carry);
        }
    }
}

/// One limb of a long addition. (`u64::carrying_add` of the standard library is not stable yet.)
const fn carrying_add(limb: u64, add: u64, carry: bool) -> (u64, bool) {
    let (sum, over) = limb.overflowing_add(add);
    let (sum, over_by_carry) = sum.overflowing_add(carry as u64);
    (sum, over || over_by_carry)
}

/// Hashes cells one after another. What is hashed of a cell is put together first, always in the same place: it is
/// short, and what is hashed at once is hashed faster.
#[derive(Debug, Default)]
pub(crate) struct CellHasher {
    content: Vec<u8>,
}

impl CellHasher {
    /// The sums of one cell; `removal_wins` as for [`Self::live`].
    pub(crate) fn sum<K: Serialize, V: Serialize>(
        &mut self,
        key: &K,
        cell: CellRef<'_, V>,
        removal_wins: bool,
    ) -> CellSum {
        let live = self.live(HASH_KEY, key, cell, &[], removal_wins);
        // A cell of values only, as nearly all are, is hashed once: a value stands for its dot (I1).
        let held = match live {
            Some(hash) if cell.cell.entries().all(Entry::is_value) => hash,
            _ => self.held(HELD_KEY, key, cell),
        };
        CellSum { live: live.map(HashSum::of).unwrap_or_default(), held: HashSum::of(held) }
    }

    /// The hash of what a reader can find in a cell beside the dots in `left_out`; `None` if that is nothing.
    ///
    /// Where a removal wins, a tombstone beside a value decides whether the value shows, and it is never collected
    /// there: so it belongs to what readers find.
    pub(crate) fn live<K: Serialize, V: Serialize>(
        &mut self,
        hash_key: &[u8; blake3::KEY_LEN],
        key: &K,
        cell: CellRef<'_, V>,
        left_out: &[Dot],
        removal_wins: bool,
    ) -> Option<blake3::Hash> {
        let is_live =
            |(dot, entry): &(Dot, &Entry<V>)| !entry.is_removal() && !left_out.contains(dot);
        cell.entries().find(is_live)?;
        let counts =
            |item: &(Dot, &Entry<V>)| is_live(item) || (removal_wins && item.1.is_tombstone());
        let reset = cell.cell.merged_reset();
        self.begin(key);
        for (dot, entry) in cell.entries().filter(counts) {
            match entry {
                Entry::Value { hlc, value } => {
                    let hlc = if planted(Bug::FingerprintWithoutStamp) { &Hlc::ZERO } else { hlc };
                    self.put(&(0_u8, dot, hlc, value));
                }
                Entry::Slot(slot) => {
                    let epoch = if planted(Bug::FingerprintWithoutEpoch) { 0 } else { slot.epoch };
                    let remainder = slot.remainder(dot.seq, reset.of(dot.replica));
                    self.put(&(1_u8, dot, epoch, remainder));
                }
                Entry::Row(row) => self.put(&(2_u8, dot, row)),
                Entry::Tombstone(_) => self.put(&(3_u8, dot)),
                Entry::Reset(_) => {}
            }
        }
        Some(blake3::keyed_hash(hash_key, &self.content))
    }

    /// The hash of the dots in a cell.
    pub(crate) fn held<K: Serialize, V>(
        &mut self,
        hash_key: &[u8; blake3::KEY_LEN],
        key: &K,
        cell: CellRef<'_, V>,
    ) -> blake3::Hash {
        self.begin(key);
        cell.entries().for_each(|(dot, _)| self.put(&dot));
        blake3::keyed_hash(hash_key, &self.content)
    }

    fn begin(&mut self, key: &impl Serialize) {
        self.content.clear();
        self.put(key);
    }

    /// Appends the MessagePack form of `part`, which delimits itself.
    fn put(&mut self, part: &impl Serialize) {
        // A key or value that cannot be serialised contributes what came before the error: the same at
        // every replica, since serialisation is a function of the value.
        let _ = rmp_serde::encode::write(&mut self.content, part);
    }
}

/// The first 16 bytes of a hash.
pub(crate) fn short(hash: &blake3::Hash) -> [u8; 16] {
    let mut short = [0; 16];
    short.iter_mut().zip(hash.as_bytes()).for_each(|(to, from)| *to = *from);
    short
}
