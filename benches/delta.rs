//! One changed key among 10 000, 100 000 and a million: making its delta, and joining it elsewhere.
//!
//! What must hold: the cost follows the change, not the store. A million keys may cost twice what ten
//! thousand cost, for their deeper tree. The peer copies one entry from a `BTreeMap` to another one.

mod table;

use std::collections::BTreeMap;
use std::error::Error;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use rejoin::{Context, Replica, WriteError, path::Key};
use table::Table;

const SIZES: [u32; 3] = [10_000, 100_000, 1_000_000];
/// How many different keys are changed, so that not one path through the tree stays in the cache.
const STEP: u32 = 7_919;
const ROWS_PER_TRANSACTION: u32 = 50_000;

/// Two replicas of equal state.
struct Pair {
    left: Replica,
    right: Replica,
    size: u32,
    next: u32,
}

impl Pair {
    fn new(size: u32) -> Result<Self, Box<dyn Error>> {
        let (left, right) = (Replica::in_memory(), Replica::in_memory());
        let value = "v".repeat(98);
        for first in (0..size).step_by(ROWS_PER_TRANSACTION as usize) {
            left.transact(|tx| {
                let rows = first..size.min(first + ROWS_PER_TRANSACTION);
                rows.into_iter().try_for_each(|row| {
                    tx.register(name(row)).set(&value)?;
                    Ok::<(), WriteError>(())
                })
            })?;
            right.apply(&left.delta_since(&right.context())?)?;
        }
        Ok(Self { left, right, size, next: 0 })
    }

    /// Makes both sides equal, then changes one key on the left; returns what the right has seen.
    fn change(&mut self) -> Context<Key> {
        let caught_up = self.right.apply(&self.delta(&self.right.context()));
        assert!(caught_up.is_ok(), "an honest delta was refused");
        let before = self.right.context();
        self.next = (self.next + STEP) % self.size;
        let row = name(self.next);
        let value = format!("{:098}", self.next);
        let written = self.left.transact(|tx| tx.register(row).set(&value).map(drop));
        assert!(written.is_ok(), "an honest write was refused");
        before
    }

    fn delta(&self, base: &Context<Key>) -> Vec<u8> {
        self.left.delta_since(base).unwrap_or_default()
    }
}

fn name(row: u32) -> String {
    format!("name-{row:07}")
}

/// What is measured, one after another.
const EXTRACT: &str = "delta_since";
const JOIN: &str = "apply";
const BOTH: &str = "delta_since and apply";
const PEER: &str = "BTreeMap: copy an entry";

fn delta(criterion: &mut Criterion) {
    let mut tables = Vec::new();
    for size in SIZES {
        let mut table = Table::default();
        let mut group = criterion.benchmark_group(format!("delta of one key in {size}"));
        peer(&mut table, &mut group, size);
        let Ok(pair) = Pair::new(size) else {
            println!("the replicas of {size} keys could not be made");
            return;
        };
        let pair = std::cell::RefCell::new(pair);
        let change = || pair.borrow_mut().change();
        group.bench_function(EXTRACT, |bencher| {
            table.measure(bencher, EXTRACT, 1, change, |base| pair.borrow().delta(&base));
        });
        let (left, right) = (pair.borrow().left.clone(), pair.borrow().right.clone());
        group.bench_function(JOIN, |bencher| {
            let one = || {
                let base = change();
                pair.borrow().delta(&base)
            };
            table.measure(bencher, JOIN, 1, one, |delta| right.apply(&delta));
        });
        group.bench_function(BOTH, |bencher| {
            table.measure(bencher, BOTH, 1, change, |base| {
                left.delta_since(&base).map(|delta| right.apply(&delta))
            });
        });
        group.finish();
        table.print(&format!("one key of {size} changed"), PEER);
        tables.push(table);
    }
    if let [small, .., large] = tables.as_slice() {
        for what in [PEER, EXTRACT, JOIN, BOTH] {
            let growth = large.median(what).zip(small.median(what)).map(|(l, s)| l / s);
            println!("{what:<44} most to fewest keys: {:>6.2}x", growth.unwrap_or(f64::NAN));
        }
    }
}

fn peer(
    table: &mut Table,
    group: &mut criterion::BenchmarkGroup<'_, criterion::measurement::WallTime>,
    size: u32,
) {
    let map = || (0..size).map(|row| (name(row).into_bytes(), vec![b'v'; 100]));
    let left: BTreeMap<Vec<u8>, Vec<u8>> = map().collect();
    let mut right = left.clone();
    let mut next = 0;
    group.bench_function(PEER, |bencher| {
        let key = || {
            next = (next + STEP) % size;
            name(next).into_bytes()
        };
        table.measure(bencher, PEER, 1, key, |key| {
            let entry = left.get_key_value(&key).map(|(key, value)| (key.clone(), value.clone()));
            entry.map(|(key, value)| right.insert(key, value))
        });
    });
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2));
    targets = delta
}
criterion_main!(benches);
