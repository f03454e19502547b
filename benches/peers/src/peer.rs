//! What every peer can be asked to do: the least that all workloads need.
//!
//! What must always hold: a method does what a careful user of that library would do, and nothing that
//! another peer is not asked for. Preparing rows is nobody's work; encoding and decoding is everybody's.

use anyhow::{Result, bail};

use crate::scale::BATCH;

/// A key and its value.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    /// 12 bytes.
    pub key: String,
    /// 100 bytes that do not compress.
    pub value: Vec<u8>,
}

/// The encoded state; more than one string where a library cuts it.
pub(crate) type Saved = Vec<Vec<u8>>;

/// One replica of one library.
pub(crate) trait Peer: Sized {
    /// The rows of one transaction of a load.
    const LOAD_BATCH: usize = BATCH;

    /// An empty replica. Different numbers make different replicas.
    fn new(number: u32) -> Result<Self>;

    /// Sets all rows, in one transaction where there are transactions.
    fn put(&mut self, rows: Vec<Row>) -> Result<()>;

    /// The value of a key.
    fn read(&mut self, key: &str) -> Result<Option<Vec<u8>>>;

    /// Brings `to` everything that `from` has. Returns the bytes both ways, what `to` says of itself and
    /// any acknowledgement included.
    fn pull(to: &mut Self, from: &mut Self) -> Result<u64>;

    /// Makes two replicas equal. Returns the bytes both ways.
    fn exchange(a: &mut Self, b: &mut Self) -> Result<u64> {
        Ok(Self::pull(a, b)? + Self::pull(b, a)?)
    }

    /// Brings a replica that has nothing everything.
    fn join_cold(to: &mut Self, from: &mut Self) -> Result<u64> {
        Self::pull(to, from)
    }

    /// Adds what a replica has that nobody else has: preparation, which is not measured.
    fn gather(crowd: &mut Self, writer: &mut Self) -> Result<()> {
        Self::pull(crowd, writer).map(drop)
    }

    /// The whole state as bytes.
    fn save(&mut self) -> Result<Saved>;

    /// A replica from what [`Self::save`] made.
    fn load(saved: &Saved) -> Result<Self>;

    /// The bytes of the state without its history, where a library can give that up.
    fn save_without_history(&mut self) -> Result<Option<u64>> {
        Ok(None)
    }

    /// Makes the fingerprint of everything; `false` where there is no such thing.
    fn fingerprint(&mut self) -> Result<bool> {
        Ok(false)
    }

    /// Names the keys that have changed since the last sync, for peers that do not know it themselves:
    /// the free list of the floor.
    fn tell_changed(&mut self, _keys: Vec<String>) {}

    /// Both are to forget what only absent replicas could need, from now on.
    fn found(_a: &mut Self, _b: &mut Self) -> Result<()> {
        Ok(())
    }

    /// Forgets what can be forgotten, now that both have the same.
    fn collect(_a: &mut Self, _b: &mut Self) -> Result<()> {
        Ok(())
    }

    /// Adds one to every counter named, in one transaction.
    fn increment(&mut self, _names: &[&str]) -> Result<()> {
        bail!("no counter")
    }

    /// The value of a counter.
    fn count(&mut self, _name: &str) -> Result<i64> {
        bail!("no counter")
    }

    /// Adds elements to the set, in one transaction.
    fn add(&mut self, elements: &[String]) -> Result<()>;

    /// Removes elements from the set, in one transaction.
    fn remove(&mut self, elements: &[String]) -> Result<()>;

    /// The number of elements of the set.
    fn set_len(&mut self) -> Result<usize>;
}
