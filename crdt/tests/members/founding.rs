use rejoin_crdt::document::{MemberError, MemberState};

use crate::site;

#[test]
fn a_founder_is_the_first_member() {
    let mut a = site(1);
    assert!(!a.document.view().members().is_managed());
    let dot = a.members(|members| members.found("berlin")).unwrap();
    let view = a.document.view();
    let members: Vec<_> = view.members().iter().collect();
    assert!(view.members().is_managed());
    assert_eq!(members.len(), 1);
    assert_eq!((members[0].life, members[0].admission), (a.id, dot));
    assert_eq!(members[0].site.as_deref(), Some("berlin"));
    assert_eq!((members[0].state, members[0].closes), (MemberState::Active, None));
}

#[test]
fn whoever_wrote_before_becomes_a_member_without_a_site() {
    let (mut a, mut b, mut c) = (site(1), site(2), site(3));
    b.ban("mallory").unwrap();
    c.pull(&b).unwrap();
    c.write(|tx| tx.register("x").set(1)).unwrap();
    a.pull(&c).unwrap();
    a.members(|members| members.found("berlin")).unwrap();
    let members: Vec<_> = a.document.view().members().iter().collect();
    let sites: Vec<_> = members.iter().map(|m| (m.life, m.site.as_deref(), m.state)).collect();
    let active = MemberState::Active;
    let expected = [(a.id, Some("berlin"), active), (b.id, None, active), (c.id, None, active)];
    assert_eq!(sites, expected);
}

#[test]
fn a_document_is_founded_once() {
    let (mut a, mut b) = crate::cluster();
    let again = |members: &mut rejoin_crdt::document::MembersMut<'_, '_>| members.found("x");
    assert!(matches!(a.members(again), Err(MemberError::AlreadyFounded)));
    assert!(matches!(b.members(again), Err(MemberError::AlreadyFounded)));
}

#[test]
fn who_is_catching_up_cannot_found() {
    let (mut a, mut b) = (site(1), site(2));
    a.write(|tx| tx.register("x").set(1)).unwrap();
    let range = rejoin_crdt::KeyRange::new(Some(rejoin_crdt::path::Path::ROOT.start()), None);
    b.take(a.delta(b.context(), &range)).unwrap();
    let founded = b.members(|members| members.found("lima"));
    assert!(matches!(founded, Err(MemberError::Hydrating)), "{founded:?}");
    assert!(!b.document.view().members().is_managed());
}
