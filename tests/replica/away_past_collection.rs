use rejoin::{MemberState, Replica};

use crate::{exchange, sync};

/// Tells each of them what the others have durably.
fn gossip(replicas: &[&Replica]) {
    for _ in 0..2 {
        for from in replicas {
            let known = from.acknowledgements();
            replicas.iter().for_each(|to| {
                to.learn_acknowledgements(&known);
            });
        }
    }
}

/// A laptop that is no member has everything, then it goes away. Meanwhile things are removed, and the
/// two members forget that they were.
fn laptop_goes_away() -> (Replica, Replica, Replica) {
    let (berlin, lima, laptop) = (Replica::in_memory(), Replica::in_memory(), Replica::in_memory());
    berlin.found_cluster("berlin").unwrap();
    berlin.admit(lima.identity(), "lima", None).unwrap();
    for key in 0..600 {
        berlin.transact(|tx| tx.register(("page", key)).set(key)).unwrap();
    }
    berlin.transact(|tx| tx.set("tags").add("old").map(drop)).unwrap();
    berlin.transact(|tx| tx.counter("visits").add(10)).unwrap();
    exchange(&berlin, &lima);
    sync(&berlin, &laptop);

    berlin.transact(|tx| tx.delete(("page", 3)).map(drop)).unwrap();
    berlin.transact(|tx| tx.set("tags").remove("old").map(drop)).unwrap();
    lima.transact(|tx| tx.counter("visits").reset().map(drop)).unwrap();
    exchange(&berlin, &lima);
    gossip(&[&berlin, &lima]);
    let forgotten = berlin.collect().unwrap();
    assert!(forgotten.tombstones >= 2, "{forgotten:?}");
    assert!(forgotten.waits_for.is_empty());
    lima.collect().unwrap();
    (berlin, lima, laptop)
}

#[test]
fn who_was_away_longer_than_removals_are_remembered_keeps_its_own_and_revives_nothing() {
    let (berlin, lima, laptop) = laptop_goes_away();
    laptop.transact(|tx| tx.register(("page", 7)).set("written offline")).unwrap();
    laptop.transact(|tx| tx.register(("page", 9_999)).set("new, offline")).unwrap();
    laptop.transact(|tx| tx.counter("visits").add(5)).unwrap();
    exchange(&berlin, &laptop);
    exchange(&berlin, &lima);
    for replica in [&berlin, &lima, &laptop] {
        let view = replica.view();
        assert_eq!(view.register(("page", 3)).value(), None, "it was deleted");
        assert!(!view.set("tags").contains("old"));
        assert_eq!(view.register(("page", 7)).get::<&str>().unwrap(), Some("written offline"));
        assert_eq!(view.register(("page", 9_999)).get::<&str>().unwrap(), Some("new, offline"));
        assert_eq!(view.counter("visits").value(), 5, "what was counted offline is left");
        assert_eq!(view.cells().context(), berlin.view().cells().context());
    }
}

#[test]
fn a_laggard_that_is_served_by_a_laggard_revives_nothing_either() {
    let (berlin, _, laptop) = laptop_goes_away();
    let phone = Replica::in_memory();
    sync(&laptop, &phone);
    sync(&berlin, &laptop);
    exchange(&laptop, &phone);
    assert_eq!(phone.view().register(("page", 3)).value(), None);
    assert!(!phone.view().set("tags").contains("old"));
    assert_eq!(phone.view().counter("visits").value(), 0);
}

#[test]
fn a_member_that_is_gone_stalls_collection_by_name_until_it_is_retired() {
    let (berlin, lima) = (Replica::in_memory(), Replica::in_memory());
    berlin.found_cluster("berlin").unwrap();
    berlin.admit(lima.identity(), "lima", None).unwrap();
    exchange(&berlin, &lima);
    gossip(&[&berlin, &lima]);
    berlin.transact(|tx| tx.set("tags").add("old").map(drop)).unwrap();
    berlin.transact(|tx| tx.set("tags").remove("old").map(drop)).unwrap();
    let stalled = berlin.collect().unwrap();
    assert_eq!(stalled.tombstones, 0);
    let names: Vec<_> =
        stalled.waits_for.iter().map(|s| (s.member.site.as_deref(), s.behind)).collect();
    assert_eq!(names, [(Some("lima"), 2)]);
    berlin.retire_member(lima.identity()).unwrap();
    assert_eq!(berlin.collect().unwrap().tombstones, 1);
    let states: Vec<_> = berlin.members().iter().map(|member| member.state).collect();
    assert!(states.contains(&MemberState::Retired), "{states:?}");
}
