use rejoin_crdt::path::{IntoPath, Key, TypeTag};
use rejoin_crdt::value::Value;
use rejoin_crdt::{DeltaCell, Dot, Entry, Hlc, KeyRange, Part, Transaction};
use rejoin_sync::document::{Context, Store};
use rejoin_sync::{Event, Kind};

use crate::common::{Net, Site, damaged, register};

type State = Part<Key, Value>;

/// So many sites that were equal, with `cells` registers, and are not connected.
fn equal_sites(sites: usize, cells: u32) -> Net {
    let mut net = Net::new(sites);
    let mut tx =
        Transaction::new(&net.sites[0].store, net.sites[0].id.unwrap(), Hlc::new(1_000, 0));
    for key in 0..cells {
        tx.write(&register(key), Value::from_serialize(&key).unwrap());
    }
    let staged = tx.finish();
    net.sites[0].store.commit(staged).unwrap();
    for site in 1..sites {
        net.connect(0, site);
    }
    net.links.clear();
    net
}

/// Changes something at a site, without telling anybody.
fn change(site: &mut Site, change: impl FnOnce(&mut Transaction<'_, Key, Value>)) {
    let mut tx = Transaction::new(&site.store, site.id.unwrap(), Hlc::new(2_000, 0));
    change(&mut tx);
    let staged = tx.finish();
    site.store.commit(staged).unwrap();
}

/// Brings every site to the same context.
fn sync(net: &mut Net) {
    for site in 1..net.sites.len() {
        net.connect(0, site);
    }
    net.links.clear();
}

fn count(tx: &mut Transaction<'_, Key, Value>, key: &Key) {
    tx.count(key, 5, 0).unwrap();
}

fn remove(tx: &mut Transaction<'_, Key, Value>, key: &Key) {
    tx.remove(key);
}

fn hurt(site: &mut Site, damage: impl FnOnce(&mut State)) {
    site.store = damaged(&site.store, damage);
}

fn lose(state: &mut State, lost: impl Fn(&Key) -> bool) {
    state.cells.retain(|cell| !lost(&cell.key));
}

/// Puts `entry` into the cell of `key`, beside what is there.
fn insert(state: &mut State, key: &Key, dot: Dot, entry: Entry<Value>) {
    let at = state.cells.partition_point(|cell| cell.key < *key);
    if state.cells.get(at).is_none_or(|cell| cell.key != *key) {
        let nothing = DeltaCell { key: key.clone(), fresh: Default::default(), kept: Vec::new() };
        state.cells.insert(at, nothing);
    }
    let fresh = &mut state.cells[at].fresh;
    fresh.push((dot, entry));
    fresh.sort_by_key(|(dot, _)| *dot);
}

fn entries(store: &Store, key: &Key) -> Vec<(Dot, Entry<Value>)> {
    let cell = store.view().cell(key);
    cell.into_iter().flat_map(|cell| cell.entries()).map(|(dot, e)| (dot, e.clone())).collect()
}

/// Connects the first two and waits until nothing more happens; both are equal then.
fn audit(net: &mut Net) -> usize {
    let link = net.connect(0, 1);
    net.advance(1_000);
    let full = KeyRange::full();
    assert_eq!(net.sites[0].store.audited(&full), net.sites[1].store.audited(&full));
    for side in 0..2 {
        assert_eq!(net.end(link, side).closed, None);
        let site = &net.sites[side];
        assert!(!site.store.is_suspect(), "side {side}");
        site.store.verify(site.id).unwrap();
    }
    link
}

#[test]
fn a_peer_that_takes_few_cells_at_once_is_told_of_no_more() {
    let mut net = equal_sites(2, 20);
    hurt(&mut net.sites[1], |state| lose(state, |key| *key < register(17)));
    let link = net.connect_with(0, 1, |_, config| config.limits.cells_per_delta = 3);
    net.advance(1_000);
    for side in 0..2 {
        assert_eq!(net.end(link, side).error, None, "side {side}");
    }
    assert_eq!(net.sites[1].listing(), net.sites[0].listing());
}

#[test]
fn what_one_side_has_lost_comes_back_under_the_same_dot() {
    let mut net = equal_sites(2, 3);
    let before = net.sites[0].listing();
    let context = net.sites[0].store.view().context().clone();
    let lapses = net.sites[0].store.lapses();
    hurt(&mut net.sites[1], |state| lose(state, |key| *key == register(1)));
    let link = audit(&mut net);
    for side in 0..2 {
        assert_eq!(net.sites[side].listing(), before);
        assert_eq!(*net.sites[side].store.view().context(), context);
    }
    assert_eq!(net.sites[0].store.lapses(), lapses, "nothing changed where nothing was missing");
    assert!(net.sites[1].store.lapses() > 0);
    let repaired = Event::Repaired { restored: 1, removed: 0 };
    assert_eq!(net.end(link, 1).count(|event| *event == repaired), 1);
    assert_eq!(net.status(link, 1).repaired_dots, 1);
    assert_eq!((net.status(link, 0).repaired_dots, net.status(link, 0).mismatches), (0, 1));
}

#[test]
fn both_sides_get_back_what_they_have_lost() {
    let mut net = equal_sites(2, 40);
    let before = net.sites[0].listing();
    hurt(&mut net.sites[0], |state| lose(state, |key| *key < register(9)));
    hurt(&mut net.sites[1], |state| lose(state, |key| *key > register(30)));
    audit(&mut net);
    assert_eq!((net.sites[0].listing(), net.sites[1].listing()), (before.clone(), before));
}

#[test]
fn the_operator_is_shown_both_sides_of_what_differs_and_nothing_else() {
    let mut net = equal_sites(2, 100);
    hurt(&mut net.sites[1], |state| lose(state, |key| *key == register(70)));
    let link = audit(&mut net);
    for (side, held) in [(0, 1), (1, 0)] {
        let [difference] = &net.end(link, side).differences[..] else { panic!("one cell differs") };
        assert_eq!(difference.key, register(70));
        assert_eq!((difference.own.len(), difference.peer.len()), (held, 1 - held));
    }
}

#[test]
fn what_a_tombstone_names_does_not_come_back() {
    let mut net = equal_sites(2, 3);
    let [(dot, entry)] = &entries(&net.sites[1].store, &register(1))[..] else { panic!() };
    change(&mut net.sites[1], |tx| remove(tx, &register(1)));
    sync(&mut net);
    hurt(&mut net.sites[0], |state| {
        lose(state, |key| *key == register(1));
        insert(state, &register(1), *dot, entry.clone());
    });
    audit(&mut net);
    for site in &net.sites {
        let left = entries(&site.store, &register(1));
        assert!(matches!(left[..], [(_, Entry::Tombstone(_))]), "{left:?}");
    }
}

#[test]
fn what_a_range_tombstone_has_seen_does_not_come_back_anywhere_in_its_range() {
    let mut net = equal_sites(2, 9);
    let old = |key| (register(key), entries(&net.sites[1].store, &register(key)));
    let old = [old(3), old(4)];
    change(&mut net.sites[0], |tx| {
        tx.remove_range(&KeyRange::new(Some(register(2)), Some(register(6))));
    });
    sync(&mut net);
    hurt(&mut net.sites[1], |state| {
        state.range_tombstones.clear();
        for (key, entries) in old {
            entries.into_iter().for_each(|(dot, entry)| insert(state, &key, dot, entry));
        }
    });
    audit(&mut net);
    assert_eq!(net.sites[1].listing(), net.sites[0].listing());
    assert_eq!(net.sites[1].store.view().cell_count(), 5);
}

#[test]
fn an_older_slot_of_a_counter_gives_way_to_the_newer_one() {
    let mut net = Net::new(2);
    let key = Key::new(("counts", 1).into_path(), TypeTag::Counter).unwrap();
    change(&mut net.sites[0], |tx| count(tx, &key));
    let [(dot, entry)] = &entries(&net.sites[0].store, &key)[..] else { panic!() };
    change(&mut net.sites[0], |tx| count(tx, &key));
    sync(&mut net);
    let after = net.sites[0].listing();
    hurt(&mut net.sites[1], |state| {
        lose(state, |_| true);
        insert(state, &key, *dot, entry.clone());
    });
    audit(&mut net);
    assert_eq!((net.sites[0].listing(), net.sites[1].listing()), (after.clone(), after));
}

#[test]
fn a_value_that_another_writer_superseded_comes_back_as_a_conflict() {
    let mut net = equal_sites(2, 2);
    let [(dot, entry)] = &entries(&net.sites[1].store, &register(1))[..] else { panic!() };
    net.sites[1].write(1, "later");
    sync(&mut net);
    // A value leaves no list of what it superseded, so nothing says that this one is over.
    hurt(&mut net.sites[0], |state| insert(state, &register(1), *dot, entry.clone()));
    audit(&mut net);
    let both = entries(&net.sites[1].store, &register(1));
    assert_eq!(both.len(), 2);
    assert_eq!(entries(&net.sites[0].store, &register(1)), both);
}

/// Gives the value of a register another form.
fn flip(state: &mut State, key: u32) {
    let cell = state.cells.iter_mut().find(|cell| cell.key == register(key)).unwrap();
    let Entry::Value { value, .. } = &mut cell.fresh[0].1 else { panic!("a register") };
    *value = Value::from_serialize("flipped").unwrap();
}

#[test]
fn a_fork_is_reported_once_and_both_keep_what_they_have() {
    let mut net = equal_sites(2, 3);
    let right = entries(&net.sites[0].store, &register(1));
    hurt(&mut net.sites[1], |state| flip(state, 1));
    let wrong = entries(&net.sites[1].store, &register(1));
    let link = audit(&mut net);
    for round in 0..10 {
        net.advance(100_000);
        net.write(0, 50, &format!("the fingerprints change, {round}"));
    }
    for (side, own, other) in [(0, &right, &wrong), (1, &wrong, &right)] {
        let store = &net.sites[side].store;
        assert_eq!(entries(store, &register(1)), *own);
        let forks: Vec<_> = store.forks().map(|fork| (fork.dot, fork.entry.clone())).collect();
        assert_eq!(forks, *other);
        let dot = right[0].0;
        let end = net.end(link, side);
        assert_eq!(end.count(|event| *event == Event::Forked { dot }), 1);
        assert_eq!(end.count(|event| matches!(event, Event::AuditMismatch { .. })), 1);
        assert!(end.count(|event| matches!(event, Event::Equal { .. })) >= 2);
        assert_eq!(net.status(link, side).forked_dots, 1);
    }
}

#[test]
fn a_third_replica_learns_of_a_fork_from_one_that_knows_it() {
    let mut net = equal_sites(3, 3);
    hurt(&mut net.sites[1], |state| flip(state, 1));
    audit(&mut net);
    net.links.clear();
    // The third one holds what the first one holds, and still has something to learn.
    let link = net.connect(0, 2);
    net.advance(1_000);
    assert_eq!(net.sites[2].store.forks().count(), 1);
    assert_eq!(net.end(link, 1).count(|event| matches!(event, Event::Forked { .. })), 1);
    let full = KeyRange::full();
    assert_eq!(net.sites[0].store.audited(&full), net.sites[2].store.audited(&full));
}

#[test]
fn one_dot_in_two_cells_is_a_fork() {
    let mut net = equal_sites(2, 3);
    let [(dot, entry)] = &entries(&net.sites[1].store, &register(1))[..] else { panic!() };
    hurt(&mut net.sites[1], |state| {
        lose(state, |key| *key == register(1));
        insert(state, &register(8), *dot, entry.clone());
    });
    audit(&mut net);
    let held = |site: usize| net.sites[site].store.view().range(&KeyRange::full()).count();
    assert_eq!((held(0), held(1)), (3, 3), "each keeps its own");
    assert_eq!(net.sites[0].store.forks().next().unwrap().key, register(8));
    assert_eq!(net.sites[1].store.forks().next().unwrap().key, register(1));
}

#[test]
fn a_single_difference_among_many_cells_costs_a_few_kilobytes() {
    let mut net = equal_sites(2, 20_000);
    hurt(&mut net.sites[1], |state| lose(state, |key| *key == register(7_777)));
    let link = audit(&mut net);
    let sent = |side: usize, kind| net.status(link, side).sent.of(kind);
    let kinds = [Kind::Probe, Kind::Finding, Kind::Differ, Kind::Testimony];
    let bytes: u64 = kinds.iter().map(|kind| sent(0, *kind) + sent(1, *kind)).sum();
    assert!(bytes > 0 && bytes < 6_000, "{bytes} bytes");
}

#[test]
fn what_is_more_than_one_exchange_takes_comes_back_in_several() {
    let mut net = equal_sites(2, 3_000);
    let before = net.sites[0].listing();
    hurt(&mut net.sites[1], |state| lose(state, |key| *key < register(2_500)));
    let link = audit(&mut net);
    assert_eq!(net.sites[1].listing(), before);
    assert!(net.end(link, 1).count(|event| matches!(event, Event::Repaired { .. })) > 5);
}

#[test]
fn an_exchange_that_writes_overtake_is_dropped_and_the_next_audit_begins_again() {
    for turns in 3..12 {
        let mut net = equal_sites(2, 600);
        hurt(&mut net.sites[1], |state| lose(state, |key| *key == register(77)));
        let link = net.connect_stalled(0, 1);
        (0..turns).for_each(|turn| net.release(link, turn % 2));
        // What the first one told of this cell is no longer so.
        net.write(0, 77, "written over");
        net.write(1, 5, "at the other side");
        (0..2).for_each(|side| net.end(link, side).is_stalled = false);
        net.advance(200_000);
        for site in &net.sites {
            assert_eq!(entries(&site.store, &register(77)).len(), 1, "after {turns} turns");
            assert_eq!(site.listing(), net.sites[0].listing());
            assert!(!site.store.is_suspect());
        }
    }
}

#[test]
fn a_repair_that_the_store_finds_too_late_is_begun_again() {
    let mut net = equal_sites(2, 3);
    let before = net.sites[0].listing();
    hurt(&mut net.sites[1], |state| lose(state, |key| *key == register(1)));
    net.refused_repairs = 1;
    let link = net.connect(0, 1);
    net.advance(300_000);
    assert_eq!((net.sites[1].listing(), net.refused_repairs), (before, 0));
    assert_eq!(*net.sites[1].store.view().context(), *net.sites[0].store.view().context());
    assert_ne!(*net.sites[1].store.view().context(), Context::default());
    assert!(net.status(link, 1).last_equal_ms.is_some());
}
