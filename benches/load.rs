//! Loading 100 000 rows in one transaction.
//!
//! The peer is the least that any store of bytes in key order can do: a `BTreeMap` of the standard
//! library that is given the same bytes.

mod rows;
mod table;

use criterion::{Criterion, criterion_group, criterion_main};
use rejoin::{Document, Replica};
use rows::{Floor, Row, Rows, granted};
use table::Table;

const ROWS: u32 = 100_000;
const PEER: &str = "BTreeMap::insert";

fn load(criterion: &mut Criterion) {
    let mut rows = Rows::new(ROWS).all();
    let mut table = Table::new(criterion, "load of 100 000 rows");
    table.beside(PEER).measure(
        PEER,
        ROWS,
        &mut rows,
        |_| Floor::new(),
        |rows, mut map| {
            map.extend(rows.iter().map(Row::to_bytes));
            map
        },
    );
    table.measure(
        "Document: transaction and commit",
        ROWS,
        &mut rows,
        |_| Document::default(),
        |rows, mut document| {
            rows::write(&mut document, rows);
            document
        },
    );
    table.measure(
        "Replica::transact",
        ROWS,
        &mut rows,
        |_| Replica::in_memory(),
        |rows, replica| {
            granted(replica.transact(|tx| rows::set(tx, rows)));
            replica
        },
    );
    table.print("per row");
}

criterion_group! {
    name = benches;
    config = table::config();
    targets = load
}
criterion_main!(benches);
