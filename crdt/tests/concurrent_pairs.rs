//! Every pair of concurrent operations of every type, with the outcome written by hand.
//!
//! Both replicas start from the same state, each does one thing, and then they exchange it: the left
//! one may join first, the right one, or a bystander may hear of both in either order. Whatever the
//! order, everybody shows the same.

#![allow(clippy::unwrap_used, reason = "an operation that is refused shall stop the test")]

use rejoin_crdt::{
    BoundedCounter, DisableWinsFlag, EnableWinsFlag, GCounter, JoinDeltaError, LwwRegister,
    MaxRegister, MinRegister, MvRegister, OrMap, OrSet, PnCounter, RemoveWinsSet, ReplicaId,
    ResettableCounter,
};

const LEFT: ReplicaId = ReplicaId::from_u128(1);
const RIGHT: ReplicaId = ReplicaId::from_u128(2);
const BYSTANDER: ReplicaId = ReplicaId::from_u128(3);

/// The outcome of one pair, as everybody shows it.
type Outcome = Result<String, String>;

/// `pair!(Type, seen by both, left, right, read)`: what every replica shows in the end, or in what
/// they differ.
macro_rules! pair {
    ($type:ty, $before:expr, $left:expr, $right:expr, $read:expr) => {{
        let act = |value: &mut $type, change: fn(&mut $type)| {
            let before = value.context().clone();
            change(value);
            value.delta_since(&before)
        };
        let read: fn(&$type) -> String = $read;
        let mut start = <$type>::new(LEFT);
        act(&mut start, $before);
        let (mut left, mut right) = (start.with_replica(LEFT), start.with_replica(RIGHT));
        let (from_left, from_right) = (act(&mut left, $left), act(&mut right, $right));
        let bystander = |first, second| -> Result<$type, JoinDeltaError> {
            let mut bystander = start.with_replica(BYSTANDER);
            bystander.join(first)?;
            bystander.join(second)?;
            Ok(bystander)
        };
        left.join(&from_right).unwrap();
        right.join(&from_left).unwrap();
        let left_first = bystander(&from_left, &from_right).unwrap();
        let right_first = bystander(&from_right, &from_left).unwrap();
        let shown = [&left, &right, &left_first, &right_first].map(|value| read(value));
        if shown.iter().all(|other| *other == shown[0]) && left == right && left == left_first {
            Ok(shown[0].clone())
        } else {
            Err(format!("they differ: {shown:?}"))
        }
    }};
}

type Row = (&'static str, Outcome, &'static str);

/// The rows whose outcome is not the one written beside it.
fn wrong(rows: Vec<Row>) -> Vec<String> {
    let fails = rows.into_iter().filter(|(_, found, expected)| found.as_deref() != Ok(*expected));
    fails
        .map(|(name, found, expected)| format!("{name}: {found:?} instead of {expected}"))
        .collect()
}

fn hold(rows: Vec<Row>) {
    assert!(!rows.is_empty());
    assert_eq!(wrong(rows), Vec::<String>::new());
}

/// One type: how it is read, the operations, and for each pair what is shown in the end.
macro_rules! pairs {
    ($name:ident: $type:ty, $read:expr;
     { $($op:ident = $change:expr;)* }
     $(after $before:ident: $left:ident, $right:ident => $expected:literal;)*) => {
        fn $name() -> Vec<Row> {
            type Value = $type;
            $(const $op: fn(&mut Value) = $change;)*
            let read: fn(&Value) -> String = $read;
            vec![$((
                stringify!(after $before: $left, $right),
                pair!(Value, $before, $left, $right, read),
                $expected,
            )),*]
        }
    };
}

