//! Members: the lives that collection will wait for, as cells of the document itself.
//!
//! A member is two cells under a reserved key, where no path leads: its *admission*, written once by the
//! sponsor, whose dot is the admission dot; and its state, a register that keeps the greatest value, so
//! that concurrent steps of one life converge to the later one. What must always hold: a state never
//! goes back, and an admission is never written over. Reserved keys sort before all others, so that they
//! come first wherever keys travel in order. Why they are cells: `docs/decisions/0009-membership.md`.

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::cell::{CellRef, Sibling};
use crate::context::Context;
use crate::document::DocumentView;
use crate::document::read::Source;
use crate::dot::Dot;
use crate::path::{Component, IntoPath, Key, TypeTag};
use crate::range::KeyRange;
use crate::replica::ReplicaId;
use crate::value::Value;
use crate::version_vector::VersionVector;

/// The name under which members lie among the reserved keys.
const MEMBERS: &str = "members";

/// The keys that the document keeps for itself, the member list among them. They sort before every key
/// that a path names, so whoever sends this range first sends the members first.
pub fn members_range() -> KeyRange<Key> {
    Key::reserved_range()
}

/// Where a member stands. It only ever moves forward.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[non_exhaustive]
pub enum MemberState {
    /// It may write every type, and collection waits for it.
    Active,
    /// It is to be closed: it writes no member-only type any more.
    Closing,
    /// Every active member knows that it is to be closed. Nothing writes that: it follows from what they have
    /// acknowledged.
    Closed,
    /// It is gone for good.
    Retired,
}

/// One member of a document.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Member {
    /// The life that was admitted.
    pub life: ReplicaId,
    /// The site that its sponsor named; `None` for a life that the founder found in the document.
    pub site: Option<String>,
    /// Where it stands.
    pub state: MemberState,
    /// The change by which it was admitted: of several concurrent ones the first by clock.
    pub admission: Dot,
    /// The former life that this admission closes.
    pub closes: Option<ReplicaId>,
}

/// The members of a document, as a view or a transaction sees them.
#[derive(Clone, Copy, Debug)]
pub struct Members<'a> {
    pub(super) source: Source<'a>,
}

/// What an admission says, as it is stored.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct Admission {
    pub(super) site: Option<String>,
    pub(super) closes: Option<ReplicaId>,
}

impl DocumentView {
    /// The members of the document.
    pub const fn members(&self) -> Members<'_> {
        Members { source: Source::View(self) }
    }
}

impl<'a> Members<'a> {
    /// Every member that was ever admitted, sorted by life.
    pub fn iter(self) -> impl Iterator<Item = Member> + 'a {
        let cells = self.source.cells_in(members_range());
        cells.filter_map(move |(key, cell)| self.member(admitted_life(key)?, cell))
    }

    /// Whether anybody was ever admitted. In a document without members nothing is ever collected, and
    /// everybody may write every type.
    pub fn is_managed(self) -> bool {
        self.iter().next().is_some()
    }

    /// The member of this life.
    pub fn get(self, life: ReplicaId) -> Option<Member> {
        self.member(life, self.source.cell_of(&admission_key(life))?)
    }

    /// Where a life stands; `None` if it was never admitted.
    pub fn state_of(self, life: ReplicaId) -> Option<MemberState> {
        self.get(life).map(|member| member.state)
    }

    /// Whether somebody who has seen this may hold changes of `life` to a member-only cell: it covers an
    /// admission of the life, or the founding admitted the life.
    pub(super) fn admit_at(self, life: ReplicaId, seen: &VersionVector) -> bool {
        let cell = self.source.cell_of(&admission_key(life));
        cell.into_iter().flat_map(admissions).any(|(sibling, says)| {
            says.is_of_founding(life, sibling.dot) || seen.contains(sibling.dot)
        })
    }

    /// Whether `life`, with this context, may change the list: an active member, that has caught up with its
    /// admission on all of the list.
    pub fn may_be_changed_by(self, life: ReplicaId, context: &Context<Key>) -> bool {
        let list = members_range();
        let is_active = self.state_of(life) == Some(MemberState::Active);
        is_active && context.segments_in(&list).all(|(_, seen)| self.admit_at(life, seen))
    }

    fn member(self, life: ReplicaId, cell: CellRef<'a, Value>) -> Option<Member> {
        let first = admissions(cell).min_by_key(|(sibling, _)| (sibling.hlc, sibling.dot));
        let (sibling, Admission { site, closes }) = first?;
        Some(Member { life, site, state: self.state(life), admission: sibling.dot, closes })
    }

    /// A life whose state nobody has written yet is active.
    fn state(self, life: ReplicaId) -> MemberState {
        MemberState::of(self.source.cell_of(&state_key(life)))
    }
}

impl MemberState {
    /// The number that is stored: the order of the states is the order of the numbers.
    pub(super) const fn number(self) -> u8 {
        match self {
            Self::Active => 0,
            Self::Closing => 1,
            Self::Closed => 2,
            Self::Retired => 3,
        }
    }

    /// What the cell of a state says.
    pub(super) fn of(cell: Option<CellRef<'_, Value>>) -> Self {
        let written = cell.and_then(CellRef::maximum);
        let number = written.and_then(|value| value.decode_borrowed().ok());
        number.and_then(Self::from_number).unwrap_or(Self::Active)
    }

    fn from_number(number: u8) -> Option<Self> {
        let states = [Self::Active, Self::Closing, Self::Closed, Self::Retired];
        states.into_iter().find(|state| state.number() == number)
    }
}

impl fmt::Display for MemberState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Active => "active",
            Self::Closing => "closing",
            Self::Closed => "closed",
            Self::Retired => "retired",
        })
    }
}

/// The cell whose dot admits a life. All concurrent admissions stay in it.
pub(super) fn admission_key(life: ReplicaId) -> Key {
    Key::reserved(&place(life), TypeTag::MvRegister)
}

/// The cell that holds the state of a life.
pub(super) fn state_key(life: ReplicaId) -> Key {
    Key::reserved(&place(life), TypeTag::MaxRegister)
}

fn place(life: ReplicaId) -> crate::path::Path {
    (MEMBERS, Uuid::from_bytes(*life.as_bytes())).into_path()
}

/// The life that a cell admits, if it is the cell of an admission.
pub(super) fn admitted_life(key: &Key) -> Option<ReplicaId> {
    if !key.is_reserved() || key.tag() != Some(TypeTag::MvRegister) {
        return None;
    }
    match key.path().components() {
        [Component::Str(name), Component::Uuid(life)] if name == MEMBERS => Some((*life).into()),
        _ => None,
    }
}

/// The admissions that a cell holds. Anything else that somebody put there admits nobody.
pub(super) fn admissions(
    cell: CellRef<'_, Value>,
) -> impl Iterator<Item = (Sibling<'_, Value>, Admission)> {
    cell.values().filter_map(|sibling| Some((sibling, Admission::read(sibling.value)?)))
}

impl Admission {
    pub(super) fn read(value: &Value) -> Option<Self> {
        value.decode_borrowed().ok()
    }

    /// Whether the admission `dot` of `life` belongs to the founding of the document: the founder admits
    /// itself, and the lives that it finds, of which it knows no site.
    pub(super) fn is_of_founding(&self, life: ReplicaId, dot: Dot) -> bool {
        dot.replica == life || self.site.is_none()
    }
}
