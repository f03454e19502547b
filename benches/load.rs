//! Loading 100 000 rows: names of 12 bytes, values of 100, in one transaction, in no order.
//!
//! The peer is the least that any store of bytes in key order can do: a `BTreeMap` of the standard
//! library that is given bytes which somebody else has made.

mod table;

use std::collections::BTreeMap;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use rejoin::document::Document;
use rejoin::{Hlc, Replica, ReplicaId, WriteError};
use table::Table;

const ROWS: u32 = 100_000;
const PEER: &str = "BTreeMap<Vec<u8>, Vec<u8>>::insert";

/// All names, shuffled the same way in every run.
fn names() -> Vec<String> {
    let mut names: Vec<String> = (0..ROWS).map(|row| format!("name-{row:07}")).collect();
    fastrand::Rng::with_seed(7).shuffle(&mut names);
    names
}

fn load(criterion: &mut Criterion) {
    let mut table = Table::default();
    let mut group = criterion.benchmark_group("load");
    let (names, value) = (names(), "v".repeat(98));
    let bytes = [b"\xd9\x62", value.as_bytes()].concat();
    group.bench_function(PEER, |bencher| {
        let rows = || names.iter().map(|name| name.clone().into_bytes()).collect::<Vec<_>>();
        table.measure(bencher, PEER, ROWS, rows, |rows| {
            let mut map = BTreeMap::new();
            for name in rows {
                map.insert(name, bytes.clone());
            }
            map
        });
    });
    let name = "Document: transaction and commit";
    group.bench_function(name, |bencher| {
        table.measure(bencher, name, ROWS, Document::default, |mut document| {
            let mut tx = document.transaction(ReplicaId::from_u128(1), Hlc::new(1, 0));
            let result = set_all(&names, |name| tx.register(name).set(&value).map(drop));
            let staged = tx.finish();
            (result, staged.map(|staged| document.commit(staged)), document)
        });
    });
    let name = "Replica::transact";
    group.bench_function(name, |bencher| {
        table.measure(bencher, name, ROWS, Replica::in_memory, |replica| {
            let result = replica
                .transact(|tx| set_all(&names, |name| tx.register(name).set(&value).map(drop)));
            (result.map(drop), replica)
        });
    });
    group.finish();
    table.print("100 000 rows, per row", PEER);
}

fn set_all<'n>(
    names: &'n [String],
    mut set: impl FnMut(&'n str) -> Result<(), WriteError>,
) -> Result<(), WriteError> {
    names.iter().try_for_each(|name| set(name))
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(4));
    targets = load
}
criterion_main!(benches);
