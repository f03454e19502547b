//! The document store: one store of cells keyed by paths, with typed handles.
//!
//! A document is what an application works with: nested maps of registers, counters, flags and sets,
//! addressed by path. It adds to the engine keys made of paths, limits on what is written, two small
//! indexes that list conflicts, and the list of its members. Nested types flatten to
//! cells, so that deleting a subtree, however deep, is one range tombstone.
//!
//! Time comes in as an argument, and so does the identity of the writer.

mod acknowledgement;
mod admissible;
mod conflict;
mod late;
mod member;
mod membership;
mod read;
mod resolver;
mod tx;
mod write;

use std::sync::Arc;

pub use acknowledgement::Acknowledgements;
pub use admissible::{DocumentJoinError, DocumentRepairError, Inadmissible};
pub use conflict::{Candidate, Conflict};
pub use late::LateWrite;
pub use member::{Member, MemberState, Members, members_range};
pub use membership::{MemberError, MembersMut};
pub use read::{Bounded, Counter, Flag, Map, MvRegister, Reading, Register, Set};
pub use resolver::Resolver;
pub use tx::{TransactionTooLarge, Tx, Unit, WriteError};
pub use write::{BoundedMut, CounterMut, FlagMut, MapMut, RegisterMut, SetMut};

use crate::cell::{CellRef, Sibling};
use crate::context::Context;
use crate::delta::{AuthorisedDelta, Delta};
use crate::hlc::{Clock, Hlc};
use crate::limits::Limits;
use crate::ordered_map::OrderedMap;
use crate::path::{IntoPath, Key, Path, TypeTag, clash};
use crate::planted::{Bug, planted};
use crate::range::KeyRange;
use crate::replica::ReplicaId;
use crate::stability::Stability;
use crate::staged::{Origin, Staged};
use crate::store::{Collected, Commit, JoinError, Repaired, Scrubbed, StaleTransaction, Store};
use crate::value::Value;
use crate::version_vector::VersionVector;
use crate::view::{Types, View};

use conflict::is_contested;
use late::LateWrites;
use resolver::Resolvers;

/// The cells of a document.
pub type DocumentStore = Store<Key, Value>;

/// A set of keys whose clone is a snapshot.
type Keys = OrderedMap<Key, ()>;

/// The document of one replica.
#[derive(Debug)]
pub struct Document {
    store: Store<Key, Value>,
    /// Registers with concurrent values.
    contested: Keys,
    /// Paths at which keys of different kinds met, as positions in key order.
    clashes: Keys,
    resolvers: Arc<Resolvers>,
    limits: Limits,
    clock: Clock,
    suspect_stamps: u64,
    late: LateWrites,
}

/// A consistent view of a document; cheap to take, and it never changes.
#[derive(Clone, Debug)]
pub struct DocumentView {
    cells: View<Key, Value>,
    contested: Keys,
    clashes: Keys,
    resolvers: Arc<Resolvers>,
}

/// A delta that was found to be fit to be joined to a document.
#[derive(Debug)]
pub struct Joinable {
    delta: AuthorisedDelta<Key, Value>,
    own: Option<ReplicaId>,
    is_news: bool,
    /// The document that was asked, and its state then.
    origin: Origin,
    revision: u64,
}

impl Joinable {
    /// The delta.
    pub const fn as_delta(&self) -> &Delta<Key, Value> {
        self.delta.as_delta()
    }

    /// Whether it changes anything.
    pub const fn is_news(&self) -> bool {
        self.is_news
    }
}

/// What changed between two contexts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Changes {
    /// The context up to which this tells everything: where to resume.
    pub upto: Context<Key>,
    /// The cells that changed, sorted; what they read now is in a view.
    pub cells: Vec<Key>,
    /// The ranges of keys in which a deletion took everything that it had seen.
    pub deleted: Vec<KeyRange<Key>>,
    /// Whether this is everything that changed. Otherwise removals were collected that the older
    /// context had not seen: keys are gone without being listed, and only comparing with what is there
    /// now tells which.
    pub is_complete: bool,
}

