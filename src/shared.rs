//! What all handles of a replica share, and who may wait for whom.
//!
//! One writer at a time prepares changes beside the document and takes the document's lock only to
//! apply them. Before a change that takes long is applied, the state before it is published as a
//! view, so that readers never wait for it. No lock is held across a callback.
//!
//! What was weighed: `docs/decisions/0007-staged-transactions.md`.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, TryLockError};
use std::time::Duration;

use rejoin_crdt::document::{Acknowledgements, Document, DocumentView};
use rejoin_crdt::{ReplicaId, VersionVector};

use rejoin_storage::{StorageError, Token};
#[cfg(feature = "sync")]
use rejoin_sync::{Breaks, Session};

use crate::Environment;
use crate::keeper::{Keeper, Recovery};
use crate::observer::{Observer, Observers, Origin};

/// Where somebody reads, a change of more cells than this is applied beside a published view. Below it, a reader waits
/// for a millisecond or two; beside a view each cell would cost the copy of its leaf, two or three times as much.
const LONG_CHANGE_CELLS: usize = 2_000;

/// Where nobody has read lately, it is one of more cells than this: the first reader would wait for ten
/// milliseconds at the most, and copying every leaf that is touched would double the time of a load.
const UNREAD_CHANGE_CELLS: usize = 10_000;

/// A document, its writer and its readers.
#[derive(Debug)]
pub(crate) struct Shared {
    env: Box<dyn Environment>,
    identity: Mutex<Identity>,
    /// Held by whoever changes the document.
    writer: Mutex<()>,
    /// Which [thread](this_thread) holds `writer`, to answer a nested transaction with an error instead of a standstill.
    /// Each thread has to see its own number only.
    writing: AtomicUsize,
    document: RwLock<Document>,
    /// What makes changes durable, if anything does. Only the writer uses it.
    keeper: Option<Mutex<Keeper>>,
    /// What members were heard to have durably.
    acknowledged: Mutex<Acknowledgements>,
    /// The state before a long change that is being applied.
    published: Mutex<Option<DocumentView>>,
    /// Whether somebody has read since the last change that was long enough to ask.
    is_read: AtomicBool,
    /// The number of commits, and how many wait for the next one.
    revision: Mutex<Revision>,
    changed: Condvar,
    observers: Observers,
    /// With whom the last connection broke in the middle of a delta.
    #[cfg(feature = "sync")]
    breaks: Mutex<Breaks>,
}

/// What waiting for a commit needs.
#[derive(Debug, Default)]
struct Revision {
    commits: u64,
    waiting: usize,
}

/// The id of this life: drawn when it is needed, claimed at the first write. A replica that only reads
/// needs none.
#[derive(Debug, Default)]
struct Identity {
    drawn: Option<ReplicaId>,
    is_claimed: bool,
    /// Whether the id is durable, or nothing is.
    is_kept: bool,
    /// Earlier ids, given up because they turned out to be used elsewhere too.
    given_up: Vec<ReplicaId>,
}

impl Shared {
    pub(crate) fn new(
        env: Box<dyn Environment>,
        document: Document,
        keeper: Option<Keeper>,
    ) -> Self {
        let drawn = keeper.as_ref().and_then(Keeper::replica);
        Self {
            env,
            identity: Mutex::new(Identity {
                drawn,
                is_claimed: drawn.is_some(),
                is_kept: drawn.is_some() || keeper.is_none(),
                given_up: Vec::new(),
            }),
            writer: Mutex::default(),
            writing: AtomicUsize::new(NOBODY),
            document: RwLock::new(document),
            keeper: keeper.map(Mutex::new),
            acknowledged: Mutex::default(),
            published: Mutex::default(),
            is_read: AtomicBool::new(false),
            revision: Mutex::default(),
            changed: Condvar::new(),
            observers: Observers::default(),
            #[cfg(feature = "sync")]
            breaks: Mutex::default(),
        }
    }

    /// Lets whatever makes changes durable do something, if there is such a thing; only the writer may
    /// call this.
    pub(crate) fn keep<T: Default>(
        &self,
        keep: impl FnOnce(&mut Keeper) -> Result<T, StorageError>,
    ) -> Result<T, StorageError> {
        match &self.keeper {
            Some(keeper) => keep(&mut lock(keeper)),
            None => Ok(T::default()),
        }
    }

