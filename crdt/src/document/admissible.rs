//! What a document with members takes from others.
//!
//! In a member-only type a removal beats a concurrent write, so its tombstone may be collected only when
//! nothing concurrent can still arrive. Whoever collects waits for the active members; what others wrote
//! must therefore never come in. What must always hold in a document with members: every live dot of a
//! member-only cell belongs to a life whose admission is covered by the context of that cell, or that was
//! admitted by the founding itself.
//!
//! Why a covered admission is enough: a life writes such a cell only where it has seen its admission and
//! all that its sponsor had there, and whoever has seen the write has seen what its author saw. Either the sponsor admitted before it
//! acknowledged a tombstone, and then the collector waits for the newcomer; or afterwards, and then the
//! newcomer's first write has seen the tombstone. For lives admitted by the founding nothing needs to be
//! covered: nothing was collected before, and everything after it waits for them. The whole argument and
//! what was rejected are in `docs/decisions/0009-membership.md`.

use std::collections::{BTreeMap, BTreeSet};

use thiserror::Error;

use crate::delta::Delta;
use crate::document::member::{Admission, admission_key, admissions, admitted_life, members_range};
use crate::dot::{Dot, Seq};
use crate::path::{Key, TypeTag};
use crate::planted::{Bug, planted};
use crate::range::KeyRange;
use crate::replica::ReplicaId;
use crate::store::{JoinError, RepairError, Store};
use crate::value::Value;
use crate::version_vector::VersionVector;

