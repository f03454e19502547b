//! Reading a document: handles by path, over a view or inside a transaction.

use serde::Deserialize;

use crate::cell::{CellRef, Sibling};
use crate::document::{DocumentView, Tx};
use crate::path::{Component, EncodedPath, IntoPath, Key, TypeTag};
use crate::range::KeyRange;
use crate::replica::ReplicaId;
use crate::value::{DecodeError, Item, Value};

/// What a handle reads from: a view, or a transaction through its own changes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Source<'a> {
    View(&'a DocumentView),
    Tx(&'a Tx<'a>),
}

type Cells<'a> = Box<dyn Iterator<Item = (&'a Key, CellRef<'a, Value>)> + 'a>;

impl<'a> Source<'a> {
    fn cell(self, path: &EncodedPath, tag: TypeTag) -> Option<CellRef<'a, Value>> {
        self.cell_of(&Key::at(path, tag).ok()?)
    }

    fn element(
        self,
        path: &EncodedPath,
        tag: TypeTag,
        element: &Value,
    ) -> Option<CellRef<'a, Value>> {
        self.cell_of(&Key::element(path, element.as_bytes(), tag).ok()?)
    }

    fn range(self, (start, end): (Key, Key)) -> Cells<'a> {
        self.cells_in(KeyRange::new(Some(start), Some(end)))
    }

    pub(super) fn cell_of(self, key: &Key) -> Option<CellRef<'a, Value>> {
        match self {
            Self::View(view) => view.cells.cell(key),
            Self::Tx(tx) => tx.inner.cell(key),
        }
    }

    pub(super) fn cells_in(self, range: KeyRange<Key>) -> Cells<'a> {
        match self {
            Self::View(view) => Box::new(view.cells.range(&range)),
            Self::Tx(tx) => Box::new(tx.inner.range(&range)),
        }
    }
}

/// What a reader finds in one cell.
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub enum Reading<'a> {
    /// The value of a register.
    Value(&'a Value),
    /// The value that a [resolver](crate::document::Resolver) makes of concurrent ones.
    Resolved(Value),
    /// The values of a multi-value register, sorted by dot.
    Values(Vec<&'a Value>),
    /// The state of a flag.
    Flag(bool),
    /// The total of a counter.
    Count(i128),
    /// An element of a set.
    Element(Value),
    /// The marker of a map, which may be empty.
    Map,
}

/// Reads a cell by its type; `None` if a reader finds nothing there.
pub(crate) fn read<'a>(
    view: Option<&DocumentView>,
    key: &Key,
    cell: CellRef<'a, Value>,
) -> Option<Reading<'a>> {
    match key.tag()? {
        tag @ (TypeTag::Register
        | TypeTag::RegisterLwwDelete
        | TypeTag::MaxRegister
        | TypeTag::MinRegister) => {
            let resolved = view.and_then(|view| view.resolved(|| key.path(), tag, cell));
            match resolved {
                Some(value) => Some(Reading::Resolved(value)),
                None => winner(tag, cell).map(|s| Reading::Value(s.value)),
            }
        }
        TypeTag::MvRegister => {
            let values: Vec<_> = cell.values().map(|sibling| sibling.value).collect();
            (!values.is_empty()).then_some(Reading::Values(values))
        }
        tag @ (TypeTag::EnableWinsFlag | TypeTag::DisableWinsFlag) => {
            cell.has_value().then(|| Reading::Flag(present(tag, cell)))
        }
        TypeTag::Counter => cell.is_live().then(|| Reading::Count(cell.count())),
        TypeTag::BoundedCounter => cell.is_live().then(|| Reading::Count(bounded_total(cell))),
        TypeTag::MapMarker => cell.has_value().then_some(Reading::Map),
        tag @ (TypeTag::SetElement | TypeTag::RemoveWinsElement) => {
            present(tag, cell).then(|| element_of(key)).flatten().map(Reading::Element)
        }
    }
}

/// Rows hold 64-bit totals of at most 65 536 replicas: the sum is far below 2^127.
fn bounded_total(cell: CellRef<'_, Value>) -> i128 {
    i128::try_from(cell.bounded_total()).unwrap_or(i128::MAX)
}

