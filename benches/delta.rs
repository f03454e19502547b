//! What one side has and the other has not: making that delta, and joining it.
//!
//! What must hold: the cost follows the change, not the store. Where there are more keys it may grow like
//! that of the peer, whose tree gets deeper and colder too. The peer is a `BTreeMap` that is told which
//! entries differ: it copies them out, and inserts them.

mod rows;
mod table;

use criterion::{Criterion, criterion_group, criterion_main};
use rejoin::path::Key;
use rejoin::{Context, Document};
use rows::{Floor, NOW_MS, Row, Rows, granted};
use table::Table;

/// How many keys differ, among so many.
const DIFFERENCES: [u32; 5] = [1, 10, 100, 1_000, 10_000];
const KEYS: u32 = 100_000;
/// How many keys there are, where so many differ.
const SIZES: [u32; 3] = [10_000, 100_000, 1_000_000];
const DIFFERENCE: u32 = 100;

/// Two documents whose keys are the same, and a map that has them too.
struct Pair {
    left: Document,
    right: Document,
    map: Floor,
    rows: Rows,
}

impl Pair {
    fn new(keys: u32) -> Self {
        let mut rows = Rows::new(keys);
        let all = rows.all();
        let map = rows::floor(&all);
        let mut pair = Self { left: rows::document(&all), right: Document::default(), map, rows };
        pair.catch_up();
        pair
    }

    /// Makes both sides equal, then changes so many keys on the left; returns what the right has seen.
    fn change(&mut self, keys: u32) -> Context<Key> {
        self.catch_up();
        rows::write(&mut self.left, &self.rows.take(keys as usize));
        self.right.store().view().context().clone()
    }

    fn catch_up(&mut self) {
        let delta = rows::difference(&self.left, self.right.store().view().context());
        granted(self.right.join(delta, None, NOW_MS));
    }
}

/// The names of the four rows that one case has.
struct Names {
    copy: String,
    extract: String,
    insert: String,
    join: String,
}

impl Names {
    fn of(case: &str) -> Self {
        let name = |what: &str| format!("{case}: {what}");
        Self {
            copy: name("BTreeMap, copy the entries"),
            extract: name("delta_since"),
            insert: name("BTreeMap, insert the entries"),
            join: name("join"),
        }
    }
}

fn measure(table: &mut Table<'_>, pair: &mut Pair, keys: u32, names: &Names) {
    // Like the document, the map has just written what it is asked for.
    let written = |pair: &mut Pair| {
        let rows = pair.rows.take(keys as usize);
        pair.map.extend(rows.iter().map(Row::to_bytes));
        rows
    };
    table.beside(&names.copy).measure(&names.copy, keys, pair, written, |pair, rows| {
        let entry = |row: &Row| {
            let (key, value) = pair.map.get_key_value(row.key.as_bytes())?;
            Some((key.clone(), value.clone()))
        };
        rows.iter().filter_map(entry).collect::<Vec<_>>()
    });
    let change = |pair: &mut Pair| pair.change(keys);
    table.measure(&names.extract, keys, pair, change, |pair, base| {
        pair.left.store().delta_since(&base)
    });
    let entries = |pair: &mut Pair| -> Vec<_> {
        pair.rows.take(keys as usize).iter().map(Row::to_bytes).collect()
    };
    table.beside(&names.insert).measure(&names.insert, keys, pair, entries, |pair, entries| {
        pair.map.extend(entries);
    });
    let delta = |pair: &mut Pair| {
        let base = pair.change(keys);
        rows::difference(&pair.left, &base)
    };
    table.measure(&names.join, keys, pair, delta, |pair, delta| {
        granted(pair.right.join(delta, None, NOW_MS))
    });
}

fn by_difference(criterion: &mut Criterion) {
    let mut pair = Pair::new(KEYS);
    let mut table = Table::new(criterion, "difference in 100 000 keys");
    for keys in DIFFERENCES {
        measure(&mut table, &mut pair, keys, &Names::of(&format!("{keys} differ")));
    }
    table.print("per key that differs");
}

fn by_keys(criterion: &mut Criterion) {
    let mut table = Table::new(criterion, "difference of 100 keys");
    let cases = SIZES.map(|size| (size, Names::of(&format!("in {size}"))));
    for (size, names) in &cases {
        measure(&mut table, &mut Pair::new(*size), DIFFERENCE, names);
    }
    table.print("per key that differs");
    let [(_, fewest), _, (_, most)] = &cases;
    for (few, many) in [
        (&fewest.copy, &most.copy),
        (&fewest.extract, &most.extract),
        (&fewest.insert, &most.insert),
        (&fewest.join, &most.join),
    ] {
        if let (Some(from), Some(to)) = (table.median(few), table.median(many)) {
            println!("{many:<48} ÷ the same in {:<10} {:>12.2}x", SIZES[0], to / from);
        }
    }
}

criterion_group! {
    name = benches;
    config = table::config();
    targets = by_difference, by_keys
}
criterion_main!(benches);
