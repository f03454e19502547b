//! The nodes of an [`OrderedMap`](super::OrderedMap): searching, splitting, merging and summing.
//!
//! A write first finds its place through `&self` and notes the child taken at each level; then it
//! goes down that path again, without comparing keys, to change what it found. So a write that
//! finds nothing to change has copied nothing, and a reference to the changed cell can be returned.

#![allow(
    clippy::indexing_slicing,
    reason = "every index is the result of a search in the same node, unchanged since"
)]

use std::ops::Bound;
use std::sync::OnceLock;

use smallvec::SmallVec;
use triomphe::Arc;

use super::Aggregate;
use super::abreast::Guess;
use super::leaf::{Entries, Leaf, STEP, copy, make_room, partition_point, split_off};
use crate::planted::{Bug, planted};

/// The child taken at each level from the root down.
pub(super) type Path = SmallVec<[u8; 16]>;

/// Goes one level further down.
pub(super) fn push(path: &mut Path, child: usize) {
    // No node has as many children.
    path.push(u8::try_from(child).unwrap_or(u8::MAX));
}

/// A subtree, shared by all maps that contain it.
pub(super) struct Node<K, C, S> {
    sum: OnceLock<Box<S>>,
    pub(super) body: Body<K, C, S>,
}

pub(super) enum Body<K, C, S> {
    Leaf(Leaf<K, C>),
    /// Subtrees in ascending key order.
    Inner(Vec<Child<K, C, S>>),
}

/// A subtree and the bound that divides it from the sibling before it.
pub(super) struct Child<K, C, S> {
    /// At most every key in this subtree, and above every key in the sibling before. A first child
    /// has no such sibling: its bound is never read and may be out of date.
    pub(super) low: K,
    pub(super) node: Arc<Node<K, C, S>>,
}

/// Where a key is, or where it belongs.
pub(super) struct Spot {
    pub(super) path: Path,
    /// As from a binary search in the leaf.
    pub(super) index: Result<usize, usize>,
    pub(super) leaf_len: usize,
    /// Whether the key is above every key in the tree.
    pub(super) at_the_end: bool,
}

impl<K, C, S> Node<K, C, S> {
    fn new(body: Body<K, C, S>) -> Self {
        Self { sum: OnceLock::new(), body }
    }

    /// The root of a tree one level higher, over an old root and what was split off from it.
    pub(super) fn above(left: Arc<Self>, right: Child<K, C, S>) -> Self
    where
        K: Clone,
    {
        let left = Child { low: right.low.clone(), node: left };
        Self::new(Body::Inner(vec![left, right]))
    }

    pub(super) fn first_key(&self) -> Option<&K> {
        match &self.body {
            Body::Leaf(leaf) => leaf.keys().first(),
            Body::Inner(children) => children.first()?.node.first_key(),
        }
    }

    pub(super) fn last_key(&self) -> Option<&K> {
        match &self.body {
            Body::Leaf(leaf) => leaf.keys().last(),
            Body::Inner(children) => children.last()?.node.last_key(),
        }
    }

