//! A connection that breaks again and again: what has arrived is not sent again.

use rejoin_crdt::value::Value;
use rejoin_crdt::{Hlc, Transaction};
use rejoin_sync::{Breaks, Config, Kind, MessageError, Output, Session, SessionError};

use crate::common::raw::{self, Hello};
use crate::common::{CLUSTER, Net, Site, register};

/// How much a connection carries, both directions together, before it breaks.
const CARRIED_BYTES: usize = 300 << 10;

/// What one end is given at a time.
const SLICE_BYTES: usize = 16 << 10;

const VALUE_BYTES: usize = 100;

/// Two sites, the first of which has written so much in one transaction.
fn unequal_pair(payload_bytes: usize) -> Net {
    let mut net = Net::new(2);
    let Site { store, id, .. } = &mut net.sites[0];
    let mut tx = Transaction::new(store, id.unwrap(), Hlc::new(1_000, 0));
    for number in 0..payload_bytes / VALUE_BYTES {
        let text = format!("{number:0VALUE_BYTES$}");
        tx.write(&register(u32::try_from(number).unwrap()), Value::from_serialize(&text).unwrap());
    }
    let staged = tx.finish();
    store.commit(staged).unwrap();
    net
}

/// One connection; `breaks` is what both sides remember. Returns how much it carried.
fn connect_once(net: &mut Net, breaks: &mut [Breaks; 2], write: bool) -> usize {
    net.begins_stalled = true;
    let link = net.connect_with(0, 1, |side, config| config.breaks = breaks[side].clone());
    net.begins_stalled = false;
    let (mut carried, mut has_moved) = (0, true);
    while carried < CARRIED_BYTES && has_moved {
        has_moved = false;
        for side in 0..2 {
            let mut waiting = std::mem::take(&mut net.end(link, side).inbound);
            let rest = waiting.split_off(waiting.len().min(SLICE_BYTES));
            carried += waiting.len();
            has_moved |= !waiting.is_empty();
            net.end(link, side).inbound = waiting;
            net.release(link, side);
            net.end(link, side).inbound.splice(..0, rest);
        }
        if write && carried < SLICE_BYTES {
            net.write(0, 7, "while the connection opens");
        }
    }
    for (side, breaks) in breaks.iter_mut().enumerate() {
        assert_eq!(net.end(link, side).closed, None);
        net.end(link, side).session.note_break(breaks);
    }
    net.cut(link);
    carried
}

/// Connects until both are equal. Returns the bytes that it took.
fn connect_until_equal(net: &mut Net, write: bool) -> usize {
    let (mut breaks, mut carried) = (<[Breaks; 2]>::default(), 0);
    for _ in 0..200 {
        carried += connect_once(net, &mut breaks, write);
        if net.sites[0].store.view().context() == net.sites[1].store.view().context() {
            assert_eq!(net.sites[0].listing(), net.sites[1].listing());
            assert_eq!(breaks, <[Breaks; 2]>::default(), "all is as before");
            return carried;
        }
    }
    panic!("after {carried} bytes there are {} cells", net.sites[1].store.view().cell_count());
}

fn assert_cheap(payload_bytes: usize, write: bool) {
    let carried = connect_until_equal(&mut unequal_pair(payload_bytes), write);
    println!("{carried} bytes for {payload_bytes} of values");
    assert!(carried * 2 <= payload_bytes * 3, "{carried} bytes for {payload_bytes}");
}

#[test]
fn more_than_a_delta_arrives_at_little_more_than_its_size() {
    assert_cheap(20 << 20, false);
}

#[test]
fn a_transaction_arrives_at_little_more_than_its_size() {
    assert_cheap(5 << 20, false);
}

#[test]
fn somebody_who_writes_at_every_new_connection_is_no_obstacle() {
    assert_cheap(5 << 20, true);
}

#[test]
fn without_the_memory_of_the_last_break_nothing_would_ever_arrive() {
    let mut net = unequal_pair(5 << 20);
    for _ in 0..20 {
        connect_once(&mut net, &mut <[Breaks; 2]>::default(), false);
    }
    assert_eq!(net.sites[1].store.view().cell_count(), 0);
}

#[test]
fn over_a_connection_that_holds_a_transaction_comes_as_one() {
    let mut net = unequal_pair(5 << 20);
    let link = net.connect(0, 1);
    net.assert_converged();
    assert_eq!(net.end(link, 1).applied(), 1);
}

/// What answers a pull whose body is this: the length of the delta; `Err` if the session ends.
fn answer_to(pull: &[u8]) -> Result<usize, SessionError> {
    let net = unequal_pair(100 << 10);
    let store = &net.sites[0].store;
    let mut config = Config::new(CLUSTER);
    config.checksum = false;
    let mut session = Session::new(config, store, 0);
    let stream = [Hello::default().stream(), raw::frame(2, pull)].concat();
    session.handle_bytes(&stream, store, 0)?;
    let sent = std::iter::from_fn(|| session.poll_output());
    let len = |output| match output {
        Output::Send(bytes) if bytes[0] & 0x3f == raw::DELTA => bytes.len(),
        _ => 0,
    };
    Ok(sent.map(len).sum())
}

#[test]
fn a_pull_says_how_much_suits_it() {
    let everything = answer_to(&[0x92, 1, 0xc0]).unwrap();
    assert!(everything > 100 << 10, "{everything} bytes");
    let little = answer_to(&[0x93, 1, 0xc0, 0xcd, 0x13, 0x88]).unwrap();
    assert!((3_000..5_000 + 16).contains(&little), "{little} bytes");
    let least = answer_to(&[0x93, 1, 0xc0, 0]).unwrap();
    assert!((100..1_100).contains(&least), "{least} bytes, which bring something");
    // More elements belong to a later version; loose bytes to none.
    assert_eq!(answer_to(&[0x95, 1, 0xc0, 0xcd, 0x13, 0x88, 0, 0xc3]), Ok(little));
    assert_eq!(answer_to(&[0x94, 1, 0xc0, 0xc0, 1]), Ok(everything), "with all keys");
    let loose = answer_to(&[0x93, 1, 0xc0, 0xcd, 0x13, 0x88, 0xc3]);
    let error = MessageError::Excess { excess_bytes: 1 };
    assert_eq!(loose, Err(SessionError::Message { kind: Kind::Pull, error }));
}
