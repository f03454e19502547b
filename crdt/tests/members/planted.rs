//! The rules of members are planted bugs too: what checks them must notice that they are gone.

#![cfg(feature = "planted")]

use rejoin_crdt::Dot;
use rejoin_crdt::document::Acknowledgements;
use rejoin_crdt::planted::{Bug, plant};

use crate::{cluster, site};

/// Whether a guest is kept from writing, and what it wrote past the rule from arriving.
fn guests_are_kept_out() -> (bool, bool) {
    let (mut a, _) = cluster();
    let mut guest = site(7);
    guest.pull(&a).unwrap();
    let writes = guest.ban("mallory").is_ok();
    guest.ban_anyway("mallory");
    (!writes, a.pull(&guest).is_err())
}

#[test]
fn without_the_rules_a_guest_comes_through() {
    assert_eq!(guests_are_kept_out(), (true, true));
    plant(Some(Bug::MemberOnlyWrittenByGuest));
    let kept_out = guests_are_kept_out();
    plant(None);
    assert_eq!(kept_out, (false, false));
}

/// Whether something is stable although one of two members was not heard of.
fn stable_without_the_other() -> bool {
    let (a, _) = cluster();
    let view = a.document.view();
    let own = view.cells().context().floor();
    let heard: Acknowledgements = [(a.id, own.clone())].into_iter().collect();
    let stability = view.members().stability(&heard).unwrap();
    stability.is_acknowledged(Dot::new(a.id, own.seq(a.id)))
}

#[test]
fn without_the_rule_a_member_that_was_not_heard_of_is_not_waited_for() {
    assert!(!stable_without_the_other());
    plant(Some(Bug::StabilityOfThoseHeardOnly));
    let stable = stable_without_the_other();
    plant(None);
    assert!(stable);
}
