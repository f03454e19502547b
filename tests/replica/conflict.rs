use rejoin::path::{Path, TypeTag};
use rejoin::value::Value;
use rejoin::{Conflict, Replica, ResolveError, TransactError, WriteError};

use crate::{exchange, sync};

fn conflicts(replica: &Replica) -> Vec<Conflict> {
    replica.view().conflicts(()).collect()
}

fn two_that_disagree() -> (Replica, Replica) {
    let (a, b) = (Replica::in_memory(), Replica::in_memory());
    a.transact(|tx| tx.register("title").set("from a")).unwrap();
    b.transact(|tx| tx.register("title").set("from b")).unwrap();
    exchange(&a, &b);
    (a, b)
}

#[test]
fn concurrent_writes_are_listed_and_read_alike_everywhere() {
    let (a, b) = two_that_disagree();
    assert_eq!(conflicts(&a), conflicts(&b));
    let listed = conflicts(&a);
    let [Conflict::Siblings { path, siblings, .. }] = listed.as_slice() else {
        panic!("one register is in conflict, not {listed:?}");
    };
    assert_eq!((path.to_string().as_str(), siblings.len()), ("title", 2));
    assert_eq!(a.view().register("title").value(), b.view().register("title").value());
}

#[test]
fn a_resolution_supersedes_what_it_saw_and_nothing_that_came_later() {
    let (a, b) = two_that_disagree();
    let c = Replica::in_memory();
    c.transact(|tx| tx.register("title").set("from c")).unwrap();
    let seen = conflicts(&a).pop().unwrap();
    sync(&c, &a);

    a.resolve(&seen, |siblings| siblings[0].value.clone()).unwrap();
    exchange(&a, &b);
    for replica in [&a, &b] {
        let values: Vec<String> = replica
            .view()
            .register("title")
            .siblings()
            .iter()
            .map(|sibling| sibling.value.decode().unwrap())
            .collect();
        assert_eq!(values.len(), 2, "the resolution and the write it had not seen: {values:?}");
        assert!(values.contains(&"from c".to_owned()));
    }
    let rest = conflicts(&b).pop().unwrap();
    b.resolve(&rest, |_| Value::from_serialize("settled").ok()).unwrap();
    exchange(&a, &b);
    assert!(conflicts(&a).is_empty() && conflicts(&b).is_empty());
    assert_eq!(a.view().register("title").get::<&str>().unwrap(), Some("settled"));
}

#[test]
fn a_conflict_that_is_no_longer_there_is_not_resolved_again() {
    let (a, b) = two_that_disagree();
    let seen = conflicts(&a).pop().unwrap();
    let settle = || a.resolve(&seen, |_| Value::from_serialize("settled").ok());
    settle().unwrap();
    for _ in 0..3 {
        let again = settle().unwrap_err().to_string();
        assert!(again.contains("has changed"), "{again}");
    }
    sync(&a, &b);
    assert_eq!(b.view().register("title").siblings().len(), 1);

    let later = conflicts(&two_that_disagree().0).pop().unwrap();
    assert!(a.resolve(&later, |siblings| siblings[0].value.clone()).is_err());
}

#[test]
fn a_resolution_by_somebody_who_had_deleted_travels() {
    let (a, b, c) = (Replica::in_memory(), Replica::in_memory(), Replica::in_memory());
    a.transact(|tx| tx.register("title").set("old")).unwrap();
    sync(&a, &b);
    sync(&a, &c);
    a.transact(|tx| tx.register("title").delete()).unwrap();
    b.transact(|tx| tx.register("title").set("from b")).unwrap();
    c.transact(|tx| tx.register("title").set("from c")).unwrap();
    sync(&b, &a);
    sync(&c, &a);
    let seen = conflicts(&a).pop().unwrap();
    a.resolve(&seen, |_| Value::from_serialize("settled").ok()).unwrap();
    exchange(&a, &b);
    exchange(&a, &c);
    for replica in [&a, &b, &c] {
        assert_eq!(replica.view().register("title").get::<&str>().unwrap(), Some("settled"));
        assert!(conflicts(replica).is_empty());
    }
}

#[test]
fn only_registers_are_resolved_by_a_value() {
    let a = Replica::in_memory();
    a.transact(|tx| tx.counter("n").add(1)).unwrap();
    let path = Path::from_iter(["n".into()]);
    let value = Value::from_serialize("text").unwrap();
    let written = a.transact(|tx| tx.write_over(&path, TypeTag::Counter, &[], value.clone()));
    assert!(matches!(written, Err(TransactError::Aborted(WriteError::NotARegister { .. }))));
}

#[test]
fn equal_concurrent_writes_are_no_conflict() {
    let (a, b) = (Replica::in_memory(), Replica::in_memory());
    a.transact(|tx| tx.register("title").set("same")).unwrap();
    b.transact(|tx| tx.register("title").set("same")).unwrap();
    exchange(&a, &b);
    assert!(conflicts(&a).is_empty());
    assert_eq!(a.view().register("title").siblings().len(), 2);
}

#[test]
fn a_later_write_that_saw_all_ends_the_conflict() {
    let (a, b) = two_that_disagree();
    b.transact(|tx| tx.register("title").set("both seen")).unwrap();
    sync(&b, &a);
    assert!(conflicts(&a).is_empty());
}

#[test]
fn conflicts_of_a_prefix_stop_at_whole_components() {
    let (a, b) = (Replica::in_memory(), Replica::in_memory());
    for replica in [&a, &b] {
        let own = replica.identity().to_string();
        replica
            .transact(|tx| {
                tx.register(("a", "x")).set(&own)?;
                tx.register(("ab", "x")).set(&own)?;
                tx.mv_register(("a", "y")).set(&own)
            })
            .unwrap();
    }
    exchange(&a, &b);
    let listed = |path: &str| {
        let view = a.view();
        view.conflicts(path).map(|c| c.path().to_string()).collect::<Vec<_>>()
    };
    assert_eq!(listed("a"), ["a/x", "a/y"]);
    assert_eq!(listed("ab"), ["ab/x"]);
    assert_eq!(a.status().conflicts, 3);
}

#[test]
fn what_cannot_be_resolved_says_why_and_changes_nothing() {
    let (a, _) = two_that_disagree();
    let seen = conflicts(&a).pop().unwrap();
    let before = a.context();
    assert!(matches!(a.resolve(&seen, |_| None), Err(ResolveError::NothingChosen)));
    let clash = Conflict::Types { path: Path::ROOT, types: Vec::new() };
    assert!(matches!(a.resolve(&clash, |_| None), Err(ResolveError::TypeClash)));
    assert_eq!(a.context(), before);
}