/// The value that a register shows by its own rule.
fn winner(tag: TypeTag, cell: CellRef<'_, Value>) -> Option<Sibling<'_, Value>> {
    match tag {
        TypeTag::RegisterLwwDelete => cell.last_by_clock_or_deleted(),
        TypeTag::MaxRegister => cell.values().max_by_key(|sibling| sibling.value),
        TypeTag::MinRegister => cell.values().min_by_key(|sibling| sibling.value),
        _ => cell.last_by_clock(),
    }
}

/// Whether a flag is enabled or an element contained.
fn present(tag: TypeTag, cell: CellRef<'_, Value>) -> bool {
    let removal_wins = matches!(tag, TypeTag::DisableWinsFlag | TypeTag::RemoveWinsElement);
    cell.has_value() && !(removal_wins && cell.has_tombstone())
}

fn element_of(key: &Key) -> Option<Value> {
    // An element in a key was checked to be a canonical value when the key was made.
    Value::from_bytes(&key.element_bytes()?, u32::MAX, u32::MAX).ok()
}

/// A register at a path.
#[derive(Clone, Debug)]
pub struct Register<'a> {
    pub(crate) source: Source<'a>,
    pub(crate) path: EncodedPath,
    pub(crate) tag: TypeTag,
}

impl<'a> Register<'a> {
    /// The value as a type that may borrow from the view, such as `&str`; `None` if there is none. Of
    /// concurrent values the register's own rule picks one; a resolver, which makes a value of its
    /// own, is asked by [`Self::value`].
    ///
    /// # Errors
    /// When the value does not have the shape of `T`.
    pub fn get<T: Deserialize<'a>>(&self) -> Result<Option<T>, DecodeError> {
        self.winner().map(|sibling| sibling.value.decode_borrowed()).transpose()
    }

    /// The value, after the resolver of this path, if one is registered and values are concurrent.
    pub fn value(&self) -> Option<Value> {
        let cell = self.source.cell(&self.path, self.tag)?;
        if let Source::View(view) = self.source
            && let Some(value) = view.resolved(|| self.path.decode(), self.tag, cell)
        {
            return Some(value);
        }
        self.winner().map(|sibling| sibling.value.clone())
    }

    /// The value that the register shows, with who wrote it when.
    pub fn winner(&self) -> Option<Sibling<'a, Value>> {
        winner(self.tag, self.source.cell(&self.path, self.tag)?)
    }

    /// All live values, sorted by dot; more than one if they were written concurrently.
    pub fn siblings(&self) -> Vec<Sibling<'a, Value>> {
        let cell = self.source.cell(&self.path, self.tag);
        cell.into_iter().flat_map(CellRef::values).collect()
    }
}

/// A register at a path that shows every concurrent value.
#[derive(Clone, Debug)]
pub struct MvRegister<'a> {
    pub(crate) source: Source<'a>,
    pub(crate) path: EncodedPath,
}

impl<'a> MvRegister<'a> {
    /// The live values, sorted by dot.
    pub fn values(&self) -> Vec<Sibling<'a, Value>> {
        let cell = self.source.cell(&self.path, TypeTag::MvRegister);
        cell.into_iter().flat_map(CellRef::values).collect()
    }
}

/// A flag at a path.
#[derive(Clone, Debug)]
pub struct Flag<'a> {
    pub(crate) source: Source<'a>,
    pub(crate) path: EncodedPath,
    pub(crate) tag: TypeTag,
}

impl Flag<'_> {
    /// Whether the flag is enabled.
    pub fn is_enabled(&self) -> bool {
        self.source.cell(&self.path, self.tag).is_some_and(|cell| present(self.tag, cell))
    }
}

/// A counter at a path.
#[derive(Clone, Debug)]
pub struct Counter<'a> {
    pub(crate) source: Source<'a>,
    pub(crate) path: EncodedPath,
}

impl Counter<'_> {
    /// The total; 0 if there is no counter.
    pub fn value(&self) -> i128 {
        self.source.cell(&self.path, TypeTag::Counter).map_or(0, CellRef::count)
    }
}

/// A counter at a path that never falls below zero.
#[derive(Clone, Debug)]
pub struct Bounded<'a> {
    pub(crate) source: Source<'a>,
    pub(crate) path: EncodedPath,
}

