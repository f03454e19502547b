//! What the cases of a law were made of.

use std::cell::Cell;

use rejoin_crdt::{DeltaOf, Entry};

use crate::subject::Subject;

thread_local! {
    static SEEN: Cell<(u64, u64, u64)> = const { Cell::new((0, 0, 0)) };
}

pub(crate) fn begin() {
    SEEN.set((0, 0, 0));
}

/// Counts a case whose replicas come together in this state.
pub(crate) fn count<S: Subject>(state: &DeltaOf<S>) {
    let cells = || state.parts.iter().flat_map(|part| &part.cells);
    // Nobody holds two live changes of one kind in a cell without two writers who had not seen each
    // other; resets and the slots they leave alone are a kind each.
    let siblings = cells().any(|cell| cell.fresh.iter().filter(|e| !is_reset(&e.1)).count() > 1);
    let removals = cells().any(|cell| cell.fresh.iter().any(|(_, entry)| is_removal(entry)));
    let (cases, with_siblings, with_removals) = SEEN.get();
    SEEN.set((cases + 1, with_siblings + u64::from(siblings), with_removals + u64::from(removals)));
}

fn is_reset<V>(entry: &Entry<V>) -> bool {
    matches!(entry, Entry::Reset(_))
}

fn is_removal<V>(entry: &Entry<V>) -> bool {
    matches!(entry, Entry::Tombstone(_) | Entry::Reset(_))
}

pub(crate) fn finish<S: Subject>(least: u64) {
    let (cases, siblings, removals) = SEEN.get();
    let (siblings, removals) = (siblings * 100 / cases.max(1), removals * 100 / cases.max(1));
    let name = std::any::type_name::<S>().replace("rejoin_crdt::", "");
    println!(
        "{cases:>7} cases, {siblings:>3} % with siblings, {removals:>3} % with removals: {name}"
    );
    assert!(cases >= least, "{name}: only {cases} cases");
    assert!(siblings >= 30, "{name}: concurrent siblings in {siblings} % of the cases only");
    assert!(!S::REMOVES || removals >= 20, "{name}: removals in {removals} % of the cases only");
}
