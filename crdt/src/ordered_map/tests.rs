//! The map against `BTreeMap`, and what the model cannot see: sharing, fill and cached sums.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::ops::RangeBounds;

use quickcheck::{Arbitrary, Gen, QuickCheck};

use super::node::Body;
use super::*;

type Tree<const FANOUT: usize> = OrderedMap<u16, u32, Total, FANOUT>;
type Model = BTreeMap<u16, u32>;

#[derive(Clone, Debug, Default, PartialEq)]
struct Total {
    count: u64,
    mix: u64,
}

thread_local! {
    static MEASURED: Cell<usize> = const { Cell::new(0) };
}

impl Aggregate for Total {
    fn add(&mut self, other: &Self) {
        self.count += other.count;
        self.mix = self.mix.wrapping_add(other.mix);
    }
}

fn measure(key: &u16, cell: &u32) -> Total {
    MEASURED.set(MEASURED.get() + 1);
    let mix = (u64::from(*key) << 32 | u64::from(*cell)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    Total { count: 1, mix }
}

fn measure_all(entries: Entries<'_, u16, u32>) -> Total {
    total(entries.map(|(key, cell)| (*key, *cell)))
}

#[derive(Clone, Debug)]
enum Op {
    Insert(u16, u32),
    Upsert(u16, u32),
    /// Keys in equal distances, all looked for before the first is written.
    UpsertAbreast(u16, u16, usize),
    Change(u16, u32),
    Remove(u16),
    /// A run of neighbouring keys, so that leaves fill and empty.
    Fill(u16, u16),
    Clear(u16, u16),
    Append,
    Snapshot,
    /// The bits say from which end each entry is taken.
    Range(Bound<u16>, Bound<u16>, u64),
    IterFrom(u16),
    Neighbours(u16),
    Aggregate(Bound<u16>, Bound<u16>),
}

fn any_key(g: &mut Gen) -> u16 {
    u16::arbitrary(g) % 300
}

fn any_bound(g: &mut Gen) -> Bound<u16> {
    let key = any_key(g);
    *g.choose(&[Bound::Included(key), Bound::Excluded(key), Bound::Unbounded]).unwrap()
}

impl Arbitrary for Op {
    fn arbitrary(g: &mut Gen) -> Self {
        let (key, cell) = (any_key(g), u32::arbitrary(g));
        match u8::arbitrary(g) % 20 {
            0..=3 => Self::Insert(key, cell),
            4 => Self::Upsert(key, cell),
            5 => Self::Change(key, cell),
            6..=8 => Self::Remove(key),
            9 => Self::Fill(key, key % 16),
            10 => Self::Clear(key, u16::arbitrary(g) % 32),
            11 | 12 => Self::Append,
            13 => Self::Snapshot,
            14 => Self::Range(any_bound(g), any_bound(g), u64::arbitrary(g)),
            15 => Self::IterFrom(key),
            16 => Self::Neighbours(key),
            17 => Self::UpsertAbreast(key, u16::arbitrary(g) % 9, usize::arbitrary(g) % ABREAST),
            _ => Self::Aggregate(any_bound(g), any_bound(g)),
        }
    }
}

/// What `BTreeMap::range` gives, except that it panics where a range is the wrong way round.
fn model_range(model: &Model, start: Bound<u16>, end: Bound<u16>) -> Vec<(u16, u32)> {
    let entries = model.iter().map(|(k, c)| (*k, *c));
    entries.filter(|(key, _)| (start, end).contains(key)).collect()
}

fn total(entries: impl IntoIterator<Item = (u16, u32)>) -> Total {
    entries.into_iter().fold(Total::default(), |mut sum, (key, cell)| {
        sum.add(&measure(&key, &cell));
        sum
    })
}

fn apply<const FANOUT: usize>(op: &Op, tree: &mut Tree<FANOUT>, model: &mut Model) {
    match *op {
        Op::Insert(key, cell) => assert_eq!(tree.insert(key, cell), model.insert(key, cell)),
        Op::Upsert(key, cell) => {
            let absent = !model.contains_key(&key);
            let (found, place) = tree.entry_or_insert_with(&key, None, || 7);
            *found = found.wrapping_add(cell);
            assert_eq!(place.is_some(), absent);
            if let Some(place) = place {
                assert_eq!(tree.around(&place), tree.neighbours(&key));
            }
            let expected = model.entry(key).or_insert(7);
            *expected = expected.wrapping_add(cell);
        }
        Op::UpsertAbreast(from, distance, more) => {
            let keys = (from..).step_by(usize::from(distance.max(1))).take(1 + more);
            upsert_abreast(&Vec::from_iter(keys), tree, model);
        }
        Op::Change(key, cell) => {
            let (found, expected) = (tree.get_mut(&key), model.get_mut(&key));
            assert_eq!(found, expected);
            found.into_iter().chain(expected).for_each(|old| *old = cell);
        }
        Op::Remove(key) => assert_eq!(tree.remove(&key), model.remove(&key)),
        Op::Fill(from, count) => (from..from + count).for_each(|key| {
            assert_eq!(tree.insert(key, 1), model.insert(key, 1));
        }),
        Op::Clear(from, count) => (from..from + count).for_each(|key| {
            assert_eq!(tree.remove(&key), model.remove(&key));
        }),
        Op::Append => {
            let key = model.last_key_value().map_or(0, |(key, _)| key + 1);
            assert_eq!(tree.insert(key, 2), model.insert(key, 2));
        }
        ref question => ask(question, tree, model),
    }
}

fn upsert_abreast<const FANOUT: usize>(keys: &[u16], tree: &mut Tree<FANOUT>, model: &mut Model) {
    let keys: Vec<&u16> = keys.iter().collect();
    let expected: Vec<_> = keys.iter().map(|key| model.get(*key)).collect();
    assert_eq!(tree.get_abreast(&keys).to_vec(), expected);
    let read = Cell::new(0);
    let guesses = tree.guess_abreast(&keys, |_| read.set(read.get() + 1));
    let is_present: Vec<bool> = guesses.iter().map(Option::is_some).collect();
    // Where all are new a guess would be of no use, and for a few keys it would take longer than a search.
    let is_behind = model.last_key_value().is_none_or(|(last, _)| last < keys[0]);
    assert_eq!(guesses.is_empty(), is_behind || keys.len() < 4);
    if !guesses.is_empty() {
        assert_eq!(is_present, Vec::from_iter(expected.iter().map(Option::is_some)));
        assert_eq!(read.get(), expected.iter().flatten().count());
    }
    let mut guesses = guesses.into_iter();
    for key in keys {
        let (found, _) = tree.entry_or_insert_with(key, guesses.next().flatten(), || 3);
        *found = found.wrapping_add(1);
        let expected = model.entry(*key).or_insert(3);
        *expected = expected.wrapping_add(1);
    }
}

fn ask<const FANOUT: usize>(op: &Op, tree: &Tree<FANOUT>, model: &Model) {
    match *op {
        Op::Range(start, end, mut ends) => {
            let mut expected = model_range(model, start, end).into_iter();
            let mut found = tree.range(start.as_ref(), end.as_ref());
            loop {
                ends = ends.rotate_left(1);
                let (next, wanted) = match ends & 1 {
                    0 => (found.next(), expected.next()),
                    _ => (found.next_back(), expected.next_back()),
                };
                assert_eq!(next.map(|(k, c)| (*k, *c)), wanted);
                if wanted.is_none() {
                    break;
                }
            }
            assert!(found.next().is_none() && found.next_back().is_none());
        }
        Op::IterFrom(key) => {
            assert!(tree.iter_from(|k| *k < key).eq(model.range(key..)));
        }
        Op::Neighbours(key) => {
            let below = model.range(..key).next_back().map(|(k, _)| k);
            let above = model.range(key + 1..).next().map(|(k, _)| k);
            assert_eq!(tree.neighbours(&key), (below, above));
            assert_eq!(tree.get(&key), model.get(&key));
        }
        Op::Aggregate(start, end) => {
            let expected = total(model_range(model, start, end));
            assert_eq!(tree.aggregate(start.as_ref(), end.as_ref(), &measure_all), expected);
        }
        _ => {}
    }
}

/// Checks every promise of the module documentation below `node` and returns the leaves' depth.
fn check<const FANOUT: usize>(
    node: &Node<u16, u32, Total>,
    low: Option<u16>,
    is_root: bool,
    on_right_edge: bool,
) -> usize {
    let least = if is_root || on_right_edge { 1 } else { (FANOUT / 4).max(2) };
    match &node.body {
        Body::Leaf(leaf) => {
            assert!(leaf.len() <= FANOUT && (leaf.len() >= least || is_root));
            assert!(leaf.keys().is_sorted_by(|a, b| a < b));
            assert!(low.is_none_or(|low| leaf.keys().iter().all(|key| low <= *key)));
            if let Some(sum) = node.kept_sum() {
                assert_eq!(*sum, total(leaf.iter().map(|(k, c)| (*k, *c))));
            }
            0
        }
        Body::Inner(children) => {
            assert!(
                children.len() <= FANOUT && children.len() >= least.max(usize::from(is_root) * 2)
            );
            let depths = children.iter().enumerate().map(|(at, child)| {
                let on_right_edge = on_right_edge && at + 1 == children.len();
                let low = if at == 0 { low } else { Some(child.low) };
                check::<FANOUT>(&child.node, low, false, on_right_edge)
            });
            let depths: Vec<usize> = depths.collect();
            assert!(depths.iter().all(|depth| *depth == depths[0]));
            if let Some(sum) = node.kept_sum() {
                let mut expected = Total::default();
                children.iter().for_each(|child| {
                    expected.add(child.node.kept_sum().expect("below a cached sum"));
                });
                assert_eq!(*sum, expected);
            }
            depths[0] + 1
        }
    }
}

fn agrees<const FANOUT: usize>(tree: &Tree<FANOUT>, model: &Model) {
    assert!(tree.iter().eq(model.iter()));
    assert!(tree.iter().rev().eq(model.iter().rev()));
    assert_eq!((tree.len(), tree.is_empty()), (model.len(), model.is_empty()));
    check::<FANOUT>(&tree.root, None, true, true);
    let sum = tree.aggregate(Bound::Unbounded, Bound::Unbounded, &measure_all);
    assert_eq!(sum, total(model.iter().map(|(k, c)| (*k, *c))));
}

fn behaves_like_btreemap<const FANOUT: usize>(ops: Vec<Op>) {
    let (mut tree, mut model) = (Tree::<FANOUT>::new(), Model::new());
    let mut snapshots = Vec::new();
    for op in &ops {
        apply(op, &mut tree, &mut model);
        if matches!(op, Op::Snapshot) {
            snapshots.push((tree.clone(), model.clone()));
            if snapshots.len() > 3 {
                // Write to the older of two that share nodes, too.
                let (old, old_model) = snapshots.remove(0);
                agrees(&old, &old_model);
                snapshots.push((
                    std::mem::replace(&mut tree, old),
                    std::mem::replace(&mut model, old_model),
                ));
            }
        }
    }
    snapshots.push((tree, model));
    snapshots.iter().for_each(|(tree, model)| agrees(tree, model));
}

fn run<const FANOUT: usize>(cases: u64) {
    QuickCheck::new()
        .rng(Gen::new(400))
        .tests(cases)
        .quickcheck(behaves_like_btreemap::<FANOUT> as fn(Vec<Op>));
}

#[test]
fn any_history_gives_what_btreemap_gives_in_the_deepest_trees() {
    run::<4>(1_000);
}

#[test]
fn any_history_gives_what_btreemap_gives_with_an_odd_fanout() {
    run::<5>(600);
}

#[test]
fn any_history_gives_what_btreemap_gives_in_trees_of_two_or_three_levels() {
    run::<9>(400);
}

#[test]
fn any_history_gives_what_btreemap_gives_at_the_real_fanout() {
    run::<FANOUT>(400);
}

/// A map of the real fan-out with the keys `0..count`, loaded in order.
fn loaded(count: u16) -> Tree<FANOUT> {
    let mut tree = Tree::new();
    for key in 0..count {
        tree.insert(key, 0);
    }
    tree
}

fn nodes<'a>(node: &'a Arc<Node<u16, u32, Total>>, into: &mut Vec<&'a Arc<Node<u16, u32, Total>>>) {
    into.push(node);
    if let Body::Inner(children) = &node.body {
        children.iter().for_each(|child| nodes(&child.node, into));
    }
}