impl Default for Document {
    fn default() -> Self {
        Self::new(Limits::default())
    }
}

/// Whether a removal beats a concurrent write at this key. Of a type that is not known here, the stronger
/// rule is the safe one.
fn removal_wins(key: &Key) -> bool {
    key.tag().is_none_or(TypeTag::is_member_only)
}

const TYPES: Types<Key, Value> = Types {
    removal_wins,
    are_at_odds: |a, b| !a.is_reserved() && !b.is_reserved() && clash(a, b).is_some(),
    read_ahead: Value::read_ahead,
};

impl Document {
    /// An empty document under these limits.
    pub fn new(limits: Limits) -> Self {
        Self {
            store: Store::of_types(TYPES),
            contested: Keys::default(),
            clashes: Keys::default(),
            resolvers: Arc::default(),
            limits,
            clock: Clock::default(),
            suspect_stamps: 0,
            late: LateWrites::default(),
        }
    }

    /// Sets the limits of what is written here from now on.
    pub const fn restrict(&mut self, limits: Limits) {
        self.limits = limits;
    }

    /// The engine underneath: contexts, deltas, fingerprints.
    pub const fn store(&self) -> &Store<Key, Value> {
        &self.store
    }

    /// The limits of what is written here.
    pub const fn limits(&self) -> &Limits {
        &self.limits
    }

    /// A consistent view of the document as it is now.
    pub fn view(&self) -> DocumentView {
        DocumentView {
            cells: self.store.view().clone(),
            contested: self.contested.clone(),
            clashes: self.clashes.clone(),
            resolvers: self.resolvers.clone(),
        }
    }

    /// The stamp of the next transaction.
    pub fn tick(&mut self, now_ms: u64) -> Hlc {
        self.clock.tick(now_ms)
    }

    /// How many stamps from further than the clock guard in the future have arrived.
    pub const fn suspect_stamps(&self) -> u64 {
        self.suspect_stamps
    }

    /// How many [late writes](LateWrite) have arrived since this document was opened.
    pub const fn late_write_count(&self) -> u64 {
        self.late.count
    }

