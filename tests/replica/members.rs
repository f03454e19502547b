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
fn a_member_that_is_being_closed_is_closed_once_all_others_know() {
    let (a, b) = cluster();
    let c = Replica::in_memory();
    a.admit(c.identity(), "oslo", None).unwrap();
    sync(&a, &c);
    sync(&a, &b);
    let state_at = |replica: &Replica| {
        let mut members = replica.members().into_iter();
        members.find(|member| member.life == b.identity()).unwrap().state
    };
    a.close_member(b.identity()).unwrap();
    assert_eq!(state_at(&a), MemberState::Closing);
    sync(&a, &c);
    assert_eq!(state_at(&c), MemberState::Closing, "for all that it knows");
    a.learn_acknowledgements(&c.acknowledgements());
    c.learn_acknowledgements(&a.acknowledgements());
    assert_eq!((state_at(&a), state_at(&c)), (MemberState::Closed, MemberState::Closed));
    assert_eq!(state_at(&b), MemberState::Active, "it has not heard of it");
}

#[test]
fn a_reset_of_a_closed_member_that_goes_on_counting_is_not_forgotten() {
    let (a, b) = cluster();
    b.transact(|tx| tx.counter("visits").add(9)).unwrap();
    exchange(&a, &b);
    b.close_member(b.identity()).unwrap();
    exchange(&a, &b);
    a.transact(|tx| tx.counter("visits").reset()).unwrap();
    a.collect().unwrap();
    b.transact(|tx| tx.counter("visits").add(2)).unwrap();
    exchange(&a, &b);
    assert_eq!((a.view().counter("visits").value(), b.view().counter("visits").value()), (2, 2));
}

/// A founder that has admitted many, and its state in deltas of one cell.
fn founder_in_rounds(newcomer: &Replica) -> (Replica, Vec<Vec<u8>>) {
    let limits = rejoin::Limits { cells_per_delta: 1, ..rejoin::Limits::default() };
    let founder = Replica::builder().limits(limits).try_in_memory().unwrap();
    founder.found_cluster("berlin").unwrap();
    founder.admit(newcomer.identity(), "lima", None).unwrap();
    for site in 0..30 {
        founder.admit(Replica::in_memory().identity(), &format!("site {site}"), None).unwrap();
    }
    let rounds = founder.deltas_since(&newcomer.context()).unwrap();
    (founder, rounds)
}

#[test]
fn a_member_list_may_come_in_rounds_before_the_founder_is_in_it() {
    let newcomer = Replica::in_memory();
    let (founder, rounds) = founder_in_rounds(&newcomer);
    assert!(rounds.len() > 30);
    for round in &rounds {
        newcomer.apply(round).unwrap();
    }
    assert_eq!(newcomer.members(), founder.members());
}

#[test]
fn a_member_that_has_a_part_of_the_list_does_not_change_it() {
    let newcomer = Replica::in_memory();
    let (founder, rounds) = founder_in_rounds(&newcomer);
    for round in &rounds {
        if newcomer.context() == founder.context() {
            break;
        }
        let changed = newcomer.admit(Replica::in_memory().identity(), "quito", None);
        let refused = matches!(
            changed,
            Err(TransactError::Aborted(MemberError::NotAMember { .. } | MemberError::Hydrating))
        );
        assert!(refused, "{changed:?}");
        newcomer.apply(round).unwrap();
    }
    newcomer.admit(Replica::in_memory().identity(), "quito", None).unwrap();
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
