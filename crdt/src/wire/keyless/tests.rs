use quickcheck::quickcheck;

use super::super::arbitrary::{AnyDelta, Random, delta};
use super::super::{
    DecodeError, decode_delta, decode_delta_after, decode_keyless, decode_keyless_after,
    encode_delta, encode_delta_after, encode_keyless, encode_keyless_after,
};
use super::*;
use crate::context::Context;
use crate::delta::Authority;
use crate::hlc::Hlc;
use crate::path::{IntoPath, TypeTag};
use crate::range::KeyRange;
use crate::replica::ReplicaId;
use crate::transaction::Transaction;

const A: ReplicaId = ReplicaId::from_bytes(*b"replica-A-------");
const B: ReplicaId = ReplicaId::from_bytes(*b"replica-B-------");
const NOW: Hlc = Hlc::new(1_790_000_000_000, 0);

type Documents = Store<Key, Value>;

fn key(number: usize) -> Key {
    Key::new(format!("element {number:04}").into_path(), TypeTag::Register).unwrap()
}

fn change(
    store: &mut Documents,
    replica: ReplicaId,
    numbers: impl IntoIterator<Item = usize>,
    change: fn(&mut Transaction<'_, Key, Value>, &Key),
) {
    let mut tx = Transaction::new(store, replica, NOW);
    numbers.into_iter().for_each(|number| change(&mut tx, &key(number)));
    let staged = tx.finish();
    store.commit(staged).unwrap();
}

fn add(store: &mut Documents, replica: ReplicaId, numbers: impl IntoIterator<Item = usize>) {
    let value = |tx: &mut Transaction<'_, Key, Value>, key: &Key| {
        tx.write(key, Value::from_serialize(&1).unwrap());
    };
    change(store, replica, numbers, value);
}

fn remove(store: &mut Documents, replica: ReplicaId, numbers: impl IntoIterator<Item = usize>) {
    let value = |tx: &mut Transaction<'_, Key, Value>, key: &Key| {
        tx.remove(key).unwrap();
    };
    change(store, replica, numbers, value);
}

fn join(store: &mut Documents, delta: Delta<Key, Value>) {
    let valid = delta.validate(&Limits::default()).unwrap();
    store.join(valid.authorise(&Authority::Full).unwrap(), None).unwrap();
}

/// A store with so many elements, written by A, and a copy of it.
fn pair(elements: usize) -> (Documents, Documents) {
    let (mut sender, mut receiver) = (Store::new(), Store::new());
    add(&mut sender, A, 0..elements);
    join(&mut receiver, sender.delta_since(&Context::default()));
    (sender, receiver)
}

fn since(sender: &Documents, receiver: &Documents) -> Delta<Key, Value> {
    sender.delta_since(receiver.view().context())
}

/// What comes out of the bytes of a delta without keys.
fn sent(delta: &Delta<Key, Value>) -> KeylessDelta {
    let keyless = KeylessDelta::from(delta.clone()).omit_keys(1);
    assert!(keyless.is_keyless());
    assert_eq!(keyless.cell_count(), delta.cell_count());
    decode_keyless(&encode_keyless(&keyless), &Limits::default()).unwrap()
}

fn found(keyless: KeylessDelta, store: &Documents) -> Result<Delta<Key, Value>, UnknownKey> {
    keyless.find_keys(store, &Limits::default())
}

#[test]
fn the_keys_are_found_by_what_was_removed() {
    let (mut sender, receiver) = pair(100);
    remove(&mut sender, A, (0..100).step_by(3));
    add(&mut sender, B, [500, 1, 0, 4]);
    let delta = since(&sender, &receiver);
    assert_eq!(found(sent(&delta), &receiver), Ok(delta));
}

/// Numbers below `count` in an order that has nothing to do with theirs.
fn shuffled(count: usize) -> Vec<usize> {
    let random = &mut Random::new(7);
    let mut numbers: Vec<_> = (0..count).map(|number| (random.number(), number)).collect();
    numbers.sort_unstable();
    numbers.into_iter().map(|(_, number)| number).collect()
}

#[test]
fn a_removal_takes_next_to_nothing_in_the_order_of_writing_and_two_bytes_in_any_other() {
    let cost = |removed: Vec<usize>| {
        let (mut sender, receiver) = pair(10_000);
        let count = removed.len();
        remove(&mut sender, A, removed);
        let keyless = sent(&since(&sender, &receiver));
        encode_keyless(&keyless).len() as f64 / count as f64
    };
    let in_order = cost((0..10_000).step_by(2).collect());
    let in_any_order = cost(shuffled(10_000).into_iter().take(5_000).collect());
    assert!(in_order < 0.05 && in_any_order < 2.3, "{in_order}, {in_any_order}");
}

