//! A part of an [`OrderedMap`](super::OrderedMap) as an iterator, and its sum.
//!
//! A range is cut out of the tree along two paths. What is left between them is, in key order: the
//! end of a leaf, some whole subtrees, the start of a leaf. Both ends are consumed from that, so
//! they meet without comparing keys, and the sum of a range takes the whole subtrees as they are.

use std::collections::VecDeque;
use std::iter::{FusedIterator, zip};
use std::slice;

use super::Aggregate;
use super::leaf::{Entries, partition_point};
use super::node::{Body, Child, Node, last_child_where};

/// The entries of a range in key order, from both ends.
pub(crate) struct Range<'a, K, C, S> {
    front: Entries<'a, K, C>,
    middle: VecDeque<slice::Iter<'a, Child<K, C, S>>>,
    back: Entries<'a, K, C>,
}

impl<'a, K, C, S> Range<'a, K, C, S> {
    pub(super) fn whole(root: &'a Node<K, C, S>) -> Self {
        Self::between(root, None::<fn(&K) -> bool>, None::<fn(&K) -> bool>)
    }

    /// The entries that are not `before` the range and still `within` its end. `None` is no bound;
    /// both predicates are true up to some key and false after it.
    pub(super) fn between(
        root: &'a Node<K, C, S>,
        before: Option<impl Fn(&K) -> bool>,
        within: Option<impl Fn(&K) -> bool>,
    ) -> Self {
        let mut range = Self { front: zip(&[], &[]), middle: VecDeque::new(), back: zip(&[], &[]) };
        let bounded = before.is_some() || within.is_some();
        let mut node = root;
        loop {
            match &node.body {
                Body::Leaf(leaf) => {
                    let start = before.map_or(0, |f| partition_point(leaf.keys(), f));
                    let end = within.map_or(leaf.len(), |f| partition_point(leaf.keys(), f));
                    range.front = leaf.slice(start..end);
                    return range;
                }
                Body::Inner(children) => {
                    let first = before.as_ref().map_or(0, |f| last_child_where(children, f));
                    let last = within
                        .as_ref()
                        .map_or(children.len() - 1, |f| last_child_where(children, f));
                    if first == last && bounded {
                        let Some(child) = children.get(first) else { return range };
                        node = &child.node;
                        continue;
                    }
                    if first > last {
                        return range;
                    }
                    let start = first + usize::from(before.is_some());
                    let end = last + usize::from(within.is_none());
                    range.middle.push_back(children.get(start..end).unwrap_or_default().iter());
                    if let (Some(before), Some(child)) = (before, children.get(first)) {
                        range.cut_front(&child.node, before);
                    }
                    if let (Some(within), Some(child)) = (within, children.get(last)) {
                        range.cut_back(&child.node, within);
                    }
                    return range;
                }
            }
        }
    }

    /// Puts the part of `node` that is not `before` the range at the front.
    fn cut_front(&mut self, mut node: &'a Node<K, C, S>, before: impl Fn(&K) -> bool) {
        while let Body::Inner(children) = &node.body {
            let at = last_child_where(children, &before);
            self.middle.push_front(children.get(at + 1..).unwrap_or_default().iter());
            let Some(child) = children.get(at) else { return };
            node = &child.node;
        }
        if let Body::Leaf(leaf) = &node.body {
            self.front = leaf.slice(partition_point(leaf.keys(), before)..leaf.len());
        }
    }

    /// Puts the part of `node` that is `within` the range at the back.
    fn cut_back(&mut self, mut node: &'a Node<K, C, S>, within: impl Fn(&K) -> bool) {
        while let Body::Inner(children) = &node.body {
            let at = last_child_where(children, &within);
            self.middle.push_back(children.get(..at).unwrap_or_default().iter());
            let Some(child) = children.get(at) else { return };
            node = &child.node;
        }
        if let Body::Leaf(leaf) = &node.body {
            self.back = leaf.slice(0..partition_point(leaf.keys(), within));
        }
    }

    /// The sum of the entries not yet consumed.
    pub(super) fn sum(self, measure: &impl Fn(Entries<'_, K, C>) -> S) -> S
    where
        S: Aggregate,
    {
        let mut sum = measure(self.front);
        sum.add(&measure(self.back));
        self.middle.into_iter().flatten().for_each(|child| sum.add(child.node.sum(measure)));
        sum
    }
}

impl<'a, K, C, S> Iterator for Range<'a, K, C, S> {
    type Item = (&'a K, &'a C);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(entry) = self.front.next() {
                return Some(entry);
            }
            let Some(subtrees) = self.middle.front_mut() else {
                return self.back.next();
            };
            match subtrees.next().map(|child| &child.node.body) {
                Some(Body::Leaf(leaf)) => self.front = leaf.iter(),
                Some(Body::Inner(children)) => self.middle.push_front(children.iter()),
                None => drop(self.middle.pop_front()),
            }
        }
    }
}

impl<K, C, S> DoubleEndedIterator for Range<'_, K, C, S> {
    fn next_back(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(entry) = self.back.next_back() {
                return Some(entry);
            }
            let Some(subtrees) = self.middle.back_mut() else {
                return self.front.next_back();
            };
            match subtrees.next_back().map(|child| &child.node.body) {
                Some(Body::Leaf(leaf)) => self.back = leaf.iter(),
                Some(Body::Inner(children)) => self.middle.push_back(children.iter()),
                None => drop(self.middle.pop_back()),
            }
        }
    }
}

impl<K, C, S> FusedIterator for Range<'_, K, C, S> {}