pairs! {
    lww_register_rows: LwwRegister<u8>, |r| format!("{:?} lost {:?}", r.get(), r.conflicts().map(|c| c.value).collect::<Vec<_>>());
    {
        SET_7 = |r| drop(r.set(7, 1));
        SET_8_EARLIER = |r| drop(r.set(8, 10));
        SET_9_LATER = |r| drop(r.set(9, 20));
        SET_8_LATER = |r| drop(r.set(8, 20));
        NOTHING = |_| ();
        DELETE = |r| drop(r.delete());
    }
    after SET_7: SET_8_EARLIER, SET_9_LATER => "Some(9) lost [8]";
    after SET_7: SET_8_EARLIER, SET_8_LATER => "Some(8) lost []";
    after SET_7: SET_9_LATER, SET_8_LATER => "Some(8) lost [9]";
    after NOTHING: SET_8_EARLIER, SET_9_LATER => "Some(9) lost [8]";
    after SET_7: SET_8_EARLIER, DELETE => "Some(8) lost []";
    after SET_7: DELETE, SET_8_LATER => "Some(8) lost []";
    after SET_7: DELETE, DELETE => "None lost []";
}

pairs! {
    mv_register_rows: MvRegister<u8>, |r| format!("{:?}", r.values().collect::<Vec<_>>());
    {
        SET_7 = |r| drop(r.set(7));
        SET_8 = |r| drop(r.set(8));
        SET_9 = |r| drop(r.set(9));
        DELETE = |r| drop(r.delete());
    }
    after SET_7: SET_8, SET_9 => "[8, 9]";
    after SET_7: SET_9, SET_8 => "[9, 8]";
    after SET_7: SET_8, SET_8 => "[8, 8]";
    after SET_7: SET_7, DELETE => "[7]";
    after SET_7: SET_8, DELETE => "[8]";
    after SET_7: DELETE, DELETE => "[]";
}

pairs! {
    max_register_rows: MaxRegister<u8>, |r| format!("{:?}", r.get());
    {
        SET_7 = |r| drop(r.set(7));
        SET_8 = |r| drop(r.set(8));
        SET_9 = |r| drop(r.set(9));
        SET_3 = |r| drop(r.set(3));
        SET_4 = |r| drop(r.set(4));
        DELETE = |r| drop(r.delete());
        NOTHING = |_| ();
    }
    after SET_7: SET_8, SET_9 => "Some(9)";
    after SET_7: SET_3, SET_4 => "Some(7)";
    after SET_7: SET_3, DELETE => "Some(7)";
    after SET_7: SET_9, DELETE => "Some(9)";
    after NOTHING: SET_3, SET_4 => "Some(4)";
    after SET_7: DELETE, DELETE => "None";
}

pairs! {
    min_register_rows: MinRegister<u8>, |r| format!("{:?}", r.get());
    {
        SET_7 = |r| drop(r.set(7));
        SET_3 = |r| drop(r.set(3));
        SET_4 = |r| drop(r.set(4));
        SET_8 = |r| drop(r.set(8));
        SET_9 = |r| drop(r.set(9));
        DELETE = |r| drop(r.delete());
        NOTHING = |_| ();
    }
    after SET_7: SET_3, SET_4 => "Some(3)";
    after SET_7: SET_8, SET_9 => "Some(7)";
    after SET_7: SET_9, DELETE => "Some(7)";
    after SET_7: SET_3, DELETE => "Some(3)";
    after NOTHING: SET_8, SET_9 => "Some(8)";
    after SET_7: DELETE, DELETE => "None";
}

pairs! {
    enable_wins_flag_rows: EnableWinsFlag, |f| f.is_enabled().to_string();
    {
        ENABLE = |f| drop(f.enable());
        DISABLE = |f| drop(f.disable());
        NOTHING = |_| ();
    }
    after ENABLE: ENABLE, ENABLE => "true";
    after ENABLE: ENABLE, DISABLE => "true";
    after ENABLE: DISABLE, DISABLE => "false";
    after NOTHING: ENABLE, DISABLE => "true";
    after NOTHING: DISABLE, DISABLE => "false";
}

