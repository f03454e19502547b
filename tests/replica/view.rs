use std::sync::atomic::{AtomicBool, Ordering};

use rejoin::{Replica, WriteError};

use crate::sync;

#[test]
fn a_view_never_changes() {
    let replica = Replica::in_memory();
    replica.load(0..2_000, |row| (("rows", row), row)).unwrap();
    let view = replica.view();
    replica.load(0..2_000, |row| (("rows", row), row + 1)).unwrap();
    replica.transact(|tx| tx.delete(("rows", 7))).unwrap();
    let values: Vec<i64> = view
        .prefix("rows")
        .filter_map(|(_, reading)| match reading {
            rejoin::Reading::Value(value) => value.decode().ok(),
            _ => None,
        })
        .collect();
    assert_eq!(values, (0..2_000).collect::<Vec<i64>>());
}

#[test]
fn readers_always_see_a_transaction_whole() {
    let replica = Replica::in_memory();
    let peer = Replica::in_memory();
    let write = |round: i64| {
        replica
            .transact(|tx| {
                for row in 0..600 {
                    tx.register(("rows", row)).set(round)?;
                }
                Ok::<(), WriteError>(())
            })
            .unwrap();
        sync(&replica, &peer);
    };
    write(0);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let readers: Vec<_> = [&replica, &peer]
            .map(|replica| {
                scope.spawn(|| {
                    let mut reads = 0;
                    while !done.load(Ordering::Acquire) {
                        let view = replica.view();
                        let mut values = view.prefix("rows").map(|(_, r)| r.to_item());
                        let first = values.next();
                        assert!(values.all(|value| Some(value) == first), "a torn view");
                        reads += 1;
                    }
                    reads
                })
            })
            .into_iter()
            .collect();
        (1..60).for_each(write);
        done.store(true, Ordering::Release);
        for reader in readers {
            assert!(reader.join().unwrap() > 0);
        }
    });
}

#[test]
fn ranges_and_pages_follow_the_order_of_paths() {
    let replica = Replica::in_memory();
    replica.load(0..100, |row| (("users", row), row)).unwrap();
    let view = replica.view();
    let range: Vec<String> =
        view.range(("users", 10)..("users", 13)).map(|(key, _)| key.path().to_string()).collect();
    assert_eq!(range, ["users/10", "users/11", "users/12"]);
    let (last, _) = view.prefix("users").nth(49).unwrap();
    let (next, _) = view.after(last, "users").next().unwrap();
    assert_eq!(next.path().to_string(), "users/50");
    let back: Vec<String> =
        view.prefix("users").rev().take(2).map(|(k, _)| k.path().to_string()).collect();
    assert_eq!(back, ["users/99", "users/98"]);
}
