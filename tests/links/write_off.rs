//! A life that is lost in the middle of a catch-up, and what becomes of what had arrived.

use std::ops::Range;

use rejoin::link::Event;
use rejoin::{KeyRange, Limits, MemberState, MemoryPlace, Replica, ReplicaId, Tx, WriteOffError};
use rejoin_storage::FaultyDisk;

use crate::{NO_FAULTS, get, set, talk};

const ROWS: u64 = 40;

/// A replica that tells others so much that they catch up in rounds.
fn talkative() -> Replica {
    let limits = Limits { cells_per_delta: 10, ..Limits::default() };
    Replica::builder().limits(limits).try_in_memory().unwrap()
}

/// Writes the rows, two in each transaction, far from each other.
fn load(replica: &Replica, value: &str) {
    load_some(replica, 0..ROWS / 2, value);
}

fn load_some(replica: &Replica, pairs: Range<u64>, value: &str) {
    for row in pairs {
        let pair = [row, row + ROWS / 2];
        let write = |tx: &mut Tx<'_>| {
            pair.into_iter().try_for_each(|row| tx.register(("row", row)).set(value).map(drop))
        };
        replica.transact(write).unwrap();
    }
}

/// Gives `to` so many rounds of what it lacks of `from`, and returns how many that would have been.
fn rounds(from: &Replica, to: &Replica, count: usize) -> usize {
    let deltas = from.deltas_since(&to.context()).unwrap();
    for delta in deltas.iter().take(count) {
        to.apply(delta).unwrap();
    }
    deltas.len()
}

fn rows(replica: &Replica, value: &str) -> usize {
    let view = replica.view();
    let at = |row: u64| view.register(("row", row)).get::<String>().unwrap();
    (0..ROWS).filter(|row| at(*row).as_deref() == Some(value)).count()
}

fn are_equal(a: &Replica, b: &Replica) -> bool {
    let fingerprint = |replica: &Replica| replica.view().cells().fingerprint(&KeyRange::full());
    a.context() == b.context() && fingerprint(a) == fingerprint(b)
}

fn acknowledge(a: &Replica, b: &Replica) {
    a.learn_acknowledgements(&b.acknowledgements());
    b.learn_acknowledgements(&a.acknowledgements());
}

/// Lets two talk that have nothing to repair.
fn talk_in_peace(a: &Replica, b: &Replica) {
    let events = talk(a, b, 5_000);
    let alarm = events.iter().find(|event| matches!(event, Event::AuditMismatch { .. }));
    assert!(alarm.is_none() && are_equal(a, b), "{events:?}");
}

/// Two members of whom a third one is lost after it has loaded rows, and half of them have arrived.
fn left_in_pieces() -> (Replica, Replica, ReplicaId) {
    let (berlin, lima, lost) = (Replica::in_memory(), Replica::in_memory(), talkative());
    berlin.found_cluster("berlin").unwrap();
    berlin.admit(lima.identity(), "lima", None).unwrap();
    let life = lost.identity();
    berlin.admit(life, "oslo", None).unwrap();
    set(&berlin, "note", "keep");
    talk_in_peace(&berlin, &lima);
    talk_in_peace(&berlin, &lost);
    load(&lost, "new");
    assert!(rounds(&lost, &berlin, 2) > 2);
    (berlin, lima, life)
}

#[test]
fn what_had_arrived_of_a_lost_life_stays_and_all_are_whole_again() {
    let (berlin, lima, life) = left_in_pieces();
    talk_in_peace(&berlin, &lima);
    lima.transact(|tx| tx.register("note").delete().map(drop)).unwrap();
    talk_in_peace(&berlin, &lima);
    let arrived = rows(&lima, "new");
    assert!(arrived > 0 && arrived < usize::try_from(ROWS).unwrap());
    acknowledge(&berlin, &lima);
    for replica in [&berlin, &lima] {
        assert!(replica.status().hydrating);
        assert_eq!(replica.status().unfinished, [life]);
        assert_eq!(replica.collect().unwrap().tombstones, 0, "it does not have all it speaks of");
    }

    let refused = lima.write_off(life);
    let state = MemberState::Active;
    assert!(matches!(refused, Err(WriteOffError::StillMember { state: s, .. }) if s == state));
    berlin.retire_member(life).unwrap();
    talk_in_peace(&berlin, &lima);
    let given_up = lima.write_off(life).unwrap().unwrap();
    assert_eq!(given_up.upto, ROWS);
    assert!(given_up.most_changes() >= ROWS - arrived as u64);
    assert_eq!(lima.write_off(life), Ok(None), "nothing is missing any more");

    talk_in_peace(&berlin, &lima);
    acknowledge(&berlin, &lima);
    for replica in [&berlin, &lima] {
        assert!(!replica.status().hydrating && replica.status().unfinished.is_empty());
        assert_eq!(rows(replica, "new"), arrived);
        assert_eq!(replica.collect().unwrap().tombstones, 1);
        assert_eq!(replica.collect().unwrap().waits_for, []);
        replica.verify().unwrap();
    }
}

