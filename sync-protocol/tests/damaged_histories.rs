//! Seeded histories of two or three replicas, one of which is then damaged, and repaired by audits over
//! sessions. The judge is a copy of every replica from before the damage.

use std::collections::BTreeMap;

use rejoin_crdt::path::{IntoPath, Key, TypeTag};
use rejoin_crdt::value::Value;
use rejoin_crdt::{Authority, Dot, Entry, Hlc, KeyRange, Limits, Part, ReplicaId, Transaction};
use rejoin_sync::Event;
use rejoin_sync::document::{Context, Store};

use crate::common::{Net, Random, Site, damaged};

const HISTORIES: u64 = 3_000;

/// What happened in some histories.
#[derive(Debug, Default)]
struct Reach {
    alarms: usize,
    restored: usize,
    removed: usize,
    forks: usize,
    moved: usize,
}

/// Every entry that was ever alive.
type Archive = BTreeMap<Dot, (Key, Entry<Value>)>;

/// Dots whose entry was exchanged for another one.
type Flipped = Vec<Dot>;

fn cell_key(random: &mut Random) -> Key {
    let number = u32::try_from(random.below(6)).unwrap();
    let tag = if number < 4 { TypeTag::Register } else { TypeTag::Counter };
    Key::new(("records", number).into_path(), tag).unwrap()
}

/// One local change.
fn change(site: &mut Site, random: &mut Random, stamp: u64) {
    let mut tx = Transaction::new(&site.store, site.id.unwrap(), Hlc::new(stamp, 0));
    let key = cell_key(random);
    let (a, b) = (cell_key(random), cell_key(random));
    match (random.below(8), key.tag()) {
        (0..4, Some(TypeTag::Register)) => {
            tx.write(&key, Value::from_serialize(&stamp).unwrap());
        }
        (0..4, _) => {
            tx.count(&key, 1 + random.below(9) as u64, 0).unwrap();
        }
        (4..7, Some(TypeTag::Register)) => {
            tx.remove(&key);
        }
        (4..6, _) => {
            tx.reset(&key);
        }
        _ => {
            tx.remove_range(&KeyRange::new(Some(a.clone().min(b.clone())), Some(a.max(b))));
        }
    }
    let staged = tx.finish();
    site.store.commit(staged).unwrap();
}

fn join(to: &mut Store, from: &Store) {
    let delta = from.delta_since(to.view().context());
    let delta = delta.validate(&Limits::default()).unwrap().authorise(&Authority::Full).unwrap();
    to.join(delta, None).unwrap();
}

/// A history at whose end all replicas have seen the same.
fn history(random: &mut Random) -> (Net, Archive) {
    let mut net = Net::new(2 + random.below(2));
    let mut archive = Archive::new();
    let sites = net.sites.len();
    for step in 0..8 + random.below(24) {
        let (a, b) = (random.below(sites), random.below(sites));
        if random.below(3) == 0 {
            let from = net.sites[a].store.clone();
            join(&mut net.sites[b].store, &from);
        } else {
            change(&mut net.sites[a], random, 1_000 + step as u64);
        }
        for (key, cell) in net.sites[a].store.view().range(&KeyRange::full()) {
            archive.extend(cell.entries().map(|(dot, e)| (dot, (key.clone(), e.clone()))));
        }
    }
    for at in (0..sites).chain(0..sites) {
        let from = net.sites[at].store.clone();
        net.sites.iter_mut().for_each(|site| join(&mut site.store, &from));
    }
    (net, archive)
}

/// Does one kind of damage to a part that holds the state of a replica.
fn hurt(part: &mut Part<Key, Value>, archive: &Archive, random: &mut Random) -> Flipped {
    let entries: usize = part.cells.iter().map(|cell| cell.fresh.len()).sum();
    if entries == 0 {
        return Flipped::new();
    }
    let mut nth = random.below(entries);
    let cell = part.cells.iter_mut().find(|cell| {
        let is_here = nth < cell.fresh.len();
        nth -= if is_here { 0 } else { cell.fresh.len() };
        is_here
    });
    let cell = cell.unwrap();
    match random.below(6) {
        0 => drop(cell.fresh.remove(nth)),
        1 => cell.fresh.clear(),
        2 => cell.fresh.retain(|(_, entry)| !is_removal(entry)),
        3 if !part.range_tombstones.is_empty() => {
            part.range_tombstones.remove(random.below(part.range_tombstones.len()));
        }
        4 => {
            if let (dot, Entry::Value { value, .. }) = &mut cell.fresh[nth] {
                *value = Value::from_serialize("flipped").unwrap();
                return vec![*dot];
            }
        }
        _ => revive(part, archive, random),
    }
    Flipped::new()
}