pairs! {
    disable_wins_flag_rows: DisableWinsFlag, |f| f.is_enabled().to_string();
    {
        ENABLE = |f| drop(f.enable());
        DISABLE = |f| drop(f.disable());
        NOTHING = |_| ();
    }
    after ENABLE: ENABLE, ENABLE => "true";
    after ENABLE: ENABLE, DISABLE => "false";
    after ENABLE: DISABLE, DISABLE => "false";
    after NOTHING: ENABLE, DISABLE => "false";
    after NOTHING: ENABLE, ENABLE => "true";
    after DISABLE: ENABLE, DISABLE => "false";
}

pairs! {
    g_counter_rows: GCounter, |c| c.value().to_string();
    {
        ADD_5 = |c| drop(c.increment(5).unwrap());
        ADD_2 = |c| drop(c.increment(2).unwrap());
        ADD_3 = |c| drop(c.increment(3).unwrap());
        NOTHING = |_| ();
    }
    after ADD_5: ADD_2, ADD_3 => "10";
    after NOTHING: ADD_2, ADD_2 => "4";
}

pairs! {
    pn_counter_rows: PnCounter, |c| c.value().to_string();
    {
        ADD_5 = |c| drop(c.increment(5).unwrap());
        ADD_2 = |c| drop(c.increment(2).unwrap());
        TAKE_3 = |c| drop(c.decrement(3).unwrap());
        TAKE_9 = |c| drop(c.decrement(9).unwrap());
    }
    after ADD_5: ADD_2, ADD_5 => "12";
    after ADD_5: ADD_2, TAKE_3 => "4";
    after ADD_5: TAKE_3, TAKE_9 => "-7";
}

pairs! {
    resettable_counter_rows: ResettableCounter, |c| c.value().to_string();
    {
        ADD_5 = |c| drop(c.increment(5).unwrap());
        ADD_2 = |c| drop(c.increment(2).unwrap());
        TAKE_3 = |c| drop(c.decrement(3).unwrap());
        RESET = |c| drop(c.reset());
        RESET_ADD_2 = |c| {
            c.reset();
            c.increment(2).unwrap();
    };
        NOTHING = |_| ();
    }
    after ADD_5: ADD_2, TAKE_3 => "4";
    after ADD_5: ADD_2, RESET => "2";
    after ADD_5: RESET, TAKE_3 => "-3";
    after ADD_5: RESET, RESET => "0";
    after ADD_5: RESET_ADD_2, RESET => "2";
    after ADD_5: RESET_ADD_2, ADD_2 => "4";
    after NOTHING: ADD_2, RESET => "2";
}

pairs! {
    bounded_counter_rows: BoundedCounter, |c| format!("{} of {:?}", c.value(), [LEFT, RIGHT, BYSTANDER].map(|who| c.rights(who)));
    {
        ADD_5 = |c| drop(c.increment(5).unwrap());
        ADD_2 = |c| drop(c.increment(2).unwrap());
        TAKE_3 = |c| drop(c.decrement(3).unwrap());
        TAKE_3_WITHOUT_RIGHTS = |c| assert_eq!(c.decrement(3).unwrap_err().missing, 3);
        GIVE_2 = |c| drop(c.transfer(RIGHT, 2).unwrap());
        ADD_5_GIVE_2 = |c| {
            c.increment(5).unwrap();
            c.transfer(RIGHT, 2).unwrap();
    };
        TAKE_2 = |c| drop(c.decrement(2).unwrap());
        GIVE_1_BACK = |c| drop(c.transfer(LEFT, 1).unwrap());
        GIVE_4_TO_A_THIRD = |c| drop(c.transfer(BYSTANDER, 4).unwrap());
    }
    after ADD_5: ADD_2, ADD_2 => "9 of [7, 2, 0]";
    after ADD_5: TAKE_3, ADD_2 => "4 of [2, 2, 0]";
    after ADD_5: TAKE_3, TAKE_3_WITHOUT_RIGHTS => "2 of [2, 0, 0]";
    after ADD_5: GIVE_2, ADD_2 => "7 of [3, 4, 0]";
    after ADD_5_GIVE_2: TAKE_3, TAKE_2 => "0 of [0, 0, 0]";
    after ADD_5_GIVE_2: TAKE_3, GIVE_1_BACK => "2 of [1, 1, 0]";
    after ADD_5_GIVE_2: GIVE_2, GIVE_1_BACK => "5 of [2, 3, 0]";
    after ADD_5: GIVE_4_TO_A_THIRD, ADD_2 => "7 of [1, 2, 4]";
}

