//! Watching: what changed below a path, in batches that can be resumed.
//!
//! What must always hold: a reader that is slower than the writers misses no state. A batch is worked
//! out from the dots since the last one, so there is no queue that could overrun; a value that changed
//! many times in between is reported once, as it is now.

use std::ops::Bound;
use std::sync::Arc;

use rejoin::path::{Key, Path};
use rejoin::value::{Item, Value};
use rejoin::{DocumentView, Feed, KeyRange, Observer};
use tokio::sync::Notify;

use super::{Engine, bad_request, kind, token};
use crate::api::{Change, Problem};

/// A feed of changes at and below a path.
#[derive(Debug)]
pub(crate) struct Watch {
    engine: Arc<Engine>,
    path: Path,
    feed: Feed,
    changed: Arc<Notify>,
    /// Keeps the notifications coming.
    _observer: Observer,
}

/// What changed since the batch before.
#[derive(Debug)]
pub(crate) struct Batch {
    /// The changes below the path of the watch.
    pub(crate) changes: Vec<Change>,
    /// Resumes after this batch.
    pub(crate) token: String,
}

impl Watch {
    /// Begins at the state that a token names, or at the present one.
    ///
    /// # Errors
    ///
    /// The token does not come from a node.
    pub(crate) fn new(
        engine: Arc<Engine>,
        path: Path,
        since: Option<&str>,
    ) -> Result<Self, Problem> {
        let changed = Arc::new(Notify::new());
        let notify = Arc::clone(&changed);
        // Before the first look at the state, so that no commit falls between the two.
        let observer = engine.replica.observe(move |_| notify.notify_one());
        let since = match since {
            Some(text) => token::read(text).ok_or_else(|| bad_request("not a token"))?,
            None => engine.replica.context(),
        };
        let feed = engine.replica.changes(since);
        Ok(Self { engine, path, feed, changed, _observer: observer })
    }

    /// Resumes where this watch stands.
    pub(crate) fn token(&self) -> String {
        token::write(self.feed.position())
    }

    /// Completes after a commit that came after the last completion.
    pub(crate) async fn changed(&self) {
        self.changed.notified().await;
    }

    /// What changed since the last batch; `None` if nothing did.
    pub(crate) fn poll(&mut self) -> Option<Batch> {
        let changes = self.feed.poll()?;
        let view = self.engine.replica.view();
        let mut cleared: Vec<Path> = changes.deleted.iter().map(deleted_path).collect();
        cleared.retain(|path| path.starts_with(&self.path) || self.path.starts_with(path));
        // Of a deletion above the path of the watch only what is at and below that path matters.
        for path in cleared.iter_mut().filter(|path| !path.starts_with(&self.path)) {
            path.clone_from(&self.path);
        }
        cleared.sort_unstable();
        cleared.dedup();
        let mut told: Vec<Change> = Vec::new();
        for path in cleared {
            let kind = "subtree".to_owned();
            told.push(Change { path: path.clone(), kind, element: None, value: None });
            // A deletion spares what it had not seen, and that did not change.
            told.extend(view.prefix(&path).filter_map(|(key, _)| change(&view, key)));
        }
        let cells = changes.cells.iter().filter(|key| key.path().starts_with(&self.path));
        told.extend(cells.filter_map(|key| change(&view, key)));
        Some(Batch { changes: told, token: self.token() })
    }
}

/// What a reader finds in a cell now.
fn change(view: &DocumentView, key: &Key) -> Option<Change> {
    let (tag, path) = (key.tag()?, key.path());
    let element = key.element_bytes();
    let element = element.and_then(|bytes| Value::from_bytes(&bytes, u32::MAX, u32::MAX).ok());
    let value = reading(view, key);
    Some(Change {
        path,
        kind: kind::name(tag).into(),
        value: if element.is_some() { value.map(|_| Item::Bool(true)) } else { value },
        element: element.map(|value| value.to_item()),
    })
}

/// The reading of one cell. A view reads from a position on, and the shortest position below a key
/// is the key without its last byte.
fn reading(view: &DocumentView, key: &Key) -> Option<Item> {
    let before = key.as_bytes().split_last().map(|(_, before)| Key::bound(before))?;
    let mut cells = view.after(&before, key.path()).take_while(|(found, _)| *found <= key);
    cells.find(|(found, _)| *found == key).map(|(_, reading)| reading.to_item())
}

/// A path at and below which a deletion cleared something: the subtree itself, where the deletion is
/// whole. Of one that is recorded in pieces, what covers them for sure is the root.
fn deleted_path(range: &KeyRange<Key>) -> Path {
    let start = match range.bounds().0 {
        Bound::Included(start) => start,
        _ => return Path::ROOT,
    };
    let path = Path::from_encoded(start.as_bytes()).unwrap_or_default();
    let (start, end) = path.subtree();
    if *range == KeyRange::new(Some(start), Some(end)) { path } else { Path::ROOT }
}
