use rejoin::{Conflict, Replica, Resolver};

use crate::exchange;

fn with(resolver: Resolver) -> Replica {
    Replica::builder().resolver("orders", resolver).try_in_memory().unwrap()
}

fn disagree<T: serde::Serialize>(a: &Replica, b: &Replica, left: T, right: T) {
    a.transact(|tx| tx.register(("orders", 1)).set(left)).unwrap();
    b.transact(|tx| tx.register(("orders", 1)).set(right)).unwrap();
    exchange(a, b);
}

#[test]
fn the_larger_number_wins_where_a_resolver_says_so_and_nothing_is_stored() {
    let (a, b) = (with(Resolver::greatest()), Replica::in_memory());
    disagree(&a, &b, 900, 1_000);
    let value = |replica: &Replica| {
        replica.view().register(("orders", 1)).value().unwrap().decode::<i64>().unwrap()
    };
    assert_eq!(value(&a), 1_000);
    // Read-side: the replica without the resolver holds the same state.
    let full = rejoin::KeyRange::full();
    assert_eq!(a.view().cells().fingerprint(&full), b.view().cells().fingerprint(&full));
    let conflict = a.view().conflicts("orders").next().unwrap();
    let Conflict::Siblings { resolver, siblings, .. } = conflict else { panic!("siblings") };
    assert_eq!((resolver.as_deref(), siblings.len()), (Some("greatest"), 2));
}

#[test]
fn a_union_holds_what_both_have_added() {
    let (a, b) = (with(Resolver::union()), with(Resolver::union()));
    disagree(&a, &b, vec!["tea", "milk"], vec!["milk", "sugar"]);
    let read = |replica: &Replica| {
        let value = replica.view().register(("orders", 1)).value().unwrap();
        let mut items: Vec<String> = value.decode().unwrap();
        items.sort();
        items
    };
    assert_eq!(read(&a), ["milk", "sugar", "tea"]);
    assert_eq!(read(&a), read(&b));
}

#[test]
fn a_resolver_is_not_asked_outside_its_path_or_without_a_conflict() {
    let refuse = || Resolver::new("refuse", |_| panic!("asked without need"));
    let a = Replica::builder().resolver("orders", refuse()).try_in_memory().unwrap();
    let b = Replica::in_memory();
    a.transact(|tx| tx.register(("orders", 2)).set("alone")).unwrap();
    a.transact(|tx| tx.register("else").set("a")).unwrap();
    b.transact(|tx| tx.register("else").set("b")).unwrap();
    exchange(&a, &b);
    assert_eq!(a.view().register("else").siblings().len(), 2);
    assert!(a.view().register("else").value().is_some());
    assert!(a.view().register(("orders", 2)).value().is_some());
}