pairs! {
    or_set_rows: OrSet<String>, |s| format!("{:?}", s.iter().collect::<Vec<_>>());
    {
        ADD_MILK = |s| drop(s.add("milk"));
        REMOVE_MILK = |s| drop(s.remove("milk"));
        NOTHING = |_| ();
        ADD_TEA = |s| drop(s.add("tea"));
    }
    after ADD_MILK: ADD_MILK, ADD_MILK => "[\"milk\"]";
    after ADD_MILK: ADD_MILK, REMOVE_MILK => "[\"milk\"]";
    after ADD_MILK: REMOVE_MILK, REMOVE_MILK => "[]";
    after NOTHING: ADD_MILK, REMOVE_MILK => "[\"milk\"]";
    after ADD_MILK: ADD_TEA, REMOVE_MILK => "[\"tea\"]";
    after NOTHING: ADD_MILK, ADD_TEA => "[\"milk\", \"tea\"]";
}

pairs! {
    remove_wins_set_rows: RemoveWinsSet<String>, |s| format!("{:?}", s.iter().collect::<Vec<_>>());
    {
        ADD_MILK = |s| drop(s.add("milk"));
        REMOVE_MILK = |s| drop(s.remove("milk"));
        NOTHING = |_| ();
        ADD_TEA = |s| drop(s.add("tea"));
    }
    after ADD_MILK: ADD_MILK, ADD_MILK => "[\"milk\"]";
    after ADD_MILK: ADD_MILK, REMOVE_MILK => "[]";
    after ADD_MILK: REMOVE_MILK, REMOVE_MILK => "[]";
    after NOTHING: ADD_MILK, REMOVE_MILK => "[]";
    after ADD_MILK: ADD_TEA, REMOVE_MILK => "[\"tea\"]";
    after REMOVE_MILK: ADD_MILK, REMOVE_MILK => "[]";
    after REMOVE_MILK: ADD_MILK, ADD_TEA => "[\"milk\", \"tea\"]";
}

pairs! {
    map_of_sets_rows: OrMap<String, OrSet<u8>>, |m| {
    format!(
        "{:?}",
        m.iter().map(|(k, s)| (k, s.iter().collect::<Vec<_>>())).collect::<Vec<_>>()
    )
    };
    {
        ADD_A1 = |m| drop(m.update("a", |set| set.add(1)));
        ADD_A2 = |m| drop(m.update("a", |set| set.add(2)));
        REMOVE_A = |m| drop(m.remove("a"));
        REMOVE_A1 = |m| drop(m.update("a", |set| set.remove(&1)));
        ADD_B1 = |m| drop(m.update("b", |set| set.add(1)));
    }
    after ADD_A1: ADD_A2, REMOVE_A => "[(\"a\", [2])]";
    after ADD_A1: ADD_A1, REMOVE_A => "[(\"a\", [1])]";
    after ADD_A1: REMOVE_A1, REMOVE_A => "[]";
    after ADD_A1: REMOVE_A, REMOVE_A => "[]";
    after ADD_A1: ADD_B1, REMOVE_A => "[(\"b\", [1])]";
    after ADD_A1: ADD_A1, REMOVE_A1 => "[(\"a\", [1])]";
    after ADD_A1: ADD_A2, REMOVE_A1 => "[(\"a\", [2])]";
}