const fn is_removal(entry: &Entry<Value>) -> bool {
    matches!(entry, Entry::Tombstone(_) | Entry::Reset(_))
}

/// Brings back something that was removed, and takes every evidence away that this replica has.
fn revive(part: &mut Part<Key, Value>, archive: &Archive, random: &mut Random) {
    let buried = |part: &Part<Key, Value>, key: &Key, dot: Dot| {
        part.range_tombstones.iter().any(|t| t.range.contains(key) && t.seen.contains(dot))
    };
    let is_evidence = |entry: &Entry<Value>, dot: Dot, old: &Entry<Value>| match entry {
        Entry::Tombstone(tombstone) => tombstone.over.contains(&dot),
        Entry::Reset(reset) => {
            let covers = |(id, record): &(ReplicaId, rejoin_crdt::Record)| {
                *id == dot.replica && record.seq >= dot.seq
            };
            matches!(old, Entry::Slot(_)) && reset.records.iter().any(covers)
        }
        Entry::Slot(_) => matches!(old, Entry::Slot(_)),
        _ => false,
    };
    let candidates: Vec<_> = archive
        .iter()
        .filter(|(dot, (key, old))| {
            let cell = part.cells.iter().find(|cell| cell.key == *key);
            let mut entries = cell.into_iter().flat_map(|cell| &cell.fresh);
            let is_alive = entries.clone().any(|(other, _)| other == *dot);
            let by_writer = |(d, e): &(Dot, Entry<Value>)| {
                matches!(e, Entry::Slot(_)) && d.replica == dot.replica && d.seq > dot.seq
            };
            let by_entry = entries.any(|item| match &item.1 {
                Entry::Slot(_) => matches!(old, Entry::Slot(_)) && by_writer(item),
                entry => is_evidence(entry, **dot, old),
            });
            !is_alive && !is_removal(old) && (by_entry || buried(part, key, **dot))
        })
        .collect();
    if candidates.is_empty() {
        return;
    }
    let (dot, (key, old)) = candidates[random.below(candidates.len())];
    part.range_tombstones.retain(|t| !(t.range.contains(key) && t.seen.contains(*dot)));
    let at = part.cells.partition_point(|cell| cell.key < *key);
    if part.cells.get(at).is_none_or(|cell| cell.key != *key) {
        let (key, fresh) = (key.clone(), Default::default());
        part.cells.insert(at, rejoin_crdt::DeltaCell { key, fresh, kept: Vec::new() });
    }
    let fresh = &mut part.cells[at].fresh;
    fresh.retain(|(other, entry)| {
        let is_own = other.replica == dot.replica && is_removal(entry) == is_removal(old);
        !is_own && (!is_removal(entry) || !is_evidence(entry, *dot, old))
    });
    // What its writer wrote later is evidence, too, and no delta has both.
    fresh.retain(|(other, _)| other.replica != dot.replica);
    let place = fresh.partition_point(|(other, _)| other < dot);
    fresh.insert(place, (*dot, old.clone()));
}

/// What readers find, but for some dots.
fn live(store: &Store, left_out: &Flipped) -> Vec<(Key, Dot, String)> {
    let cells = store.view().range(&KeyRange::full());
    let entries = cells.flat_map(|(key, cell)| cell.entries().map(move |(dot, e)| (key, dot, e)));
    let is_live = |(_, dot, entry): &(&Key, Dot, &Entry<Value>)| {
        !is_removal(entry) && !left_out.contains(dot)
    };
    entries.filter(is_live).map(|(key, dot, e)| (key.clone(), dot, format!("{e:?}"))).collect()
}

