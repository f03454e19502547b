#![cfg(feature = "planted")]

use rejoin_crdt::value::Value;
use rejoin_crdt::{Authority, Entry, KeyRange};
use rejoin_sync::Event;

use crate::common::{Net, Site, damaged, register};

const DAMAGED: u32 = 31;

/// Two sites of the same state whose sums are kept, not connected; memory of the first one fails.
fn damaged_pair() -> Net {
    let mut net = Net::new(2);
    for key in 0..100 {
        net.sites[0].write(key, &format!("value {key}"));
    }
    let link = net.connect(0, 1);
    net.assert_converged();
    net.cut(link);
    fail(&mut net.sites[0]);
    net
}

/// A bit flips in a value.
fn fail(site: &mut Site) {
    site.store.audited(&KeyRange::full());
    damage(site, DAMAGED);
}

fn damage(site: &mut Site, key: u32) {
    let lie = Value::from_serialize(&"value 13").unwrap();
    let flips = |entry: &mut Entry<Value>| {
        if let Entry::Value { value, .. } = entry {
            value.clone_from(&lie);
        }
    };
    assert!(site.store.damage(&register(key), flips));
}

impl Net {
    /// Everybody holds the same and trusts it.
    fn assert_converged_after_damage(&self) {
        for site in &self.sites {
            assert_eq!(site.listing(), self.sites[1].listing());
            assert!(site.store.quarantine().is_empty() && !site.store.is_suspect());
            site.store.verify(site.id).unwrap();
        }
    }
}

fn scrub(site: &mut Site) -> usize {
    let (mut from, mut damaged) = (None, 0);
    loop {
        let found = site.store.scrub(from.as_ref(), 40);
        damaged += found.damaged.len();
        match found.next {
            Some(next) => from = Some(next),
            None => return damaged,
        }
    }
}

#[test]
fn a_healthy_store_finds_nothing_however_often_it_looks() {
    let mut net = damaged_pair();
    for _ in 0..3 {
        assert_eq!(scrub(&mut net.sites[1]), 0);
        net.sites[1].write(7, "again");
    }
    assert!(!net.sites[1].store.is_suspect() && net.sites[1].store.quarantine().is_empty());
}

#[test]
fn a_damaged_value_is_set_apart_and_brought_back_and_nobody_is_accused_of_a_fork() {
    let mut net = damaged_pair();
    assert_eq!(scrub(&mut net.sites[0]), 1);
    assert!(net.sites[0].store.is_quarantined(&register(DAMAGED)));
    assert!(net.sites[0].store.is_suspect());
    assert_eq!(scrub(&mut net.sites[0]), 0, "it is found once");
    let link = net.connect(0, 1);
    net.advance(1_000);
    for side in 0..2 {
        let site = &net.sites[side];
        assert_eq!(site.listing(), net.sites[1].listing(), "side {side}");
        assert!(!site.store.is_suspect() && site.store.quarantine().is_empty(), "side {side}");
        assert_eq!(site.store.forks().count(), 0, "side {side}");
        site.store.verify(site.id).unwrap();
        let end = net.end(link, side);
        assert_eq!(end.count(|event| matches!(event, Event::Forked { .. })), 0);
        let is_accusation = |event: &Event| matches!(event, Event::AuditMismatch { .. });
        assert_eq!(end.count(is_accusation), 0, "the damage is known to be on one side");
    }
    assert_eq!(net.end(link, 0).count(|event| matches!(event, Event::Repaired { .. })), 1);
}

#[test]
fn without_scrubbing_the_same_damage_is_a_fork_that_stays() {
    let mut net = damaged_pair();
    // A write beside it makes the sum that was kept a new one.
    net.sites[0].write(DAMAGED + 1, "beside");
    net.connect(0, 1);
    net.advance(100_000);
    assert_eq!(net.sites[0].store.forks().count(), 1);
    assert_eq!(net.sites[1].store.forks().count(), 1);
}

#[test]
fn what_is_damaged_is_told_to_nobody_until_it_is_repaired_and_all_else_is() {
    let mut net = damaged_pair();
    net.sites.push(Site::new(3));
    scrub(&mut net.sites[0]);
    let link = net.connect(0, 2);
    net.advance(5_000);
    let apart = net.sites[0].store.quarantine()[0].clone();
    let told = net.sites[0].listing().into_iter().filter(|(key, _)| !apart.contains(key));
    assert_eq!(net.sites[2].listing(), told.collect::<Vec<_>>());
    assert!(net.sites[2].listing().len() >= 30 && net.sites[2].store.view().is_hydrating());
    assert!(net.sites[2].store.view().context().at(&register(DAMAGED)).is_empty());
    assert!(net.end(link, 1).count(|event| matches!(event, Event::Deferred)) > 0);
    // What is written beside the damage goes on arriving.
    net.write(0, 99, "written meanwhile");
    net.advance(20_000);
    let cell = net.sites[2].store.view().cell(&register(99)).unwrap();
    assert_eq!(
        cell.values().next().unwrap().value.decode::<String>().unwrap(),
        "written meanwhile"
    );
    assert_eq!(net.end(link, 1).count(|event| matches!(event, Event::AuditMismatch { .. })), 0);
    net.connect(0, 1);
    net.advance(60_000);
    net.assert_converged_after_damage();
    assert!(!net.sites[2].store.view().is_hydrating());
}