/// How many nodes of `tree` are not nodes of `other`.
fn unshared(tree: &Tree<FANOUT>, other: &Tree<FANOUT>) -> usize {
    let (mut own, mut others) = (Vec::new(), Vec::new());
    nodes(&tree.root, &mut own);
    nodes(&other.root, &mut others);
    own.iter().filter(|node| !others.iter().any(|other| Arc::ptr_eq(node, other))).count()
}

#[test]
fn a_sorted_load_fills_all_leaves_but_the_last() {
    let tree = loaded(10_000);
    let mut all = Vec::new();
    nodes(&tree.root, &mut all);
    let leaves = all.iter().filter(|node| matches!(node.body, Body::Leaf(_))).count();
    assert_eq!(leaves, 10_000_usize.div_ceil(FANOUT - 1));
}

#[test]
fn a_write_copies_only_its_path() {
    let mut tree = loaded(10_000);
    let snapshot = tree.clone();
    assert_eq!(unshared(&tree, &snapshot), 0);
    tree.insert(5_000, 1);
    assert_eq!(unshared(&tree, &snapshot), 3);
    tree.remove(&5_000);
    assert_eq!(unshared(&tree, &snapshot), 3);
    assert_eq!(snapshot.get(&5_000), Some(&0));
}

#[test]
fn a_write_without_a_snapshot_copies_nothing() {
    let mut tree = loaded(10_000);
    let root = Arc::as_ptr(&tree.root);
    tree.insert(5_000, 1);
    tree.remove(&5_001);
    assert_eq!(Arc::as_ptr(&tree.root), root);
}

