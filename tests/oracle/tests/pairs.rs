//! Every pair of concurrent operations of every type, with the read written by hand.

use std::mem::discriminant;

use Op::{Add, Create, Delete, DeleteSubtree, Disable, Enable, Increment, Remove, Reset, Set};
use Reading::{Absent, Count, Flag, Many, One};
use rejoin_oracle::{History, KeySpec, Kind, Op, Reading, Stamp};

/// What both sides have seen, the operation with the older clock, the one with the newer, the read.
type Row = (Op, Op, Op, Reading);

const GIVE: Op = Op::Transfer { to: 9, amount: 2 };

fn rows(kind: Kind) -> Vec<Row> {
    match kind {
        Kind::LwwRegister => register(vec![
            (Set(7), Set(9), Set(8), One(8)),
            (Set(7), Set(8), Delete, One(8)),
            (Set(7), Set(8), DeleteSubtree, One(8)),
        ]),
        Kind::LwwDeleteRegister => register(vec![
            (Set(7), Set(9), Set(8), One(8)),
            (Set(7), Set(8), Delete, Absent),
            (Set(7), Delete, Set(8), One(8)),
            (Set(7), Set(8), DeleteSubtree, One(8)),
        ]),
        Kind::MvRegister => register(vec![
            (Set(7), Set(9), Set(8), Many(vec![9, 8])),
            (Set(7), Set(8), Set(8), Many(vec![8, 8])),
            (Set(7), Set(8), Delete, Many(vec![8])),
            (Set(7), Set(8), DeleteSubtree, Many(vec![8])),
        ]),
        Kind::MaxRegister => register(vec![
            (Set(7), Set(9), Set(8), One(9)),
            (Set(7), Set(3), Set(4), One(7)),
            (Set(7), Set(3), Delete, One(7)),
            (Set(7), Set(3), DeleteSubtree, One(7)),
        ]),
        Kind::MinRegister => register(vec![
            (Set(7), Set(5), Set(6), One(5)),
            (Set(7), Set(9), Set(8), One(7)),
            (Set(7), Set(9), Delete, One(7)),
            (Set(7), Set(9), DeleteSubtree, One(7)),
        ]),
        Kind::EnableWinsFlag => presence(Enable, Disable, true),
        Kind::DisableWinsFlag => presence(Enable, Disable, false),
        Kind::AddWinsElement => presence(Add, Remove, true),
        Kind::RemoveWinsElement => presence(Add, Remove, false),
        Kind::Map => presence(Create, Delete, true),
        Kind::Counter => vec![
            (Increment(5), Increment(2), Increment(-3), Count(4)),
            (Increment(5), Increment(2), Reset, Count(2)),
            (Increment(5), Increment(2), DeleteSubtree, Count(2)),
            (Increment(5), Reset, Reset, Count(0)),
            (Increment(5), Reset, DeleteSubtree, Count(0)),
            (Increment(5), DeleteSubtree, DeleteSubtree, Count(0)),
        ],
        Kind::PlainCounter => vec![(Increment(5), Increment(2), Increment(-3), Count(4))],
        Kind::BoundedCounter => vec![
            (Increment(5), Increment(2), Increment(-3), Count(4)),
            (Increment(5), Increment(-2), GIVE, Count(3)),
            (Increment(5), GIVE, GIVE, Count(5)),
        ],
    }
}

/// The rows given, and those every register shares: whoever removes, nothing is left.
fn register(mut rows: Vec<Row>) -> Vec<Row> {
    for (left, right) in [(Delete, Delete), (Delete, DeleteSubtree), (DeleteSubtree, DeleteSubtree)]
    {
        rows.push((Set(7), left, right, Absent));
    }
    rows
}

/// Types that differ only in who wins when `put` meets a concurrent `take`.
fn presence(put: Op, take: Op, put_wins: bool) -> Vec<Row> {
    vec![
        (put, put, put, Flag(true)),
        (put, put, take, Flag(put_wins)),
        (put, take, put, Flag(put_wins)),
        (put, put, DeleteSubtree, Flag(true)),
        (put, take, take, Flag(false)),
        (put, take, DeleteSubtree, Flag(false)),
        (put, DeleteSubtree, DeleteSubtree, Flag(false)),
    ]
}

/// What three replicas read after `older` and `newer` were issued without seeing each other.
fn reads(kind: Kind, before: Op, older: Op, newer: Op) -> Vec<Reading> {
    let mut history = History::new(3, vec![KeySpec { path: vec![1], kind }]);
    history.apply(0, 0, 0, before, Stamp { hlc: 1, replica: 10, seq: 1 });
    history.deliver(0, 1, &[0]);
    history.deliver(0, 2, &[0]);
    history.apply(1, 1, 0, older, Stamp { hlc: 5, replica: 20, seq: 1 });
    history.apply(2, 2, 0, newer, Stamp { hlc: 6, replica: 30, seq: 1 });
    let older_alone = history.knowledge(1);
    history.deliver(2, 0, &[0]);
    history.deliver(1, 0, &[0]);
    history.deliver(2, 1, &[0]);
    history.deliver_snapshot(&older_alone, 2, &[0]);
    (0..3).map(|replica| history.value(replica, 0)).collect()
}

#[test]
fn every_pair_of_concurrent_operations_reads_as_written() {
    for kind in Kind::ALL {
        for (before, older, newer, expected) in rows(kind) {
            for read in reads(kind, before, older, newer) {
                assert_eq!(read, expected, "{kind:?}: {older:?} and then by clock {newer:?}");
            }
        }
    }
}

#[test]
fn no_pair_of_operations_is_left_out_of_the_table() {
    let writes = [Set(0), Enable, Add, Create, Increment(0), GIVE];
    let ops = [&writes[..], &[Delete, Disable, Remove, Reset, DeleteSubtree]].concat();
    let same = |left: Op, right: Op| discriminant(&left) == discriminant(&right);
    for kind in Kind::ALL {
        let accepted: Vec<Op> = ops.iter().copied().filter(|op| kind.accepts(*op)).collect();
        for (left, right) in accepted.iter().flat_map(|a| accepted.iter().map(|b| (*a, *b))) {
            let covered = rows(kind).iter().any(|(_, older, newer, _)| {
                same(*older, left) && same(*newer, right)
                    || same(*older, right) && same(*newer, left)
            });
            assert!(covered, "{kind:?}: {left:?} and {right:?}");
        }
    }
}
