//! Cells: the dots of one key that are still alive, each with its entry, and **the join**.
//!
//! The rule, for every type: *keep a dot that both sides hold, or that the other side has not seen.*
//! With live dots `L` and contexts `C` of the sides A and B,
//!
//! ```text
//! L = (LA ∩ LB) ∪ (LA \ CB) ∪ (LB \ CA)
//! ```
//!
//! It needs no clock and no history, and it is idempotent, commutative and associative. Source: the
//! optimised OR-set of Bieniusa et al., 2012; as dot stores under a causal context in Almeida, Shoker,
//! Baquero, *Delta State Replicated Data Types*, 2018, section 7. Two refinements are ours: a removal
//! is a live dot too, so that the difference of two replicas is always a set of dots; and entries with
//! a single writer (counter slots) replace their older selves instead of competing.
//!
//! What was weighed: `docs/decisions/0001-one-cell-engine.md`.

mod items;

use smallvec::SmallVec;

use crate::coverage::Coverage;
use crate::delta_cell::DeltaCell;
use crate::dot::{Dot, LocalDot};
use crate::entry::{Entry, Reset, Slot};
use crate::hlc::Hlc;
use crate::planted::{Bug, planted};
use crate::replica::Lives;
use crate::version_vector::VersionVector;
use crate::view::{CellKey, CellValue};

use items::Items;

/// The live dots of one key, sorted by dot, each with its entry.
#[derive(Clone, Debug)]
pub(crate) struct Cell<V> {
    items: Items<(LocalDot, Entry<V>)>,
}

impl<V> Default for Cell<V> {
    fn default() -> Self {
        Self { items: Items::None }
    }
}

/// What a change did to the dots of one cell; the dot index follows from it.
#[derive(Debug)]
pub(crate) struct Turnover<V> {
    pub(crate) born: SmallVec<[LocalDot; 2]>,
    pub(crate) died: SmallVec<[LocalDot; 2]>,
    /// The entries of the dots that died, which somebody else frees.
    pub(crate) gone: SmallVec<[Entry<V>; 1]>,
}

impl<V> Default for Turnover<V> {
    fn default() -> Self {
        Self { born: SmallVec::new(), died: SmallVec::new(), gone: SmallVec::new() }
    }
}

impl<V> Turnover<V> {
    pub(crate) fn is_empty(&self) -> bool {
        self.born.is_empty() && self.died.is_empty()
    }
}

impl<V: CellValue> Cell<V> {
    /// Joins what a delta says of this key; its entries are taken out of it. `own` is the context of the key here, before the delta;
    /// `upto` is the sender's, which the delta brings. Of slots and rows, absence means "unchanged" in a
    /// difference; in any other delta it means what it means for the rest.
    pub(crate) fn join<K: CellKey>(
        &mut self,
        sent: &mut DeltaCell<K, V>,
        own: &VersionVector,
        upto: &VersionVector,
        coverage: Coverage,
        lives: &Lives,
    ) -> Turnover<V> {
        let mut turnover = Turnover::default();
        self.retain(&mut turnover, |local, entry| {
            let dot = local.resolve(lives);
            let is_unchanged = coverage == Coverage::Difference && entry.is_single_writer();
            let is_unseen = !upto.contains(dot)
                && (coverage == Coverage::Difference || !planted(Bug::ListingRemovesUnseen));
            is_unchanged || is_unseen || sent.names(dot)
        });
        for (dot, entry) in std::mem::take(&mut sent.fresh) {
            // A dot under the own context is here already, or was superseded by one that is.
            if own.contains(dot) {
                self.plant_known(dot, &entry, lives);
                continue;
            }
            if planted(Bug::EqualStampsKeepFirst) && self.holds_value_of_stamp(&entry) {
                continue;
            }
            // Whoever joins a delta has interned its authors.
            let Some(life) = lives.life(dot.replica) else { continue };
            let local = LocalDot { life, seq: dot.seq };
            // What a replica writes takes the place of what it wrote, of its slot or of the rest. The names
            // of a listing do not say which of the two they are, so the join sees to it.
            self.retain(&mut turnover, |older, e| {
                e.is_single_writer() != entry.is_single_writer() || older.life != local.life
            });
            turnover.born.push(local);
            self.insert(local, entry, lives);
        }
        self.drop_reset_slots(lives, &mut turnover);
        self.plant(&sent.key, lives, &mut turnover);
        turnover
    }