    /// How the state was found at the open; `None` if it lives in memory only.
    pub(crate) fn recovery(&self) -> Option<Recovery> {
        self.keeper.as_ref().map(|keeper| lock(keeper).recovery())
    }

    pub(crate) fn acknowledgements(&self) -> Acknowledgements {
        lock(&self.acknowledged).clone()
    }

    /// Returns whether any of it was news.
    pub(crate) fn learn_acknowledgements<'a>(
        &self,
        heard: impl Iterator<Item = (ReplicaId, &'a VersionVector)>,
    ) -> bool {
        let mut known = lock(&self.acknowledged);
        heard.fold(false, |news, (life, seen)| known.learn(life, seen) || news)
    }

    /// What sessions are told of the connections before theirs.
    #[cfg(feature = "sync")]
    pub(crate) fn breaks(&self) -> Breaks {
        lock(&self.breaks).clone()
    }

    /// The connection of a session is gone.
    #[cfg(feature = "sync")]
    pub(crate) fn note_break(&self, session: &Session) {
        session.note_break(&mut lock(&self.breaks));
    }

    /// Random bits that nobody else has.
    pub(crate) fn new_token(&self) -> Token {
        Token(*self.env.new_replica_id().as_bytes())
    }

    pub(crate) fn now_ms(&self) -> u64 {
        self.env.now_ms()
    }

    /// The id of this life, claimed from now on.
    pub(crate) fn claim_identity(&self) -> ReplicaId {
        let mut identity = lock(&self.identity);
        identity.is_claimed = true;
        *identity.drawn.get_or_insert_with(|| self.env.new_replica_id())
    }

    /// The id that this life has or will have.
    pub(crate) fn draw_identity(&self) -> ReplicaId {
        *lock(&self.identity).drawn.get_or_insert_with(|| self.env.new_replica_id())
    }

    /// Makes the id of this life durable, if that is needed and was not done. Only the writer may call
    /// this.
    pub(crate) fn keep_identity(&self, life: ReplicaId) -> Result<(), StorageError> {
        self.keep(|keeper| match keeper.replica() {
            Some(_) => Ok(()),
            None => keeper.begin_life(life, self.new_token()),
        })?;
        lock(&self.identity).is_kept = true;
        Ok(())
    }

    pub(crate) fn is_identity_kept(&self) -> bool {
        lock(&self.identity).is_kept
    }

    /// Gives up the id `life`, if this is it still, and begins another one. Only the writer may call
    /// this.
    pub(crate) fn give_up_identity(&self, life: ReplicaId) -> Result<(), StorageError> {
        if lock(&self.identity).drawn != Some(life) {
            return Ok(());
        }
        let next = self.env.new_replica_id();
        self.keep(|keeper| keeper.begin_life(next, self.new_token()))?;
        let mut identity = lock(&self.identity);
        identity.given_up.push(life);
        identity.drawn = Some(next);
        identity.is_claimed = false;
        Ok(())
    }

    /// The ids that were given up.
    pub(crate) fn given_up(&self) -> Vec<ReplicaId> {
        lock(&self.identity).given_up.clone()
    }

    /// The id of this life, if it was claimed.
    pub(crate) fn claimed_identity(&self) -> Option<ReplicaId> {
        let identity = lock(&self.identity);
        identity.drawn.filter(|_| identity.is_claimed)
    }

    /// A view for somebody who may read on.
    pub(crate) fn view_to_read(&self) -> DocumentView {
        self.is_read.store(true, Ordering::Relaxed);
        self.view()
    }

    pub(crate) fn view(&self) -> DocumentView {
        loop {
            if let Some(view) = &*lock(&self.published) {
                return view.clone();
            }
            match self.document.try_read() {
                Ok(document) => return document.view(),
                Err(TryLockError::Poisoned(poisoned)) => return poisoned.into_inner().view(),
                // A short change is being applied, or a long one has just published its view.
                Err(TryLockError::WouldBlock) => std::thread::yield_now(),
            }
        }
    }