#[test]
fn changing_an_absent_key_copies_nothing() {
    let mut tree = loaded(1_000);
    let snapshot = tree.clone();
    assert_eq!(tree.get_mut(&2_000), None);
    assert_eq!(tree.remove(&2_000), None);
    assert!(Arc::ptr_eq(&tree.root, &snapshot.root));
}

#[test]
fn only_the_leaves_written_since_are_measured_again() {
    let mut tree = loaded(10_000);
    let whole = (Bound::Unbounded, Bound::Unbounded);
    tree.aggregate(whole.0, whole.1, &measure_all);
    for key in [10, 5_000, 9_000] {
        *tree.get_mut(&key).unwrap() += 1;
    }
    MEASURED.set(0);
    assert_eq!(tree.aggregate(whole.0, whole.1, &measure_all).count, 10_000);
    assert!(MEASURED.get() <= 3 * FANOUT);

    MEASURED.set(0);
    let sum = tree.aggregate(Bound::Included(&100), Bound::Excluded(&9_900), &measure_all);
    assert_eq!(sum.count, 9_800);
    assert!(MEASURED.get() <= 2 * FANOUT);
}

#[test]
fn a_snapshot_shares_the_sums_it_has_not_computed() {
    let tree = loaded(10_000);
    let snapshot = tree.clone();
    let sum = tree.aggregate(Bound::Unbounded, Bound::Unbounded, &measure_all);
    MEASURED.set(0);
    assert_eq!(snapshot.aggregate(Bound::Unbounded, Bound::Unbounded, &measure_all), sum);
    assert_eq!(MEASURED.get(), 0);
}