#[test]
fn somebody_else_brings_what_the_damaged_one_withholds() {
    let mut net = damaged_pair();
    net.sites.push(Site::new(3));
    scrub(&mut net.sites[0]);
    net.connect(0, 2);
    net.advance(5_000);
    assert!(net.sites[2].store.view().is_hydrating());
    net.connect(1, 2);
    net.advance(5_000);
    assert_eq!(net.sites[2].listing(), net.sites[1].listing());
    // By now the damaged one has a peer of its own context, and is whole again.
    net.advance(100_000);
    net.assert_converged_after_damage();
}

#[test]
fn where_much_is_damaged_one_range_around_all_of_it_is_withheld() {
    let mut net = Net::new(3);
    (0..4_000).for_each(|key| net.sites[0].write(key, &format!("value {key}")));
    let link = net.connect(0, 1);
    net.cut(link);
    net.sites[0].store.audited(&KeyRange::full());
    (300..3_700).step_by(20).for_each(|key| damage(&mut net.sites[0], key));
    assert!(scrub(&mut net.sites[0]) > 32);
    net.connect(0, 2);
    net.advance(1_000);
    assert!((200..700).contains(&net.sites[2].store.view().cell_count()));
    assert_eq!(net.sites[2].store.view().context().segment_count(), 3);
    net.connect(0, 1);
    net.advance(200_000);
    net.assert_converged_after_damage();
}

/// Two sites of the same state, with removals, whose sums are kept, not connected.
fn pair_with_removals() -> Net {
    let mut net = Net::new(2);
    for key in 0..100 {
        net.sites[0].write(key, &format!("value {key}"));
    }
    for key in (1..100).step_by(3) {
        net.sites[0].remove(key);
    }
    let link = net.connect(0, 1);
    net.assert_converged();
    net.cut(link);
    net.sites[0].store.audited(&KeyRange::full());
    net
}

/// The number of a dot changes, the sites meet, and all is well again.
fn assert_mended(key: u32, change: impl Fn(u64) -> u64) {
    let mut net = pair_with_removals();
    assert!(net.sites[0].store.damage_dots(&register(key), change));
    assert_ne!(net.sites[0].listing(), net.sites[1].listing());
    assert_eq!(scrub(&mut net.sites[0]), 1);
    let link = net.connect(0, 1);
    net.advance(1_000);
    net.assert_converged_after_damage();
    for side in 0..2 {
        assert_eq!(net.sites[side].store.forks().count(), 0, "side {side}");
    }
    assert_eq!(net.end(link, 0).count(|event| matches!(event, Event::Repaired { .. })), 1);
    assert!(net.end(link, 0).count(|event| matches!(event, Event::Equal { .. })) > 0);
}

#[test]
fn a_removal_under_a_damaged_dot_is_mended_though_no_fingerprint_shows_it() {
    // The one of key 31 is change 111.
    assert_mended(31, |seq| seq - 1);
    // The other way round, the dot is a later one of the same writer.
    assert_mended(31, |seq| seq + 1);
}

#[test]
fn a_value_under_a_damaged_dot_is_mended() {
    assert_mended(30, |seq| seq - 1);
    assert_mended(30, |seq| seq + 50);
}

#[test]
fn a_removal_that_nobody_else_remembers_counts_as_collected() {
    let mut net = pair_with_removals();
    let removal =
        net.sites[1].store.view().cell(&register(31)).unwrap().entries().next().unwrap().0;
    let kept = damaged(&net.sites[1].store, |part| {
        part.cells.retain(|cell| cell.key != register(31));
    });
    net.sites[1].store = kept;
    net.sites[0].store.damage_dots(&register(31), |seq| seq - 1);
    scrub(&mut net.sites[0]);
    net.connect(0, 1);
    net.advance(1_000);
    net.assert_converged_after_damage();
    assert!(net.sites[0].store.horizon().contains(removal));
}

#[test]
fn a_peer_that_takes_no_part_is_believed_by_its_fingerprint() {
    let mut net = pair_with_removals();
    net.sites[0].store.damage_dots(&register(31), |seq| seq - 1);
    scrub(&mut net.sites[0]);
    net.connect_with(0, 1, |side, config| {
        if side == 1 {
            config.authority = Authority::Ranges(vec![KeyRange::full()]);
        }
    });
    net.advance(1_000);
    assert!(net.sites[0].store.quarantine().is_empty());
}

