//! New keys and overwrites: a load in one transaction, and one write per commit.
//!
//! The peer inserts the same bytes into a `BTreeMap`, which knows neither commits nor who wrote what.

mod rows;
mod table;

use criterion::{Criterion, criterion_group, criterion_main};
use rejoin::{Document, Replica};
use rows::{Floor, Row, Rows, granted};
use table::Table;

/// The keys that are loaded, and those that are there before anything is overwritten.
const KEYS: u32 = 100_000;
/// How many rows are written one by one.
const WRITES: u32 = 10_000;
const PEER: &str = "BTreeMap::insert";

fn insert(map: &mut Floor, rows: &[Row]) {
    map.extend(rows.iter().map(Row::to_bytes));
}

fn write(document: &mut Document, rows: &[Row], per_commit: usize) {
    rows.chunks(per_commit).for_each(|rows| rows::write(document, rows));
}

fn transact(replica: &Replica, rows: &[Row], per_commit: usize) {
    for rows in rows.chunks(per_commit) {
        granted(replica.transact(|tx| rows::set(tx, rows)));
    }
}

/// `fresh` makes what `work` writes rows into; only `work` counts.
fn measure<T>(
    table: &mut Table<'_>,
    name: &str,
    rows: &mut Vec<Row>,
    fresh: fn() -> T,
    work: impl Fn(&mut T, &[Row]),
) {
    let count = u32::try_from(rows.len()).unwrap_or(u32::MAX);
    let work = |rows: &mut Vec<Row>, mut target| {
        work(&mut target, rows);
        target
    };
    table.measure(name, count, rows, |_| fresh(), work);
}

fn new_keys(criterion: &mut Criterion, title: &str, count: u32, per_commit: usize) {
    let mut rows = Rows::new(count).all();
    let mut table = Table::new(criterion, title);
    measure(table.beside(PEER), PEER, &mut rows, Floor::new, insert);
    let name = "Document: transaction and commit";
    let work = |document: &mut Document, rows: &[Row]| write(document, rows, per_commit);
    measure(&mut table, name, &mut rows, Document::default, work);
    let work = |replica: &mut Replica, rows: &[Row]| transact(replica, rows, per_commit);
    measure(&mut table, "Replica::transact", &mut rows, Replica::in_memory, work);
    table.print("per row");
}

fn load(criterion: &mut Criterion) {
    new_keys(criterion, "load of 100 000 rows", KEYS, KEYS as usize);
}

fn single_commits(criterion: &mut Criterion) {
    new_keys(criterion, "10 000 new keys, one per commit", WRITES, 1);
}

fn overwrites(criterion: &mut Criterion) {
    let mut rows = Rows::new(KEYS);
    let all = rows.all();
    let mut table = Table::new(criterion, "10 000 overwrites in 100 000 keys");
    let mut measure = |name: &str, work: &mut dyn FnMut(&[Row])| {
        let next = |(): &mut ()| rows.take(WRITES as usize);
        table.beside(PEER).measure(name, WRITES, &mut (), next, |(), rows| work(&rows));
    };
    let mut map = rows::floor(&all);
    measure(PEER, &mut |rows| insert(&mut map, rows));
    let mut document = rows::document(&all);
    measure("Document: one transaction of all", &mut |rows| rows::write(&mut document, rows));
    measure("Document: one per commit", &mut |rows| write(&mut document, rows, 1));
    let replica = Replica::in_memory();
    transact(&replica, &all, all.len());
    measure("Replica::transact, one per commit", &mut |rows| transact(&replica, rows, 1));
    table.print("per row");
}

criterion_group! {
    name = benches;
    config = table::config();
    targets = load, single_commits, overwrites
}
criterion_main!(benches);