pairs! {
    map_of_counters_rows: OrMap<String, ResettableCounter>, |m| format!("{:?}", m.get("a").map(|c| c.value()));
    {
        ADD_5 = |m| drop(m.try_update("a", |c| c.increment(5)).unwrap());
        ADD_2 = |m| drop(m.try_update("a", |c| c.increment(2)).unwrap());
        REMOVE = |m| drop(m.remove("a"));
        TAKE_3 = |m| drop(m.try_update("a", |c| c.decrement(3)).unwrap());
        RESET = |m| drop(m.update("a", |c| c.reset()));
    }
    after ADD_5: ADD_2, REMOVE => "Some(2)";
    after ADD_5: TAKE_3, REMOVE => "Some(-3)";
    after ADD_5: RESET, REMOVE => "None";
    after ADD_5: REMOVE, REMOVE => "None";
    after ADD_5: ADD_2, ADD_2 => "Some(9)";
}

pairs! {
    map_of_maps_rows: OrMap<String, OrMap<String, LwwRegister<u8>>>, |m| {
    let inner = m.iter().flat_map(|(_, inner)| inner.iter().collect::<Vec<_>>());
    format!(
        "{:?}",
        inner.map(|(key, r)| (key, r.get(), r.conflicts().count())).collect::<Vec<_>>()
    )
    };
    {
        SET_X7 = |m| drop(m.update_at(1, "a", |inner| inner.update("x", |r| r.set(7))));
        SET_X8_EARLIER = |m| drop(m.update_at(10, "a", |inner| inner.update("x", |r| r.set(8))));
        SET_X9_LATER = |m| drop(m.update_at(20, "a", |inner| inner.update("x", |r| r.set(9))));
        REMOVE_X = |m| drop(m.update("a", |inner| inner.remove("x")));
        SET_Y1 = |m| drop(m.update_at(10, "a", |inner| inner.update("y", |r| r.set(1))));
        REMOVE_A = |m| drop(m.remove("a"));
    }
    after SET_X7: SET_X8_EARLIER, SET_X9_LATER => "[(\"x\", Some(9), 1)]";
    after SET_X7: SET_X8_EARLIER, REMOVE_X => "[(\"x\", Some(8), 0)]";
    after SET_X7: SET_Y1, REMOVE_A => "[(\"y\", Some(1), 0)]";
    after SET_X7: REMOVE_X, REMOVE_A => "[]";
    after SET_X7: REMOVE_A, REMOVE_A => "[]";
    after SET_X7: SET_X8_EARLIER, SET_Y1 => "[(\"x\", Some(8), 0), (\"y\", Some(1), 0)]";
}

pairs! {
    map_of_remove_wins_sets_rows: OrMap<String, RemoveWinsSet<u8>>, |m| {
    format!(
        "{:?}",
        m.iter().map(|(k, s)| (k, s.iter().collect::<Vec<_>>())).collect::<Vec<_>>()
    )
    };
    {
        ADD_A1 = |m| drop(m.update("a", |set| set.add(1)));
        REMOVE_A = |m| drop(m.remove("a"));
        ADD_A2 = |m| drop(m.update("a", |set| set.add(2)));
    }
    after ADD_A1: ADD_A1, REMOVE_A => "[]";
    after ADD_A1: ADD_A2, REMOVE_A => "[(\"a\", [2])]";
    after ADD_A1: REMOVE_A, REMOVE_A => "[]";
}

#[test]
fn the_later_of_two_concurrent_writes_is_shown_and_the_other_listed() {
    hold(lww_register_rows());
}

#[test]
fn every_concurrent_write_is_shown() {
    hold(mv_register_rows());
}

#[test]
fn a_maximum_never_goes_back_but_by_deletion() {
    hold(max_register_rows());
}

#[test]
fn a_minimum_never_goes_back_but_by_deletion() {
    hold(min_register_rows());
}

#[test]
fn enabling_wins_over_a_concurrent_disable() {
    hold(enable_wins_flag_rows());
}

#[test]
fn disabling_wins_over_a_concurrent_enable() {
    hold(disable_wins_flag_rows());
}

