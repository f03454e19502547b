use rejoin_crdt::document::WriteError;
use rejoin_crdt::path::TypeTag;

use crate::{Site, cluster, site};

fn guest() -> (Site, Site) {
    let (a, _) = cluster();
    let mut guest = site(7);
    guest.pull(&a).unwrap();
    (a, guest)
}

#[test]
fn a_guest_cannot_write_member_only_types_and_nothing_changes() {
    let (_, mut guest) = guest();
    let before = guest.state();
    let refused = |result: Result<bool, WriteError>, tag: TypeTag| match result {
        Err(WriteError::NotAMember { replica, state, tag: found }) => {
            assert_eq!((replica.as_bytes()[15], state, found), (7, None, tag));
        }
        other => panic!("must be refused: {other:?}"),
    };
    use TypeTag::{DisableWinsFlag, RegisterLwwDelete, RemoveWinsElement};
    refused(guest.ban("x"), RemoveWinsElement);
    let add = guest.write(|tx| tx.remove_wins_set("guests").add("x").map(|_| true));
    refused(add, RemoveWinsElement);
    refused(guest.write(|tx| tx.disable_wins_flag("f").enable().map(|_| true)), DisableWinsFlag);
    refused(guest.write(|tx| tx.disable_wins_flag("f").disable()), DisableWinsFlag);
    refused(guest.write(|tx| tx.lww_delete_register("r").set(1).map(|_| true)), RegisterLwwDelete);
    refused(guest.write(|tx| tx.lww_delete_register("r").ensure(1)), RegisterLwwDelete);
    refused(guest.write(|tx| tx.lww_delete_register("r").delete()), RegisterLwwDelete);
    assert_eq!(guest.state(), before);
}

#[test]
fn a_guest_that_resolves_a_member_only_conflict_is_refused() {
    let (mut a, mut b) = cluster();
    a.write(|tx| tx.lww_delete_register("note").set("here")).unwrap();
    b.write(|tx| tx.lww_delete_register("note").set("there")).unwrap();
    a.pull(&b).unwrap();
    let mut guest = site(7);
    guest.pull(&a).unwrap();
    let view = guest.document.view();
    let dots: Vec<_> =
        view.lww_delete_register("note").siblings().iter().map(|sibling| sibling.dot).collect();
    assert_eq!(dots.len(), 2);
    let path = rejoin_crdt::path::Path::from_iter(["note".into()]);
    let value = rejoin_crdt::value::Value::from_serialize(&"both").unwrap();
    let over = |tx: &mut rejoin_crdt::document::Tx<'_>| {
        tx.write_over(&path, TypeTag::RegisterLwwDelete, &dots, value.clone())
    };
    assert!(matches!(guest.write(over), Err(WriteError::NotAMember { .. })));
    a.write(over).unwrap();
}

#[test]
fn a_guest_writes_all_other_types_and_members_take_them() {
    let (mut a, mut guest) = guest();
    guest
        .write(|tx| {
            tx.register("register").set(1)?;
            tx.mv_register("mv").set(1)?;
            tx.max_register("max").set(1)?;
            tx.min_register("min").set(1)?;
            tx.flag("flag").enable()?;
            tx.counter("counter").add(1)?;
            tx.bounded("bounded").incr(1)?;
            tx.set("set").add(1)?;
            tx.map("map")?.create()?;
            tx.set("set").remove(1)?;
            tx.delete("register")
        })
        .unwrap();
    a.pull(&guest).unwrap();
    assert_eq!(a.state().1, guest.state().1);
    assert_eq!(a.document.view().counter("counter").value(), 1);
}

#[test]
fn a_guest_passes_on_what_members_wrote() {
    let (mut a, mut guest) = guest();
    a.ban("mallory").unwrap();
    guest.pull(&a).unwrap();
    let mut newcomer = site(9);
    newcomer.pull(&guest).unwrap();
    assert_eq!(newcomer.state().1, a.state().1);
}

#[test]
fn a_guest_deletes_a_subtree_whatever_types_it_holds() {
    let (mut a, mut guest) = guest();
    a.write(|tx| tx.remove_wins_set(("room", "guests")).add("ada")).unwrap();
    guest.pull(&a).unwrap();
    assert_eq!(guest.write(|tx| tx.delete("room")).unwrap(), 1);
    a.pull(&guest).unwrap();
    assert!(!a.document.view().map("room").exists());
}
