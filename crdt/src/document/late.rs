//! Late writes: what a former member wrote to a type that only members write, or to a counter, and that
//! arrives after it was known to have left.
//!
//! In such a type a removal beats a concurrent write, as long as it is remembered. Nobody waits for a member
//! that was retired, so a removal may be forgotten that its late write has not seen, and then the write
//! shows; in a counter, what a forgotten reset had taken back counts again. It is taken all the same, since refusing it would refuse everything that its bringer has to
//! say (`docs/decisions/0013-late-writes.md`); but somebody should look at it.

use std::collections::VecDeque;

use crate::delta::Delta;
use crate::document::member::{MemberState, state_key};
use crate::dot::Dot;
use crate::entry::Entry;
use crate::path::{Key, TypeTag};
use crate::store::Store;
use crate::value::Value;

/// So many are remembered; of more the oldest are only counted.
const MOST_REMEMBERED: usize = 1_024;

/// A change of a former member that arrived after the news that it has left.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LateWrite {
    /// The cell that was written.
    pub key: Key,
    /// The change.
    pub dot: Dot,
}

/// The late writes that have arrived here.
#[derive(Clone, Debug, Default)]
pub(super) struct LateWrites {
    pub(super) count: u64,
    pub(super) last: VecDeque<LateWrite>,
}

impl LateWrites {
    /// The late writes that a delta brings.
    pub(super) fn in_delta(store: &Store<Key, Value>, delta: &Delta<Key, Value>) -> Vec<LateWrite> {
        // Who takes over a state in rounds gets the member list first, and what is old after it.
        let Some(here) = store.view().context().uniform() else { return Vec::new() };
        let state = |dot: Dot| MemberState::of(store.view().cell(&state_key(dot.replica)));
        let cells = delta.parts.iter().flat_map(|part| &part.cells);
        let late = cells.filter(|cell| !cell.key.is_reserved()).flat_map(|cell| {
            let is_member_only = cell.key.tag().is_some_and(TypeTag::is_member_only);
            let is_late = move |(dot, entry): &&(Dot, Entry<Value>)| match entry {
                // One that is only closed goes on counting.
                Entry::Slot(_) => state(*dot) == MemberState::Retired,
                _ => is_member_only && state(*dot) != MemberState::Active,
            };
            let news = cell.fresh.iter().filter(|(dot, _)| !here.contains(*dot));
            news.filter(is_late).map(|(dot, _)| LateWrite { key: cell.key.clone(), dot: *dot })
        });
        late.collect()
    }

    pub(super) fn remember(&mut self, late: Vec<LateWrite>) {
        self.count += late.len() as u64;
        self.last.extend(late);
        let surplus = self.last.len().saturating_sub(MOST_REMEMBERED);
        self.last.drain(..surplus);
    }
}
