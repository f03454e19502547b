//! Two replicas that were equal, of which one then holds another number or text in one field of one
//! entry. Audits must notice, whichever field it is.

use std::collections::BTreeMap;

use rejoin_crdt::path::{IntoPath, Key, TypeTag};
use rejoin_crdt::value::Value;
use rejoin_crdt::{Dot, Entry, Hlc, Part, ReplicaId, Row, Slot, Transaction};
use rejoin_sync::Event;
use rejoin_sync::document::Context;

use crate::common::{Net, Random, Site, damaged};

const HISTORIES: u64 = 3_000;

/// How often each field was damaged.
type Reach = BTreeMap<&'static str, usize>;

const TYPES: [TypeTag; 3] = [TypeTag::Register, TypeTag::Counter, TypeTag::BoundedCounter];

/// One local change.
fn change(site: &mut Site, random: &mut Random, stamp: u64) {
    let mut tx = Transaction::new(&site.store, site.id.unwrap(), Hlc::new(stamp, 0));
    let (number, tag) = (u32::try_from(random.below(3)).unwrap(), TYPES[random.below(3)]);
    let key = Key::new(("records", number).into_path(), tag).unwrap();
    let (choice, amount) = (random.below(5), 1 + random.below(9) as u64);
    // Some changes change nothing: who has no rights gives none away.
    let _ = match (choice, tag) {
        (0, TypeTag::Register) => tx.remove(&key),
        (_, TypeTag::Register) => Some(tx.write(&key, Value::from_serialize(&amount).unwrap())),
        (0, TypeTag::Counter) => tx.reset(&key),
        (1, TypeTag::Counter) => tx.count(&key, 0, amount).ok(),
        (_, TypeTag::Counter) => tx.count(&key, amount, 0).ok(),
        (0..2, _) => tx.transfer_rights(&key, ReplicaId::from_u128(9), 1).ok().flatten(),
        (2, _) => tx.decrement_bounded(&key, 1).ok(),
        _ => tx.increment_bounded(&key, amount).ok(),
    };
    let staged = tx.finish();
    site.store.commit(staged).unwrap();
}

/// Everything that an entry may become by another content of one field.
fn variants(dot: Dot, entry: &Entry<Value>) -> Vec<(&'static str, Entry<Value>)> {
    match entry {
        Entry::Value { hlc, value } => {
            let later = Hlc::from_u64(hlc.to_u64() + 1);
            let other = Value::from_serialize("damaged").unwrap();
            vec![
                ("stamp", Entry::Value { hlc: later, value: value.clone() }),
                ("value", Entry::Value { hlc: *hlc, value: other }),
            ]
        }
        Entry::Slot(slot) => {
            let slot_of = |slot| Entry::Slot(Box::new(slot));
            let epoch = if slot.epoch < dot.seq { slot.epoch + 1 } else { slot.epoch - 1 };
            let mut variants = vec![
                ("increments", slot_of(Slot { inc: slot.inc + 1, ..**slot })),
                ("decrements", slot_of(Slot { dec: slot.dec + 1, ..**slot })),
            ];
            if epoch > 0 {
                variants.push(("epoch", slot_of(Slot { epoch, ..**slot })));
            }
            variants
        }
        Entry::Row(row) => {
            let row_with = |damage: fn(&mut Row)| {
                let mut row = row.clone();
                damage(&mut row);
                Entry::Row(row)
            };
            let mut variants = vec![
                ("minted", row_with(|row| row.inc += 1)),
                ("spent", row_with(|row| row.dec += 1)),
            ];
            if !row.sent.is_empty() {
                variants.push(("sent", row_with(|row| row.sent[0].1 += 1)));
            }
            variants
        }
        Entry::Tombstone(_) | Entry::Reset(_) => Vec::new(),
    }
}

/// Damages one field of the state of a replica.
fn hurt(part: &mut Part<Key, Value>, random: &mut Random) -> Option<&'static str> {
    let entries = part.cells.iter_mut().flat_map(|cell| &mut cell.fresh);
    let mut damage: Vec<_> = entries
        .flat_map(|(dot, entry)| {
            variants(*dot, entry).into_iter().map(|(field, variant)| (*dot, field, variant))
        })
        .collect();
    if damage.is_empty() {
        return None;
    }
    let (hurt, field, variant) = damage.swap_remove(random.below(damage.len()));
    let entries = part.cells.iter_mut().flat_map(|cell| &mut cell.fresh);
    for (_, entry) in entries.filter(|(dot, _)| *dot == hurt) {
        *entry = variant.clone();
    }
    Some(field)
}

/// Says what an audit has not noticed, or has noticed without a reason.
fn run(seed: u64, reach: &mut Reach) -> Result<(), String> {
    let mut random = Random(seed);
    let mut net = Net::new(2);
    for step in 0..2 + random.below(16) {
        change(&mut net.sites[random.below(2)], &mut random, 1_000 + step as u64);
        if random.below(4) == 0 {
            net.connect(0, 1);
            net.links.clear();
        }
    }
    net.connect(0, 1);
    net.links.clear();
    let (victim, is_hurt) = (random.below(2), random.below(4) > 0);
    let mut field = None;
    let store = &net.sites[victim].store;
    if is_hurt && *store.view().context() != Context::default() {
        net.sites[victim].store = damaged(store, |part| field = hurt(part, &mut random));
    }
    let link = net.connect(0, 1);
    net.advance(100);
    let is_alarm = |event: &Event| matches!(event, Event::AuditMismatch { .. });
    let alarms = net.end(link, 0).count(is_alarm) + net.end(link, 1).count(is_alarm);
    match field {
        Some(field) if alarms == 0 => Err(format!("another {field} was not noticed")),
        Some(field) => {
            *reach.entry(field).or_default() += 1;
            Ok(())
        }
        None if alarms > 0 => Err("an alarm about equal replicas".to_owned()),
        None => Ok(()),
    }
}

#[test]
fn damage_to_any_field_of_an_entry_is_noticed() {
    let mut reach = Reach::new();
    for seed in 0..HISTORIES {
        if let Err(why) = run(seed, &mut reach) {
            panic!("history {seed}: {why}");
        }
    }
    println!("{reach:?}");
    assert!(reach.len() == 8 && reach.values().all(|times| *times >= 10), "{reach:?}");
}

#[cfg(feature = "planted")]
#[test]
fn a_planted_fingerprint_that_leaves_a_field_out_is_found() {
    use rejoin_crdt::planted::{Bug, plant};

    for bug in Bug::FINGERPRINT {
        plant(Some(bug));
        let found =
            (0..HISTORIES).find_map(|seed| Some((seed, run(seed, &mut Reach::new()).err()?)));
        plant(None);
        let (seed, why) = found.expect("the audit notices every planted bug");
        println!("{bug:?}: history {seed}: {why}");
    }
}
