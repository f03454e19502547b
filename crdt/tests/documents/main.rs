//! What a document adds to its cells, in random histories against judges that are right by inspection:
//! a clock with a guard, subtrees of paths, resolvers, and a byte form.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops at what it does not expect"
)]

mod bytes;
mod clock;
#[cfg(feature = "planted")]
mod planted;
mod resolvers;
mod subtrees;

use rejoin_crdt::document::{Document, Tx};
use rejoin_crdt::path::Key;
use rejoin_crdt::value::Value;
use rejoin_crdt::{Authority, Delta, Hlc, Limits, ReplicaId};

const HISTORIES: u64 = 500;

/// Says what differs from the judge in the history of a seed; else how often what it is about happened.
type Run = fn(u64) -> Result<usize, String>;

/// Runs all histories; `least` is how often what they are about must happen.
fn hold(run: Run, least: usize) {
    let mut reached = 0;
    for seed in 0..HISTORIES {
        match run(seed) {
            Ok(times) => reached += times,
            Err(why) => panic!("history {seed}: {why}"),
        }
    }
    assert!(reached >= least, "{reached} of {least}");
}

/// A document that writes under one id.
struct Site {
    document: Document,
    id: ReplicaId,
}

impl Site {
    fn new(number: usize) -> Self {
        Self { document: Document::default(), id: ReplicaId::from_u128(number as u128 + 1) }
    }

    fn change<T>(&mut self, now_ms: u64, change: impl FnOnce(&mut Tx<'_>) -> T) -> (T, Hlc) {
        let hlc = self.document.tick(now_ms);
        let mut tx = self.document.transaction(self.id, hlc);
        let value = change(&mut tx);
        let staged = tx.finish().unwrap();
        self.document.commit(staged).unwrap();
        (value, hlc)
    }

    /// Takes everything that `other` has.
    fn pull(&mut self, other: &Self, now_ms: u64) {
        self.take(
            other.document.store().delta_since(self.document.store().view().context()),
            now_ms,
        );
    }

    fn take(&mut self, delta: Delta<Key, Value>, now_ms: u64) {
        let delta = delta.validate(&Limits::default()).unwrap();
        let delta = delta.authorise(&Authority::Full).unwrap();
        self.document.join(delta, Some(self.id), now_ms).unwrap();
    }
}

/// Two different ones of `sites`, the second of which is to learn from the first.
fn pair(sites: &[Site], random: &mut Random) -> (usize, usize) {
    let from = random.below(sites.len());
    (from, (from + 1 + random.below(sites.len() - 1)) % sites.len())
}

/// Lets site `to` take everything that site `from` has.
fn exchange(sites: &mut [Site], from: usize, to: usize, now_ms: u64) {
    let [from, to] = sites.get_disjoint_mut([from, to]).unwrap();
    to.pull(from, now_ms);
}

/// A generator for tests: the multiplicative one of Lehmer with a 64-bit state.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(0xd134_2543_de82_ef95).wrapping_add(1);
        usize::try_from(self.0 >> 33).unwrap() % bound
    }
}
