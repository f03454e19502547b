use rejoin_crdt::{Authority, Hlc, KeyRange, Stability, Transaction};
use rejoin_sync::Event;

use crate::common::{Net, Site, damaged, register};

/// Three sites that were equal; the first two have seen a removal since, and the third has not.
fn one_behind() -> Net {
    let mut net = Net::new(3);
    (0..9).for_each(|key| net.sites[0].write(key, "value"));
    net.connect(0, 1);
    net.connect(0, 2);
    net.cut(1);
    let site = &mut net.sites[0];
    let mut tx = Transaction::new(&site.store, site.id.unwrap(), Hlc::new(2_000, 0));
    tx.remove(&register(3));
    let staged = tx.finish();
    site.store.commit(staged).unwrap();
    net.tell(0);
    net.run();
    net.links.clear();
    net
}

fn collect(site: &mut Site) -> usize {
    let seen = site.store.view().context().floor();
    let stability = Stability::new([(site.id.unwrap(), seen)], Default::default());
    site.store.collect(&stability, |_| false).tombstones
}

#[test]
fn a_mismatch_makes_both_suspect_until_they_are_equal_again() {
    let mut net = one_behind();
    net.sites[1].store = damaged(&net.sites[1].store, |part| part.cells.truncate(4));
    // Who may not write everything is not believed in an audit, so nothing is repaired.
    let everything = || Authority::Ranges(vec![KeyRange::full()]);
    net.connect_with(0, 1, |side, config| {
        if side == 1 {
            config.authority = everything();
        }
    });
    net.advance(300_000);
    assert!(net.sites[0].store.is_suspect() && net.sites[1].store.is_suspect());
    net.links.clear();
    net.connect(0, 1);
    net.advance(1_000);
    assert!(!net.sites[0].store.is_suspect() && !net.sites[1].store.is_suspect());
}

#[test]
fn a_suspect_forgets_no_removal() {
    let mut net = one_behind();
    net.sites[0].store.set_suspect(true);
    assert_eq!(collect(&mut net.sites[0]), 0);
    net.sites[0].store.set_suspect(false);
    assert_eq!(collect(&mut net.sites[0]), 1);
}

#[test]
fn a_suspect_serves_no_listing_and_another_peer_does() {
    let mut net = one_behind();
    assert_eq!((collect(&mut net.sites[0]), collect(&mut net.sites[1])), (1, 1));
    net.sites[0].store.set_suspect(true);
    let link = net.connect(0, 2);
    net.advance(60_000);
    let deferred = net.end(link, 1).count(|event| matches!(event, Event::Deferred));
    assert!((3..10).contains(&deferred), "asked {deferred} times in a minute");
    assert_eq!(net.end(link, 1).closed, None);
    assert_eq!(net.changes_sent(link, 0), 0);
    assert_eq!(net.sites[2].store.view().cell_count(), 9);
    net.connect(1, 2);
    net.advance(1_000);
    assert_eq!(net.sites[2].store.view().cell_count(), 8);
}

#[test]
fn who_was_deferred_is_served_once_the_suspicion_is_over() {
    let mut net = one_behind();
    collect(&mut net.sites[0]);
    net.sites[0].store.set_suspect(true);
    net.connect(0, 2);
    net.advance(60_000);
    net.sites[0].store.set_suspect(false);
    net.advance(11_000);
    assert_eq!(net.sites[2].store.view().cell_count(), 8);
}

#[test]
fn a_suspect_goes_on_to_serve_differences() {
    let mut net = one_behind();
    net.sites[0].store.set_suspect(true);
    net.connect(0, 2);
    assert!(net.sites[2].store.view().cell(&register(3)).unwrap().has_tombstone());
}
