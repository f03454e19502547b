use rejoin_sync::document::Store;
use rejoin_sync::{Config, Output, Session};

use crate::common::{CLUSTER, Net, Random};

/// Everything that replica 0 sends while it brings replica 1 up to date and then writes some more.
fn valid_stream() -> (Vec<u8>, Store, Config) {
    let mut net = Net::new(2);
    (0..5).for_each(|key| net.sites[0].write(key, "a value"));
    net.sites[1].write(3, "another value");
    let receiver = net.sites[1].store.clone();
    let config = |_: usize, config: &mut Config| config.checksum = false;
    let link = net.connect_with(0, 1, config);
    net.cut(link);
    net.sites[1].store = receiver.clone();
    let mut kept = Vec::new();
    // The same once more, with every byte for the receiver kept.
    let mut sender = Config::new(CLUSTER);
    sender.checksum = false;
    sender.replica = net.sites[0].id;
    let mut other = sender.clone();
    other.replica = net.sites[1].id;
    let mut session = Session::new(sender, &net.sites[0].store, 0);
    let mut peer = Session::new(other.clone(), &net.sites[1].store, 0);
    for round in 0..6 {
        while let Some(output) = session.poll_output() {
            if let Output::Send(bytes) = output {
                kept.extend_from_slice(&bytes);
                peer.handle_bytes(&bytes, &net.sites[1].store, 0).unwrap();
            }
        }
        while let Some(output) = peer.poll_output() {
            match output {
                Output::Send(bytes) => {
                    session.handle_bytes(&bytes, &net.sites[0].store, 0).unwrap()
                }
                Output::Apply(delta) => {
                    net.sites[1].store.join(delta, other.replica).unwrap();
                    peer.delta_applied(&net.sites[1].store, 0);
                }
                _ => {}
            }
        }
        net.sites[0].write(round, "once more");
        let replica = net.sites[0].id.unwrap();
        let origin = rejoin_sync::Origin::Local { replica };
        session.store_changed(&net.sites[0].store, origin, 0);
    }
    (kept, receiver, other)
}

fn mutate(stream: &[u8], random: &mut Random) -> Vec<u8> {
    let mut bytes = stream.to_vec();
    for _ in 0..=random.below(3) {
        let at = random.below(bytes.len());
        match random.below(5) {
            0 => bytes[at] ^= 1 << random.below(8),
            1 => bytes[at] = [0, 1, 0x7f, 0x80, 0xff][random.below(5)],
            2 => bytes.truncate(at.max(1)),
            3 => bytes.insert(at, u8::try_from(random.below(256)).unwrap()),
            _ => {
                bytes.remove(at);
                bytes.push(0);
            }
        }
    }
    bytes
}

#[test]
fn one_hundred_thousand_damaged_streams_cause_no_panic_and_no_invalid_state() {
    let (stream, receiver, config) = valid_stream();
    let mut random = Random(1);
    let mut refused = 0;
    for run in 0..100_000 {
        let bytes = mutate(&stream, &mut random);
        let mut store = receiver.clone();
        let mut session = Session::new(config.clone(), &store, 0);
        let portion = 1 + random.below(bytes.len());
        for bytes in bytes.chunks(portion) {
            let revision = store.revision();
            if session.handle_bytes(bytes, &store, 0).is_err() {
                refused += 1;
                assert_eq!(store.revision(), revision);
                break;
            }
            while let Some(output) = session.poll_output() {
                if let Output::Apply(delta) = output {
                    match store.join(delta, config.replica) {
                        Ok(_) => session.delta_applied(&store, 0),
                        Err(error) => session.delta_refused(error.into(), &store, 0),
                    }
                }
            }
        }
        session.handle_timeout(&store, 1_000 * (run % 100));
        if run % 16 == 0 {
            store.verify(config.replica).unwrap();
        }
    }
    println!("{refused} of 100000 damaged streams were refused");
    assert!(refused > 50_000, "{refused}");
}