#[test]
fn a_life_that_goes_on_is_not_written_off() {
    let (berlin, lima, life) = left_in_pieces();
    assert_eq!(berlin.write_off(berlin.identity()), Err(WriteOffError::OwnLife));
    assert_eq!(
        berlin.write_off(lima.identity()).unwrap_err(),
        WriteOffError::StillMember { life: lima.identity(), state: MemberState::Active }
    );
    let before = berlin.context();
    berlin.close_member(life).unwrap();
    let closing = WriteOffError::StillMember { life, state: MemberState::Closing };
    assert_eq!(berlin.write_off(life), Err(closing));
    assert_eq!(berlin.context().seq(life), before.seq(life), "nothing was changed");
    assert_eq!(berlin.write_off(ReplicaId::from_u128(1)), Ok(None), "nobody knows it");
    let nested = berlin.transact(|_| berlin.write_off(life).map(drop));
    assert!(matches!(nested, Err(rejoin::TransactError::Aborted(WriteOffError::Nested))));
}

#[test]
fn a_member_that_nobody_is_left_to_retire_is_written_off_by_a_guest() {
    let (berlin, lima, life) = left_in_pieces();
    let guest = Replica::in_memory();
    set(&guest, "note", "from a guest");
    talk_in_peace(&berlin, &guest);
    let active = WriteOffError::StillMember { life, state: MemberState::Active };
    assert_eq!(lima.write_off_unretired(life), Err(active), "it could be retired here");
    assert_eq!(guest.write_off(life), Err(active));
    assert!(guest.write_off_unretired(life).unwrap().is_some());
    talk_in_peace(&guest, &lima);
    assert!(!guest.status().hydrating && !lima.status().hydrating);
}

#[test]
fn what_was_written_off_is_so_after_a_restart() {
    let (disk, place) = (FaultyDisk::new(1, NO_FAULTS), MemoryPlace::default());
    let open = || Replica::builder().open_on(disk.clone(), place.clone()).unwrap();
    let (here, lost) = (open(), talkative());
    set(&here, "note", "keep");
    load(&lost, "new");
    rounds(&lost, &here, 2);
    let arrived = rows(&here, "new");
    let given_up = here.write_off(lost.identity()).unwrap();
    assert!(given_up.is_some());
    let (context, life) = (here.context(), here.identity());
    drop(here);

    let here = open();
    assert_eq!((here.context(), here.identity()), (context, life));
    assert_eq!(rows(&here, "new"), arrived);
    assert!(!here.status().hydrating);
    here.verify().unwrap();
    // It still tells those who have what it gave up.
    let other = Replica::in_memory();
    rounds(&lost, &other, 1);
    talk(&here, &other, 5_000);
    assert!(are_equal(&here, &other) && !other.status().hydrating);
}

#[test]
fn a_restored_snapshot_knows_what_was_written_off() {
    let (here, lost) = (Replica::in_memory(), talkative());
    load(&lost, "new");
    rounds(&lost, &here, 2);
    here.write_off(lost.identity()).unwrap();
    let mut disk = FaultyDisk::new(1, NO_FAULTS);
    rejoin::restore(&mut disk, &here.snapshot().unwrap()).unwrap();
    let restored = Replica::builder().open_on(disk, MemoryPlace::default()).unwrap();
    assert!(are_equal(&here, &restored));
    let late = Replica::in_memory();
    rounds(&lost, &late, 1);
    load(&lost, "newer");
    rounds(&lost, &late, 2);
    talk(&restored, &late, 5_000);
    assert!(are_equal(&restored, &late));
}

