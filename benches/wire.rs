//! The bytes of deltas: writing them, reading them, and checking what was read.
//!
//! The peer copies the same bytes to another place in memory.

mod rows;
mod table;

use criterion::{Criterion, criterion_group, criterion_main};
use rejoin::path::Key;
use rejoin::value::Value;
use rejoin::{Context, Delta, Limits, wire};
use rows::{Rows, granted};
use table::Table;

/// How many cells a delta has. The last one is about as long as a delta may be.
const CELLS: [u32; 4] = [1, 100, 10_000, 100_000];

/// A delta, and its bytes.
struct Message {
    delta: Delta<Key, Value>,
    bytes: Vec<u8>,
}

impl Message {
    fn new(cells: u32) -> Self {
        let document = rows::document(&Rows::new(cells).all());
        let delta = document.store().delta_since(&Context::default());
        let bytes = wire::encode_delta(&delta);
        Self { delta, bytes }
    }
}

fn deltas(criterion: &mut Criterion) {
    let mut table = Table::new(criterion, "bytes of a delta");
    let limits = Limits::default();
    for cells in CELLS {
        let mut message = Message::new(cells);
        let name = |what: &str| format!("{cells} cells: {what}");
        let peer = name("copy the bytes");
        table.beside(&peer).measure(
            &peer,
            cells,
            &mut message,
            |_| (),
            |message, ()| message.bytes.to_vec(),
        );
        table.measure(
            &name("encode"),
            cells,
            &mut message,
            |_| (),
            |message, ()| wire::encode_delta(&message.delta),
        );
        table.measure(
            &name("decode"),
            cells,
            &mut message,
            |_| (),
            |message, ()| granted(wire::decode_delta(&message.bytes, &limits)),
        );
        let copy = |message: &mut Message| message.delta.clone();
        table.measure(&name("validate"), cells, &mut message, copy, |_, delta| {
            granted(delta.validate(&limits))
        });
    }
    table.print("per cell");
}

criterion_group! {
    name = benches;
    config = table::config();
    targets = deltas
}
criterion_main!(benches);
