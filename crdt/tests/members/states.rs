use rejoin_crdt::document::{MemberError, MemberState};

use crate::{cluster, site};

#[test]
fn of_concurrent_steps_the_later_state_shows_everywhere() {
    use MemberState::{Closed, Closing, Retired};
    for (left, right, shown) in
        [(Closing, Retired, Retired), (Retired, Closed, Retired), (Closed, Closing, Closed)]
    {
        let (mut a, mut b) = cluster();
        let c = site(3);
        a.members(|members| members.admit(c.id, "oslo", None)).unwrap();
        b.pull(&a).unwrap();
        a.members(|members| members.set_state(c.id, left)).unwrap();
        b.members(|members| members.set_state(c.id, right)).unwrap();
        a.pull(&b).unwrap();
        b.pull(&a).unwrap();
        assert_eq!((a.state_of(&c), b.state_of(&c)), (Some(shown), Some(shown)));
        assert_eq!(a.state().1, b.state().1);
    }
}

#[test]
fn a_state_never_goes_back() {
    let (mut a, b) = cluster();
    assert!(a.members(|members| members.set_state(b.id, MemberState::Closed)).unwrap());
    assert!(!a.members(|members| members.set_state(b.id, MemberState::Closed)).unwrap());
    for asked in [MemberState::Active, MemberState::Closing] {
        let refused = a.members(|members| members.set_state(b.id, asked));
        let Err(MemberError::StateGoesBack { life, state, asked: named }) = refused else {
            panic!("must be refused: {refused:?}")
        };
        assert_eq!((life, state, named), (b.id, MemberState::Closed, asked));
    }
    assert_eq!(a.state_of(&b), Some(MemberState::Closed));
}

#[test]
fn concurrent_admissions_of_one_life_are_one_member() {
    let (mut a, mut b) = cluster();
    let mut c = site(3);
    a.members(|members| members.admit(c.id, "oslo", None)).unwrap();
    b.members(|members| members.admit(c.id, "rome", None)).unwrap();
    // The newcomer knows the admission of one sponsor only, and that is enough.
    c.pull(&b).unwrap();
    c.ban("mallory").unwrap();
    a.pull(&c).unwrap();
    b.pull(&a).unwrap();
    let of = |site: &crate::Site| site.document.view().members().get(c.id).unwrap();
    assert_eq!(of(&a), of(&b));
    assert_eq!(a.document.view().members().iter().count(), 3);
}

#[test]
fn the_last_active_member_stays() {
    let (mut a, b) = cluster();
    a.members(|members| members.set_state(b.id, MemberState::Retired)).unwrap();
    let own = a.id;
    let refused = a.members(|members| members.set_state(own, MemberState::Closing));
    assert!(matches!(refused, Err(MemberError::LastActive { .. })), "{refused:?}");
    let unknown = a.members(|members| members.set_state(site(9).id, MemberState::Closing));
    assert!(matches!(unknown, Err(MemberError::NeverAdmitted { .. })));
}
