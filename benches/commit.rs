//! One write per commit, of new keys and of keys that are there, and overwrites in one transaction.
//!
//! The peer inserts the same bytes into a `BTreeMap`, which knows neither commits nor who wrote what.

mod rows;
mod table;

use criterion::{Criterion, criterion_group, criterion_main};
use rejoin::{Document, Replica};
use rows::{Floor, Row, Rows, granted};
use table::Table;

/// The keys that are there before anything is overwritten.
const KEYS: u32 = 100_000;
/// How many rows one run writes.
const WRITES: u32 = 10_000;
const PEER: &str = "BTreeMap::insert";

fn write_each(document: &mut Document, rows: &[Row]) {
    rows.chunks(1).for_each(|row| rows::write(document, row));
}

fn transact_each(replica: &Replica, rows: &[Row]) {
    for row in rows.chunks(1) {
        granted(replica.transact(|tx| rows::set(tx, row)));
    }
}

fn new_keys(criterion: &mut Criterion) {
    let mut rows = Rows::new(WRITES).all();
    let mut table = Table::new(criterion, "10 000 new keys, one per commit");
    table.beside(PEER).measure(
        PEER,
        WRITES,
        &mut rows,
        |_| Floor::new(),
        |rows, mut map| {
            map.extend(rows.iter().map(Row::to_bytes));
            map
        },
    );
    table.measure(
        "Document: transaction and commit",
        WRITES,
        &mut rows,
        |_| Document::default(),
        |rows, mut document| {
            write_each(&mut document, rows);
            document
        },
    );
    table.measure(
        "Replica::transact",
        WRITES,
        &mut rows,
        |_| Replica::in_memory(),
        |rows, replica| {
            transact_each(&replica, rows);
            replica
        },
    );
    table.print("per row");
}

fn overwrites(criterion: &mut Criterion) {
    let mut rows = Rows::new(KEYS);
    let all = rows.all();
    let mut next = || rows.take(WRITES as usize);
    let mut table = Table::new(criterion, "10 000 overwrites in 100 000 keys");
    let mut map = rows::floor(&all);
    table.beside(PEER).measure(
        PEER,
        WRITES,
        &mut map,
        |_| next(),
        |map, rows| {
            map.extend(rows.iter().map(Row::to_bytes));
        },
    );
    let mut document = rows::document(&all);
    let name = "Document: one transaction of all";
    table.measure(
        name,
        WRITES,
        &mut document,
        |_| next(),
        |document, rows| {
            rows::write(document, &rows);
        },
    );
    let name = "Document: one per commit";
    table.measure(
        name,
        WRITES,
        &mut document,
        |_| next(),
        |document, rows| {
            write_each(document, &rows);
        },
    );
    let mut replica = Replica::in_memory();
    granted(replica.transact(|tx| rows::set(tx, &all)));
    let name = "Replica::transact, one per commit";
    table.measure(
        name,
        WRITES,
        &mut replica,
        |_| next(),
        |replica, rows| {
            transact_each(replica, &rows);
        },
    );
    table.print("per row");
}

criterion_group! {
    name = benches;
    config = table::config();
    targets = new_keys, overwrites
}
criterion_main!(benches);