/// Two that have each taken over another half of what is lost.
fn halves() -> (Replica, Replica, Replica) {
    let (a, b, lost) = (Replica::in_memory(), Replica::in_memory(), talkative());
    set(&a, "note", "keep");
    talk_in_peace(&a, &b);
    load(&lost, "old");
    rounds(&lost, &a, usize::MAX);
    talk_in_peace(&a, &b);
    load(&lost, "new");
    rounds(&lost, &a, 2);
    load(&lost, "newest");
    rounds(&lost, &b, 1);
    (a, b, lost)
}

#[test]
fn several_who_write_off_at_once_agree_in_the_end() {
    let (a, b, lost) = halves();
    let upto = [&a, &b].map(|r| r.write_off(lost.identity()).unwrap().unwrap().upto);
    assert_ne!(upto[0], upto[1]);
    talk(&a, &b, 10_000);
    assert!(are_equal(&a, &b) && !a.status().hydrating);
    assert!(!a.status().suspect && !b.status().suspect);
    assert_eq!(get(&b, "note").as_deref(), Some("keep"));
    let third = Replica::in_memory();
    talk_in_peace(&third, &b);
}

#[test]
fn who_comes_back_with_a_part_of_what_was_given_up_becomes_equal() {
    let (a, b, lost) = halves();
    set(&b, "note", "changed meanwhile");
    a.write_off(lost.identity()).unwrap().unwrap();
    talk(&a, &b, 10_000);
    assert!(are_equal(&a, &b) && !a.status().suspect && !b.status().suspect);
    assert_eq!(get(&a, "note").as_deref(), Some("changed meanwhile"));
    // It has seen more than was written off, and not everywhere.
    assert_eq!(a.status().unfinished, [lost.identity()]);
    b.write_off(lost.identity()).unwrap().unwrap();
    talk_in_peace(&a, &b);
    assert!(!a.status().hydrating);
}

#[test]
fn what_a_change_had_overwritten_that_was_given_up_is_there_again() {
    let (a, b, lost) = (Replica::in_memory(), Replica::in_memory(), talkative());
    load(&a, "mine");
    talk_in_peace(&a, &b);
    talk_in_peace(&a, &lost);
    load_some(&lost, 0..15, "lost");
    rounds(&lost, &b, usize::MAX);
    load_some(&lost, 15..20, "lost");
    rounds(&lost, &a, 1);
    assert_eq!((rows(&a, "lost"), rows(&b, "lost")), (10, 30));
    a.write_off(lost.identity()).unwrap().unwrap();
    // The listing takes from one what the other has given up; only the audit knows what stood there before.
    let events = talk(&a, &b, 10_000);
    assert!(events.iter().any(|event| matches!(event, Event::AuditMismatch { .. })), "{events:?}");
    assert!(are_equal(&a, &b) && !a.status().suspect && !b.status().suspect);
    for replica in [&a, &b] {
        assert_eq!((rows(replica, "lost"), rows(replica, "mine")), (10, 30));
        assert_eq!(replica.status().conflicts, 0);
    }
}

#[test]
fn a_life_that_was_written_off_and_comes_back_finds_all_it_wrote() {
    let (a, b, lost) = halves();
    a.write_off(lost.identity()).unwrap().unwrap();
    talk(&a, &lost, 10_000);
    talk(&b, &lost, 10_000);
    talk(&a, &b, 10_000);
    for replica in [&a, &b] {
        assert!(are_equal(replica, &lost) && !replica.status().hydrating);
        assert!(!replica.status().suspect);
        assert_eq!(rows(replica, "newest"), usize::try_from(ROWS).unwrap());
    }
    assert!(lost.status().given_up.is_empty(), "nobody claimed more of it than it made");
    set(&lost, "note", "goes on");
    talk_in_peace(&a, &lost);
    assert_eq!(get(&a, "note").as_deref(), Some("goes on"));
}

#[test]
fn a_newcomer_takes_over_what_is_left() {
    let (berlin, lima, life) = left_in_pieces();
    berlin.retire_member(life).unwrap();
    berlin.write_off(life).unwrap().unwrap();
    let newcomer = Replica::in_memory();
    talk_in_peace(&newcomer, &berlin);
    talk_in_peace(&lima, &newcomer);
    assert_eq!(newcomer.context().floor(), berlin.context().floor());
}
