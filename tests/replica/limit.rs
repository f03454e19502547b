use rejoin::{Limits, Replica, TransactError, WriteError};

fn refused<T>(result: Result<T, TransactError<WriteError>>) -> WriteError {
    match result {
        Err(TransactError::Aborted(error)) => error,
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("must be refused"),
    }
}

#[test]
fn what_a_peer_would_refuse_is_not_written() {
    let replica = Replica::in_memory();
    let limits = Limits::default();
    let long = "x".repeat(limits.value_bytes);
    let error = refused(replica.transact(|tx| tx.register("a").set(&long)));
    assert!(matches!(error, WriteError::ValueTooLarge { .. }), "{error}");
    let ready = rejoin::value::Value::from_serialize(&long).unwrap();
    let error = refused(replica.transact(|tx| tx.register("a").set_value(ready.clone())));
    assert!(matches!(error, WriteError::ValueTooLarge { .. }), "{error}");
    let path = rejoin::path::Path::from_iter(["a".into()]);
    let over = |tx: &mut rejoin::Tx<'_>| {
        tx.write_over(&path, rejoin::path::TypeTag::Register, &[], ready.clone())
    };
    let error = refused(replica.transact(over));
    assert!(matches!(error, WriteError::ValueTooLarge { .. }), "{error}");
    let error = refused(replica.transact(|tx| tx.register("k".repeat(1_100).as_str()).set(1)));
    assert!(matches!(error, WriteError::Key(_)), "{error}");
    assert_eq!(replica.context(), rejoin::Context::default());
}

fn too_large<T: std::fmt::Debug>(result: Result<T, TransactError<WriteError>>) -> usize {
    match result {
        Err(TransactError::TooLarge(error)) => error.found,
        other => panic!("must be too large: {other:?}"),
    }
}

#[test]
fn a_transaction_too_large_for_one_delta_is_refused_whole() {
    let a = Replica::in_memory();
    let value = "x".repeat(200_000);
    let found = too_large(a.transact(|tx| {
        for row in 0..100 {
            tx.register(row).set(&value)?;
        }
        Ok(())
    }));
    assert!(found > 20_000_000 && a.status().cells == 0);
    assert_eq!(a.status().replica, None, "a refused transaction claims no identity");
}

#[test]
fn the_largest_transaction_of_tiny_cells_travels() {
    let a = Replica::in_memory();
    let add = |rows: u32| {
        a.transact(|tx| {
            (0..rows).try_for_each(|row| tx.set("s").add(row).map(drop))?;
            Ok::<(), WriteError>(())
        })
    };
    too_large(add(400_000));
    let rows = 240_000;
    add(rows).unwrap();
    let b = Replica::in_memory();
    b.apply(&a.delta_since(&b.context()).unwrap()).unwrap();
    assert_eq!(b.view().set("s").len(), rows as usize);
}

#[test]
fn many_changes_of_one_place_count_once() {
    let a = Replica::in_memory();
    a.transact(|tx| (0..400_000).try_for_each(|_| tx.counter("n").add(1).map(drop))).unwrap();
    assert_eq!(a.view().counter("n").value(), 400_000);
}

#[test]
fn loading_large_rows_commits_in_several_transactions() {
    let a = Replica::in_memory();
    let value = "x".repeat(20_000);
    let report = a.load(0..2_000, |row| (("rows", row), &value)).unwrap();
    assert_eq!((report.written, a.view().prefix("rows").count()), (2_000, 2_000));
}

#[test]
fn a_shortfall_names_who_holds_rights() {
    let (shop, till) = (Replica::in_memory(), Replica::in_memory());
    shop.transact(|tx| tx.bounded("stock").incr(5)).unwrap();
    till.apply(&shop.delta_since(&till.context()).unwrap()).unwrap();
    let error = refused(till.transact(|tx| tx.bounded("stock").decr(2)));
    let WriteError::Shortfall(shortfall) = error else { panic!("{error}") };
    assert_eq!((shortfall.missing, shortfall.holders), (2, vec![(shop.identity(), 5)]));
    assert_eq!(till.view().bounded("stock").value(), 5);
}

#[test]
fn a_life_too_many_may_not_begin_to_write_and_the_others_go_on() {
    let small = || {
        let limits = Limits { version_vector_entries: 20, ..Limits::default() };
        Replica::builder().limits(limits).try_in_memory().unwrap()
    };
    let everybody = small();
    let writers: Vec<Replica> = (0..18).map(|_| small()).collect();
    for (at, writer) in writers.iter().enumerate() {
        writer.transact(|tx| tx.register(at as u64).set(1)).unwrap();
        everybody.apply(&writer.delta_since(&everybody.context()).unwrap()).unwrap();
    }
    assert!(everybody.status().crowded);
    let refused = everybody.transact(|tx| tx.register("mine").set(1)).unwrap_err();
    let is_typed = matches!(refused, TransactError::TooManyLives { lives: 18, limit: 20 });
    assert!(is_typed, "{refused}");
    assert_eq!(everybody.status().replica, None, "no identity was claimed");
    // Who writes already goes on, also with all that the others have written, and is heard.
    let one = &writers[0];
    one.apply(&everybody.delta_since(&one.context()).unwrap()).unwrap();
    one.transact(|tx| tx.register("more").set(2)).unwrap();
    everybody.apply(&one.delta_since(&everybody.context()).unwrap()).unwrap();
    assert_eq!(everybody.view().register("more").get::<u8>().unwrap(), Some(2));
}