impl Bounded<'_> {
    /// The total; 0 if there is no counter.
    pub fn value(&self) -> u128 {
        self.cell().map_or(0, CellRef::bounded_total)
    }

    /// What `replica` may take away without asking anybody.
    pub fn rights(&self, replica: ReplicaId) -> u64 {
        self.cell().map_or(0, |cell| cell.rights(replica))
    }

    fn cell(&self) -> Option<CellRef<'_, Value>> {
        self.source.cell(&self.path, TypeTag::BoundedCounter)
    }
}

/// A set at a path.
#[derive(Clone, Debug)]
pub struct Set<'a> {
    pub(crate) source: Source<'a>,
    pub(crate) path: EncodedPath,
    pub(crate) tag: TypeTag,
}

impl Set<'_> {
    /// Whether the set contains an element. A value that cannot be encoded is in no set.
    pub fn contains(&self, element: impl serde::Serialize) -> bool {
        let Ok(element) = Value::from_serialize(&element) else { return false };
        let cell = self.source.element(&self.path, self.tag, &element);
        cell.is_some_and(|cell| present(self.tag, cell))
    }

    /// The elements, sorted by their canonical bytes.
    pub fn iter(&self) -> impl Iterator<Item = Value> + '_ {
        self.source
            .range(self.path.elements())
            .filter(|(key, cell)| key.tag() == Some(self.tag) && present(self.tag, *cell))
            .filter_map(|(key, _)| element_of(key))
    }

    /// The number of elements. Costs a walk over them.
    pub fn len(&self) -> usize {
        self.iter().count()
    }

    /// Whether the set has no element.
    pub fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }
}

/// A map at a path: everything below it.
#[derive(Clone, Debug)]
pub struct Map<'a> {
    pub(crate) source: Source<'a>,
    pub(crate) path: EncodedPath,
}

impl Map<'_> {
    /// Whether the map exists: it has a marker, or something live below it.
    pub fn exists(&self) -> bool {
        let own = self.path.own_cells().1;
        let mut cells = self.source.range(self.path.subtree());
        cells.any(|(key, cell)| {
            let counts = *key >= own || key.tag() == Some(TypeTag::MapMarker);
            counts && read(None, key, cell).is_some()
        })
    }

    /// The names directly below the map under which something is live, in order. Costs a walk over
    /// everything below.
    pub fn keys(&self) -> Vec<Component> {
        let depth = self.path.decode().components().len();
        let mut keys: Vec<Component> = Vec::new();
        for (key, cell) in self.source.range(self.path.subtree()) {
            if let Some(name) = key.path().components().get(depth)
                && keys.last() != Some(name)
                && read(None, key, cell).is_some()
            {
                keys.push(name.clone());
            }
        }
        keys
    }
}