#[test]
fn concurrent_increments_add_up() {
    hold(g_counter_rows());
}

#[test]
fn concurrent_ups_and_downs_add_up() {
    hold(pn_counter_rows());
}

#[test]
fn a_reset_cancels_what_it_saw_and_nothing_else() {
    hold(resettable_counter_rows());
}

#[test]
fn rights_move_and_the_value_stays_at_zero_or_above() {
    hold(bounded_counter_rows());
}

#[test]
fn adding_wins_over_a_concurrent_removal() {
    hold(or_set_rows());
}

#[test]
fn removing_wins_over_a_concurrent_addition() {
    hold(remove_wins_set_rows());
}

#[test]
fn a_child_that_was_changed_concurrently_survives_alone() {
    hold(map_of_sets_rows());
}

#[test]
fn removing_a_counter_cancels_what_was_seen_of_it() {
    hold(map_of_counters_rows());
}

#[test]
fn a_removal_reaches_every_depth_and_takes_only_what_it_saw() {
    hold(map_of_maps_rows());
}

#[test]
fn where_removing_wins_the_removal_of_the_whole_wins_over_what_it_saw() {
    hold(map_of_remove_wins_sets_rows());
}

#[test]
fn where_a_deletion_takes_part_in_the_comparison_the_later_of_both_wins() {
    use rejoin_crdt::{Authority, CellRef, Context, Hlc, Limits, Store, Transaction};

    let shown = |written_ms, deleted_ms| {
        let mut stores = [Store::<(), u8>::new(), Store::new()];
        let [left, right] = &mut stores;
        let mut write = Transaction::new(left, LEFT, Hlc::new(written_ms, 0));
        write.write(&(), 8);
        let write = write.finish();
        left.commit(write).unwrap();
        let mut delete = Transaction::new(right, RIGHT, Hlc::new(deleted_ms, 0));
        delete.tombstone(&());
        let delete = delete.finish();
        right.commit(delete).unwrap();
        let delta = right.delta_since(&Context::default());
        let delta =
            delta.validate(&Limits::default()).unwrap().authorise(&Authority::Full).unwrap();
        left.join(delta, Some(LEFT)).unwrap();
        let cell = left.view().cell(&());
        let shown = cell.and_then(CellRef::last_by_clock_or_deleted);
        shown.map(|last| *last.value)
    };
    assert_eq!((shown(20, 10), shown(10, 20)), (Some(8), None));
}

/// The pairs can fail: each of these bugs turns at least one row red.
#[cfg(feature = "planted")]
mod planted {
    use rejoin_crdt::planted::{Bug, plant};

    use super::*;

    fn fails(bug: Bug, rows: fn() -> Vec<Row>) -> bool {
        plant(Some(bug));
        let wrong = wrong(rows());
        plant(None);
        !wrong.is_empty()
    }

    #[test]
    fn a_maximum_that_carries_only_its_own_value_goes_back() {
        assert!(fails(Bug::MaximumGoesBack, max_register_rows));
        assert!(fails(Bug::MaximumGoesBack, min_register_rows));
    }

    #[test]
    fn a_write_that_is_skipped_because_it_is_equal_loses_to_a_concurrent_removal() {
        assert!(fails(Bug::EqualWriteSkipped, or_set_rows));
        assert!(fails(Bug::EqualWriteSkipped, enable_wins_flag_rows));
        assert!(fails(Bug::EqualWriteSkipped, map_of_sets_rows));
    }

    #[test]
    fn a_register_that_drops_losers_has_no_conflicts_to_show() {
        assert!(fails(Bug::DropLastWriterWinsLosers, lww_register_rows));
        assert!(fails(Bug::DropLastWriterWinsLosers, mv_register_rows));
    }

    #[test]
    fn without_a_planted_bug_the_same_rows_hold() {
        for rows in [max_register_rows, or_set_rows, lww_register_rows] {
            assert_eq!(wrong(rows()), Vec::<String>::new());
        }
    }
}
