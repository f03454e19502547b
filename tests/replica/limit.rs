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

#[test]
fn a_transaction_too_large_for_one_delta_is_refused_and_the_largest_allowed_one_travels() {
    let a = Replica::in_memory();
    let value = "x".repeat(200_000);
    let error = refused(a.transact(|tx| {
        for row in 0..100 {
            tx.register(row).set(&value)?;
        }
        Ok(())
    }));
    assert!(matches!(error, WriteError::TransactionTooLarge { .. }), "{error}");
    assert_eq!(a.status().cells, 0);

    // Many tiny cells: bounded by what a receiver may need to decode them.
    let mut rows = 0_u32;
    let full = a.transact(|tx| {
        while tx.set("s").add(rows).is_ok() {
            rows += 1;
        }
        Ok::<(), WriteError>(())
    });
    assert!(full.is_ok() && rows > 100_000);
    let b = Replica::in_memory();
    b.apply(&a.delta_since(&b.context()).unwrap()).unwrap();
    assert_eq!(b.view().set("s").len(), rows as usize);
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