    /// The last thousand of them, oldest first.
    pub fn late_writes(&self) -> impl Iterator<Item = &LateWrite> + '_ {
        self.late.last.iter()
    }

    /// A transaction of `replica` whose writes carry the stamp `hlc`; it changes nothing until it is
    /// [committed](Self::commit).
    pub fn transaction(&self, replica: ReplicaId, hlc: Hlc) -> Tx<'_> {
        Tx::new(&self.store, replica, hlc, self.limits)
    }

    /// Makes the changes of a transaction visible, all at once.
    ///
    /// # Errors
    /// When the document changed since the transaction began; nothing was changed.
    pub fn commit(&mut self, staged: Staged<Key, Value>) -> Result<Commit<Key>, StaleTransaction> {
        let commit = self.store.commit(staged)?;
        self.index(&commit);
        Ok(commit)
    }

    /// Checks that a delta can be joined as the document is now, and makes it ready for that. `own` is the id
    /// under which this replica writes, if it has one.
    ///
    /// # Errors
    /// As [`Store::join`], or when the members of the document forbid it.
    pub fn check_join(
        &self,
        delta: AuthorisedDelta<Key, Value>,
        own: Option<ReplicaId>,
    ) -> Result<Joinable, DocumentJoinError> {
        admissible::check(&self.store, delta.as_delta())?;
        let is_news = self.store.check_join(delta.as_delta(), own)?;
        let (origin, revision) = (self.store.origin(), self.store.revision());
        Ok(Joinable { delta, own, is_news, origin, revision })
    }

    /// Takes over that somebody has collected what lies under `horizon`, as far as it was seen here.
    pub fn inherit_horizon(&mut self, horizon: &VersionVector) {
        self.store.inherit_horizon(horizon);
    }

    /// Joins the changes of another replica, all at once.
    ///
    /// # Errors
    /// As [`Self::check_join`]; nothing was changed.
    pub fn join(
        &mut self,
        delta: AuthorisedDelta<Key, Value>,
        own: Option<ReplicaId>,
        now_ms: u64,
    ) -> Result<Commit<Key>, DocumentJoinError> {
        self.join_checked(self.check_join(delta, own)?, now_ms)
    }

    /// Joins a delta that was checked. If the document has changed since, it is checked again.
    ///
    /// # Errors
    /// As [`Self::check_join`]; nothing was changed.
    pub fn join_checked(
        &mut self,
        joinable: Joinable,
        now_ms: u64,
    ) -> Result<Commit<Key>, DocumentJoinError> {
        let Joinable { delta, own, is_news, origin, revision } = joinable;
        if origin != self.store.origin() || revision != self.store.revision() {
            let joinable = self.check_join(delta, own)?;
            return self.join_checked(joinable, now_ms);
        }
        if !is_news {
            return Ok(Commit::default());
        }
        for stamp in stamps(delta.as_delta()) {
            self.suspect_stamps += u64::from(self.clock.observe(stamp, now_ms));
        }
        let late = LateWrites::in_delta(&self.store, delta.as_delta());
        let commit = self.store.join_checked(delta.into_delta());
        self.late.remember(late);
        self.index(&commit);
        if planted(Bug::ResolutionStored) {
            self.write_resolutions(&commit, own, now_ms);
        }
        Ok(commit)
    }

    /// Joins what was in this document before: nobody is asked whether the members would take it.
    ///
    /// # Errors
    /// As [`Store::join`]; nothing was changed.
    pub fn restore(
        &mut self,
        delta: AuthorisedDelta<Key, Value>,
        now_ms: u64,
    ) -> Result<Commit<Key>, JoinError> {
        let stamps = Vec::from_iter(stamps(delta.as_delta()));
        let commit = self.store.restore(delta)?;
        for stamp in stamps {
            self.clock.observe(stamp, now_ms);
        }
        self.index(&commit);
        Ok(commit)
    }

    /// Forgets the removals that nobody can need any more, all at once; readers find what they found
    /// before. Does nothing while the document is hydrating.
    pub fn collect(&mut self, stability: &Stability) -> Collected<Key> {
        let collected = self.store.collect(stability, removal_wins);
        self.index(&collected.commit);
        collected
    }

    /// Notes what an audit has found: a difference to a replica of the same context, or none. As long as
    /// there is an open one, nothing is collected.
    pub fn set_suspect(&mut self, is_suspect: bool) {
        self.store.set_suspect(is_suspect);
    }

    /// Compares about `most` cells, from `from` on, with what was summed when they last changed; see
    /// [`Store::scrub`].
    pub fn scrub(&mut self, from: Option<&Key>, most: usize) -> Scrubbed<Key> {
        self.store.scrub(from, most)
    }

    /// Takes what stands here for true, in damaged ranges too; see [`Store::release_quarantine`].
    pub fn release_quarantine(&mut self) {
        let repaired = self.store.release_quarantine();
        self.index(&repaired.commit);
    }

    /// Changes the entries of a cell as failing memory would, for tests.
    #[cfg(feature = "planted")]
    pub fn damage(&mut self, key: &Key, change: impl Fn(&mut crate::Entry<Value>)) -> bool {
        self.store.damage(key, change)
    }

    /// Changes the numbers of the dots in a cell as failing memory would, for tests.
    #[cfg(feature = "planted")]
    pub fn damage_dots(&mut self, key: &Key, change: impl Fn(u64) -> u64) -> bool {
        self.store.damage_dots(key, change)
    }

    /// Brings cells that an audit has found to differ to what both sides hold together, less what either
    /// has evidence against; see [`Store::repair`].
    ///
    /// # Errors
    /// As [`Store::repair`], or when the members of the document forbid it; nothing was changed.
    pub fn repair(
        &mut self,
        cells: AuthorisedDelta<Key, Value>,
        forks: Option<AuthorisedDelta<Key, Value>>,
        now_ms: u64,
    ) -> Result<Repaired<Key, Value>, DocumentRepairError> {
        admissible::check(&self.store, cells.as_delta())?;
        let stamps = Vec::from_iter(stamps(cells.as_delta()));
        let repaired = self.store.repair(cells, forks)?;
        for stamp in stamps {
            self.suspect_stamps += u64::from(self.clock.observe(stamp, now_ms));
        }
        self.index(&repaired.commit);
        Ok(repaired)
    }

    /// Attaches a resolver to everything at and below a path.
    pub fn attach_resolver(&mut self, path: impl IntoPath, resolver: Resolver) {
        Arc::make_mut(&mut self.resolvers).insert(path.into_path(), resolver);
    }

    /// What changed since somebody had seen `since`, the member list excepted. Costs the changes, not
    /// the document.
    pub fn changes_since(&self, since: &Context<Key>) -> Changes {
        let context = self.store.view().context();
        let mut changes = Changes {
            upto: context.clone(),
            cells: Vec::new(),
            deleted: Vec::new(),
            is_complete: since.covers(&KeyRange::full(), self.store.horizon()),
        };
        for (range, upto) in context.segments_in(&KeyRange::full()) {
            for (range, base) in since.segments_in(&range) {
                let cells = self.store.changed_since(base, upto, &range);
                changes.cells.extend(cells.into_iter().filter(|key| !key.is_reserved()));
                let tombstones = self.store.range_tombstones_since(base, upto, &range);
                changes.deleted.extend(tombstones.into_iter().map(|t| t.range));
            }
        }
        changes
    }

    /// Brings the conflict indexes up to date with a commit.
    fn index(&mut self, commit: &Commit<Key>) {
        let view = self.store.view();
        for changed in &commit.cells {
            let Some(tag) = changed.key.tag().filter(|_| !changed.key.is_reserved()) else {
                continue;
            };
            let cell = (changed.dots > 1).then(|| view.cell(&changed.key)).flatten();
            if cell.is_some_and(|cell| is_contested(tag, cell)) {
                self.contested.insert(changed.key.clone(), ());
            } else {
                self.contested.remove(&changed.key);
            }
        }
        for [key, neighbour] in &commit.at_odds {
            let len = clash(neighbour, key).unwrap_or_default();
            let place = neighbour.as_bytes().get(..len).unwrap_or_default();
            self.clashes.insert(Key::bound(place), ());
        }
    }
}

/// The time stamps of what a delta brings.
fn stamps(delta: &Delta<Key, Value>) -> impl Iterator<Item = Hlc> {
    delta.fresh().filter_map(|(_, _, entry)| entry.hlc())
}

impl DocumentView {
    /// The cells of the document: context, fingerprints, and whether a part of a transaction may be
    /// visible.
    pub const fn cells(&self) -> &View<Key, Value> {
        &self.cells
    }

    /// What the resolver of a path makes of concurrent values; `None` if there is nothing to resolve.
    fn resolved(
        &self,
        path: impl FnOnce() -> Path,
        tag: TypeTag,
        cell: CellRef<'_, Value>,
    ) -> Option<Value> {
        if self.contested.is_empty() || !is_contested(tag, cell) {
            return None;
        }
        // A deletion that wins leaves nothing to choose from.
        if tag == TypeTag::RegisterLwwDelete && cell.last_by_clock_or_deleted().is_none() {
            return None;
        }
        let siblings: Vec<Sibling<'_, Value>> = cell.values().collect();
        self.resolvers.resolve(&path(), &siblings)
    }
}
