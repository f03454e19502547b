//! The replica that an application holds: a document with an environment and an identity.

use std::fmt::Debug;
#[cfg(feature = "env")]
use std::path::Path;
use std::sync::Arc;

use rejoin_crdt::document::{
    Candidate, Changes, Conflict, Document, DocumentView, Resolver, Tx, WriteError, members_range,
};
use rejoin_crdt::path::{IntoPath, Key};
use rejoin_crdt::planted::{Bug, planted};
use rejoin_crdt::value::Value;
use rejoin_crdt::wire;
use rejoin_crdt::{
    AuthorisedDelta, Authority, Context, Dot, JoinError, KeyRange, Limits, ReplicaId,
    StaleTransaction, Violation,
};
use rejoin_storage::{Disk, Token, TokenPlace};
#[cfg(feature = "env")]
use rejoin_storage::{DiskError, FileDisk, FilePlace};

#[cfg(feature = "env")]
use crate::env;
use crate::error::{ApplyError, DeltaError, OpenReplicaError, ResolveError, TransactError};
use crate::feed::Feed;
use crate::keeper::{self, KeepError, Keeper, Recovery};
use crate::observer::{Observer, Origin};
use crate::shared::Shared;

/// A bulk load commits whenever its values amount to this much: far below what a delta may hold.
const LOAD_BATCH_BYTES: usize = 2 << 20;

/// What a row counts beside its value, so that a batch of tiny rows stays moderate too.
const LOAD_ROW_BYTES: usize = 100;

/// Time and randomness, as the platform provides them.
pub trait Environment: Debug + Send + Sync {
    /// Milliseconds since 1970.
    fn now_ms(&self) -> u64;

    /// A replica id nobody else has: 128 random bits.
    fn new_replica_id(&self) -> ReplicaId;
}

/// A replica: a cheap handle that can be cloned and used from any thread.
#[derive(Clone, Debug)]
pub struct Replica {
    pub(crate) shared: Arc<Shared>,
}

/// Builds a replica with another environment or other limits.
#[derive(Debug)]
pub struct Builder {
    env: Option<Box<dyn Environment>>,
    document: Document,
}

/// A transaction that was committed.
#[derive(Clone, PartialEq, Debug)]
pub struct Committed<T> {
    /// What the closure returned.
    pub value: T,
    /// The changes that were made: the last dot, or `None` if there was nothing to change.
    pub last: Option<Dot>,
    /// The context after the commit: whoever covers it has seen this write.
    pub token: Context<Key>,
}

/// What applying a delta did.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Applied {
    /// The number of cells that changed.
    pub cells: usize,
    /// The number of ranges that a deletion cleared.
    pub deleted_ranges: usize,
}

/// What a bulk load did.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct LoadReport {
    /// Rows that were written.
    pub written: u64,
    /// Rows that were there already, equal.
    pub unchanged: u64,
}

/// The state of a replica in a few numbers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Status {
    /// The id under which this replica writes; `None` before its first write.
    pub replica: Option<ReplicaId>,
    /// The cells of the document, those that hold only tombstones included, its member list excepted.
    pub cells: usize,
    /// The registers with concurrent values.
    pub conflicts: usize,
    /// Whether a part of a transaction may be visible, because a catch-up is under way.
    pub hydrating: bool,
    /// The lives of whose changes some keys have seen more than others: catch-ups that are under way, or will
    /// never end ([`Replica::write_off`]). None unless this replica is hydrating.
    pub unfinished: Vec<ReplicaId>,
    /// The replicas that ever wrote something that is known here.
    pub writers: usize,
    /// Whether so many lives have written that no further one may begin to
    /// ([`TransactError::TooManyLives`]): an alarm.
    pub crowded: bool,
    /// Whether this replica was found to differ from one of the same context, or damage was found in its
    /// memory. It forgets no removals then, and claims no completeness, until an audit finds it equal to
    /// another one.
    pub suspect: bool,
    /// Removals that are remembered for those who may not have them yet: the cells that hold any, and the
    /// deletions of subtrees. [`Replica::collect`] forgets them.
    pub removals: usize,
    /// Ranges that were damaged in memory and are not repaired yet: an alarm.
    pub quarantined: usize,
    /// Changes of former members to member-only types that arrived after the news that they had left
    /// ([`Replica::late_writes`]): a removal may have lost to them.
    pub late_writes: u64,
    /// Time stamps that arrived from too far in the future.
    pub suspect_stamps: u64,
    /// Ids under which this replica wrote until it turned out that somebody else does, too. Not empty is
    /// an alarm: a replica was copied, or set back, without being told.
    pub given_up: Vec<ReplicaId>,
}

