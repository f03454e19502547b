use rejoin_crdt::path::{Key, TypeTag};
use rejoin_crdt::value::Value;
use rejoin_crdt::{Limits, VersionVector, wire};
use rejoin_sync::{Config, Event, Kind, Origin, Output, Session, SessionError};

use crate::common::raw::{self, Hello};
use crate::common::{CLUSTER, Net, Random, Site, context};

const NAME_BYTES: usize = 12;

/// Elements of one set, each a name of twelve bytes, in an order that is not theirs.
fn elements(count: usize) -> Vec<Key> {
    let mut random = Random(7);
    let mut letter = |_| char::from(b'a' + u8::try_from(random.below(26)).unwrap());
    let mut element = |_| {
        let name: String = (0..NAME_BYTES).map(&mut letter).collect();
        let element = Value::from_serialize(&name).unwrap();
        Key::element("names", element.as_bytes(), TypeTag::SetElement).unwrap()
    };
    (0..count).map(&mut element).collect()
}

fn shuffled(keys: &[Key]) -> Vec<Key> {
    let (mut keys, mut random) = (keys.to_vec(), Random(11));
    (1..keys.len()).for_each(|at| keys.swap(at, random.below(at + 1)));
    keys
}

/// Two replicas that both have these elements.
fn pair(elements: &[Key]) -> Net {
    let mut net = Net::new(2);
    net.sites[0].write_all(elements);
    let link = net.connect(0, 1);
    net.advance(2_000);
    net.assert_converged();
    net.cut(link);
    net
}

fn unknown(net: &mut Net, link: usize, side: usize) -> usize {
    net.end(link, side).count(|event| matches!(event, Event::KeysUnknown { .. }))
}

/// The bytes of the changes that tell of these removals, divided by those of the names.
fn cost(elements: &[Key], removed: &[Key], is_pushed: bool) -> f64 {
    let mut net = pair(elements);
    if !is_pushed {
        net.sites[0].remove_all(removed);
    }
    let link = net.connect(0, 1);
    let before = net.changes_sent(link, 0);
    assert_eq!(before > 0, !is_pushed);
    if is_pushed {
        net.sites[0].remove_all(removed);
        net.tell(0);
    }
    net.advance(2_000);
    net.assert_converged();
    assert_eq!(unknown(&mut net, link, 1), 0);
    net.changes_sent(link, 0) as f64 / (NAME_BYTES * removed.len()) as f64
}

#[test]
fn a_removal_takes_a_quarter_of_its_name_in_any_order_and_next_to_nothing_in_that_of_writing() {
    let elements = elements(10_000);
    let in_order: Vec<Key> = elements.iter().step_by(2).cloned().collect();
    let in_any_order = &shuffled(&elements)[..5_000];
    for is_pushed in [false, true] {
        let costs =
            [cost(&elements, &in_order, is_pushed), cost(&elements, in_any_order, is_pushed)];
        println!("removals, pushed: {is_pushed}: {costs:.3?} of the names");
        assert!(costs[0] < 0.02 && costs[1] < 0.25, "{costs:?}");
    }
}

#[test]
fn who_removed_the_same_meanwhile_asks_for_the_keys_once() {
    let elements = elements(40);
    let mut net = pair(&elements);
    net.sites[0].remove_all(&elements[..20]);
    net.sites[1].remove_all(&elements[5..7]);
    net.sites[1].write_all(&elements[8..9]);
    let link = net.connect(0, 1);
    net.advance(2_000);
    net.assert_converged();
    assert_eq!((unknown(&mut net, link, 0), unknown(&mut net, link, 1)), (0, 1));
    assert_eq!(net.end(link, 1).count(|event| matches!(event, Event::BaseRefused { .. })), 0);
    // What is removed from now on goes without keys again.
    let before = net.changes_sent(link, 0);
    net.sites[0].remove_all(&elements[20..]);
    net.tell(0);
    net.advance(2_000);
    net.assert_converged();
    let bytes = net.changes_sent(link, 0) - before;
    assert!(bytes < 20 * 5, "{bytes} bytes");
    assert_eq!(unknown(&mut net, link, 1), 1);
}

#[test]
fn a_push_whose_keys_are_not_found_is_pulled() {
    let elements = elements(40);
    let mut net = pair(&elements);
    let link = net.connect(0, 1);
    net.advance(2_000);
    for side in [0, 1] {
        net.end(link, side).is_stalled = true;
    }
    net.sites[0].remove_all(&elements[..20]);
    net.sites[1].remove_all(&elements[10..30]);
    (0..2).for_each(|site| net.tell(site));
    net.run();
    for side in [0, 1] {
        net.end(link, side).is_stalled = false;
    }
    net.advance(2_000);
    net.assert_converged();
    assert_eq!((unknown(&mut net, link, 0), unknown(&mut net, link, 1)), (1, 1));
    assert_eq!(net.sites[0].store.view().cell_count(), 40);
}