impl DocumentView {
    /// The last-writer-wins register at a path.
    pub fn register(&self, path: impl IntoPath) -> Register<'_> {
        self.register_of(path, TypeTag::Register)
    }

    /// The last-writer-wins register whose deletion competes by time.
    pub fn lww_delete_register(&self, path: impl IntoPath) -> Register<'_> {
        self.register_of(path, TypeTag::RegisterLwwDelete)
    }

    /// The register that keeps the greatest value.
    pub fn max_register(&self, path: impl IntoPath) -> Register<'_> {
        self.register_of(path, TypeTag::MaxRegister)
    }

    /// The register that keeps the least value.
    pub fn min_register(&self, path: impl IntoPath) -> Register<'_> {
        self.register_of(path, TypeTag::MinRegister)
    }

    /// The register that shows every concurrent value.
    pub fn mv_register(&self, path: impl IntoPath) -> MvRegister<'_> {
        MvRegister { source: Source::View(self), path: path.encode() }
    }

    /// The flag where enabling wins.
    pub fn flag(&self, path: impl IntoPath) -> Flag<'_> {
        let tag = TypeTag::EnableWinsFlag;
        Flag { source: Source::View(self), path: path.encode(), tag }
    }

    /// The flag where disabling wins.
    pub fn disable_wins_flag(&self, path: impl IntoPath) -> Flag<'_> {
        let tag = TypeTag::DisableWinsFlag;
        Flag { source: Source::View(self), path: path.encode(), tag }
    }

    /// The counter at a path.
    pub fn counter(&self, path: impl IntoPath) -> Counter<'_> {
        Counter { source: Source::View(self), path: path.encode() }
    }

    /// The counter at a path that never falls below zero.
    pub fn bounded(&self, path: impl IntoPath) -> Bounded<'_> {
        Bounded { source: Source::View(self), path: path.encode() }
    }

    /// The set where adding wins.
    pub fn set(&self, path: impl IntoPath) -> Set<'_> {
        Set { source: Source::View(self), path: path.encode(), tag: TypeTag::SetElement }
    }

    /// The set where removing wins.
    pub fn remove_wins_set(&self, path: impl IntoPath) -> Set<'_> {
        Set { source: Source::View(self), path: path.encode(), tag: TypeTag::RemoveWinsElement }
    }

    /// The map at a path: everything below it.
    pub fn map(&self, path: impl IntoPath) -> Map<'_> {
        Map { source: Source::View(self), path: path.encode() }
    }

    /// Everything live at and below a path, in key order, one entry per cell, without copying values.
    pub fn prefix<'a>(
        &'a self,
        path: impl IntoPath,
    ) -> impl DoubleEndedIterator<Item = (&'a Key, Reading<'a>)> + 'a {
        let (start, end) = path.encode().subtree();
        self.cells_between(KeyRange::new(Some(start), Some(end)))
    }

    /// Everything live from one path (inclusive) to another (exclusive), in key order. A bound that
    /// is an ancestor stands before everything below it.
    pub fn range<'a, P: IntoPath>(
        &'a self,
        range: std::ops::Range<P>,
    ) -> impl DoubleEndedIterator<Item = (&'a Key, Reading<'a>)> + 'a {
        let start = range.start.encode().start();
        let end = range.end.encode().start();
        self.cells_between(KeyRange::new(Some(start), Some(end)))
    }

    /// Everything live at and below a path after a key, in key order: the next page of a long listing.
    pub fn after<'a>(
        &'a self,
        key: &Key,
        path: impl IntoPath,
    ) -> impl DoubleEndedIterator<Item = (&'a Key, Reading<'a>)> + 'a {
        let (start, end) = path.encode().subtree();
        let mut next = key.as_bytes().to_vec();
        next.push(0);
        let start = start.max(Key::bound(&next));
        self.cells_between(KeyRange::new(Some(start), Some(end)))
    }

    /// What a reader finds at a path, by a fixed priority of types (the order of [`TypeTag`]): the
    /// first cell with something live. Type clashes are listed by [`Self::conflicts`].
    pub fn get(&self, path: impl IntoPath) -> Option<(TypeTag, Reading<'_>)> {
        let (start, end) = path.encode().own_cells();
        let (key, reading) = self.cells_between(KeyRange::new(Some(start), Some(end))).next()?;
        Some((key.tag()?, reading))
    }

    fn cells_between<'a>(
        &'a self,
        range: KeyRange<Key>,
    ) -> impl DoubleEndedIterator<Item = (&'a Key, Reading<'a>)> + 'a {
        self.cells.range(&range).filter_map(|(key, cell)| Some((key, read(Some(self), key, cell)?)))
    }

    fn register_of(&self, path: impl IntoPath, tag: TypeTag) -> Register<'_> {
        Register { source: Source::View(self), path: path.encode(), tag }
    }
}

impl Reading<'_> {
    /// The reading as a tree, for formats that know no types: a set element is its value.
    pub fn to_item(&self) -> Item {
        match self {
            Self::Value(value) => value.to_item(),
            Self::Resolved(value) | Self::Element(value) => value.to_item(),
            Self::Values(values) => {
                Item::Array(values.iter().map(|value| value.to_item()).collect())
            }
            Self::Flag(enabled) => Item::Bool(*enabled),
            Self::Count(count) => count_item(*count),
            Self::Map => Item::Map(std::collections::BTreeMap::new()),
        }
    }
}

/// A total beyond 64 bits is written as text, so that no digit is lost.
fn count_item(count: i128) -> Item {
    match (u64::try_from(count), i64::try_from(count)) {
        (Ok(count), _) => Item::Int(count.into()),
        (_, Ok(count)) => Item::Int(count.into()),
        _ => Item::Str(count.to_string()),
    }
}