#[test]
fn a_map_that_loses_all_entries_is_a_single_leaf_again() {
    let mut tree = loaded(10_000);
    for key in (0..10_000).step_by(2).chain((1..10_000).step_by(2)) {
        assert_eq!(tree.remove(&key), Some(0));
    }
    assert!(tree.is_empty());
    assert!(matches!(&tree.root.body, Body::Leaf(leaf) if leaf.len() == 0));
}

#[test]
fn a_map_can_be_shared_between_threads() {
    fn shareable<T: Send + Sync>(_: &T) {}
    shareable(&loaded(0));
}

#[test]
fn separators_cut_a_range_into_pieces_of_comparable_size() {
    let tree = loaded(10_000);
    for (start, end) in [(0, 10_000), (10, 9_000), (4_000, 4_100), (70, 80), (5, 5)] {
        for most in [1, 15, 100] {
            let cuts = tree.separators(Bound::Included(&start), Bound::Excluded(&end), most);
            assert!(cuts.is_sorted_by(|a, b| a < b), "{cuts:?}");
            assert!(cuts.iter().all(|cut| *cut > start && *cut < end), "{cuts:?}");
            let between = usize::from((end - start).saturating_sub(1_u16));
            assert_eq!(cuts.len(), most.min(between), "{start} {end}");
            let bounds = [&[start], cuts.as_slice(), &[end]].concat();
            let longest =
                bounds.windows(2).map(|pair| usize::from(pair[1] - pair[0])).max().unwrap();
            assert!(longest <= 8 * (between / (most + 1)).max(1), "{longest} of {cuts:?}");
        }
    }
    assert!(loaded(0).separators(Bound::Unbounded, Bound::Unbounded, 15).is_empty());
}