    /// The sum of all entries below, computed at most once between two writes.
    pub(super) fn sum(&self, measure: &impl Fn(Entries<'_, K, C>) -> S) -> &S
    where
        S: Aggregate,
    {
        self.sum.get_or_init(|| {
            Box::new(match &self.body {
                Body::Leaf(leaf) => measure(leaf.iter()),
                Body::Inner(children) => {
                    let mut sum = S::default();
                    children.iter().for_each(|child| sum.add(child.node.sum(measure)));
                    sum
                }
            })
        })
    }

    /// The node that should be the root instead of this one after a removal, if any.
    pub(super) fn superseding_root(&self) -> Option<Arc<Self>> {
        let Body::Inner(children) = &self.body else { return None };
        match children.as_slice() {
            [] => Some(Arc::default()),
            [only] => Some(Arc::clone(&only.node)),
            _ => None,
        }
    }

    /// The sum as it was last computed, if nothing was written since.
    pub(super) fn kept_sum(&self) -> Option<&S> {
        self.sum.get().map(Box::as_ref)
    }

    fn is_empty(&self) -> bool {
        self.width() == 0
    }

    /// The number of entries or children.
    fn width(&self) -> usize {
        match &self.body {
            Body::Leaf(leaf) => leaf.len(),
            Body::Inner(children) => children.len(),
        }
    }
}

impl<K, C, S> Node<K, C, S> {
    /// The nearest keys around some places of the leaf at the end of `path`: the one before them and the one
    /// behind.
    pub(super) fn around(
        &self,
        path: &[u8],
        places: std::ops::Range<usize>,
    ) -> (Option<&K>, Option<&K>) {
        let (mut node, mut path, mut left, mut right) = (self, path, None, None);
        loop {
            match &node.body {
                Body::Inner(children) => {
                    let (at, rest) = step(path);
                    left = at.checked_sub(1).map(|at| &children[at].node).or(left);
                    right = children.get(at + 1).map(|child| &child.node).or(right);
                    (node, path) = (&children[at].node, rest);
                }
                Body::Leaf(leaf) => {
                    let less = leaf.keys()[..places.start].last();
                    let greater = leaf.keys()[places.end..].first();
                    return (
                        less.or_else(|| left?.last_key()),
                        greater.or_else(|| right?.first_key()),
                    );
                }
            }
        }
    }
}

impl<K: Ord, C, S> Node<K, C, S> {
    /// The number of levels below this one.
    pub(super) fn height(&self) -> usize {
        match &self.body {
            Body::Leaf(_) => 0,
            Body::Inner(children) => children.first().map_or(0, |child| 1 + child.node.height()),
        }
    }

    /// The bounds of the children, down to `depth` levels below this one, and keys in a leaf, that lie
    /// strictly between two bounds, in order.
    pub(super) fn separators<'a>(
        &'a self,
        bounds: (Bound<&K>, Bound<&K>),
        depth: usize,
        found: &mut Vec<&'a K>,
    ) {
        let after_start = |key: &K| match bounds.0 {
            Bound::Included(start) | Bound::Excluded(start) => key > start,
            Bound::Unbounded => true,
        };
        let before_end = |key: &K| match bounds.1 {
            Bound::Included(end) | Bound::Excluded(end) => key < end,
            Bound::Unbounded => true,
        };
        match &self.body {
            Body::Leaf(leaf) => {
                found.extend(leaf.keys().iter().filter(|key| after_start(key) && before_end(key)));
            }
            Body::Inner(children) => {
                for (at, child) in children.iter().enumerate() {
                    let ends_in_time =
                        children.get(at + 1).is_none_or(|next| after_start(&next.low));
                    if at > 0 && !before_end(&child.low) {
                        return;
                    }
                    if at > 0 && after_start(&child.low) {
                        found.push(&child.low);
                    }
                    if depth > 0 && ends_in_time {
                        child.node.separators(bounds, depth - 1, found);
                    }
                }
            }
        }
    }

    /// Shows the leaves from the one on where `from` belongs, each with its node, until `visit` has seen
    /// enough.
    pub(super) fn leaves_from<'a>(
        &'a self,
        from: Option<&K>,
        visit: &mut impl FnMut(&'a Self, &'a Leaf<K, C>) -> bool,
    ) -> bool {
        match &self.body {
            Body::Leaf(leaf) => visit(self, leaf),
            Body::Inner(children) => {
                let first = from.map_or(0, |key| child_with(children, key));
                children[first..]
                    .iter()
                    .enumerate()
                    .all(|(at, child)| child.node.leaves_from(from.filter(|_| at == 0), visit))
            }
        }
    }

    pub(super) fn get(&self, key: &K) -> Option<&C> {
        let mut node = self;
        loop {
            match &node.body {
                Body::Inner(children) => node = &children[child_with(children, key)].node,
                Body::Leaf(leaf) => return leaf.find(key).ok().map(|at| leaf.cell(at)),
            }
        }
    }

    /// Whether `key` is still where it was.
    pub(super) fn is_right(&self, guess: &Guess, key: &K) -> bool {
        let mut node = self;
        for at in &guess.path {
            let Body::Inner(children) = &node.body else { return false };
            let Some(child) = children.get(usize::from(*at)) else { return false };
            node = &child.node;
        }
        let Body::Leaf(leaf) = &node.body else { return false };
        leaf.keys().get(guess.at).is_some_and(|held| held == key || planted(Bug::GuessTrusted))
    }

