//! What must stay small, whatever happens: metadata, what waits, and what is remembered of removals.
//!
//! That the dot index has one row for each dot that is alive, and no other, is asked by `Replica::verify`.

use rejoin::path::{Key, TypeTag};
use rejoin::value::Value;
use rejoin::{Context, Entry, Member, MemberState};
use rejoin_crdt::document::DocumentView;
use rejoin_crdt::{CellRef, KeyRange, MOST_SEGMENTS, MOST_VECTORS};

use super::wire::HOLD_BYTES;
use super::{Faults, Mark};
use crate::report::{Difference, Failure, Symptom};

impl Faults {
    /// What a machine knows of others, and what waits in its sessions.
    pub(super) fn check_bounds(&mut self, at: usize) -> Result<(), Failure> {
        let lives = self.machines.len() + self.dead.len() + self.strangers;
        let checked = check_context(&self.machines[at].known, lives);
        checked.or_else(|what| self.fail(at, what))?;
        for wire in 0..self.wires.len() {
            let (end, ends) = (self.wires[wire].end_of(at), self.wires[wire].ends.as_ref());
            let Some((end, ends)) = end.zip(ends) else { continue };
            let held_bytes = ends[end].link.status().held_bytes;
            check_held(held_bytes).or_else(|what| self.fail(at, what))?;
        }
        Ok(())
    }

    /// All are equal, and have forgotten what they may: what is left of removals is what the rules keep.
    pub(super) fn check_remains(&mut self) -> Result<(), Failure> {
        for at in 0..self.machines.len() {
            let Some(replica) = self.machines[at].replica().cloned() else { continue };
            let context = &self.machines[at].known;
            let checked = within("ranges after all catch-ups", context.segment_count(), 1);
            checked.or_else(|what| self.fail(at, what))?;
            // What was acknowledged since the last time goes now.
            self.collect(at)?;
            let is_active = |member: &Member| member.state == MemberState::Active;
            let has_members = replica.members().iter().any(is_active);
            let may_collect = has_members && !self.is_hasty && !replica.status().suspect;
            if may_collect && replica.stalled().is_empty() {
                let removals = replica.status().removals;
                let checked = check_removals(&replica.view(), removals);
                checked.or_else(|what| self.fail(at, what))?;
                self.reach(Mark::AllForgotten);
            }
        }
        Ok(())
    }
}

/// A context has few ranges and few vectors, and names those who have written.
fn check_context(context: &Context<Key>, writers: usize) -> Result<(), Difference> {
    let (segments, vectors) = (context.segment_count(), context.vector_count());
    let lives = context.segments_in(&KeyRange::full()).map(|(_, vector)| vector.len()).max();
    within("ranges of a context", segments, MOST_SEGMENTS)?;
    within("vectors of a context", vectors, MOST_VECTORS)?;
    within("lives in a context", lives.unwrap_or(0), writers)
}

fn check_held(held_bytes: u64) -> Result<(), Difference> {
    within("bytes of held pushes", held_bytes, HOLD_BYTES)
}

/// Of removals that everybody has, no tombstone is left where concurrent writes survive them, and no
/// deletion of a subtree. A reset stays as long as an owner of what it cancels may not have seen it.
fn check_removals(view: &DocumentView, removals: usize) -> Result<(), Difference> {
    let stays = |key: &Key, cell: CellRef<'_, Value>| {
        let stays = |entry: &Entry<Value>| match entry {
            Entry::Reset(_) => true,
            Entry::Tombstone(_) => key.tag().is_some_and(TypeTag::is_member_only),
            Entry::Value { .. } | Entry::Slot(_) | Entry::Row(_) => false,
        };
        cell.entries().any(|(_, entry)| stays(entry))
    };
    let cells = view.cells().range(&KeyRange::full());
    let most = cells.filter(|(key, cell)| stays(key, *cell)).count();
    within("removals that are remembered", removals, most)
}

fn within<N: PartialOrd + std::fmt::Display>(
    what: &str,
    found: N,
    most: N,
) -> Result<(), Difference> {
    if found <= most {
        return Ok(());
    }
    Err(Symptom::Unbounded.says(format!("{what}: {found}, at most {most}")))
}

#[cfg(test)]
mod tests {
    use rejoin::path::IntoPath;
    use rejoin::{Replica, ReplicaId, VersionVector};

    use super::*;
    use crate::faults::clock::Clock;

    fn seen(replica: u128, seq: u64) -> VersionVector {
        [(ReplicaId::from_u128(replica), seq)].into_iter().collect()
    }

    /// So many ranges; each but the first has seen one change more than some other.
    fn fragmented(segments: u64, vectors: u64) -> Context<Key> {
        let first = |at: u64| Key::new(at.into_path(), TypeTag::Register).unwrap();
        let segment = |at: u64| ((at > 0).then(|| first(at)), seen(1, 1 + at % vectors));
        Context::from_segments((0..segments).map(segment)).unwrap()
    }

    #[test]
    fn a_context_of_too_many_ranges_vectors_or_lives_is_noticed() {
        let (most_segments, most_vectors) = (MOST_SEGMENTS as u64, MOST_VECTORS as u64);
        assert!(check_context(&fragmented(most_segments, most_vectors), 1).is_ok());
        assert!(check_context(&fragmented(most_segments + 1, 2), 1).is_err());
        assert!(check_context(&fragmented(most_vectors + 1, most_vectors + 1), 1).is_err());
        assert!(check_context(&fragmented(2, 2), 0).is_err());
    }

    #[test]
    fn pushes_that_wait_beyond_their_room_are_noticed() {
        assert!(check_held(HOLD_BYTES).is_ok() && check_held(HOLD_BYTES + 1).is_err());
    }

    #[test]
    fn a_removal_that_nobody_needs_is_noticed() {
        let clock = Clock::new(fastrand::Rng::with_seed(1));
        let db = Replica::builder().env(clock).try_in_memory().unwrap();
        let removals = |db: &Replica| check_removals(&db.view(), db.status().removals);
        db.transact(|tx| tx.register("a").set(1).map(drop)).unwrap();
        db.transact(|tx| tx.counter("b").add(1).map(drop)).unwrap();
        assert!(removals(&db).is_ok());
        db.transact(|tx| tx.counter("b").reset().map(drop)).unwrap();
        assert!(removals(&db).is_ok(), "a reset stays");
        db.transact(|tx| tx.register("a").delete().map(drop)).unwrap();
        assert!(removals(&db).is_err());
        db.found_cluster("here").unwrap();
        db.collect().unwrap();
        assert!(removals(&db).is_ok());
        db.transact(|tx| tx.register(("c", 1)).set(1).map(drop)).unwrap();
        db.transact(|tx| tx.register(("c", 2)).set(1).map(drop)).unwrap();
        db.transact(|tx| tx.delete("c").map(drop)).unwrap();
        assert!(removals(&db).is_err());
    }
}