#[test]
fn measuring_again_finds_every_cell_that_changed_by_itself_and_no_other() {
    let mut tree = Tree::<8>::new();
    for key in 0..500 {
        tree.insert(key * 2, 7);
    }
    let remeasure = |tree: &Tree<8>, most: usize| {
        let (mut from, mut differing, mut entries) = (None, Vec::new(), 0);
        loop {
            let found = tree.remeasure(from.as_ref(), most, &measure_all);
            entries += found.entries;
            differing.extend(found.differing);
            match found.next {
                Some(next) => from = Some(next),
                None => return (differing, entries),
            }
        }
    };
    assert_eq!(remeasure(&tree, 30), (vec![], 500), "now every leaf has a sum");
    assert_eq!(remeasure(&tree, 30), (vec![], 500));
    tree.insert(101, 3);
    *tree.get_mut(&200).unwrap() = 9;
    assert_eq!(remeasure(&tree, 30), (vec![], 501), "who writes says so");
    for key in [0, 404, 998] {
        let mut damaged = tree.clone();
        // A copy of its own, as a tree has that nobody else looks at, with every sum in place.
        for key in 0..500 {
            damaged.get_mut(&(key * 2));
        }
        damaged.aggregate(Bound::Unbounded, Bound::Unbounded, &measure_all);
        *damaged.cell_behind_the_back(&key).unwrap() ^= 1;
        let (differing, _) = remeasure(&damaged, 64);
        let [(first, next)] = differing.as_slice() else { panic!("{key}: {differing:?}") };
        assert!(*first <= key && next.is_none_or(|next| key < next), "{key}: {differing:?}");
        damaged.get_mut(&key);
        assert_eq!(remeasure(&damaged, 64).0, vec![], "once the sum is forgotten it is as it is");
    }
}