    /// Puts an entry in its place in dot order. An equal value that is already here is shared.
    pub(crate) fn insert(&mut self, local: LocalDot, mut entry: Entry<V>, lives: &Lives) {
        if let Entry::Value { value, .. } = &mut entry
            && let Some(same) = self.entries().filter_map(Entry::value).find(|v| *v == value)
        {
            *value = same.clone();
        }
        let dot = local.resolve(lives);
        let at = self.items.as_slice().partition_point(|(other, _)| other.resolve(lives) < dot);
        self.items.insert(at, (local, entry));
    }

    /// Puts `entry` in the place of another one under the same dot.
    pub(crate) fn replace(&mut self, local: LocalDot, entry: Entry<V>, lives: &Lives) {
        self.forget(&[local]);
        self.insert(local, entry, lives);
    }

    /// Changes the entries, as failing memory would.
    #[cfg(feature = "planted")]
    pub(crate) fn damage(&mut self, change: impl Fn(&mut Entry<V>)) {
        self.items.as_mut_slice().iter_mut().for_each(|(_, entry)| change(entry));
    }

    /// Changes the numbers of the dots, as failing memory would.
    #[cfg(feature = "planted")]
    pub(crate) fn damage_dots(&mut self, change: impl Fn(u64) -> u64) {
        self.items.as_mut_slice().iter_mut().for_each(|(dot, _)| dot.seq = change(dot.seq));
    }

    /// Applies a range tombstone that covers this key: everything it saw goes, save what must outlive
    /// it.
    pub(crate) fn bury(&mut self, seen: &VersionVector, lives: &Lives) -> Turnover<V> {
        let mut turnover = Turnover::default();
        self.retain(&mut turnover, |local, entry| !is_buried(local, entry, seen, lives));
        turnover
    }

    /// Whether [`Self::bury`] takes anything.
    pub(crate) fn is_buried_by(&self, seen: &VersionVector, lives: &Lives) -> bool {
        self.items.as_slice().iter().any(|(local, entry)| is_buried(*local, entry, seen, lives))
    }

    /// Takes these dots out, whatever they are of: collected removals, or what a repair replaces.
    pub(crate) fn forget(&mut self, dots: &[LocalDot]) -> Turnover<V> {
        let mut turnover = Turnover::default();
        self.retain(&mut turnover, |local, _| !dots.contains(&local));
        turnover
    }

    /// Puts `entry` in the place of every value and tombstone: a write that has seen them all.
    pub(crate) fn supersede(&mut self, local: LocalDot, entry: Entry<V>, lives: &Lives) {
        self.retain(&mut Turnover::default(), |_, e| !e.is_superseded());
        self.insert(local, entry, lives);
    }

    /// As [`Self::supersede`], with what a transaction has prepared without looking at this cell.
    pub(crate) fn overwrite(&mut self, prepared: Self, lives: &Lives) -> Turnover<V> {
        let born = prepared.locals().collect();
        let mut turnover = Turnover { born, ..Turnover::default() };
        self.retain(&mut turnover, |_, e| !e.is_superseded());
        if self.is_empty() {
            *self = prepared;
        } else {
            prepared.items.into_iter().for_each(|(local, e)| self.insert(local, e, lives));
        }
        turnover
    }

    /// Puts `entry` in the place of the dots in `seen` and of whatever its own writer wrote here, since
    /// a replica has seen its own changes; what arrived since from elsewhere stays beside it.
    pub(crate) fn supersede_only(
        &mut self,
        seen: &[Dot],
        local: LocalDot,
        entry: Entry<V>,
        lives: &Lives,
    ) {
        self.retain(&mut Turnover::default(), |old, e| {
            let is_seen = old.life == local.life || seen.contains(&old.resolve(lives));
            !e.is_superseded() || !is_seen
        });
        self.insert(local, entry, lives);
    }

