use rejoin::path::TypeTag;
use rejoin::{Conflict, Replica};

use crate::exchange;

fn clashes(replica: &Replica) -> Vec<(String, Vec<TypeTag>)> {
    let view = replica.view();
    let conflicts = view.conflicts(());
    conflicts
        .filter_map(|conflict| match conflict {
            Conflict::Types { path, types } => Some((path.to_string(), types)),
            _ => None,
        })
        .collect()
}

#[test]
fn one_name_used_as_two_types_keeps_both_and_is_listed() {
    let (a, b) = (Replica::in_memory(), Replica::in_memory());
    a.transact(|tx| tx.register("likes").set("many")).unwrap();
    b.transact(|tx| tx.counter("likes").add(3)).unwrap();
    exchange(&a, &b);
    for replica in [&a, &b] {
        assert_eq!(
            clashes(replica),
            [("likes".to_owned(), vec![TypeTag::Register, TypeTag::Counter])]
        );
        let (shown, _) = replica.view().get("likes").map(|(tag, r)| (tag, r.to_item())).unwrap();
        assert_eq!(shown, TypeTag::Register);
        assert_eq!(replica.view().counter("likes").value(), 3);
    }
}

#[test]
fn a_register_above_a_map_and_a_set_beside_a_map_are_clashes() {
    let a = Replica::in_memory();
    a.transact(|tx| {
        tx.register("user").set("a name")?;
        tx.register(("user", "name")).set("a name below a name")?;
        tx.set("tags").add("vip")?;
        tx.counter(("tags", "count")).add(1)
    })
    .unwrap();
    assert_eq!(
        clashes(&a),
        [
            ("tags".to_owned(), vec![TypeTag::MapMarker, TypeTag::SetElement]),
            ("user".to_owned(), vec![TypeTag::Register, TypeTag::MapMarker]),
        ]
    );
}

#[test]
fn a_clash_ends_when_one_of_the_two_is_deleted() {
    let a = Replica::in_memory();
    a.transact(|tx| {
        tx.register("user").set("a name")?;
        tx.register(("user", "name")).set("below")
    })
    .unwrap();
    assert_eq!(clashes(&a).len(), 1);
    a.transact(|tx| tx.register("user").delete()).unwrap();
    assert!(clashes(&a).is_empty());
}
