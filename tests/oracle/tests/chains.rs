//! Short histories whose outcome is known by hand.

use Op::{Add, Create, Delete, Increment, Remove, Reset, Set};
use Reading::{Absent, Count, Flag, Many, One};
use rejoin_oracle::{History, KeySpec, Kind, Op, OpId, Reading, Stamp, Torn};

/// A history that stamps operations by itself: the clock counts up, life = replica index.
struct Script {
    history: History,
    clock: u64,
}

impl Script {
    fn new(replicas: usize, keys: &[(&[u32], Kind)]) -> Self {
        let spec = |&(path, kind): &(&[u32], Kind)| KeySpec { path: path.to_vec(), kind };
        Script { history: History::new(replicas, keys.iter().map(spec).collect()), clock: 0 }
    }

    fn apply(&mut self, replica: usize, key: usize, op: Op) -> OpId {
        self.clock += 1;
        let stamp = Stamp { hlc: self.clock, replica: replica as u128, seq: self.clock };
        self.history.apply(replica, self.clock, key, op, stamp)
    }

    fn delete_under(&mut self, replica: usize, path: &[u32]) -> OpId {
        self.clock += 1;
        let keys = self.history.keys_under(path);
        self.history.delete_subtree(replica, self.clock, &keys)
    }

    fn send(&mut self, from: usize, to: usize) {
        let all = self.history.keys_under(&[]);
        self.history.deliver(from, to, &all);
    }

    fn read(&self, replica: usize, key: usize) -> Reading {
        self.history.value(replica, key)
    }
}

#[test]
fn a_concurrent_re_add_survives_the_removal_and_yields_to_a_later_one() {
    let mut script = Script::new(2, &[(&[1], Kind::AddWinsElement)]);
    script.apply(0, 0, Add);
    script.send(0, 1);
    script.apply(1, 0, Remove);
    script.apply(0, 0, Add);
    script.send(0, 1);
    assert_eq!(script.read(1, 0), Flag(true));
    script.apply(1, 0, Remove);
    script.send(1, 0);
    assert_eq!(script.read(0, 0), Flag(false));
}

#[test]
fn a_remove_wins_element_returns_only_by_an_add_that_saw_every_removal() {
    let mut script = Script::new(3, &[(&[1], Kind::RemoveWinsElement)]);
    script.apply(0, 0, Add);
    script.send(0, 1);
    script.send(0, 2);
    script.apply(1, 0, Remove);
    script.apply(2, 0, Remove);
    script.send(1, 0);
    script.apply(0, 0, Add);
    assert_eq!(script.read(0, 0), Flag(true));
    script.send(2, 0);
    assert_eq!(script.read(0, 0), Flag(false));
    script.apply(0, 0, Add);
    assert_eq!(script.read(0, 0), Flag(true));
}

#[test]
fn a_subtree_deletion_takes_the_removals_it_saw_with_it() {
    let mut script = Script::new(2, &[(&[1, 1], Kind::RemoveWinsElement)]);
    script.apply(0, 0, Remove);
    script.apply(1, 0, Add);
    script.delete_under(0, &[1]);
    assert!(script.history.visible(0, 0).is_empty());
    script.send(1, 0);
    assert_eq!(script.read(0, 0), Flag(true));
}

#[test]
fn a_write_that_saw_another_wins_whatever_the_clock_says() {
    let mut history = History::new(1, vec![KeySpec { path: vec![1], kind: Kind::LwwRegister }]);
    history.apply(0, 0, 0, Set(1), Stamp { hlc: u64::MAX, replica: 1, seq: 1 });
    history.apply(0, 1, 0, Set(2), Stamp { hlc: 0, replica: 1, seq: 2 });
    assert_eq!(history.value(0, 0), One(2));
    assert_eq!(history.concurrent_count(), 0);
}

#[test]
fn a_losing_write_stays_a_sibling_until_a_write_has_seen_it() {
    let mut script = Script::new(3, &[(&[1], Kind::LwwRegister)]);
    script.apply(0, 0, Set(10));
    script.apply(1, 0, Set(11));
    script.apply(2, 0, Set(12));
    script.send(1, 0);
    script.apply(0, 0, Set(20));
    script.send(2, 0);
    assert_eq!(script.history.siblings(0, 0), [20, 12]);
    assert_eq!(script.read(0, 0), One(20));
    script.apply(0, 0, Delete);
    assert_eq!(script.read(0, 0), Absent);
    assert!(!script.history.is_live(0, 0));
}

