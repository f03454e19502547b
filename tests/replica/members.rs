use std::time::Duration;

use rejoin::{
    ApplyError, Inadmissible, MemberError, MemberState, Replica, TransactError, WriteError,
};

use crate::{exchange, sync};

fn cluster() -> (Replica, Replica) {
    let (a, b) = (Replica::in_memory(), Replica::in_memory());
    a.found_cluster("berlin").unwrap();
    a.admit(b.identity(), "lima", None).unwrap();
    sync(&a, &b);
    (a, b)
}

#[test]
fn members_come_and_go() {
    let (a, b) = cluster();
    b.transact(|tx| tx.disable_wins_flag("open").disable()).unwrap();
    exchange(&a, &b);
    assert!(a.close_member(b.identity()).unwrap().value);
    assert!(a.retire_member(b.identity()).unwrap().value);
    assert!(!a.retire_member(b.identity()).unwrap().value);
    sync(&a, &b);
    assert_eq!(b.view().members().state_of(b.identity()), Some(MemberState::Retired));
    let refused = b.transact(|tx| tx.disable_wins_flag("open").enable());
    assert!(matches!(refused, Err(TransactError::Aborted(WriteError::NotAMember { .. }))));
    let refused = b.retire_member(a.identity());
    assert!(matches!(refused, Err(TransactError::Aborted(MemberError::NotAMember { .. }))));
    let mut sites: Vec<_> = a.members().into_iter().map(|member| member.site.unwrap()).collect();
    sites.sort();
    assert_eq!(sites, ["berlin", "lima"]);
}

#[test]
fn a_delta_of_an_unadmitted_life_is_refused_and_nothing_changes() {
    let (a, _) = cluster();
    let stranger = Replica::in_memory();
    stranger.transact(|tx| tx.remove_wins_set("banned").add("ada")).unwrap();
    let before = a.context();
    let refused = a.apply(&stranger.delta_since(&a.context()).unwrap());
    let why = Inadmissible::NotAdmitted { replica: stranger.identity(), seq: 1 };
    assert!(matches!(refused, Err(ApplyError::Inadmissible(found)) if found == why));
    assert_eq!(a.context(), before);
    assert!(a.view().remove_wins_set("banned").is_empty());
}

#[test]
fn status_and_feeds_do_not_count_members() {
    let (a, b) = cluster();
    let mut feed = b.changes(rejoin::Context::default());
    assert_eq!((b.status().cells, b.status().conflicts), (0, 0));
    assert_eq!(feed.wait(Duration::ZERO), None);
    assert_eq!(feed.position(), &b.context(), "a feed does not look at them again");
    a.transact(|tx| tx.register("x").set(1)).unwrap();
    sync(&a, &b);
    assert_eq!((b.status().cells, feed.poll().unwrap().cells.len()), (1, 1));
}
