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

use super::leaf::Leaf;
use super::node::{Body, Child, Node, Path, child_with, push};

/// So many keys are looked for, or values read ahead, at a time; processors have fewer reads under way.
pub(crate) const ABREAST: usize = 32;

/// Fewer keys are looked for one by one.
const LEAST: usize = 4;

/// Where a key was before other keys may have come or gone.
#[derive(Debug)]
pub(crate) struct Guess {
    pub(super) path: Path,
    pub(super) at: usize,
}

/// For each of a few keys a leaf, and how many of its keys come before.
struct Reached<'a, K, C, S> {
    leaves: [&'a Node<K, C, S>; ABREAST],
    places: [usize; ABREAST],
}

impl<'a, K: Ord, C, S> Reached<'a, K, C, S> {
    /// Where each key is that is there: its position in its leaf, and its cell.
    fn cells(self, keys: &[&K]) -> impl Iterator<Item = Option<(usize, &'a C)>> {
        let reached = self.leaves.into_iter().zip(self.places).zip(keys);
        reached.map(|((node, at), key)| {
            let leaf = node.leaf().filter(|leaf| leaf.keys().get(at) == Some(key));
            leaf.map(|leaf| (at, leaf.cell(at)))
        })
    }
}

impl<K: Ord, C, S> Node<K, C, S> {
    /// The cell of each of some keys in order.
    pub(super) fn get_abreast<'a>(&'a self, keys: &[&K]) -> Vec<Option<&'a C>> {
        if keys.len() < LEAST {
            return keys.iter().map(|key| self.get(key)).collect();
        }
        let mut found = Vec::with_capacity(keys.len());
        for keys in keys.chunks(ABREAST) {
            let cells = self.reach_abreast(keys, |_, _| {}).cells(keys);
            found.extend(cells.map(|cell| cell.map(|(_, cell)| cell)));
        }
        found
    }

    /// Where each of some keys in order is, as long as nothing changes; nothing for fewer keys than are worth it. Their
    /// cells are shown to `read`.
    pub(super) fn guess_abreast(&self, keys: &[&K], read: impl Fn(&C)) -> Vec<Option<Guess>> {
        if keys.len() < LEAST {
            return Vec::new();
        }
        let mut guesses = Vec::with_capacity(keys.len());
        for keys in keys.chunks(ABREAST) {
            let mut paths: Vec<Path> = keys.iter().map(|_| Path::new()).collect();
            let reached = self.reach_abreast(keys, |number, child| push(&mut paths[number], child));
            guesses.extend(reached.cells(keys).zip(paths).map(|(found, path)| {
                found.map(|(at, cell)| {
                    read(cell);
                    Guess { path, at }
                })
            }));
        }
        guesses
    }

    /// Where each of a few keys in order is or would be. `went` is told, level by level, of the number of each key
    /// and the child that is taken.
    fn reach_abreast(
        &self,
        keys: &[&K],
        mut went: impl FnMut(usize, usize),
    ) -> Reached<'_, K, C, S> {
        debug_assert!(keys.is_sorted() && keys.len() <= ABREAST, "a few keys in order");
        let mut nodes = [self; ABREAST];
        let mut is_shared = true;
        // All leaves lie at one depth.
        for _ in 0..self.height() {
            // While all keys are in one node, each goes on between the first and the last one, mostly with both.
            let (from, to) = match keys {
                [first, .., last] if is_shared => {
                    let children = nodes[0].children();
                    (child_with(children, first), child_with(children, last) + 1)
                }
                _ => (0, usize::MAX),
            };
            is_shared = from + 1 == to;
            // The bound of the first child is not read.
            let bounded = nodes.map(|node| {
                let children = node.children();
                children.get(from + 1..children.len().min(to)).unwrap_or(&[])
            });
            let places = places(&bounded, keys, |child, key| child.low <= *key);
            for (number, (node, place)) in nodes.iter_mut().zip(places).enumerate().take(keys.len())
            {
                went(number, from + place);
                *node = &node.children()[from + place].node;
            }
        }
        let places = places(&nodes.map(Self::keys), keys, |held, key| held < key);
        Reached { leaves: nodes, places }
    }

    fn children(&self) -> &[Child<K, C, S>] {
        match &self.body {
            Body::Inner(children) => children,
            Body::Leaf(_) => &[],
        }
    }

    const fn leaf(&self) -> Option<&Leaf<K, C>> {
        match &self.body {
            Body::Leaf(leaf) => Some(leaf),
            Body::Inner(_) => None,
        }
    }

    fn keys(&self) -> &[K] {
        self.leaf().map_or(&[], Leaf::keys)
    }
}

/// For each key how many leading items of its slice come before it: binary searches in step.
fn places<T, K>(
    slices: &[&[T]; ABREAST],
    keys: &[&K],
    is_before: impl Fn(&T, &K) -> bool,
) -> [usize; ABREAST] {
    let longest = slices.iter().map(|slice| slice.len()).max().unwrap_or(0);
    let halvings = longest.checked_ilog2().map_or(0, |halvings| halvings + 1);
    let mut places = [0; ABREAST];
    for step in (0..halvings).rev() {
        for ((slice, key), place) in slices.iter().zip(keys).zip(&mut places) {
            let item = slice.get(*place + (1 << step) - 1);
            let is_behind = item.is_some_and(|item| is_before(item, key));
            // Of a choice the compiler would make a branch.
            *place += usize::from(is_behind) << step;
        }
    }
    places
}
