use rejoin_crdt::path::{IntoPath, Key, TypeTag};
use rejoin_crdt::value::Value;
use rejoin_crdt::{Hlc, ReplicaId, Transaction};
use rejoin_sync::{Config, Kind, Origin, Session};

use crate::common::raw::Hello;
use crate::common::{CLUSTER, Net, Site};

/// A clock of today: its digits are a part of what a push costs.
const NOW: Hlc = Hlc::new(1_790_000_000_000, 0);

fn key(tag: TypeTag) -> Key {
    let key = Key::new("twelve chars".into_path(), tag).unwrap();
    assert_eq!(key.as_bytes().len(), 15);
    key
}

/// Puts 100 bytes into one register.
fn overwrite(tx: &mut Transaction<'_, Key, Value>) {
    tx.write(&key(TypeTag::Register), Value::from_serialize(&"v".repeat(100)).unwrap());
}

fn count(tx: &mut Transaction<'_, Key, Value>) {
    tx.count(&key(TypeTag::Counter), 1, 0).unwrap();
}

/// What one such change costs at the most, of many that both sides take turns to make: the bytes of both
/// directions.
fn worst(others: u32, turns: usize, change: fn(&mut Transaction<'_, Key, Value>)) -> u64 {
    let mut net = Net::new(2);
    // Behind all others, where a place takes the most bytes.
    let id = |number: u128| Some(ReplicaId::from_u128((1 << 100) + number));
    net.sites.iter_mut().zip(1..).for_each(|(site, number)| site.id = id(number));
    net.hear_of(100..100 + others);
    (0..2).for_each(|site| net.sites[site].write(1, "so that it is known"));
    let link = net.connect(0, 1);
    net.advance(5_000);
    let mut worst = 0;
    for turn in 0..40 {
        let before = net.sent_bytes(link);
        let site = turn % turns;
        let mut tx = Transaction::new(&net.sites[site].store, net.sites[site].id.unwrap(), NOW);
        change(&mut tx);
        let staged = tx.finish();
        net.sites[site].store.commit(staged).unwrap();
        net.tell(site);
        net.run();
        worst = worst.max(net.sent_bytes(link) - before);
        assert!(net.status(link, site).is_in_sync, "the acknowledgement has arrived");
    }
    net.assert_converged();
    worst
}

#[test]
fn one_changed_key_takes_160_bytes_with_its_acknowledgement() {
    for (others, turns) in [(0, 1), (0, 2), (1_000, 1), (1_000, 2)] {
        let cost = worst(others, turns, overwrite);
        println!("one key, {others} others, {turns} writers: {cost} bytes");
        assert!(cost <= 160, "{cost} bytes, of them 117 of key and value");
    }
}

#[test]
fn one_increment_takes_64_bytes_with_its_acknowledgement() {
    for (others, turns) in [(0, 1), (0, 2), (1_000, 1), (1_000, 2)] {
        let cost = worst(others, turns, count);
        println!("one counter, {others} others, {turns} writers: {cost} bytes");
        assert!(cost <= 64, "{cost} bytes");
    }
}

#[test]
fn who_does_not_read_references_is_sent_no_push() {
    let mut net = Net::new(2);
    let link = net.connect(0, 1);
    net.write(0, 1, "to one who does");
    assert_eq!(net.status(link, 0).sent.of(Kind::Delta), 0);
    assert!(net.status(link, 0).sent.of(Kind::Push) > 0);
    let mut site = Site::new(1);
    let mut session = Session::new(Config::new(CLUSTER), &site.store, 0);
    session.handle_bytes(&Hello::default().stream(), &site.store, 0).unwrap();
    site.write(1, "to one who does not");
    session.store_changed(&site.store, Origin::Local { replica: site.id.unwrap() }, 0);
    while session.poll_output().is_some() {}
    let sent = session.status(&site.store).sent;
    assert_eq!((sent.of(Kind::Push), sent.of(Kind::Delta) > 0), (0, true));
}