/// Why a document does not take a delta. Nothing was changed. Both reasons have lists of their own that
/// grow; that there are two is fixed, so that nobody who passes them on forgets one.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum DocumentJoinError {
    /// The store cannot join it.
    #[error(transparent)]
    Store(#[from] JoinError),
    /// The members of the document forbid it.
    #[error(transparent)]
    Inadmissible(#[from] Inadmissible),
}

/// Why a document does not take a repair. Nothing was changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum DocumentRepairError {
    /// The store cannot use it.
    #[error(transparent)]
    Store(#[from] RepairError),
    /// The members of the document forbid it.
    #[error(transparent)]
    Inadmissible(#[from] Inadmissible),
}

/// Why the members of a document forbid a delta. Nothing was changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum Inadmissible {
    /// A member-only type was written by somebody who is not admitted as far as the delta knows.
    #[error("change {seq} of {replica} is to a member-only type, and {replica} is not admitted")]
    NotAdmitted {
        /// Who wrote.
        replica: ReplicaId,
        /// Which of its changes.
        seq: Seq,
    },
    /// This replica holds changes to member-only types from before the document had members, which the
    /// members do not know and may have collected the other side of. It can join them only empty, or
    /// without these changes.
    #[error("change {seq} of {replica}, which is here, is unknown to the members of the delta")]
    UnknownToMembers {
        /// Who wrote.
        replica: ReplicaId,
        /// Which of its changes.
        seq: Seq,
    },
    /// Two documents with members of their own do not mix.
    #[error("the document was founded twice, by {first} and by {second}")]
    FoundedApart {
        /// A founder.
        first: ReplicaId,
        /// Another one.
        second: ReplicaId,
    },
    /// A deletion reaches into the cells that the document keeps for itself.
    #[error("deletion {seq} of {replica} reaches into the member list")]
    MembersDeleted {
        /// Who deleted.
        replica: ReplicaId,
        /// Which of its changes.
        seq: Seq,
    },
}

/// Checks a delta against the members that the store and the delta know.
pub(super) fn check(
    store: &Store<Key, Value>,
    delta: &Delta<Key, Value>,
) -> Result<(), Inadmissible> {
    check_deletions(delta)?;
    let mut cells = delta.parts.iter().flat_map(|part| &part.cells);
    if !cells.any(|cell| needs_admission(&cell.key)) || planted(Bug::MemberOnlyWrittenByGuest) {
        return Ok(());
    }
    let here = Admissions::of_store(store);
    let both = here.clone().with_delta(delta);
    if both.by_life.is_empty() {
        return Ok(());
    }
    both.check_one_founding()?;
    both.check_delta(store, delta)?;
    if here.by_life.is_empty() { both.check_store(store) } else { Ok(()) }
}

/// Whether the place where the author of `dot` was admitted is here as far as its change `dot`, once the
/// delta is joined. In a list that comes in rounds what a member did may come before its admission.
fn has_reached(store: &Store<Key, Value>, delta: &Delta<Key, Value>, dot: Dot) -> bool {
    let place = admission_key(dot.replica);
    let part = delta.parts.iter().find(|part| part.range.contains(&place));
    store.view().context().at(&place).contains(dot)
        || part.is_some_and(|part| part.upto.contains(dot))
}

fn check_deletions(delta: &Delta<Key, Value>) -> Result<(), Inadmissible> {
    let reserved = members_range();
    let mut tombstones = delta.parts.iter().flat_map(|part| &part.range_tombstones);
    match tombstones.find(|tombstone| tombstone.range.meets(&reserved)) {
        Some(tombstone) => {
            let Dot { replica, seq } = tombstone.dot;
            Err(Inadmissible::MembersDeleted { replica, seq })
        }
        None => Ok(()),
    }
}

/// Whether only members write a cell: one of a member-only type, or of the member list.
fn needs_admission(key: &Key) -> bool {
    key.is_reserved() || key.tag().is_some_and(TypeTag::is_member_only)
}

/// Who was admitted, by which changes.
#[derive(Clone, Default, Debug)]
struct Admissions {
    by_life: BTreeMap<ReplicaId, Vec<Admitted>>,
}

#[derive(Clone, Copy, Debug)]
struct Admitted {
    dot: Dot,
    by_founding: bool,
}

impl Admissions {
    fn of_store(store: &Store<Key, Value>) -> Self {
        let mut all = Self::default();
        for (key, cell) in store.view().range(&members_range()) {
            if let Some(life) = admitted_life(key) {
                admissions(cell).for_each(|(sibling, says)| all.insert(life, sibling.dot, &says));
            }
        }
        all
    }

    fn with_delta(mut self, delta: &Delta<Key, Value>) -> Self {
        for cell in delta.parts.iter().flat_map(|part| &part.cells) {
            let Some(life) = admitted_life(&cell.key) else { continue };
            for (dot, entry) in &cell.fresh {
                if let Some(admission) = entry.value().and_then(Admission::read) {
                    self.insert(life, *dot, &admission);
                }
            }
        }
        self
    }

    fn insert(&mut self, life: ReplicaId, dot: Dot, admission: &Admission) {
        let by_founding = admission.is_of_founding(life, dot);
        self.by_life.entry(life).or_default().push(Admitted { dot, by_founding });
    }

    /// Whether somebody who knows `seen` may hold changes of `life` to a member-only cell.
    fn allow(&self, life: ReplicaId, seen: &VersionVector) -> bool {
        let admitted = self.by_life.get(&life).into_iter().flatten();
        admitted.into_iter().any(|admitted| admitted.by_founding || seen.contains(admitted.dot))
    }

    /// Whoever admitted itself is a founder.
    fn check_one_founding(&self) -> Result<(), Inadmissible> {
        let is_founder = |(life, admitted): &(&ReplicaId, &Vec<Admitted>)| {
            admitted.iter().any(|admitted| admitted.dot.replica == **life)
        };
        let founders: BTreeSet<ReplicaId> =
            self.by_life.iter().filter(is_founder).map(|(life, _)| *life).collect();
        match (founders.first(), founders.last()) {
            (Some(&first), Some(&second)) if first != second => {
                Err(Inadmissible::FoundedApart { first, second })
            }
            _ => Ok(()),
        }
    }

    /// What is new in the delta was written by admitted lives. What is here already is not news.
    fn check_delta(
        &self,
        store: &Store<Key, Value>,
        delta: &Delta<Key, Value>,
    ) -> Result<(), Inadmissible> {
        for part in &delta.parts {
            for cell in part.cells.iter().filter(|cell| needs_admission(&cell.key)) {
                let here = store.view().context().at(&cell.key);
                let mut news = cell.fresh.iter().map(|(dot, _)| *dot);
                let is_refused = |dot: &Dot| {
                    let is_early = cell.key.is_reserved() && !has_reached(store, delta, *dot);
                    !here.contains(*dot) && !self.allow(dot.replica, &part.upto) && !is_early
                };
                let refused = news.find(is_refused);
                if let Some(Dot { replica, seq }) = refused {
                    return Err(Inadmissible::NotAdmitted { replica, seq });
                }
            }
        }
        Ok(())
    }

    /// What is here was written by admitted lives too: asked once, when the first members arrive.
    fn check_store(&self, store: &Store<Key, Value>) -> Result<(), Inadmissible> {
        let cells = store.view().range(&KeyRange::full());
        for (key, cell) in cells.filter(|(key, _)| needs_admission(key)) {
            let seen = store.view().context().at(key);
            let mut dots = cell.entries().map(|(dot, _)| dot);
            if let Some(Dot { replica, seq }) = dots.find(|dot| !self.allow(dot.replica, seen)) {
                return Err(Inadmissible::UnknownToMembers { replica, seq });
            }
        }
        Ok(())
    }
}