/// Runs a history, damages a replica, and lets audits repair it; says what is wrong afterwards.
fn run(seed: u64, reach: &mut Reach) -> Result<(), String> {
    let mut random = Random(seed);
    let (mut net, archive) = history(&mut random);
    let (victim, sites) = (random.below(net.sites.len()), net.sites.len());
    let mut flipped = Flipped::new();
    let mut expected: Vec<Store> = net.sites.iter().map(|site| site.store.clone()).collect();
    for _ in 0..1 + random.below(3) {
        let hurt = |part: &mut Part<Key, Value>| flipped.extend(hurt(part, &archive, &mut random));
        if *net.sites[victim].store.view().context() != Context::default() {
            net.sites[victim].store = damaged(&net.sites[victim].store, hurt);
        }
    }
    let is_moving = sites == 2 && random.below(2) == 0;
    if is_moving {
        let link = net.connect_stalled(0, 1);
        let store = expected[1 - victim].clone();
        let mut spared = Site { store, id: net.sites[1 - victim].id, ..Site::new(0) };
        for step in 0..10 + random.below(30) {
            net.release(link, random.below(2));
            if random.below(6) == 0 {
                change(&mut spared, &mut Random(random.0), 3_000 + step as u64);
                change(&mut net.sites[1 - victim], &mut random, 3_000 + step as u64);
                net.tell(1 - victim);
                reach.moved += 1;
            }
        }
        (0..2).for_each(|side| net.end(link, side).is_stalled = false);
        expected = vec![spared.store; 2];
    } else {
        for site in 1..sites {
            net.connect(site - 1, site);
        }
    }
    net.advance(400_000);
    judge(&net, &expected, victim, &flipped)?;
    let ends = || net.links.iter().flatten();
    for event in ends().flat_map(|end| &end.events) {
        match event {
            Event::AuditMismatch { .. } => reach.alarms += 1,
            Event::Repaired { restored, removed } => {
                reach.restored += restored;
                reach.removed += removed;
            }
            Event::Forked { .. } => reach.forks += 1,
            _ => {}
        }
    }
    Ok(())
}

fn judge(net: &Net, expected: &[Store], victim: usize, flipped: &Flipped) -> Result<(), String> {
    let full = KeyRange::full();
    for (at, (site, expected)) in net.sites.iter().zip(expected).enumerate() {
        if site.store.view().context() != expected.view().context() {
            return Err(format!("the context of {at} is another one"));
        }
        let left_out = if at == victim { flipped.clone() } else { Flipped::new() };
        let (is, should) = (live(&site.store, &left_out), live(expected, &left_out));
        if is != should {
            return Err(format!("{at} of victim {victim} has\n{is:#?}\ninstead of\n{should:#?}"));
        }
        let first = &net.sites[0].store;
        if site.store.audited(&full) != first.audited(&full) {
            return Err(format!("{at} is not equal to the first one"));
        }
        if site.store.is_suspect() {
            return Err(format!("{at} is suspect for ever"));
        }
        site.store.verify(site.id).map_err(|violation| format!("{at}: {violation}"))?;
    }
    for end in net.links.iter().flatten() {
        if end.closed.is_some() {
            return Err(format!("a session has ended: {:?}", end.closed));
        }
        let mut forked: Vec<Dot> = Vec::new();
        for event in &end.events {
            match event {
                Event::Forked { dot } if forked.contains(dot) => {
                    return Err(format!("{dot:?} was reported twice"));
                }
                Event::Forked { dot } => forked.push(*dot),
                _ => {}
            }
        }
    }
    Ok(())
}

#[test]
fn damage_is_found_and_repaired_and_nobody_loses_anything() {
    let mut reach = Reach::default();
    for seed in 0..HISTORIES {
        if let Err(why) = run(seed, &mut reach) {
            panic!("history {seed}: {why}");
        }
    }
    println!("{reach:?}");
    assert!(reach.alarms > 1_000 && reach.moved > 1_000, "{reach:?}");
    assert!(reach.restored > 1_000 && reach.removed > 100 && reach.forks > 300, "{reach:?}");
}

#[cfg(feature = "planted")]
#[test]
fn every_planted_bug_of_repair_is_found() {
    use rejoin_crdt::planted::{Bug, plant};

    for bug in Bug::REPAIR {
        // The judge has to notice: a panic on the way to it does not count.
        let found = (0..HISTORIES).find_map(|seed| {
            plant(Some(bug));
            let result = std::panic::catch_unwind(|| run(seed, &mut Reach::default()));
            plant(None);
            result.ok()?.err().map(|why| (seed, why))
        });
        let (seed, why) = found.expect("the judge notices every planted bug");
        println!("{bug:?}: history {seed}: {}", why.lines().next().unwrap_or_default());
    }
}
