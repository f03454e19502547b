//! Fingerprints of 100 000 cells: when nothing has changed since the last one, and after writes.
//!
//! What must hold: the cost follows what has changed, not the store. The peer hashes the keys and values
//! that were written by keyed BLAKE3; where none was, it hashes as many bytes as a sum has.

mod rows;
mod table;

use criterion::{Criterion, criterion_group, criterion_main};
use rejoin::path::{IntoPath, Key};
use rejoin::{Document, Fingerprint, KeyRange};
use rows::{Row, Rows};
use table::Table;

const KEYS: u32 = 100_000;
/// How many scattered keys are written before a fingerprint.
const WRITES: u32 = 1_000;
/// The share of the keys that lies in the range which is not that of all keys.
const RANGE_SHARE: u32 = 10;
/// The bytes of a sum: a count and 256 bits.
const SUM_BYTES: usize = 40;

struct Fixture {
    document: Document,
    rows: Rows,
    /// The keys of a tenth of the document.
    range: KeyRange<Key>,
}

impl Fixture {
    fn new() -> Self {
        let mut rows = Rows::new(KEYS);
        let document = rows::document(&rows.all());
        let at = |number| Some(rows::key(number).into_path().start());
        let range = KeyRange::new(at(KEYS / 2), at(KEYS / 2 + KEYS / RANGE_SHARE));
        Self { document, rows, range }
    }

    fn sum(&self, range: &KeyRange<Key>) -> Fingerprint {
        self.document.store().view().fingerprint(range)
    }

    /// Writes so many rows after everything was summed.
    fn write(&mut self, rows: u32) {
        self.sum(&KeyRange::full());
        rows::write(&mut self.document, &self.rows.take(rows as usize));
    }
}

/// Measures the peer, on the bytes of so many rows.
fn hash_rows(table: &mut Table<'_>, name: &str, rows: u32) {
    let bytes = |row: &Row| [row.key.as_bytes(), &row.value].concat();
    let mut bytes: Vec<Vec<u8>> = Rows::new(rows).all().iter().map(bytes).collect();
    hash(table, name, &mut bytes);
}

fn hash(table: &mut Table<'_>, name: &str, messages: &mut Vec<Vec<u8>>) {
    let hash_key = [7; blake3::KEY_LEN];
    table.beside(name).measure(
        name,
        1,
        messages,
        |_| (),
        |messages, ()| {
            let hashes = messages.iter().map(|bytes| blake3::keyed_hash(&hash_key, bytes));
            hashes.fold(0, |sum: u8, hash| sum.wrapping_add(hash.as_bytes()[0]))
        },
    );
}

fn fingerprints(criterion: &mut Criterion) {
    let mut fixture = Fixture::new();
    let (full, range) = (KeyRange::full(), fixture.range.clone());
    let mut table = Table::new(criterion, "fingerprint of 100 000 cells");
    fixture.sum(&full);
    hash(&mut table, "BLAKE3 of 40 bytes", &mut vec![vec![0; SUM_BYTES]]);
    table.measure("nothing changed", 1, &mut fixture, |_| (), |fixture, ()| fixture.sum(&full));
    table.measure(
        "nothing changed, a tenth of the keys",
        1,
        &mut fixture,
        |_| (),
        |fixture, ()| fixture.sum(&range),
    );
    hash_rows(&mut table, "BLAKE3 of 1 row", 1);
    let one = |fixture: &mut Fixture| fixture.write(1);
    table.measure("after one write", 1, &mut fixture, one, |fixture, ()| fixture.sum(&full));
    hash_rows(&mut table, "BLAKE3 of 1 000 rows", WRITES);
    let many = |fixture: &mut Fixture| fixture.write(WRITES);
    let name = "after 1 000 scattered writes";
    table.measure(name, 1, &mut fixture, many, |fixture, ()| fixture.sum(&full));
    hash_rows(&mut table, "BLAKE3 of 100 rows", WRITES / RANGE_SHARE);
    let name = "after 1 000 scattered writes, a tenth of the keys";
    table.measure(name, 1, &mut fixture, many, |fixture, ()| fixture.sum(&range));
    table.print("per fingerprint");
}

criterion_group! {
    name = benches;
    config = table::config();
    targets = fingerprints
}
criterion_main!(benches);
