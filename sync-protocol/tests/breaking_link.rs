//! A connection that breaks again and again: what has arrived is not sent again.

use rejoin_crdt::value::Value;
use rejoin_crdt::{Hlc, Transaction};
use rejoin_sync::Breaks;

use crate::common::{Net, Site, register};

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