    /// Replaces the own slot or row.
    pub(crate) fn replace_own(&mut self, local: LocalDot, entry: Entry<V>, lives: &Lives) {
        self.retain(&mut Turnover::default(), |older, e| {
            !(e.is_single_writer() && older.life == local.life)
        });
        self.insert(local, entry, lives);
    }

    /// The slot of a cell that holds nothing else.
    pub(crate) fn only_slot_mut(&mut self) -> Option<(&mut LocalDot, &mut Slot)> {
        match self.items.as_mut_slice() {
            [(local, Entry::Slot(slot))] => Some((local, slot)),
            _ => None,
        }
    }

    /// Replaces every reset by `reset`, and drops the slots that it cancels as a whole.
    pub(crate) fn reset(&mut self, local: LocalDot, reset: Reset, lives: &Lives) {
        let mut turnover = Turnover::default();
        self.retain(&mut turnover, |_, e| !matches!(e, Entry::Reset(_)));
        self.insert(local, Entry::Reset(Box::new(reset)), lives);
        self.drop_reset_slots(lives, &mut turnover);
    }

    /// A slot that a reset has seen in its latest form leaves the cell at once: kept, it would later
    /// be counted on by its writer.
    fn drop_reset_slots(&mut self, lives: &Lives, turnover: &mut Turnover<V>) {
        if !self.entries().any(|e| matches!(e, Entry::Reset(_))) || planted(Bug::ResetSlotsKept) {
            return;
        }
        let seen = self.merged_reset();
        self.retain(turnover, |local, entry| {
            let record = seen.of(lives.id(local.life));
            !(matches!(entry, Entry::Slot(_)) && record.is_some_and(|r| r.seq >= local.seq))
        });
    }

    fn retain(
        &mut self,
        turnover: &mut Turnover<V>,
        mut keep: impl FnMut(LocalDot, &Entry<V>) -> bool,
    ) {
        let Turnover { died, gone, .. } = turnover;
        let gone = |(local, entry)| {
            died.push(local);
            gone.push(entry);
        };
        self.items.retain(|(local, entry)| keep(*local, entry), gone);
    }

    /// Whether a value is here that was written at the same time as `entry`, which is one too.
    fn holds_value_of_stamp(&self, entry: &Entry<V>) -> bool {
        let is_equal = |held: &Entry<V>| held.is_value() && held.hlc() == entry.hlc();
        entry.is_value() && self.entries().any(is_equal)
    }

    fn plant_known(&mut self, dot: Dot, entry: &Entry<V>, lives: &Lives) {
        let local = lives.life(dot.replica).map(|life| LocalDot { life, seq: dot.seq });
        let held = local.filter(|local| self.locals().any(|held| held == *local));
        if let (Some(held), true) = (held, planted(Bug::KnownDotsReplaced)) {
            self.replace(held, entry.clone(), lives);
        }
    }

    /// The planted bugs that live in the join (see [`crate::planted`]).
    fn plant<K: CellKey>(&mut self, key: &K, lives: &Lives, turnover: &mut Turnover<V>) {
        if planted(Bug::OneRemovalPerCell) {
            let last = self
                .items
                .as_slice()
                .iter()
                .filter(|i| i.1.is_tombstone())
                .map(|i| i.0)
                .next_back();
            self.retain(turnover, |dot, e| !e.is_tombstone() || Some(dot) == last);
        }
        if planted(Bug::DropLastWriterWinsLosers) {
            let view = CellRef { cell: self, lives };
            let winner = view.values().max_by_key(|v| (v.hlc, v.dot)).map(|v| v.dot);
            self.retain(turnover, |dot, e| !e.is_value() || Some(dot.resolve(lives)) == winner);
        }
        if planted(Bug::MaximumFoldedByValue) && format!("{key:?}").contains("MaxRegister") {
            let view = CellRef { cell: self, lives };
            let greatest = view.values().max_by_key(|v| format!("{:?}", v.value)).map(|v| v.dot);
            self.retain(turnover, |dot, e| !e.is_value() || Some(dot.resolve(lives)) == greatest);
        }
    }
}

