use rejoin_crdt::document::{Inadmissible, MemberState};

use crate::{cluster, site};

#[test]
fn a_change_of_somebody_who_was_never_admitted_is_refused() {
    let (mut a, _) = cluster();
    let mut guest = site(7);
    guest.pull(&a).unwrap();
    let dot = guest.ban_anyway("mallory");
    a.refuses(&guest, Inadmissible::NotAdmitted { replica: dot.replica, seq: dot.seq });
}

#[test]
fn an_admission_that_the_writer_had_not_seen_does_not_count() {
    let (mut a, _) = cluster();
    let mut c = site(3);
    c.ban("mallory").unwrap();
    a.members(|members| members.admit(c.id, "oslo", None)).unwrap();
    a.refuses(&c, Inadmissible::NotAdmitted { replica: c.id, seq: 1 });
}

#[test]
fn a_fresh_replica_refuses_what_the_members_of_the_delta_did_not_admit() {
    let (a, _) = cluster();
    let mut liar = site(7);
    liar.pull(&a).unwrap();
    let dot = liar.ban_anyway("mallory");
    let mut newcomer = site(9);
    newcomer.refuses(&liar, Inadmissible::NotAdmitted { replica: dot.replica, seq: dot.seq });
}

#[test]
fn the_member_list_is_taken_from_members_only() {
    let (mut a, b) = cluster();
    let mut guest = site(7);
    guest.pull(&a).unwrap();
    let key = {
        let view = guest.document.store().view();
        let mut cells = view.range(&rejoin_crdt::document::members_range());
        cells.next().unwrap().0.clone()
    };
    let value = rejoin_crdt::value::Value::from_serialize(&"nonsense").unwrap();
    guest.engine(|tx| tx.write(&key, value));
    assert_eq!(guest.state_of(&a), None, "what is no admission admits nobody");
    a.refuses(&guest, Inadmissible::NotAdmitted { replica: guest.id, seq: 1 });
    assert_eq!(a.state_of(&b), Some(MemberState::Active));
}

#[test]
fn nobody_deletes_the_member_list() {
    let (mut a, _) = cluster();
    let mut guest = site(7);
    guest.pull(&a).unwrap();
    guest.engine(|tx| tx.remove_range(&rejoin_crdt::KeyRange::full()));
    a.refuses(&guest, Inadmissible::MembersDeleted { replica: guest.id, seq: 1 });
}

#[test]
fn what_a_closed_or_retired_member_wrote_is_still_taken() {
    for state in [MemberState::Closing, MemberState::Closed, MemberState::Retired] {
        let (mut a, mut b) = cluster();
        b.ban("mallory").unwrap();
        a.members(|members| members.set_state(b.id, state)).unwrap();
        a.pull(&b).unwrap();
        assert!(b.pull(&a).is_ok() && a.state().1 == b.state().1);
    }
}