#[test]
fn a_held_push_finds_its_keys_in_what_it_waited_for() {
    let elements = elements(20);
    let mut net = Net::new(3);
    let (slow, fast) = (net.connect(0, 2), net.connect(1, 2));
    net.connect(0, 1);
    net.advance(2_000);
    net.end(slow, 1).is_stalled = true;
    for site in [0, 1] {
        match site {
            0 => net.sites[0].write_all(&elements),
            _ => net.sites[1].remove_all(&elements),
        }
        net.tell(site);
        net.run();
    }
    assert_eq!(net.end(fast, 1).count(|event| matches!(event, Event::Held { .. })), 1);
    net.end(slow, 1).is_stalled = false;
    net.run();
    assert_eq!(net.status(fast, 1).held_bytes, 0);
    assert_eq!(net.status(fast, 1).sent.of(Kind::Pull), 0, "nothing was asked for again");
    assert_eq!(unknown(&mut net, fast, 1), 0);
    net.advance(2_000);
    net.assert_converged();
}

/// The deltas that a replica pushes to a peer with these features when it removes twenty elements, each of
/// which the peer has.
fn pushed_to(features: u64) -> Vec<u8> {
    let (elements, mut site) = (elements(20), Site::new(1));
    site.write_all(&elements);
    let mut config = Config::new(CLUSTER);
    (config.checksum, config.replica) = (false, site.id);
    let mut session = Session::new(config, &site.store, 0);
    let hello = Hello { context: context(&site), features, ..Hello::default() };
    session.handle_bytes(&hello.stream(), &site.store, 0).unwrap();
    while session.poll_output().is_some() {}
    site.remove_all(&elements);
    session.store_changed(&site.store, Origin::Local { replica: site.id.unwrap() }, 0);
    let frames = std::iter::from_fn(|| session.poll_output()).filter_map(|output| match output {
        Output::Send(bytes) if [raw::DELTA, raw::PUSH].contains(&(bytes[0] & 0x3f)) => Some(bytes),
        _ => None,
    });
    frames.collect::<Vec<_>>().concat()
}

#[test]
fn who_does_not_find_keys_is_told_them() {
    let key = &elements(20)[19];
    let named = |bytes: &[u8]| bytes.windows(8).any(|some| key.as_bytes().ends_with(some));
    for features in [0, 2, 7, 0xf7] {
        assert!(named(&pushed_to(features)), "features {features}");
    }
    let short = pushed_to(8);
    assert!(!short.is_empty() && !named(&short));
}

/// A liar answers every pull without keys. Removals of what is not here cannot be told from what is.
#[test]
fn a_peer_that_never_tells_the_keys_loses_its_session() {
    let (elements, mut author) = (elements(20), Site::new(5));
    author.write_all(&elements);
    let mut site = Site::new(1);
    let valid = author.store.delta_since(&rejoin_crdt::Context::default());
    let valid = valid.validate(&Limits::default()).unwrap();
    site.store.join(valid.authorise(&rejoin_crdt::Authority::Full).unwrap(), None).unwrap();
    let base = context(&site);
    site.write_all(&elements[..1]);
    author.remove_all(&elements);
    let keyless = wire::KeylessDelta::from(author.store.delta_since(&base)).omit_keys(1);
    let lie = wire::encode_keyless(&keyless);
    assert_eq!(wire::decode_delta(&lie, &Limits::default()), Err(wire::DecodeError::Keyless));
    let mut config = Config::new(CLUSTER);
    config.replica = site.id;
    let mut session = Session::new(config, &site.store, 0);
    let hello = Hello { context: context(&author), features: 8, ..Hello::default() };
    let mut result = session.handle_bytes(&hello.stream(), &site.store, 0);
    let before = site.store.view().context().clone();
    let mut lies = 0;
    for id in 1..10 {
        assert!(session.poll_deadline().is_some());
        session.handle_timeout(&site.store, id * 5_000);
        result = session.handle_bytes(&raw::encoded(id, &lie), &site.store, id * 5_000);
        let outputs: Vec<_> = std::iter::from_fn(|| session.poll_output()).collect();
        let is_unknown = |o: &Output| matches!(o, Output::Event(Event::KeysUnknown { .. }));
        lies += outputs.iter().filter(|o| is_unknown(o)).count();
        assert!(!outputs.iter().any(|o| matches!(o, Output::Apply(_))));
        if result.is_err() {
            break;
        }
    }
    assert_eq!((result, lies), (Err(SessionError::Fruitless { pulls: 3 }), 4));
    assert_eq!(*site.store.view().context(), before);
    assert_ne!(before.uniform().map(VersionVector::len), None);
}