#[test]
fn of_two_who_are_damaged_neither_takes_the_silence_of_the_other_for_a_removal() {
    let mut net = pair_with_removals();
    let healthy = damaged(&net.sites[1].store, |_| {});
    let removal =
        net.sites[1].store.view().cell(&register(31)).unwrap().entries().next().unwrap().0;
    net.sites[1].store.audited(&KeyRange::full());
    // In one leaf, so that neither says anything of what the other has damaged.
    net.sites[0].store.damage_dots(&register(31), |seq| seq - 1);
    damage(&mut net.sites[1], 30);
    for site in &mut net.sites {
        assert_eq!(scrub(site), 1);
        assert!(site.store.is_quarantined(&register(31)));
    }
    net.connect(0, 1);
    net.advance(100_000);
    assert!(!net.sites[0].store.horizon().contains(removal));
    assert!(net.sites.iter().all(|site| site.store.is_quarantined(&register(31))));
    // Whoever is not damaged mends both.
    net.sites.push(Site { store: healthy, ..Site::new(3) });
    net.connect(1, 2);
    net.advance(200_000);
    net.assert_converged_after_damage();
    assert!(!net.sites[0].store.horizon().contains(removal));
}

#[test]
fn a_repair_that_takes_a_while_is_known_to_be_done_at_once() {
    // Which of the two probes depends on their fingerprints.
    for key in (20..40).filter(|key| key % 3 != 1) {
        let mut net = pair_with_removals();
        net.sites[0].write(200, &format!("this time {key}"));
        let link = net.connect(0, 1);
        net.cut(link);
        damage(&mut net.sites[0], key);
        assert_eq!(scrub(&mut net.sites[0]), 1);
        let link = net.connect_stalled(0, 1);
        net.end(link, 0).is_repair_stalled = true;
        (0..2).for_each(|side| net.end(link, side).is_stalled = false);
        net.run();
        assert!(!net.sites[0].store.quarantine().is_empty());
        net.finish_repairs(link, 0);
        net.advance(1_000);
        net.assert_converged_after_damage();
    }
}

#[test]
fn a_range_that_is_damaged_again_is_mended_again_before_anything_is_compared() {
    let mut net = pair_with_removals();
    let (first, second) = (3, 90);
    [first, second].into_iter().for_each(|key| damage(&mut net.sites[0], key));
    assert_eq!(scrub(&mut net.sites[0]), 2, "they lie in different leaves");
    let link = net.connect_stalled(0, 1);
    net.end(link, 0).is_repair_stalled = true;
    (0..2).for_each(|side| net.end(link, side).is_stalled = false);
    net.run();
    // The first of them is mended, and the peer has told of the other one.
    net.finish_one_repair(link, 0);
    assert_eq!(net.end(link, 0).count(|event| matches!(event, Event::Repaired { .. })), 1);
    net.sites[0].store.audited(&KeyRange::full());
    damage(&mut net.sites[0], first);
    assert_eq!(scrub(&mut net.sites[0]), 1);
    net.finish_repairs(link, 0);
    net.advance(1_000);
    net.assert_converged_after_damage();
    for side in 0..2 {
        let is_accusation = |event: &Event| matches!(event, Event::AuditMismatch { .. });
        assert_eq!(net.end(link, side).count(is_accusation), 0, "side {side}");
    }
}

#[test]
fn what_nobody_has_any_more_can_be_released() {
    let mut net = pair_with_removals();
    net.sites[0].store.damage_dots(&register(31), |seq| seq - 1);
    fail(&mut net.sites[0]);
    assert!(scrub(&mut net.sites[0]) > 0);
    net.sites[0].store.release_quarantine();
    let Site { store, id, .. } = &net.sites[0];
    assert!(store.quarantine().is_empty() && !store.is_suspect());
    store.verify(*id).unwrap();
    assert!(store.view().cell(&register(31)).is_none(), "such a change was never made");
    net.connect(0, 1);
    net.advance(100_000);
    for site in &net.sites {
        site.store.verify(site.id).unwrap();
    }
}

#[test]
fn everything_goes_on_beside_the_damage() {
    let mut net = damaged_pair();
    let link = net.connect(0, 1);
    net.advance(1_000);
    net.cut(link);
    fail(&mut net.sites[0]);
    scrub(&mut net.sites[0]);
    net.sites[0].write(90, "beside the damage");
    net.sites[1].write(DAMAGED, "written at the other side");
    net.connect(0, 1);
    net.advance(1_000);
    assert_eq!(net.sites[0].listing(), net.sites[1].listing());
    assert!(net.sites[0].store.quarantine().is_empty());
    let entries = |site: usize| {
        let cell = net.sites[site].store.view().cell(&register(DAMAGED)).unwrap();
        cell.values().map(|value| value.value.decode::<String>().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(entries(0), ["written at the other side"]);
}