impl<V> Cell<V> {
    pub(crate) fn is_empty(&self) -> bool {
        self.items.as_slice().is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.items.as_slice().len()
    }

    /// Whether there is anything here that may be collected some day.
    pub(crate) fn holds_removal(&self) -> bool {
        self.entries().any(Entry::is_removal)
    }

    pub(crate) fn locals(&self) -> impl Iterator<Item = LocalDot> + '_ {
        self.items.as_slice().iter().map(|(local, _)| *local)
    }

    pub(crate) fn items(&self) -> impl DoubleEndedIterator<Item = (LocalDot, &Entry<V>)> + '_ {
        self.items.as_slice().iter().map(|(local, entry)| (*local, entry))
    }

    pub(crate) fn entries(&self) -> impl Iterator<Item = &Entry<V>> + '_ {
        self.items.as_slice().iter().map(|(_, entry)| entry)
    }

    pub(crate) fn into_entries(self) -> impl Iterator<Item = Entry<V>> {
        self.items.into_iter().map(|(_, entry)| entry)
    }

    /// Everything that the resets of this cell have seen, as one.
    pub(crate) fn merged_reset(&self) -> Reset {
        let mut merged = Reset::default();
        for entry in self.entries() {
            if let Entry::Reset(reset) = entry {
                merged.merge(reset);
            }
        }
        merged
    }
}

/// Whether a range tombstone that has seen `seen` takes an entry.
fn is_buried<V>(local: LocalDot, entry: &Entry<V>, seen: &VersionVector, lives: &Lives) -> bool {
    (entry.yields_to_range_tombstone() || planted(Bug::RangeTombstoneRemovesResets))
        && seen.contains(local.resolve(lives))
}

/// A cell as a reader sees it: every data type reads from here.
#[derive(Debug)]
pub struct CellRef<'a, V> {
    pub(crate) cell: &'a Cell<V>,
    pub(crate) lives: &'a Lives,
}

impl<V> Clone for CellRef<'_, V> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<V> Copy for CellRef<'_, V> {}

/// One live value of a cell.
#[derive(PartialEq, Eq, Debug)]
pub struct Sibling<'a, V> {
    /// Who wrote it, as that replica's which change.
    pub dot: Dot,
    /// When, by the writer's clock.
    pub hlc: Hlc,
    /// The value.
    pub value: &'a V,
}

impl<V> Clone for Sibling<'_, V> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<V> Copy for Sibling<'_, V> {}

impl<'a, V> CellRef<'a, V> {
    /// The live dots with their entries, sorted by dot.
    pub fn entries(self) -> impl Iterator<Item = (Dot, &'a Entry<V>)> + 'a {
        let lives = self.lives;
        self.cell.items().map(move |(local, entry)| (local.resolve(lives), entry))
    }

    /// The live values, sorted by dot. More than one means that they were written concurrently.
    pub fn values(self) -> impl Iterator<Item = Sibling<'a, V>> + 'a {
        let lives = self.lives;
        self.cell.items().filter_map(move |(local, entry)| match entry {
            Entry::Value { hlc, value } => {
                Some(Sibling { dot: local.resolve(lives), hlc: *hlc, value })
            }
            _ => None,
        })
    }

    /// Whether there is at least one live value.
    pub fn has_value(self) -> bool {
        self.cell.entries().any(Entry::is_value)
    }

    /// Whether there is at least one live tombstone.
    pub fn has_tombstone(self) -> bool {
        self.cell.entries().any(Entry::is_tombstone)
    }

    /// Whether a reader finds anything here: a value, or counter totals that were not reset.
    pub fn is_live(self) -> bool {
        self.cell.entries().any(|e| e.is_value() || e.is_single_writer())
    }
}
