//! Looking for several keys abreast.
//!
//! In a map that outgrows the caches a search waits for memory at each step, and the processor does not get to the
//! next key meanwhile: it would have to guess where this search goes on, and guesses wrong. So a step is made for all
//! keys before the next one, and without a branch, so that they wait for memory together
//! (`docs/decisions/0019-waiting-for-memory.md`).

#![allow(
    clippy::indexing_slicing,
    reason = "every index is the result of a search in the same node, unchanged since"
)]

use std::hint::select_unpredictable;

use smallvec::SmallVec;

use super::leaf::Leaf;
use super::node::{Body, Child, Node, Path};

/// So many keys are looked for, or values read ahead, at a time; processors have fewer reads under way.
pub(crate) const ABREAST: usize = 32;

/// Fewer keys are looked for one by one.
const LEAST: usize = 4;

/// Something for each of some keys.
pub(crate) type Each<T> = SmallVec<[T; ABREAST]>;

/// Where a key was before other keys may have come or gone.
#[derive(Debug)]
pub(crate) struct Guess {
    pub(super) path: Path,
    pub(super) at: usize,
}

/// A leaf, and the way there.
struct Reached<'a, K, C> {
    leaf: &'a Leaf<K, C>,
    path: Path,
    /// How many keys of the leaf come before the one that is looked for.
    at: usize,
}

impl<K: Ord, C> Reached<'_, K, C> {
    fn holds(&self, key: &K) -> bool {
        self.leaf.keys().get(self.at) == Some(key)
    }
}

impl<K: Ord, C, S> Node<K, C, S> {
    /// The cell of each of some keys.
    pub(super) fn get_abreast<'a>(&'a self, keys: &[&K]) -> Each<Option<&'a C>> {
        if keys.len() < LEAST {
            return keys.iter().map(|key| self.get(key)).collect();
        }
        let reached = self.reach_abreast(keys).into_iter().zip(keys);
        reached.map(|(found, key)| found.holds(key).then(|| found.leaf.cell(found.at))).collect()
    }

    /// Where each of some keys is, as long as nothing changes; nothing for fewer keys than are worth it. Their cells
    /// are shown to `read`.
    pub(super) fn guess_abreast(&self, keys: &[&K], read: impl Fn(&C)) -> Each<Option<Guess>> {
        if keys.len() < LEAST {
            return Each::new();
        }
        let reached = self.reach_abreast(keys);
        let held = || reached.iter().zip(keys).filter(|(found, key)| found.holds(key));
        held().for_each(|(found, _)| read(found.leaf.cell(found.at)));
        let guess = |(found, key): (Reached<'_, K, C>, &&K)| {
            found.holds(key).then_some(Guess { path: found.path, at: found.at })
        };
        reached.into_iter().zip(keys).map(guess).collect()
    }

    fn reach_abreast(&self, keys: &[&K]) -> Each<Reached<'_, K, C>> {
        let mut nodes: Each<(&Self, Path)> = keys.iter().map(|_| (self, Path::new())).collect();
        // All leaves lie at one depth.
        for _ in 0..self.height() {
            let children: Each<_> = nodes.iter().map(|(node, _)| node.children()).collect();
            // The bound of a first child is never read.
            let bounded: Each<_> = children.iter().map(|all| all.get(1..).unwrap_or(&[])).collect();
            let places = places(&bounded, keys, |child, key| child.low <= *key);
            for (((node, path), children), at) in nodes.iter_mut().zip(children).zip(places) {
                path.push(at);
                *node = &children[at].node;
            }
        }
        let leaves: Each<_> = nodes.iter().map(|(node, _)| node.keys()).collect();
        let places = places(&leaves, keys, |held, key| held < key);
        let reached =
            nodes.into_iter().zip(places).filter_map(|((node, path), at)| match &node.body {
                Body::Leaf(leaf) => Some(Reached { leaf, path, at }),
                Body::Inner(_) => None,
            });
        reached.collect()
    }

    fn children(&self) -> &[Child<K, C, S>] {
        match &self.body {
            Body::Inner(children) => children,
            Body::Leaf(_) => &[],
        }
    }

    fn keys(&self) -> &[K] {
        match &self.body {
            Body::Leaf(leaf) => leaf.keys(),
            Body::Inner(_) => &[],
        }
    }
}

/// For each key how many leading items of its slice come before it: binary searches in step.
fn places<T, K>(slices: &[&[T]], keys: &[&K], is_before: impl Fn(&T, &K) -> bool) -> Each<usize> {
    let longest = slices.iter().map(|slice| slice.len()).max().unwrap_or(0);
    let steps = longest.checked_ilog2().map_or(0, |halvings| halvings + 1);
    let mut spans: Each<(usize, usize)> = slices.iter().map(|slice| (0, slice.len())).collect();
    for _ in 0..steps {
        for ((slice, key), (start, len)) in slices.iter().zip(keys).zip(&mut spans) {
            let half = *len / 2;
            let middle = slice.get(*start + half).filter(|_| *len > 0);
            let is_behind = middle.is_some_and(|item| is_before(item, key));
            *start = select_unpredictable(is_behind, *start + half + 1, *start);
            *len = select_unpredictable(is_behind, len.saturating_sub(half + 1), half);
        }
    }
    spans.into_iter().map(|(start, _)| start).collect()
}
