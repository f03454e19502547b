use rejoin::{Replica, TransactError, WriteError};

#[test]
fn a_transaction_that_returns_an_error_leaves_no_trace() {
    let replica = Replica::in_memory();
    replica.transact(|tx| tx.counter("visits").add(1)).unwrap();
    let before = replica.context();

    let refused = replica.transact(|tx| {
        tx.register(("users", 1)).set("Ada")?;
        tx.counter("visits").add(10)?;
        tx.delete(())?;
        Err::<(), _>(WriteError::ValueTooLarge { len_bytes: 1, limit_bytes: 0 })
    });

    assert!(matches!(refused, Err(TransactError::Aborted(_))));
    assert_eq!(replica.context(), before);
    assert_eq!(replica.view().counter("visits").value(), 1);
    assert_eq!(replica.view().register(("users", 1)).value(), None);
}

#[test]
fn a_transaction_reads_its_own_changes_and_others_see_them_only_when_committed() {
    let replica = Replica::in_memory();
    replica
        .transact(|tx| {
            tx.register("name").set("Ada")?;
            tx.set("tags").add("vip")?;
            assert_eq!(tx.register("name").read().get::<&str>().unwrap(), Some("Ada"));
            assert!(tx.set("tags").read().contains("vip"));
            assert_eq!(replica.view().register("name").value(), None);
            tx.delete("name")?;
            assert_eq!(tx.register("name").read().value(), None);
            Ok::<(), WriteError>(())
        })
        .unwrap();
    assert!(replica.view().set("tags").contains("vip"));
    assert_eq!(replica.view().register("name").value(), None);
}

#[test]
fn a_transaction_inside_a_transaction_is_an_error_and_no_standstill() {
    let replica = Replica::in_memory();
    let nested = replica.transact(|_| {
        let inner = replica.transact(|tx| tx.counter("n").add(1));
        assert!(matches!(inner, Err(TransactError::Nested)));
        let delta = replica.delta_since(&replica.context()).unwrap();
        assert!(replica.apply(&delta).is_err());
        Ok::<(), WriteError>(())
    });
    assert!(nested.is_ok());
}

#[test]
fn a_panic_inside_a_transaction_changes_nothing_and_the_replica_goes_on() {
    let replica = Replica::in_memory();
    let other = replica.clone();
    let panicked = std::thread::spawn(move || {
        let _ = other.transact(|tx| -> Result<(), WriteError> {
            tx.counter("n").add(1)?;
            panic!("a bug of the application");
        });
    });
    assert!(panicked.join().is_err());
    replica.transact(|tx| tx.counter("n").add(5)).unwrap();
    assert_eq!(replica.view().counter("n").value(), 5);
}

#[test]
fn ensuring_a_lesser_value_does_not_take_a_maximum_back() {
    let replica = Replica::in_memory();
    let ensure =
        |value: i64| replica.transact(|tx| tx.max_register("high").ensure(value)).unwrap().value;
    assert!(ensure(90) && !ensure(5) && !ensure(90) && ensure(91));
    let high = replica.view().max_register("high").get::<i64>().unwrap();
    assert_eq!(high, Some(91));
}

#[test]
fn ensure_and_load_write_nothing_where_equal() {
    let replica = Replica::in_memory();
    let rows: Vec<(u32, String)> = (0..25_000).map(|id| (id, format!("name {id}"))).collect();
    let load = || replica.load(&rows, |(id, name)| (("users", *id), name.clone())).unwrap();
    assert_eq!(load().written, 25_000);
    let before = replica.context();
    let again = load();
    assert_eq!((again.written, again.unchanged), (0, 25_000));
    assert_eq!(replica.context(), before);
}