#[test]
fn eight_removals_are_shorter_without_keys() {
    for numbers in [(0..8).collect(), shuffled(1_000)[..8].to_vec()] {
        let (mut sender, receiver) = pair(1_000);
        remove(&mut sender, A, numbers);
        let delta = since(&sender, &receiver);
        assert!(encode_keyless(&sent(&delta)).len() < encode_delta(&delta).len());
    }
}

#[test]
fn what_is_gone_at_the_reader_is_not_found() {
    let (mut sender, mut receiver) = pair(20);
    remove(&mut sender, A, 0..10);
    let delta = since(&sender, &receiver);
    let removed = |number: usize| {
        let cell = &delta.parts[0].cells[number];
        assert_eq!(cell.key, key(number));
        removal_of(cell, &delta.parts[0].base).unwrap().over
    };
    add(&mut receiver, B, [3]);
    let not_here = |number| Err(UnknownKey::NotHere { removed: removed(number) });
    assert_eq!(found(sent(&delta), &receiver), not_here(3));
    remove(&mut receiver, B, [2]);
    assert_eq!(found(sent(&delta), &receiver), not_here(2));
}

#[test]
fn a_removal_that_is_here_already_names_its_cell() {
    let (mut sender, mut receiver) = pair(20);
    remove(&mut sender, A, 0..5);
    let first = since(&sender, &receiver);
    remove(&mut sender, A, 5..10);
    let both = since(&sender, &receiver);
    join(&mut receiver, first);
    assert_eq!(found(sent(&both), &receiver), Ok(both));
}

#[test]
fn dots_that_stand_for_other_cells_are_noticed() {
    let (mut sender, receiver) = pair(20);
    let (mut forked, mut other) = (Store::new(), Store::new());
    add(&mut forked, A, (0..20).rev());
    join(&mut other, forked.delta_since(&Context::default()));
    remove(&mut sender, A, 0..5);
    let delta = since(&sender, &receiver);
    assert_eq!(found(sent(&delta), &other), Err(UnknownKey::OtherKeys));
}

#[test]
fn a_dot_that_several_cells_share_names_none() {
    let mut store = Store::new();
    let counters: [Key; 2] =
        ["a", "b"].map(|name| Key::new(name.into_path(), TypeTag::Counter).unwrap());
    let mut tx = Transaction::new(&store, A, NOW);
    counters.iter().for_each(|key| {
        tx.count(key, 1, 0).unwrap();
    });
    let staged = tx.finish();
    store.commit(staged).unwrap();
    let mut tx = Transaction::new(&store, A, NOW);
    tx.remove_range(&KeyRange::full());
    let staged = tx.finish();
    store.commit(staged).unwrap();
    let over = Dot::new(A, 3);
    let mut holders = counters.iter().filter_map(|key| store.view().cell(key));
    assert!(holders.all(|cell| cell.entries().any(|(dot, _)| dot == over)));
    let before = store.clone();
    add(&mut store, A, [1]);
    let mut keyless = KeylessDelta::from(since(&store, &before));
    let removal = Removal { dot: Dot::new(A, 4), hlc: NOW, over };
    let check = KeyCheck::of(counters.iter().take(1));
    keyless.removals.insert(0, Removals { list: vec![removal], check });
    assert_eq!(found(keyless, &before), Err(UnknownKey::NotHere { removed: over }));
}

#[test]
fn a_delta_that_is_too_large_with_its_keys_is_none() {
    let (mut sender, receiver) = pair(1_000);
    remove(&mut sender, A, 0..1_000);
    let delta = since(&sender, &receiver);
    let keyless = sent(&delta);
    let limits = |delta_bytes| Limits { delta_bytes, ..Limits::default() };
    let exact = (encode_delta(&delta).len() as u64 + decoded_bytes(&delta)).div_ceil(3) as usize;
    assert_eq!(keyless.clone().find_keys(&receiver, &limits(exact)), Ok(delta));
    let refused = keyless.clone().find_keys(&receiver, &limits(exact - 1));
    assert_eq!(refused, Err(UnknownKey::TooLarge));
    let bytes = encode_keyless(&keyless);
    let refused = decode_keyless(&bytes, &limits(80_000));
    assert_eq!(refused, Err(DecodeError::Memory { limit_bytes: 240_000 }));
    let limits = Limits { cells_per_delta: 999, ..Limits::default() };
    let refused = decode_keyless(&bytes, &limits);
    assert!(matches!(refused, Err(DecodeError::TooMany { found: 1_000, limit: 999, .. })));
}

