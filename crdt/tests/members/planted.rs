//! The rules of members are planted bugs too: what checks them must notice that they are gone.

#![cfg(feature = "planted")]

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
    for bug in Bug::MEMBERSHIP {
        plant(Some(bug));
        let kept_out = guests_are_kept_out();
        plant(None);
        assert_eq!(kept_out, (false, false), "{bug:?}");
    }
}
