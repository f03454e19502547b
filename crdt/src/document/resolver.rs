//! Resolvers: deterministic functions that say how concurrent values of a register read.
//!
//! A resolver is read-side: what it returns is shown, never stored, so replicas converge even when
//! one of them lacks it. Whoever wants its result to stay writes it, as the resolution of the conflict.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crate::cell::Sibling;
use crate::document::Document;
use crate::path::{Key, Path};
use crate::replica::ReplicaId;
use crate::store::Commit;
use crate::transaction::Transaction;
use crate::value::{Item, Value};

/// A rule that makes one value of several.
type Rule = dyn Fn(&[Sibling<'_, Value>]) -> Option<Value> + Send + Sync;

/// A named, deterministic rule for the concurrent values of a register.
#[derive(Clone)]
pub struct Resolver {
    name: Arc<str>,
    rule: Arc<Rule>,
}

impl Resolver {
    /// A resolver of one's own. `rule` gets the live values sorted by dot; it must depend on nothing
    /// else, and `None` leaves the choice to the register.
    pub fn new(
        name: &str,
        rule: impl Fn(&[Sibling<'_, Value>]) -> Option<Value> + Send + Sync + 'static,
    ) -> Self {
        Self { name: name.into(), rule: Arc::new(rule) }
    }

    /// The greatest value: the larger order number wins.
    pub fn greatest() -> Self {
        Self::new("greatest", |siblings| siblings.iter().map(|s| s.value).max().cloned())
    }

    /// The least value.
    pub fn least() -> Self {
        Self::new("least", |siblings| siblings.iter().map(|s| s.value).min().cloned())
    }

    /// The union: arrays become one array of all elements without repetition, maps one map in which
    /// the later write wins per key. Other values are left to the register.
    pub fn union() -> Self {
        Self::new("union", union)
    }

    /// The name, by which listings call the resolver.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl fmt::Debug for Resolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Resolver({})", self.name)
    }
}

/// The resolvers of a document, by the path above which they hold.
#[derive(Clone, Debug, Default)]
pub(crate) struct Resolvers {
    by_path: BTreeMap<Path, Resolver>,
}

impl Resolvers {
    pub(crate) fn insert(&mut self, path: Path, resolver: Resolver) {
        self.by_path.insert(path, resolver);
    }

    /// The resolver of the longest path that `path` lies at or below.
    pub(crate) fn of(&self, path: &Path) -> Option<&Resolver> {
        let mut ancestor = Some(path.clone());
        while let Some(path) = ancestor {
            if let Some(resolver) = self.by_path.get(&path) {
                return Some(resolver);
            }
            ancestor = path.parent();
        }
        None
    }

    pub(crate) fn resolve(&self, path: &Path, siblings: &[Sibling<'_, Value>]) -> Option<Value> {
        if self.by_path.is_empty() {
            return None;
        }
        (self.of(path)?.rule)(siblings)
    }
}

impl Document {
    /// Writes what resolvers make of the cells of a commit: the planted bug [`Bug::ResolutionStored`].
    ///
    /// [`Bug::ResolutionStored`]: crate::planted::Bug::ResolutionStored
    pub(super) fn write_resolutions(
        &mut self,
        commit: &Commit<Key>,
        own: Option<ReplicaId>,
        now_ms: u64,
    ) {
        let Some(own) = own else { return };
        let (hlc, view) = (self.tick(now_ms), self.view());
        let mut tx = Transaction::new(&self.store, own, hlc);
        for key in commit.cells.iter().map(|changed| &changed.key) {
            if let Some((tag, cell)) = key.tag().zip(view.cells().cell(key))
                && let Some(value) = view.resolved(|| key.path(), tag, cell)
            {
                tx.write(key, value);
            }
        }
        let staged = tx.finish();
        // Nothing has changed since the transaction began.
        let _ = self.commit(staged);
    }
}

fn union(siblings: &[Sibling<'_, Value>]) -> Option<Value> {
    let mut by_time: Vec<_> = siblings.to_vec();
    by_time.sort_by_key(|sibling| (sibling.hlc, sibling.dot));
    let items: Vec<Item> = by_time.iter().map(|sibling| sibling.value.to_item()).collect();
    let mut elements = Vec::new();
    let mut members = BTreeMap::new();
    let (mut arrays, mut maps) = (0, 0);
    for item in items {
        match item {
            Item::Array(more) => {
                arrays += 1;
                elements.extend(more);
            }
            Item::Map(more) => {
                maps += 1;
                members.extend(more);
            }
            _ => return None,
        }
    }
    let item = match (arrays, maps) {
        (_, 0) => {
            let mut unique: Vec<Item> = Vec::new();
            elements.into_iter().for_each(|e| {
                if !unique.contains(&e) {
                    unique.push(e);
                }
            });
            Item::Array(unique)
        }
        (0, _) => Item::Map(members),
        _ => return None,
    };
    Value::from_item(&item).ok()
}