impl Builder {
    /// Time and randomness from elsewhere.
    pub fn env(mut self, env: impl Environment + 'static) -> Self {
        self.env = Some(Box::new(env));
        self
    }

    /// Other limits than the default ones.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.document.restrict(limits);
        self
    }

    /// Attaches a resolver to everything at and below a path. It changes how concurrent values read
    /// here, and nothing that is stored.
    pub fn resolver(mut self, path: impl IntoPath, resolver: Resolver) -> Self {
        self.document.attach_resolver(path, resolver);
        self
    }

    /// A replica whose state is kept on a disk, with the token of its instance in a place that no backup
    /// of the disk contains.
    ///
    /// # Errors
    /// When the disk holds something that is no replica, or cannot be written; it is as it was. When
    /// this build has no environment of its own and none was given.
    pub fn open_on(
        self,
        disk: impl Disk + Send + 'static,
        place: impl TokenPlace + Send + 'static,
    ) -> Result<Replica, OpenReplicaError> {
        let env = self.env.or_else(system).ok_or(OpenReplicaError::NoEnvironment)?;
        let token = Token(*env.new_replica_id().as_bytes());
        let mut document = self.document;
        let keeper = Keeper::open(disk, place, token, &mut document, env.now_ms())?;
        let replica = Replica::new(env, document, Some(keeper));
        replica.checkpoint_if_due();
        Ok(replica)
    }

    /// A replica whose state is kept in a directory, which is made if it does not exist. Only one
    /// process at a time can have it open.
    ///
    /// # Errors
    /// As [`Self::open_on`], and when the directory cannot be made or belongs to another process.
    #[cfg(feature = "env")]
    pub fn open(self, directory: impl AsRef<Path>) -> Result<Replica, OpenReplicaError> {
        let directory = directory.as_ref();
        std::fs::create_dir_all(directory).map_err(DiskError::from)?;
        let place = FilePlace::new(env::instance_place(directory).map_err(DiskError::from)?);
        self.open_on(FileDisk::open(directory)?, place)
    }

    /// A replica whose state lives as long as its handles. `None` if this build has no environment of
    /// its own (feature `env`) and none was given.
    pub fn try_in_memory(self) -> Option<Replica> {
        Some(Replica::new(self.env.or_else(system)?, self.document, None))
    }
}

#[cfg(feature = "env")]
fn system() -> Option<Box<dyn Environment>> {
    Some(Box::new(env::System))
}

#[cfg(not(feature = "env"))]
fn system() -> Option<Box<dyn Environment>> {
    None
}

impl Replica {
    /// A replica whose state lives as long as its handles, with the system's clock and randomness.
    #[cfg(feature = "env")]
    pub fn in_memory() -> Self {
        Self::new(Box::new(env::System), Document::default(), None)
    }

    /// A replica whose state is kept in a directory, which is made if it does not exist. A change is
    /// visible, sent and acknowledged only once it is durable there; a crash loses nothing of that.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let scratch = tempfile::tempdir()?;
    /// # let directory = scratch.path().join("shop");
    /// let db = rejoin::Replica::open(&directory)?;
    /// db.transact(|tx| tx.register("open").set(true))?;
    /// drop(db);
    /// let db = rejoin::Replica::open(&directory)?;
    /// assert_eq!(db.view().register("open").get::<bool>()?, Some(true));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`Builder::open`].
    #[cfg(feature = "env")]
    pub fn open(directory: impl AsRef<Path>) -> Result<Self, OpenReplicaError> {
        Self::builder().open(directory)
    }

    /// The whole state as one byte string, for a backup: whoever [restores](crate::restore) it goes on
    /// under a new id. A copy of the files of a replica is no backup.
    ///
    /// # Errors
    /// As [`Self::deltas_since`].
    pub fn snapshot(&self) -> Result<Vec<u8>, DeltaError> {
        let state = self.deltas_since(&Context::default())?;
        Ok(rejoin_storage::export_snapshot(keeper::records(&state))?)
    }

    /// Ends the log of a replica on disk cleanly. Reading goes on; every later change is refused. What
    /// drops the last handle does the same, but cannot say whether it worked.
    ///
    /// # Errors
    /// When the end could not be written: then the next open finds a crash, and loses nothing.
    pub fn close(&self) -> Result<(), KeepError> {
        let writer = self.shared.writer().ok_or(KeepError::Nested)?;
        self.shared.keep(|keeper| keeper.close(self.shared.new_token()))?;
        drop(writer);
        Ok(())
    }

