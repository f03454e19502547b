use rejoin_crdt::document::{Inadmissible, MemberState};

use crate::site;

#[test]
fn old_changes_of_a_life_that_the_founder_knew_are_taken_although_they_had_not_seen_the_founding() {
    let (mut a, mut b) = (site(1), site(2));
    b.ban("mallory").unwrap();
    a.pull(&b).unwrap();
    a.members(|members| members.found("berlin")).unwrap();
    b.ban("eve").unwrap();
    a.pull(&b).unwrap();
    b.pull(&a).unwrap();
    assert_eq!(a.state().1, b.state().1);
    assert_eq!(b.state_of(&b), Some(MemberState::Active));
    b.ban("trudy").unwrap();
}

#[test]
fn a_replica_with_changes_that_the_members_do_not_know_cannot_become_one_of_them() {
    let (mut a, mut c) = (site(1), site(3));
    a.members(|members| members.found("berlin")).unwrap();
    c.ban("mallory").unwrap();
    a.refuses(&c, Inadmissible::NotAdmitted { replica: c.id, seq: 1 });
    c.refuses(&a, Inadmissible::UnknownToMembers { replica: c.id, seq: 1 });
    // An admission does not make good what was written before it.
    a.members(|members| members.admit(c.id, "oslo", None)).unwrap();
    c.refuses(&a, Inadmissible::UnknownToMembers { replica: c.id, seq: 1 });
}

#[test]
fn a_replica_with_other_changes_only_joins_as_a_guest() {
    let (mut a, mut c) = (site(1), site(3));
    a.members(|members| members.found("berlin")).unwrap();
    c.write(|tx| tx.register("x").set(1)).unwrap();
    c.pull(&a).unwrap();
    a.pull(&c).unwrap();
    assert_eq!(a.state().1, c.state().1);
    assert_eq!(a.state_of(&c), None);
    assert!(c.ban("mallory").is_err());
}
