//! Conflicts: what a reader cannot see at once.
//!
//! Nothing is resolved silently. Concurrent values of a register stay beside each other until somebody
//! who saw them writes over them, and a path that two replicas used as two kinds of thing keeps both.
//! Two indexes, kept up to date with every commit, list such places, so that listing conflicts costs
//! the conflicts, not the store.

use crate::cell::CellRef;
use crate::document::DocumentView;
use crate::document::read::read;
use crate::dot::Dot;
use crate::hlc::Hlc;
use crate::path::{IntoPath, Key, Path, TypeTag};
use crate::range::KeyRange;
use crate::value::Value;

/// A place where concurrent changes left more than a reader sees.
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub enum Conflict {
    /// A register with several concurrent values, or with a value beside a deletion that competes.
    Siblings {
        /// Where it is.
        path: Path,
        /// Which type of register.
        tag: TypeTag,
        /// The concurrent writes, sorted by dot.
        siblings: Vec<Candidate>,
        /// The resolver whose result is shown, if one is registered for the path.
        resolver: Option<String>,
    },
    /// A path used as several kinds of thing.
    Types {
        /// Where it is.
        path: Path,
        /// The types that are live at the path; `MapMarker` stands for anything below it, and a set
        /// element's type for a set. The reader shows the first.
        types: Vec<TypeTag>,
    },
}

/// One of several concurrent writes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Candidate {
    /// Who wrote it, as which change.
    pub dot: Dot,
    /// When, by the writer's clock.
    pub hlc: Hlc,
    /// The value; `None` is a deletion that takes part in the comparison.
    pub value: Option<Value>,
}

impl Conflict {
    /// Where the conflict is.
    pub const fn path(&self) -> &Path {
        match self {
            Self::Siblings { path, .. } | Self::Types { path, .. } => path,
        }
    }
}

/// Whether a cell holds concurrent values that its reader does not show all of.
pub(crate) fn is_contested(tag: TypeTag, cell: CellRef<'_, Value>) -> bool {
    let competes = match tag {
        TypeTag::Register | TypeTag::MvRegister => false,
        TypeTag::RegisterLwwDelete => cell.has_tombstone(),
        _ => return false,
    };
    let mut values = cell.values().map(|sibling| sibling.value);
    let Some(first) = values.next() else { return false };
    competes || values.any(|other| other != first)
}

impl DocumentView {
    /// The conflicts at and below a path, in key order: first concurrent values, then type clashes.
    pub fn conflicts(&self, path: impl IntoPath) -> impl Iterator<Item = Conflict> + '_ {
        let path = path.encode();
        // A mixed path is remembered by its bare encoding, where the subtree of the root begins later.
        let start = Key::bound(path.as_bytes());
        let range = KeyRange::new(Some(start), Some(path.subtree().1));
        let (start, end) = range.bounds();
        let siblings = self.contested.range(start, end).filter_map(|(key, ())| self.siblings(key));
        let clashes = self.clashes.range(start, end).filter_map(|(place, ())| self.clash(place));
        siblings.chain(clashes)
    }

    /// The number of registers with concurrent values, in the whole document.
    pub fn contested_count(&self) -> usize {
        self.contested.len()
    }

    fn siblings(&self, key: &Key) -> Option<Conflict> {
        let (tag, path) = (key.tag()?, key.path());
        let cell = self.cells.cell(key)?;
        let siblings = cell.entries().filter_map(|(dot, entry)| {
            let is_candidate =
                entry.is_value() || (tag == TypeTag::RegisterLwwDelete && entry.is_tombstone());
            let hlc = entry.hlc()?;
            is_candidate.then(|| Candidate { dot, hlc, value: entry.value().cloned() })
        });
        let siblings = siblings.collect();
        let resolver = self.resolvers.of(&path).map(|resolver| resolver.name().to_owned());
        Some(Conflict::Siblings { path, tag, siblings, resolver })
    }

    /// The clash at a place of the index, if it is still one: the index only remembers that keys of
    /// several kinds met there, some of them may be gone.
    fn clash(&self, place: &Key) -> Option<Conflict> {
        let path = Path::from_encoded(place.as_bytes()).ok()?;
        let (start, end) = path.own_cells();
        let live = |(start, end): (Key, Key)| {
            let range = KeyRange::new(Some(start), Some(end));
            let cells = self.cells.range(&range);
            cells
                .filter(|(key, cell)| read(None, key, *cell).is_some())
                .filter_map(|(key, _)| key.tag())
        };
        let elements = path.elements();
        let mut types: Vec<TypeTag> = live((start, end.clone())).collect();
        if live((end, elements.0.clone())).next().is_some() {
            types.push(TypeTag::MapMarker);
        }
        for tag in [TypeTag::SetElement, TypeTag::RemoveWinsElement] {
            if live(elements.clone()).any(|found| found == tag) {
                types.push(tag);
            }
        }
        types.dedup();
        (types.len() > 1).then_some(Conflict::Types { path, types })
    }
}
