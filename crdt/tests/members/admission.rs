use rejoin_crdt::KeyRange;
use rejoin_crdt::document::{MemberError, MemberState, WriteError, members_range};
use rejoin_crdt::path::Path;

use crate::{cluster, site};

#[test]
fn an_admitted_life_writes_member_only_types_and_others_take_them() {
    let (mut a, mut b) = cluster();
    b.ban("mallory").unwrap();
    b.write(|tx| tx.disable_wins_flag("open").disable()).unwrap();
    b.write(|tx| tx.lww_delete_register("note").delete()).unwrap();
    a.pull(&b).unwrap();
    assert_eq!(a.state().1, b.state().1);
}

#[test]
fn an_admission_in_the_same_delta_counts() {
    let (a, mut b) = cluster();
    b.ban("mallory").unwrap();
    let mut newcomer = site(9);
    newcomer.pull(&b).unwrap();
    assert_eq!(newcomer.state().1, b.state().1);
    assert_eq!(newcomer.state_of(&a), Some(MemberState::Active));
}

#[test]
fn a_replica_that_knows_members_takes_another_admission_with_the_writes_that_follow_it() {
    let (mut a, mut b) = cluster();
    let mut c = site(3);
    b.members(|members| members.admit(c.id, "oslo", None)).unwrap();
    c.pull(&b).unwrap();
    c.ban("mallory").unwrap();
    a.pull(&c).unwrap();
    assert_eq!(a.state_of(&c), Some(MemberState::Active));
    assert_eq!(a.document.view().members().get(c.id).unwrap().admission.replica, b.id);
}

#[test]
fn the_reserved_range_alone_brings_the_members_and_then_the_rest_may_come() {
    let (a, mut b) = cluster();
    b.ban("mallory").unwrap();
    let mut newcomer = site(9);
    newcomer.take(b.delta(newcomer.context(), &members_range())).unwrap();
    assert_eq!(newcomer.state_of(&a), Some(MemberState::Active));
    assert!(newcomer.document.view().cells().is_hydrating());
    let rest = KeyRange::new(Some(Path::ROOT.start()), None);
    newcomer.take(b.delta(newcomer.context(), &rest)).unwrap();
    assert_eq!(newcomer.state(), (b.context().clone(), b.state().1, 2));
}

#[test]
fn a_newcomer_waits_until_it_has_what_its_sponsor_had() {
    let (mut a, _) = cluster();
    let mut c = site(3);
    a.ban("mallory").unwrap();
    a.members(|members| members.admit(c.id, "oslo", None)).unwrap();
    c.take(a.delta(c.context(), &members_range())).unwrap();
    assert_eq!(c.state_of(&c), Some(MemberState::Active));
    let before = c.state();
    let early = c.ban("eve");
    assert!(matches!(early, Err(WriteError::AdmissionNotReached { .. })), "{early:?}");
    assert_eq!(c.state(), before);
    c.pull(&a).unwrap();
    c.ban("eve").unwrap();
    a.pull(&c).unwrap();
}

#[test]
fn an_admission_closes_the_former_life() {
    let (mut a, b) = cluster();
    let again = site(20);
    a.members(|members| members.admit(again.id, "lima", Some(b.id))).unwrap();
    let successor = a.document.view().members().get(again.id).unwrap();
    assert_eq!(successor.closes, Some(b.id));
    assert_eq!(a.state_of(&b), Some(MemberState::Closing));
}

#[test]
fn only_an_active_member_admits() {
    let (mut a, mut b) = cluster();
    let mut guest = site(7);
    guest.pull(&a).unwrap();
    let refused = guest.members(|members| members.admit(id(8), "oslo", None));
    assert!(matches!(refused, Err(MemberError::NotAMember { state: None, .. })), "{refused:?}");
    a.members(|members| members.set_state(b.id, MemberState::Closing)).unwrap();
    b.pull(&a).unwrap();
    let refused = b.members(|members| members.admit(id(8), "oslo", None));
    let closing = Some(MemberState::Closing);
    assert!(matches!(refused, Err(MemberError::NotAMember { state, .. }) if state == closing));
    assert!(matches!(b.ban("x"), Err(WriteError::NotAMember { state, .. }) if state == closing));
}

#[test]
fn a_life_is_admitted_once_and_its_former_life_must_be_known() {
    let (mut a, b) = cluster();
    let again = a.members(|members| members.admit(b.id, "lima", None));
    assert!(matches!(again, Err(MemberError::AlreadyAdmitted { life, .. }) if life == b.id));
    let unknown = a.members(|members| members.admit(id(5), "x", Some(id(6))));
    assert!(matches!(unknown, Err(MemberError::NeverAdmitted { life }) if life == id(6)));
    assert_eq!(a.document.view().members().iter().count(), 2, "nothing was changed");
}

fn id(number: u128) -> rejoin_crdt::ReplicaId {
    rejoin_crdt::ReplicaId::from_u128(number)
}