    pub(super) fn locate(&self, key: &K) -> Spot {
        let (mut node, mut path, mut on_right_edge) = (self, Path::new(), true);
        loop {
            match &node.body {
                Body::Inner(children) => {
                    let at = child_with(children, key);
                    on_right_edge &= at + 1 == children.len();
                    push(&mut path, at);
                    node = &children[at].node;
                }
                Body::Leaf(leaf) => {
                    let (index, leaf_len) = (leaf.find(key), leaf.len());
                    let at_the_end = on_right_edge && index == Err(leaf_len);
                    return Spot { path, index, leaf_len, at_the_end };
                }
            }
        }
    }
}

impl<K: Clone, C: Clone, S> Node<K, C, S> {
    /// Changes a cell and lets the sums above it stand, as damage does.
    #[cfg(any(test, feature = "planted"))]
    pub(super) fn cell_behind_the_back<'a>(
        node: &'a mut Arc<Self>,
        path: &[u8],
        at: usize,
    ) -> &'a mut C {
        match &mut Arc::make_mut(node).body {
            Body::Leaf(leaf) => leaf.cell_mut(at),
            Body::Inner(children) => {
                let (child, rest) = step(path);
                Self::cell_behind_the_back(&mut children[child].node, rest, at)
            }
        }
    }

    /// The only way to change a node: it is copied if another map shares it, and its sum forgotten.
    fn touch(node: &mut Arc<Self>) -> &mut Body<K, C, S> {
        let node = Arc::make_mut(node);
        node.sum.take();
        &mut node.body
    }

    pub(super) fn cell_mut<'a>(node: &'a mut Arc<Self>, path: &[u8], at: usize) -> &'a mut C {
        Self::leaf_mut(node, path).cell_mut(at)
    }

    /// Inserts an entry into a leaf that may have one more, of at most `fanout`. When `appending`, the leaf will be
    /// filled, and grows by doubling.
    pub(super) fn insert<'a>(
        node: &'a mut Arc<Self>,
        path: &[u8],
        at: usize,
        entry: (K, C),
        (fanout, appending): (usize, bool),
    ) -> &'a mut C {
        let leaf = Self::leaf_mut(node, path);
        let left = fanout.saturating_sub(leaf.len()).max(1);
        let more = if appending { leaf.len().clamp(STEP.min(left), left) } else { STEP };
        leaf.insert(at, entry, more)
    }

    fn leaf_mut<'a>(node: &'a mut Arc<Self>, path: &[u8]) -> &'a mut Leaf<K, C> {
        match Self::touch(node) {
            Body::Leaf(leaf) => leaf,
            Body::Inner(children) => {
                let (at, rest) = step(path);
                Self::leaf_mut(&mut children[at].node, rest)
            }
        }
    }

    /// Splits the leaf at the end of `path` and every ancestor that comes to have more than
    /// `fanout` children. Returns what was split off from this node itself.
    ///
    /// Halves serve random keys best. When `appending`, the left part stays as full as it can be:
    /// a sorted load never comes back to it.
    pub(super) fn split(
        node: &mut Arc<Self>,
        path: &[u8],
        fanout: usize,
        appending: bool,
    ) -> Option<Child<K, C, S>> {
        let cut = |len: usize| if appending { len - 1 } else { len / 2 };
        match Self::touch(node) {
            Body::Leaf(leaf) => Child::leaf(leaf.split_off(cut(leaf.len()))),
            Body::Inner(children) => {
                let (at, rest) = step(path);
                let right = Self::split(&mut children[at].node, rest, fanout, appending)?;
                make_room(children, STEP);
                children.insert(at + 1, right);
                if children.len() <= fanout {
                    return None;
                }
                Child::inner(split_off(children, cut(children.len())))
            }
        }
    }

    /// Removes an entry, then mends the nodes on its path from the leaf up.
    pub(super) fn remove(node: &mut Arc<Self>, path: &[u8], at: usize, fanout: usize) -> C {
        match Self::touch(node) {
            Body::Leaf(leaf) => leaf.remove(at),
            Body::Inner(children) => {
                let (child, rest) = step(path);
                let cell = Self::remove(&mut children[child].node, rest, at, fanout);
                mend(children, child, fanout);
                cell
            }
        }
    }

    /// Takes over all of `right`, the sibling after this node, as far as `fanout` allows; returns
    /// the rest, which is then half.
    fn absorb(
        node: &mut Arc<Self>,
        right: Child<K, C, S>,
        fanout: usize,
    ) -> Option<Child<K, C, S>> {
        match (Self::touch(node), Arc::unwrap_or_clone(right.node).body) {
            (Body::Leaf(leaf), Body::Leaf(more)) => {
                leaf.extend(more);
                let half = leaf.len() / 2;
                (leaf.len() > fanout).then(|| Child::leaf(leaf.split_off(half)))?
            }
            (Body::Inner(children), Body::Inner(mut more)) => {
                if let Some(first) = more.first_mut() {
                    first.low = right.low;
                }
                children.extend(more);
                let half = children.len() / 2;
                (children.len() > fanout).then(|| Child::inner(split_off(children, half)))?
            }
            (_, body) => Some(Child { low: right.low, node: Arc::new(Self::new(body)) }),
        }
    }
}

