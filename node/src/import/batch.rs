//! Rows gathered into transactions.
//!
//! What must always hold: a batch stays far below what one request and one atomic change may be.

use rejoin_crdt::path::Path;
use rejoin_crdt::value::Item;
use serde::Serialize;

use crate::api::{Op, Transacted};
use crate::client::Client;
use crate::failure::Failure;
use crate::text;

/// A quarter of the smallest limit on the way: the 16 MiB of an atomic change.
const BATCH_BYTES: usize = 4 << 20;

/// What a row counts beside its path and value.
const ROW_BYTES: usize = 64;

/// What became of the rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Tally {
    /// Rows found in the file, bad ones included.
    pub(crate) read: u64,
    /// Rows that changed their record.
    pub(crate) written: u64,
    /// Rows whose record was already like that.
    pub(crate) unchanged: u64,
    /// Rows that could not be stored.
    pub(crate) bad: u64,
}

/// Rows that wait to be sent.
#[derive(Debug)]
pub(crate) struct Batch<'a> {
    client: &'a Client,
    max_rows: usize,
    ops: Vec<Op>,
    len_bytes: usize,
}

impl<'a> Batch<'a> {
    /// An empty batch that is sent whenever it holds `max_rows`, or a few megabytes.
    pub(crate) fn new(client: &'a Client, max_rows: usize) -> Self {
        Self { client, max_rows, ops: Vec::new(), len_bytes: 0 }
    }

    /// Adds a row of about `len_bytes` and sends the batch if it is full.
    pub(crate) fn push(
        &mut self,
        path: Path,
        value: Item,
        tally: &mut Tally,
    ) -> Result<(), Failure> {
        self.len_bytes += ROW_BYTES + text::json(&path).len() + text::json(&value).len();
        self.ops.push(Op::Ensure { path, value });
        match self.ops.len() >= self.max_rows || self.len_bytes >= BATCH_BYTES {
            true => self.send(tally),
            false => Ok(()),
        }
    }

    /// Sends what is there, in one transaction.
    pub(crate) fn send(&mut self, tally: &mut Tally) -> Result<(), Failure> {
        if self.ops.is_empty() {
            return Ok(());
        }
        self.len_bytes = 0;
        let Transacted { written, unchanged, .. } =
            self.client.transact(std::mem::take(&mut self.ops))?;
        tally.written += u64::try_from(written).unwrap_or(u64::MAX);
        tally.unchanged += u64::try_from(unchanged).unwrap_or(u64::MAX);
        Ok(())
    }
}