#[test]
fn only_a_removal_of_one_dot_that_the_reader_has_goes_without_its_key() {
    let (mut sender, mut receiver) = pair(10);
    // Of 1 there are two concurrent values; 2 is written over first.
    add(&mut receiver, B, [1]);
    add(&mut sender, A, [1]);
    let concurrent = since(&receiver, &sender);
    join(&mut sender, concurrent);
    let news = since(&sender, &receiver);
    join(&mut receiver, news);
    add(&mut sender, A, [2]);
    remove(&mut sender, A, [1, 2, 3]);
    let keyless = KeylessDelta::from(since(&sender, &receiver)).omit_keys(1);
    let (removals, others) = (&keyless.removals[&0].list, &keyless.rest.parts[0].cells);
    assert_eq!((removals.len(), others.len()), (1, 2));
    assert!(!KeylessDelta::from(since(&sender, &receiver)).omit_keys(2).is_keyless());
}

#[test]
fn a_listing_keeps_its_keys() {
    let (mut sender, receiver) = pair(10);
    remove(&mut sender, A, 0..9);
    let (base, full) = (receiver.view().context(), KeyRange::full());
    let listing = sender.listing_in(base, &full, Coverage::Complete, &[]);
    assert!(!KeylessDelta::from(listing).omit_keys(1).is_keyless());
}

#[test]
fn five_removals_are_these_bytes() {
    let (mut sender, receiver) = pair(20);
    remove(&mut sender, A, [1, 3, 5, 7, 9]);
    let delta = since(&sender, &receiver);
    let keyless = KeylessDelta::from(delta).omit_keys(1);
    let reference = receiver.view().context().uniform().unwrap();
    let bytes = encode_keyless_after(&keyless, reference);
    let check = keyless.removals[&0].check;
    let mut keys = Vec::new();
    for number in [1, 3, 5, 7, 9] {
        let key = key(number);
        keys.extend((key.as_bytes().len() as u64).to_le_bytes());
        keys.extend_from_slice(key.as_bytes());
    }
    assert_eq!(check, KeyCheck(blake3::hash(&keys).as_bytes()[..8].try_into().unwrap()));
    // One id of the reference, one part; removals, no column, the base of the reference, 5 changes.
    let head = [3, 51, 0, 0x28, 0, 0x80, 0x80, 0x80, 0x08, 0, 10];
    // Five, columns 2 and 5: 1 790 000 000 000 ms and four times no more, first 21 - 2, then 1 left out each.
    let stamps = [0x80, 0xb0, 0x83, 0xc5, 0x98, 0x68, 0, 0, 0, 0];
    let removals = [&[5, 0x24][..], &stamps, &[37, 2, 2, 2, 2]].concat();
    assert_eq!(bytes, [&head[..], &removals, &bytes[28..36], &[0]].concat());
    assert_eq!(KeyCheck(bytes[28..36].try_into().unwrap()), check);
}

quickcheck! {
    fn a_delta_without_keys_comes_back_as_it_was_encoded(delta: AnyDelta) -> bool {
        let limits = Limits::default();
        let reference: VersionVector = [(A, 7), (B, 9)].into_iter().collect();
        let keyless = KeylessDelta::from(delta.0.clone()).omit_keys(1);
        let bytes = encode_keyless(&keyless);
        let after = encode_keyless_after(&keyless, &reference);
        let reads_with_keys = !keyless.is_keyless();
        decode_keyless(&bytes, &limits).as_ref() == Ok(&keyless)
            && decode_keyless_after(&after, &limits, &reference).as_ref() == Ok(&keyless)
            && decode_delta(&bytes, &limits).is_ok() == reads_with_keys
            && decode_delta_after(&after, &limits, &reference).is_ok() == reads_with_keys
    }

    fn a_delta_with_all_keys_has_the_same_bytes(delta: AnyDelta) -> bool {
        let reference: VersionVector = [(A, 7)].into_iter().collect();
        let with_keys = KeylessDelta::from(delta.0.clone());
        encode_keyless(&with_keys) == encode_delta(&delta.0)
            && encode_keyless_after(&with_keys, &reference)
                == encode_delta_after(&delta.0, &reference)
            && with_keys.decoded_bytes() == decoded_bytes(&delta.0)
            && with_keys.into_delta().as_ref() == Ok(&delta.0)
    }
}