impl<K: Clone, C, S> Child<K, C, S> {
    fn leaf(leaf: Leaf<K, C>) -> Option<Self> {
        let low = leaf.keys().first()?.clone();
        Some(Self { low, node: Arc::new(Node::new(Body::Leaf(leaf))) })
    }

    fn inner(children: Vec<Self>) -> Option<Self> {
        let low = children.first()?.low.clone();
        Some(Self { low, node: Arc::new(Node::new(Body::Inner(children))) })
    }
}

impl<K, C, S> Default for Node<K, C, S> {
    fn default() -> Self {
        Self::new(Body::Leaf(Leaf::default()))
    }
}

/// The copy that a write makes of a shared node, so without the sum.
impl<K: Clone, C: Clone, S> Clone for Node<K, C, S> {
    fn clone(&self) -> Self {
        Self::new(match &self.body {
            Body::Leaf(leaf) => Body::Leaf(leaf.clone()),
            Body::Inner(children) => Body::Inner(copy(children)),
        })
    }
}

impl<K: Clone, C, S> Clone for Child<K, C, S> {
    fn clone(&self) -> Self {
        Self { low: self.low.clone(), node: Arc::clone(&self.node) }
    }
}

/// Gives the child at `at`, from which an entry was just removed, what it needs of its siblings:
/// an empty child goes, one less than a quarter full is joined with a sibling. The slack below half
/// keeps alternating inserts and removals from splitting and joining the same nodes.
fn mend<K: Clone, C: Clone, S>(children: &mut Vec<Child<K, C, S>>, at: usize, fanout: usize) {
    let child = &children[at].node;
    if child.is_empty() {
        children.remove(at);
        return;
    }
    // An only child stays as it is: its parent is then itself less than a quarter full.
    if child.width() >= (fanout / 4).max(2) || children.len() == 1 {
        return;
    }
    let left = at.saturating_sub(1);
    let right = children.remove(left + 1);
    if let Some(rest) = Node::absorb(&mut children[left].node, right, fanout) {
        children.insert(left + 1, rest);
    }
}

/// The child that holds `key` or would hold it. The last one is tried first: whoever appends finds it at once.
pub(super) fn child_with<K: Ord, C, S>(children: &[Child<K, C, S>], key: &K) -> usize {
    if children.last().is_some_and(|last| last.low <= *key) {
        return children.len() - 1;
    }
    last_child_where(children, |low| low <= key)
}

/// The last child whose bound satisfies `reached`, a predicate that is true up to some key and
/// false after it. The first child counts as reached.
pub(super) fn last_child_where<K, C, S>(
    children: &[Child<K, C, S>],
    reached: impl Fn(&K) -> bool,
) -> usize {
    let bounded = children.split_first().map_or(children, |(_, rest)| rest);
    partition_point(bounded, |child| reached(&child.low))
}

/// The next child on a path, and the path from there.
fn step(path: &[u8]) -> (usize, &[u8]) {
    path.split_first().map_or((0, path), |(at, rest)| (usize::from(*at), rest))
}