    /// How the state was found when this replica was opened; `None` if it lives in memory only.
    pub fn recovery(&self) -> Option<Recovery> {
        self.shared.recovery()
    }

    /// A replica with another environment or other limits.
    pub fn builder() -> Builder {
        Builder { env: None, document: Document::default() }
    }

    fn new(env: Box<dyn Environment>, document: Document, keeper: Option<Keeper>) -> Self {
        Self { shared: Arc::new(Shared::new(env, document, keeper)) }
    }

    /// The id under which this replica writes; claimed now if it has not written yet, and durable where
    /// the replica is, since somebody may be told of it.
    pub fn identity(&self) -> ReplicaId {
        let replica = self.shared.claim_identity();
        if !self.shared.is_identity_kept()
            && let Some(writer) = self.shared.writer()
        {
            // If it cannot be made durable, the first write says so.
            let _ = self.shared.keep_identity(replica);
            drop(writer);
        }
        replica
    }

    /// Changes any number of keys as one: all of it commits, or nothing if the closure returns an
    /// error. The closure reads its own changes; others see them once they are committed.
    ///
    /// # Errors
    /// The closure's own error, or that the transaction could not begin, is too large, or could not be
    /// made durable. Nothing was changed.
    pub fn transact<T, E>(
        &self,
        change: impl FnOnce(&mut Tx<'_>) -> Result<T, E>,
    ) -> Result<Committed<T>, TransactError<E>> {
        let mut writer = self.shared.writer().ok_or(TransactError::Nested)?;
        let replica = self.shared.draw_identity();
        let now_ms = self.shared.now_ms();
        let skipped = self.shared.keep(|keeper| keeper.skip(&self.shared.document()))?;
        if let Some(skipped) = skipped {
            self.shared.change(0, |document| document.restore(skipped, now_ms).map(drop))?;
            // It stays, whatever becomes of this transaction: peers who were not told would lack it.
            drop(writer);
            self.shared.announce(Origin::Local);
            writer = self.shared.writer().ok_or(TransactError::Nested)?;
        }
        let hlc = self.shared.change(0, |document| document.tick(now_ms));
        let (staged, value) = {
            let document = self.shared.document();
            if let Some((lives, limit)) = crowd_before(replica, &document) {
                return Err(TransactError::TooManyLives { lives, limit });
            }
            let mut tx = document.transaction(replica, hlc);
            let value = change(&mut tx).map_err(TransactError::Aborted)?;
            (tx.finish()?, value)
        };
        let changes = !staged.is_empty();
        if changes {
            self.shared.keep(|keeper| {
                let token = self.shared.new_token();
                keeper.keep_staged(replica, &staged, self.shared.view().cells(), token)
            })?;
        }
        let committed = self.shared.change(staged.cell_count(), |document| {
            document.commit(staged)?;
            let token = document.store().view().context().clone();
            let last = changes.then(|| Dot::new(replica, document.store().last_seq(replica)));
            Ok::<_, StaleTransaction>(Committed { value, last, token })
        })?;
        if changes {
            self.shared.claim_identity();
            self.checkpoint_if_due();
        }
        drop(writer);
        if changes {
            self.shared.announce(Origin::Local);
        }
        Ok(committed)
    }

    /// A consistent view of everything. It never changes and blocks nobody. A long change is not waited
    /// for.
    pub fn view(&self) -> DocumentView {
        self.shared.view_to_read()
    }

    /// What this replica has incorporated. Give it to a peer to get a delta.
    pub fn context(&self) -> Context<Key> {
        self.shared.view().cells().context().clone()
    }

    /// Everything that somebody with the context `base` lacks, as the bytes of one delta
    /// (`docs/wire-format.md`).
    ///
    /// # Errors
    /// When the difference is larger than one delta may be: then [`Self::deltas_since`] cuts it.
    pub fn delta_since(&self, base: &Context<Key>) -> Result<Vec<u8>, DeltaError> {
        let mut deltas = self.deltas_since(base)?;
        match deltas.len() {
            0 => Ok(wire::encode_delta(&self.shared.document().store().delta_since(base))),
            1 => Ok(deltas.swap_remove(0)),
            parts => Err(DeltaError::TooLarge { parts }),
        }
    }

    /// Everything that somebody with the context `base` lacks, as deltas to be applied in this order.
    /// While only some of them are applied, the receiver is hydrating: it may show a part of a
    /// transaction, and says so.
    ///
    /// # Errors
    /// When a single place is larger than a delta may be, or some of it was damaged in memory.
    pub fn deltas_since(&self, base: &Context<Key>) -> Result<Vec<Vec<u8>>, DeltaError> {
        let document = self.shared.document();
        let (store, limits) = (document.store(), document.limits());
        // A state with a gap shall not take the place of a whole one.
        if store.withholds(base) {
            return Err(DeltaError::Quarantined);
        }
        let (mut deltas, mut reached) = (Vec::new(), base.clone());
        while let Some(extract) = wire::extract(store, &reached, limits, || None)? {
            reached = reached.joined(&extract.reach);
            deltas.push(extract.into_bytes());
        }
        Ok(deltas)
    }

    /// Applies a delta of another replica, as one.
    ///
    /// # Errors
    /// When the bytes are no valid delta, build on something that is not here, or the members of the
    /// document forbid them. Nothing was changed.
    pub fn apply(&self, delta: &[u8]) -> Result<Applied, ApplyError> {
        let delta = wire::decode_delta(delta, self.shared.document().limits())?;
        let delta = delta.validate(self.shared.document().limits())?.authorise(&Authority::Full)?;
        self.join(delta, Origin::Remote(None))
    }

    /// Gives up the id `life`, which is used elsewhere too: by a copy of this replica, or by what this
    /// one was before it was set back. From now on it writes under a new id. That both copies wrote
    /// under one id meanwhile cannot be undone; [`Status::given_up`] is the alarm.
    ///
    /// # Errors
    /// When the new id cannot be made durable; then the old one stays, and nothing can be written.
    pub(crate) fn give_up_identity(&self, life: ReplicaId) -> Result<(), ApplyError> {
        let writer = self.shared.writer().ok_or(ApplyError::Nested)?;
        self.shared.give_up_identity(life)?;
        drop(writer);
        Ok(())
    }

    /// Joins a delta that was decoded, validated and authorised. Whoever knows more of this replica's
    /// changes than it made has proved that its id is used elsewhere too.
    pub(crate) fn join(
        &self,
        delta: AuthorisedDelta<Key, Value>,
        origin: Origin,
    ) -> Result<Applied, ApplyError> {
        let own = self.shared.claimed_identity();
        let joined = self.join_as(own, delta, origin);
        if let (Err(ApplyError::Join(JoinError::UnknownOwnDots { .. })), Some(own)) = (&joined, own)
        {
            self.give_up_identity(own)?;
        }
        joined
    }

    fn join_as(
        &self,
        own: Option<ReplicaId>,
        delta: AuthorisedDelta<Key, Value>,
        origin: Origin,
    ) -> Result<Applied, ApplyError> {
        let writer = self.shared.writer().ok_or(ApplyError::Nested)?;
        let now_ms = self.shared.now_ms();
        let joinable = self.shared.document().check_join(delta, own)?;
        let (delta, is_news) = (joinable.as_delta(), joinable.is_news());
        if is_news {
            self.shared.keep(|keeper| keeper.keep(delta, &self.context()))?;
        }
        let clears = delta.parts.iter().any(|part| !part.range_tombstones.is_empty());
        let size = if clears { usize::MAX } else { delta.cell_count() };
        let commit =
            self.shared.change(size, |document| document.join_checked(joinable, now_ms))?;
        if is_news {
            self.checkpoint_if_due();
        }
        drop(writer);
        if is_news {
            self.shared.announce(origin);
        }
        Ok(Applied { cells: commit.cells.len(), deleted_ranges: commit.ranges.len() })
    }

    /// Shortens the log once it is much longer than the state. The changes are durable already, so if
    /// this fails it is tried again after the next one.
    pub(crate) fn checkpoint_if_due(&self) {
        let is_due = self.shared.keep(|keeper| Ok(keeper.wants_checkpoint()));
        if is_due == Ok(true) {
            let _ = self.checkpoint();
        }
    }

    /// Puts the state in the place of the log.
    ///
    /// # Errors
    /// When the state cannot be told now, or not be kept; the log is as it was.
    pub(crate) fn checkpoint(&self) -> Result<(), DeltaError> {
        let state = self.deltas_since(&Context::default())?;
        Ok(self.shared.keep(|keeper| keeper.checkpoint(state))?)
    }

    /// The changes since `since`, once. Costs the changes, not the document.
    pub fn changes_since(&self, since: &Context<Key>) -> Changes {
        self.shared.document().changes_since(since)
    }

    /// A feed of changes that goes on from `since`.
    pub fn changes(&self, since: Context<Key>) -> Feed {
        Feed::new(self.clone(), since)
    }

    /// Has `callback` called after every commit, outside every lock, on the thread that committed.
    pub fn observe(&self, callback: impl Fn(Origin) + Send + Sync + 'static) -> Observer {
        self.shared.observe(callback)
    }

    /// Writes a value over exactly the siblings of a conflict. What arrived since stays beside it and
    /// is a conflict again.
    ///
    /// # Errors
    /// When the conflict is a type clash, nothing was chosen, or the value cannot be written. Nothing
    /// was changed.
    pub fn resolve(
        &self,
        conflict: &Conflict,
        choose: impl FnOnce(&[Candidate]) -> Option<Value>,
    ) -> Result<Committed<()>, ResolveError> {
        let Conflict::Siblings { path, tag, siblings, .. } = conflict else {
            return Err(ResolveError::TypeClash);
        };
        let value = choose(siblings).ok_or(ResolveError::NothingChosen)?;
        let seen: Vec<Dot> = siblings.iter().map(|sibling| sibling.dot).collect();
        let result = self.transact(|tx| tx.write_over(path, *tag, &seen, value).map(|_| ()));
        result.map_err(|error| match error {
            TransactError::Aborted(error) => ResolveError::Write(error),
            other => ResolveError::NotCommitted(Box::new(other)),
        })
    }

    /// Brings many registers to given values, and writes nothing where they are equal already: a
    /// database read into a cache, again and again. Commits in batches of a few megabytes.
    ///
    /// # Errors
    /// The first row that cannot be written; the batches before it are committed, its own is not.
    pub fn load<R, P: IntoPath, V: serde::Serialize>(
        &self,
        rows: impl IntoIterator<Item = R>,
        mut place: impl FnMut(R) -> (P, V),
    ) -> Result<LoadReport, TransactError<WriteError>> {
        let mut report = LoadReport::default();
        let mut rows = rows.into_iter().peekable();
        while rows.peek().is_some() {
            let batch = self.transact(|tx| {
                let (mut batch, mut len_bytes) = (LoadReport::default(), 0);
                while len_bytes < LOAD_BATCH_BYTES
                    && let Some(row) = rows.next()
                {
                    let (path, value) = place(row);
                    let value = Value::from_serialize(&value).map_err(WriteError::from)?;
                    len_bytes += LOAD_ROW_BYTES + value.as_bytes().len();
                    match tx.register(path).ensure_value(value)? {
                        true => batch.written += 1,
                        false => batch.unchanged += 1,
                    }
                }
                Ok(batch)
            })?;
            report.written += batch.value.written;
            report.unchanged += batch.value.unchanged;
        }
        Ok(report)
    }

    /// Looks whether what is here contradicts itself: every invariant that a single replica can be asked
    /// about. Costs the whole document.
    ///
    /// # Errors
    /// The first rule that does not hold: a bug, or damage. Nothing was changed.
    pub fn verify(&self) -> Result<(), Violation<Key>> {
        self.shared.document().store().verify(self.shared.claimed_identity())
    }

    /// The state of this replica in a few numbers.
    pub fn status(&self) -> Status {
        let replica = self.shared.claimed_identity();
        let document = self.shared.document();
        let crowded = crowd_before(ReplicaId::from_u128(0), &document).is_some();
        let cells = document.store().view();
        Status {
            replica,
            cells: cells.cell_count() - cells.range(&members_range()).count(),
            conflicts: document.view().contested_count(),
            hydrating: cells.is_hydrating(),
            unfinished: document.store().unfinished(),
            writers: cells.context().floor().len(),
            crowded,
            suspect: document.store().is_suspect(),
            removals: document.store().removal_count(),
            quarantined: document.store().quarantine().len(),
            late_writes: document.late_write_count(),
            suspect_stamps: document.suspect_stamps(),
            given_up: self.shared.given_up(),
        }
    }
}

/// The lives that have written and how many can, if there are so many that `life` may not begin to. A
/// context that cannot name all lives would end every session, and not only for the newest.
fn crowd_before(life: ReplicaId, document: &Document) -> Option<(usize, usize)> {
    if document.store().last_seq(life) > 0 || planted(Bug::LivesUnbounded) {
        return None;
    }
    let limit = document.limits().version_vector_entries;
    let full = KeyRange::full();
    let segments = document.store().view().context().segments_in(&full);
    let lives = segments.map(|(_, vector)| vector.len()).max().unwrap_or(0);
    (lives >= limit - limit / 10).then_some((lives, limit))
}
