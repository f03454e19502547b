//! What counters must show, told from the history alone: which changes a replica has seen, and which
//! changes each of those had seen. No slots, no epochs, no rows.

use rejoin_crdt::{BoundedCounter, Dot, Entry, ResettableCounter, VersionVector};

use crate::history::{History, Logged, Outcome, seen};
use crate::{LONG, quickcheck};

/// An increment counts unless a reset that has seen it has been seen too.
pub(crate) fn resets_cancel_what_they_saw(history: History) -> Result<(), String> {
    let check = |outcome: &Outcome<ResettableCounter>| {
        for replica in &outcome.replicas {
            let expected = expected_count(&outcome.log, &seen(replica));
            if replica.value() != expected {
                return Err(format!("{} instead of {expected}: {replica:?}", replica.value()));
            }
        }
        Ok(())
    };
    history.run_observed(check).map(|_| ())
}

fn expected_count(log: &[Logged], seen: &VersionVector) -> i128 {
    let known = |logged: &&Logged| seen.contains(Dot::new(logged.replica, logged.seq));
    let resets: Vec<_> = log.iter().filter(known).filter(|l| l.action.kind % 4 == 0).collect();
    let counted = log.iter().filter(known).filter(|l| l.action.kind % 4 != 0);
    let standing = counted.filter(|counted| {
        let dot = Dot::new(counted.replica, counted.seq);
        !resets.iter().any(|reset| reset.seen.contains(dot))
    });
    standing
        .map(|logged| {
            let by = i128::from(logged.action.amount) + 1;
            if logged.action.kind % 4 == 1 { -by } else { by }
        })
        .sum()
}

/// No replica ever shows a state in which more was taken than was there, and the rights of all add up
/// to the value.
fn rights_are_never_overdrawn(history: History) -> Result<(), String> {
    let check = |outcome: &Outcome<BoundedCounter>| {
        for replica in &outcome.replicas {
            let state = replica.state();
            let entries = state.parts.iter().flat_map(|p| &p.cells).flat_map(|c| &c.fresh);
            let total: i128 = entries
                .filter_map(|(_, entry)| match entry {
                    Entry::Row(row) => Some(i128::from(row.inc) - i128::from(row.dec)),
                    _ => None,
                })
                .sum();
            let rights: u64 = replica.holders().iter().map(|(_, rights)| rights).sum();
            if total < 0 || i128::from(rights) != total {
                return Err(format!("total {total}, rights {rights}: {replica:?}"));
            }
        }
        Ok(())
    };
    history.run_observed(check).map(|_| ())
}

#[test]
fn a_reset_cancels_exactly_what_it_has_seen() {
    assert_eq!(quickcheck(LONG, resets_cancel_what_they_saw), Ok(()));
}

#[test]
fn a_bounded_counter_is_never_overdrawn_anywhere() {
    assert_eq!(quickcheck(LONG, rights_are_never_overdrawn), Ok(()));
}