    /// The document itself; whoever changes it waits meanwhile.
    pub(crate) fn document(&self) -> RwLockReadGuard<'_, Document> {
        self.document.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the document under its lock; only the writer may call this. A change that takes long,
    /// or has to wait for somebody who reads for long, first publishes the state as it is: readers go
    /// on with that.
    pub(crate) fn change<T>(&self, cells: usize, change: impl FnOnce(&mut Document) -> T) -> T {
        let is_short = cells <= LONG_CHANGE_CELLS
            || (cells <= UNREAD_CHANGE_CELLS && !self.is_read.swap(false, Ordering::Relaxed));
        if is_short && let Ok(mut document) = self.document.try_write() {
            return change(&mut document);
        }
        // Dropped last, when readers wait for nothing: what the change has replaced goes with it, which takes long.
        let before = self.document().view();
        *lock(&self.published) = Some(before.clone());
        let mut document = self.document.write().unwrap_or_else(PoisonError::into_inner);
        // Dropped before the lock on the document, so that no reader falls back behind what it saw.
        let _until_done = Unpublish(&self.published);
        change(&mut document)
    }

    /// The right to write; `None` if this thread has it already.
    pub(crate) fn writer(&self) -> Option<WriterGuard<'_>> {
        let me = this_thread();
        if self.writing.load(Ordering::Relaxed) == me {
            return None;
        }
        let writer = lock(&self.writer);
        self.writing.store(me, Ordering::Relaxed);
        Some(WriterGuard { _writer: writer, writing: &self.writing })
    }

    /// Tells of a commit whoever waits for one.
    pub(crate) fn announce(&self, origin: Origin) {
        let mut revision = lock(&self.revision);
        revision.commits += 1;
        // Waking nobody is a system call, too.
        if revision.waiting > 0 {
            self.changed.notify_all();
        }
        drop(revision);
        self.observers.tell(origin);
    }

    pub(crate) fn observe(&self, callback: impl Fn(Origin) + Send + Sync + 'static) -> Observer {
        self.observers.attach(callback)
    }

    /// The number of commits so far, for [`Self::wait_for_change`].
    pub(crate) fn revision(&self) -> u64 {
        lock(&self.revision).commits
    }

    /// Waits until there was a commit after `revision`, or the time is over.
    pub(crate) fn wait_for_change(&self, revision: u64, timeout: Duration) {
        let mut current = lock(&self.revision);
        current.waiting += 1;
        let is_same = |now: &mut Revision| now.commits == revision;
        let waited = self.changed.wait_timeout_while(current, timeout, is_same);
        waited.unwrap_or_else(PoisonError::into_inner).0.waiting -= 1;
    }
}

/// The last handle is gone: what is durable ends cleanly, so that the life goes on at the next open. If
/// that fails, the next open finds a crash, which loses nothing.
impl Drop for Shared {
    fn drop(&mut self) {
        let _ = self.keep(|keeper| keeper.close(self.new_token()));
    }
}

/// The right to write, given back on drop, also when a closure panics.
#[derive(Debug)]
pub(crate) struct WriterGuard<'a> {
    _writer: MutexGuard<'a, ()>,
    writing: &'a AtomicUsize,
}

impl Drop for WriterGuard<'_> {
    fn drop(&mut self) {
        self.writing.store(NOBODY, Ordering::Relaxed);
    }
}

/// No thread.
const NOBODY: usize = 0;

/// A number that no other living thread has: where a variable of its own lies. (`ThreadId` cannot be in an atomic, and
/// asking for it counts a reference.)
fn this_thread() -> usize {
    thread_local! {
        static HERE: u8 = const { 0 };
    }
    HERE.with(|here| std::ptr::from_ref(here).addr())
}

/// Takes the published view back, whatever happens.
struct Unpublish<'a>(&'a Mutex<Option<DocumentView>>);

impl Drop for Unpublish<'_> {
    fn drop(&mut self) {
        *lock(self.0) = None;
    }
}

/// A panic in a closure leaves nothing half done behind these locks, so poison is no reason to stop.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use rejoin_crdt::document::Document;

    use super::{LONG_CHANGE_CELLS, Shared, UNREAD_CHANGE_CELLS, lock};
    use crate::env::System;

    #[test]
    fn a_view_is_published_for_a_change_that_somebody_may_have_to_wait_for() {
        let shared = Shared::new(Box::new(System), Document::default(), None);
        let publishes = |cells| shared.change(cells, |_| lock(&shared.published).is_some());
        assert!(!publishes(UNREAD_CHANGE_CELLS), "nobody has read");
        assert!(publishes(UNREAD_CHANGE_CELLS + 1), "the first reader would wait for long");
        drop(shared.view_to_read());
        assert!(!publishes(LONG_CHANGE_CELLS), "it takes microseconds");
        assert!(publishes(LONG_CHANGE_CELLS + 1), "somebody reads");
        assert!(!publishes(LONG_CHANGE_CELLS + 1), "and has not read since");
    }
}