#[test]
fn a_max_register_starts_anew_after_a_deletion_that_saw_everything() {
    let mut script = Script::new(1, &[(&[1], Kind::MaxRegister)]);
    script.apply(0, 0, Set(9));
    script.apply(0, 0, Delete);
    script.apply(0, 0, Set(4));
    assert_eq!(script.read(0, 0), One(4));
}

#[test]
fn resets_cancel_what_they_saw_once_and_nothing_else() {
    let mut script = Script::new(3, &[(&[1], Kind::Counter)]);
    script.apply(0, 0, Increment(5));
    script.send(0, 1);
    script.apply(1, 0, Increment(10));
    script.apply(0, 0, Reset);
    script.apply(0, 0, Increment(100));
    script.send(1, 2);
    script.apply(2, 0, Reset);
    script.apply(1, 0, Increment(1000));
    for (replica, total) in [(0, 100), (1, 1015), (2, 0)] {
        assert_eq!(script.read(replica, 0), Count(total));
    }
    script.send(1, 0);
    assert_eq!(script.read(0, 0), Count(1110));
    script.send(2, 0);
    assert_eq!(script.read(0, 0), Count(1100));
}

#[test]
fn increments_that_sum_to_nothing_are_live_until_reset() {
    let mut script = Script::new(1, &[(&[1], Kind::Counter)]);
    script.apply(0, 0, Increment(5));
    script.apply(0, 0, Increment(-5));
    assert!(script.history.is_live(0, 0));
    script.apply(0, 0, Reset);
    assert!(!script.history.is_live(0, 0));
}

#[test]
fn a_concurrently_updated_child_survives_the_deletion_of_its_map_alone() {
    const KEYS: [(&[u32], Kind); 6] = [
        (&[1], Kind::Map),
        (&[1, 2], Kind::Map),
        (&[1, 2, 3], Kind::MvRegister),
        (&[1, 2, 4], Kind::MvRegister),
        (&[1, 5], Kind::Counter),
        (&[11], Kind::MvRegister),
    ];
    let mut script = Script::new(2, &KEYS);
    let [outer, inner, updated, untouched, counter, outside] = [0, 1, 2, 3, 4, 5];
    script.apply(0, outer, Create);
    script.apply(0, counter, Increment(5));
    for register in [updated, untouched, outside] {
        script.apply(0, register, Set(1));
    }
    script.send(0, 1);
    script.apply(1, updated, Set(2));
    script.apply(1, counter, Increment(2));
    script.delete_under(0, &[1]);
    assert_eq!(script.read(0, outer), Flag(false));
    assert_eq!(script.read(0, counter), Count(0));
    script.send(1, 0);
    assert_eq!(script.read(0, outer), Flag(true));
    assert_eq!(script.read(0, inner), Flag(true));
    assert_eq!(script.read(0, updated), Many(vec![2]));
    assert_eq!(script.read(0, untouched), Absent);
    assert_eq!(script.read(0, counter), Count(2));
    assert_eq!(script.read(0, outside), Many(vec![1]));
}

#[test]
fn a_key_of_another_type_at_the_same_path_is_no_descendant() {
    let mut script = Script::new(1, &[(&[1], Kind::Map), (&[1], Kind::LwwRegister)]);
    script.apply(0, 1, Set(1));
    assert_eq!(script.read(0, 0), Flag(false));
}

#[test]
fn rights_move_by_transfer_and_outlive_the_deletion_of_a_subtree() {
    let mut script = Script::new(2, &[(&[1, 1], Kind::BoundedCounter)]);
    script.apply(0, 0, Increment(10));
    script.apply(0, 0, Op::Transfer { to: 1, amount: 4 });
    script.send(0, 1);
    script.apply(1, 0, Increment(-3));
    script.delete_under(1, &[1]);
    assert_eq!(script.read(1, 0), Count(7));
    assert_eq!(script.history.rights(1, 0, 0), 6);
    assert_eq!(script.history.rights(1, 0, 1), 1);
    assert_eq!(script.history.rights(0, 0, 1), 4);
}

