//! The encoder: the stream of coded symbols of one set.
//!
//! The paper keeps symbols in a heap by their next index (section 6). Here the stream is made in
//! batches, each as long as all before it together up to a limit, in one pass over the set per batch. A pass is a
//! scan of a vector, and a twice as long stream costs a symbol only 1.4 steps more.

use super::{Coded, Key, Member};

/// Most differences are small: the first batch is enough for about 20.
const FIRST_BATCH: usize = 32;

/// 2 MiB. A peer that asks for more and more costs time, and no memory.
const LAST_BATCH: usize = 1 << 16;

/// The endless stream of coded symbols of one set, in order.
#[derive(Clone, Debug)]
pub(crate) struct Encoder {
    /// Sorted by symbol.
    members: Vec<Member>,
    key: Key,
    batch: Vec<Coded>,
    /// How many of the batch were given out.
    given: usize,
    /// The index at which the next batch begins.
    batch_end: u64,
}

impl Encoder {
    /// The stream of `symbols` under a key that both ends of the session made together. A symbol that
    /// comes twice counts once.
    pub(crate) fn new(key: [u8; 32], symbols: impl Iterator<Item = [u8; 16]>) -> Self {
        let key = Key::new(&key);
        let mut sorted: Vec<u128> = symbols.map(u128::from_be_bytes).collect();
        sorted.sort_unstable();
        sorted.dedup();
        let members = sorted.into_iter().map(|symbol| key.member(symbol)).collect();
        Self { members, key, batch: Vec::new(), given: 0, batch_end: 0 }
    }

    /// The next coded symbol.
    pub(crate) fn next(&mut self) -> Coded {
        if self.given == self.batch.len() {
            self.fill();
        }
        let coded = self.batch.get(self.given).copied().unwrap_or_default();
        self.given += 1;
        coded
    }

    pub(super) const fn key(&self) -> &Key {
        &self.key
    }

    /// Whether the symbol is in the set.
    pub(super) fn contains(&self, symbol: u128) -> bool {
        self.members.binary_search_by_key(&symbol, |member| member.symbol).is_ok()
    }

    fn fill(&mut self) {
        let begin = self.batch_end;
        let len = usize::try_from(begin).unwrap_or(LAST_BATCH).clamp(FIRST_BATCH, LAST_BATCH);
        self.batch.clear();
        self.batch.resize(len, Coded::default());
        self.batch_end = begin.saturating_add(len as u64);
        self.given = 0;
        for member in &mut self.members {
            let coded = member.coded();
            while let Ok(at) = usize::try_from(member.mapping.index() - begin)
                && let Some(sum) = self.batch.get_mut(at)
            {
                sum.add(coded);
                member.mapping.advance();
            }
        }
    }
}
