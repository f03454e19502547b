//! What the benchmarks write: keys of 12 bytes in an order that is not theirs, values (of 100 bytes) that do
//! not compress. Both are the same in every run.

#![allow(dead_code, reason = "each benchmark takes of this what it needs")]

use std::collections::BTreeMap;
use std::fmt::Debug;

use rejoin::path::Key;
use rejoin::value::Value;
use rejoin::{AuthorisedDelta, Authority, Context, Delta, Document, Limits, ReplicaId, Tx};
use serde_bytes::Bytes;

/// What any program can do that keeps its rows in a map of the standard library.
pub(crate) type Floor = BTreeMap<Vec<u8>, Vec<u8>>;

/// The one life that writes in the documents of the benchmarks.
pub(crate) const AUTHOR: ReplicaId = ReplicaId::from_u128(1);

/// The clock stands still: nothing here depends on it.
pub(crate) const NOW_MS: u64 = 1_700_000_000_000;

/// How many rows a large document is written with at once.
const BATCH: usize = 50_000;

/// A key and a value.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) key: String,
    pub(crate) value: Vec<u8>,
}

impl Row {
    /// The bytes that a map of the standard library keeps of this row.
    pub(crate) fn to_bytes(&self) -> (Vec<u8>, Vec<u8>) {
        (self.key.clone().into_bytes(), self.value.clone())
    }
}

/// So many keys, one after another and from the beginning again, each time with a new value. The order is
/// new every time round: that of the allocations in memory must not be that of the later reads.
#[derive(Clone, Debug)]
pub(crate) struct Rows {
    order: Vec<u32>,
    next: usize,
    /// The length of the values to come, in bytes.
    pub(crate) value_len: usize,
    random: fastrand::Rng,
}

impl Rows {
    /// So many keys; no document has them yet.
    pub(crate) fn new(count: u32) -> Self {
        let mut random = fastrand::Rng::with_seed(u64::from(count));
        let mut order: Vec<u32> = (0..count).collect();
        random.shuffle(&mut order);
        Self { order, next: 0, value_len: 100, random }
    }

    /// The next so many rows; each key once, if `count` divides the number of keys.
    pub(crate) fn take(&mut self, count: usize) -> Vec<Row> {
        (0..count).map(|_| self.row()).collect()
    }

    /// All of them once.
    pub(crate) fn all(&mut self) -> Vec<Row> {
        self.take(self.order.len())
    }

    fn row(&mut self) -> Row {
        if self.next == self.order.len() {
            self.random.shuffle(&mut self.order);
            self.next = 0;
        }
        let number = self.order.get(self.next).copied().unwrap_or(0);
        self.next += 1;
        let mut value = vec![0; self.value_len];
        self.random.fill(&mut value);
        Row { key: key(number), value }
    }
}

/// The key of this number.
pub(crate) fn key(number: u32) -> String {
    format!("name-{number:07}")
}

/// A map with these rows.
pub(crate) fn floor(rows: &[Row]) -> Floor {
    rows.iter().map(Row::to_bytes).collect()
}

/// A document with these rows.
pub(crate) fn document(rows: &[Row]) -> Document {
    let mut document = Document::default();
    rows.chunks(BATCH).for_each(|rows| write(&mut document, rows));
    document
}

/// Writes these rows in one transaction.
pub(crate) fn write(document: &mut Document, rows: &[Row]) {
    let hlc = document.tick(NOW_MS);
    let mut tx = document.transaction(AUTHOR, hlc);
    granted(set(&mut tx, rows));
    let staged = granted(tx.finish());
    granted(document.commit(staged));
}

/// Sets the registers of these rows.
pub(crate) fn set(tx: &mut Tx<'_>, rows: &[Row]) -> Result<(), rejoin::WriteError> {
    rows.iter().try_for_each(|row| {
        tx.register(row.key.as_str()).set(Bytes::new(&row.value))?;
        Ok(())
    })
}

/// What `document` has and somebody with the context `base` has not, ready to be joined.
pub(crate) fn difference(document: &Document, base: &Context<Key>) -> AuthorisedDelta<Key, Value> {
    checked(document.store().delta_since(base))
}

/// A delta that may be joined.
pub(crate) fn checked(delta: Delta<Key, Value>) -> AuthorisedDelta<Key, Value> {
    granted(granted(delta.validate(&Limits::default())).authorise(&Authority::Full))
}

/// What was asked for. Nothing that the benchmarks do may be refused: they would measure the refusal.
pub(crate) fn granted<T, E: Debug>(result: Result<T, E>) -> T {
    result.unwrap_or_else(|error| unreachable!("an honest call was refused: {error:?}"))
}