#[test]
fn a_range_delivered_alone_tears_a_transaction_until_the_rest_arrives() {
    let register = |component| KeySpec { path: vec![component], kind: Kind::MvRegister };
    let mut history = History::new(2, vec![register(1), register(2)]);
    let first = history.apply(0, 7, 0, Set(1), Stamp::default());
    let second = history.delete_subtree(0, 7, &[0, 1]);
    assert_eq!(history.torn(0), None);
    assert_eq!(history.torn(1), None);
    history.deliver(0, 1, &[0]);
    assert!(history.knows(1, 0, first) && !history.knows(1, 1, second));
    assert_eq!(history.torn(1), Some(Torn { txn: 7, known: (first, 0), missing: (second, 1) }));
    history.deliver(0, 1, &[1]);
    assert_eq!(history.torn(1), None);
}

#[test]
fn a_message_carries_what_its_sender_knew_at_sending() {
    let mut script = Script::new(2, &[(&[1], Kind::MvRegister)]);
    script.apply(0, 0, Set(1));
    let message = script.history.knowledge(0);
    script.apply(0, 0, Set(2));
    script.history.deliver_snapshot(&message, 1, &[0]);
    assert_eq!(script.read(1, 0), Many(vec![1]));
}

#[test]
fn a_restored_replica_writes_concurrently_to_what_it_lost() {
    let mut script = Script::new(2, &[(&[1], Kind::MvRegister)]);
    let backup = script.history.knowledge(0);
    let lost = script.apply(0, 0, Set(1));
    script.send(0, 1);
    script.history.replace(0, backup.clone());
    assert_eq!(script.read(0, 0), Absent);
    assert!(!script.history.met_concurrency(lost));
    script.apply(0, 0, Set(2));
    assert_eq!(script.history.concurrent_count(), 2);
    script.send(1, 0);
    assert_eq!(script.history.siblings(0, 0), [1, 2]);
    let clone = script.history.add_replica(backup);
    assert_eq!(script.read(clone, 0), Absent);
}

#[test]
#[should_panic(expected = "has no operation")]
fn an_operation_foreign_to_its_key_stops_the_test() {
    Script::new(1, &[(&[1], Kind::PlainCounter)]).apply(0, 0, Reset);
}

#[test]
fn a_resolution_supersedes_what_was_listed_and_leaves_what_came_later() {
    let mut script = Script::new(3, &[(&[0], Kind::MvRegister)]);
    let (a, b) = (script.apply(0, 0, Set(1)), script.apply(1, 0, Set(2)));
    script.apply(2, 0, Set(3));
    script.history.deliver(1, 0, &[0]);
    let listed = [a, b];
    script.history.deliver(2, 0, &[0]);
    let stamp = Stamp { hlc: 9, replica: 0, seq: 9 };
    script.history.resolve(0, 9, 0, &listed, 7, stamp);
    assert_eq!(script.history.value(0, 0), Many(vec![7, 3]));
}

#[test]
fn a_subtree_deletion_takes_the_removals_that_it_has_seen_and_what_they_beat_unseen_shows() {
    let rows = [
        (Kind::RemoveWinsElement, Remove, Add, Flag(false), Flag(true)),
        (Kind::DisableWinsFlag, Op::Disable, Op::Enable, Flag(false), Flag(true)),
        (Kind::LwwDeleteRegister, Delete, Set(8), Absent, One(8)),
    ];
    for (kind, removal, write, beaten, shown) in rows {
        let mut script = Script::new(3, &[(&[1, 2], kind)]);
        script.apply(1, 0, write);
        script.apply(0, 0, removal);
        script.send(0, 2);
        script.send(1, 2);
        assert_eq!(script.read(2, 0), beaten, "{kind:?}");
        script.delete_under(0, &[1]);
        for (from, to) in [(0, 2), (0, 1), (1, 0)] {
            script.send(from, to);
        }
        for replica in 0..3 {
            assert_eq!(script.read(replica, 0), shown, "{kind:?} at {replica}");
        }
    }
}