/// A random delta without keys, if anything of it can do without.
fn keyless(random: &mut Random) -> Option<KeylessDelta> {
    let keyless = KeylessDelta::from(delta(random)).omit_keys(1);
    Some(keyless).filter(KeylessDelta::is_keyless)
}

fn is_refused_or_canonical(bytes: &[u8]) -> bool {
    match decode_keyless(bytes, &Limits::default()) {
        Ok(delta) => bytes[1] != 0x94 || encode_keyless(&delta) == bytes,
        Err(_) => true,
    }
}

#[test]
fn a_hundred_thousand_mutations_of_deltas_without_keys_do_no_harm() {
    let mut deltas = 0;
    for seed in 0..400 {
        let random = &mut Random::new(seed);
        let Some(keyless) = keyless(random) else { continue };
        deltas += 1;
        let original = encode_keyless(&keyless);
        for len in 0..original.len() {
            assert!(decode_keyless(&original[..len], &Limits::default()).is_err());
        }
        for _ in 0..500 {
            let bytes = random.mutated(&original);
            assert!(is_refused_or_canonical(&bytes), "seed {seed}: {bytes:02x?}");
        }
    }
    assert!(deltas >= 200, "{deltas}");
}

/// What a reader says to removals that were changed.
fn read_changed(change: impl Fn(&mut Vec<Removal>)) -> Result<KeylessDelta, DecodeError> {
    let (mut sender, receiver) = pair(10);
    remove(&mut sender, A, 0..5);
    let mut keyless = KeylessDelta::from(since(&sender, &receiver)).omit_keys(1);
    change(&mut keyless.removals.get_mut(&0).unwrap().list);
    decode_keyless(&encode_keyless(&keyless), &Limits::default())
}

#[test]
fn removals_have_one_order_and_name_what_the_reader_has() {
    let is_refused = |change: fn(&mut Vec<Removal>)| {
        matches!(read_changed(change), Err(DecodeError::NotCanonical { .. }))
    };
    assert!(read_changed(|_| ()).is_ok());
    assert!(is_refused(|list| list.swap(1, 2)));
    assert!(is_refused(|list| list[2].dot = list[1].dot));
    assert!(is_refused(|list| list[0].over.seq = 0));
    assert!(is_refused(|list| list[0].over.seq = 11));
    assert!(is_refused(|list| list[0].over = Dot::new(B, 1)));
    assert!(is_refused(Vec::clear));
}

#[test]
fn a_dot_that_is_named_twice_makes_no_delta() {
    let (mut sender, receiver) = pair(10);
    remove(&mut sender, A, 0..5);
    let mut keyless = KeylessDelta::from(since(&sender, &receiver)).omit_keys(1);
    let list = &mut keyless.removals.get_mut(&0).unwrap().list;
    list[1].over = list[0].over;
    assert_eq!(found(keyless.clone(), &receiver), Err(UnknownKey::OtherKeys));
    // Who lies about the check, too, is refused like who lists a key twice.
    let Removals { list, .. } = &keyless.removals[&0];
    let keys: Vec<Key> = list.iter().map(|r| key_of(&receiver, r).unwrap().clone()).collect();
    keyless.removals.get_mut(&0).unwrap().check = KeyCheck::of(keys.iter());
    let delta = found(keyless, &receiver).unwrap();
    assert!(delta.validate(&Limits::default()).is_err());
}

#[test]
fn runs_cannot_make_a_few_bytes_of_removals_cost_gigabytes() {
    let (mut sender, receiver) = pair(10);
    remove(&mut sender, A, 0..10);
    let mut keyless = KeylessDelta::from(since(&sender, &receiver)).omit_keys(1);
    let part = &mut keyless.rest.parts[0];
    part.base = [(A, 1 << 40)].into_iter().collect();
    part.upto = [(A, 1 << 41)].into_iter().collect();
    let removal =
        |seq| Removal { dot: Dot::new(A, (1 << 40) + seq), hlc: NOW, over: Dot::new(A, seq) };
    keyless.removals.get_mut(&0).unwrap().list = (1..=300_000).map(removal).collect();
    let bytes = encode_keyless(&keyless);
    assert!(bytes.len() < 100);
    let limit_bytes = 3 * Limits::default().delta_bytes as u64;
    let refused = decode_keyless(&bytes, &Limits::default());
    assert_eq!(refused, Err(DecodeError::Memory { limit_bytes }));
}
