use rejoin::Replica;

use crate::exchange;

/// A cluster of three. The third one is gone, is retired, and a removal that it has not seen is forgotten.
fn retired_while_away() -> (Replica, Replica, Replica) {
    let (berlin, lima, oslo) = (Replica::in_memory(), Replica::in_memory(), Replica::in_memory());
    berlin.found_cluster("berlin").unwrap();
    berlin.admit(lima.identity(), "lima", None).unwrap();
    berlin.admit(oslo.identity(), "oslo", None).unwrap();
    exchange(&berlin, &lima);
    exchange(&berlin, &oslo);
    berlin.transact(|tx| tx.remove_wins_set("allowed").add("mallory")).unwrap();
    exchange(&berlin, &lima);
    exchange(&berlin, &oslo);

    berlin.retire_member(oslo.identity()).unwrap();
    berlin.transact(|tx| tx.remove_wins_set("allowed").remove("mallory")).unwrap();
    exchange(&berlin, &lima);
    for (from, to) in [(&berlin, &lima), (&lima, &berlin)] {
        to.learn_acknowledgements(&from.acknowledgements());
    }
    for member in [&berlin, &lima] {
        assert_eq!(member.collect().unwrap().tombstones, 1, "nobody waits for a retired member");
    }
    (berlin, lima, oslo)
}

#[test]
fn a_late_write_of_a_retired_member_shows_everywhere_and_is_listed() {
    let (berlin, lima, oslo) = retired_while_away();
    oslo.transact(|tx| tx.remove_wins_set("allowed").add("mallory")).unwrap();
    oslo.transact(|tx| tx.register("note").set("from oslo")).unwrap();
    exchange(&berlin, &oslo);
    exchange(&berlin, &lima);
    for replica in [&berlin, &lima, &oslo] {
        let view = replica.view();
        assert!(view.remove_wins_set("allowed").contains("mallory"));
        assert_eq!(view.register("note").get::<&str>().unwrap(), Some("from oslo"));
        assert_eq!(view.cells().context(), berlin.view().cells().context());
    }
    for member in [&berlin, &lima] {
        assert_eq!(member.status().late_writes, 1);
        let late = member.late_writes();
        assert_eq!(late[0].dot.replica, oslo.identity());
        assert_eq!(late[0].key.path().to_string(), "allowed");
    }
    assert_eq!(oslo.status().late_writes, 0, "its own writes are no news to it");
    // Somebody looks, and removes it again.
    berlin.transact(|tx| tx.remove_wins_set("allowed").remove("mallory")).unwrap();
    exchange(&berlin, &oslo);
    assert!(!oslo.view().remove_wins_set("allowed").contains("mallory"));
}

#[test]
fn a_retired_member_that_learns_of_it_first_writes_nothing_late() {
    let (berlin, _, oslo) = retired_while_away();
    exchange(&berlin, &oslo);
    let refused = oslo.transact(|tx| tx.remove_wins_set("allowed").add("mallory"));
    assert!(refused.is_err());
    oslo.transact(|tx| tx.set("tags").add("from oslo")).unwrap();
    exchange(&berlin, &oslo);
    assert_eq!(berlin.status().late_writes, 0);
    assert!(!berlin.view().remove_wins_set("allowed").contains("mallory"));
    assert!(berlin.view().set("tags").contains("from oslo"));
}
