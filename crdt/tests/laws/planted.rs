//! The laws can fail: each of these bugs turns at least one of them red.

use rejoin_crdt::planted::{Bug, plant};
use rejoin_crdt::{DisableWinsFlag, LwwRegister, RemoveWinsSet};

use crate::{LONG, Law, SHORT, deltas, model, quickcheck, semilattice};

/// Whether the law fails within its usual number of cases while the bug is planted.
fn fails(bug: Bug, steps: usize, law: Law) -> bool {
    plant(Some(bug));
    let outcome = quickcheck(steps, law);
    plant(None);
    outcome.is_err()
}

#[test]
fn keeping_one_removal_for_each_cell_breaks_the_lattice() {
    assert!(fails(Bug::OneRemovalPerCell, SHORT, semilattice::laws::<RemoveWinsSet<u8>>));
    assert!(fails(Bug::OneRemovalPerCell, SHORT, deltas::laws::<DisableWinsFlag>));
}

#[test]
fn dropping_last_writer_wins_losers_breaks_the_lattice() {
    assert!(fails(Bug::DropLastWriterWinsLosers, SHORT, semilattice::laws::<LwwRegister<u8>>));
}

#[test]
fn a_reset_that_forgets_older_records_breaks_the_count() {
    assert!(fails(Bug::ResetForgetsOlderRecords, LONG, model::resets_cancel_what_they_saw));
}

#[test]
fn a_remainder_carried_into_a_new_epoch_breaks_the_count() {
    assert!(fails(Bug::RemainderIntoNewEpoch, LONG, model::resets_cancel_what_they_saw));
}

#[test]
fn without_a_planted_bug_the_same_laws_hold() {
    assert_eq!(quickcheck(SHORT, semilattice::laws::<RemoveWinsSet<u8>>), Ok(()));
    assert_eq!(quickcheck(SHORT, semilattice::laws::<LwwRegister<u8>>), Ok(()));
    assert_eq!(quickcheck(LONG, model::resets_cancel_what_they_saw), Ok(()));
}
