use rejoin_crdt::{Authority, Coverage, Entry, Hlc, Limits, Transaction};
use rejoin_sync::document::{Context, Store};
use rejoin_sync::{Config, Kind, Session, SessionError};

use crate::common::raw::{self, Hello};
use crate::common::{CLUSTER, Net, Random, Site, register};

/// Deletes some registers, without telling anybody.
fn delete(site: &mut Site, keys: impl IntoIterator<Item = u32>) {
    let mut tx = Transaction::new(&site.store, site.id.unwrap(), Hlc::new(2_000, 0));
    for key in keys {
        tx.remove(&register(key));
    }
    let staged = tx.finish();
    site.store.commit(staged).unwrap();
}

/// The site as it is once it has collected every tombstone.
fn collect(site: &mut Site) {
    let mut state = site.store.delta_since(&Context::default());
    for part in &mut state.parts {
        part.coverage = Coverage::Complete;
        for cell in &mut part.cells {
            cell.fresh.retain(|(_, entry)| !matches!(entry, Entry::Tombstone(_)));
        }
        part.cells.retain(|cell| !cell.fresh.is_empty());
        state.horizon = part.upto.clone();
    }
    let state = state.validate(&Limits::default()).unwrap().authorise(&Authority::Full).unwrap();
    site.store = Store::new();
    site.store.join(state, None).unwrap();
}

/// Two sites that were equal, with `cells` registers of 40 bytes, and are not connected.
fn two_that_were_equal(cells: u32) -> Net {
    let mut net = Net::new(2);
    let author = &mut net.sites[0];
    let mut tx = Transaction::new(&author.store, author.id.unwrap(), Hlc::new(1_000, 0));
    for key in 0..cells {
        let value = format!("{:040}", key);
        tx.write(&register(key), rejoin_crdt::value::Value::from_serialize(&value).unwrap());
    }
    let staged = tx.finish();
    author.store.commit(staged).unwrap();
    let link = net.connect(0, 1);
    net.assert_converged();
    net.cut(link);
    net
}

/// Connects the two, and returns what side 0 sent of each kind.
fn reconnect(net: &mut Net) -> impl Fn(Kind) -> u64 + use<> {
    let link = net.connect(0, 1);
    net.advance(2_000);
    net.assert_converged();
    let sent = net.status(link, 0).sent;
    let total = net.sent_bytes(link);
    println!("{total} bytes in all");
    move |kind| sent.of(kind)
}

#[test]
fn what_was_deleted_and_collected_does_not_come_back() {
    let mut net = two_that_were_equal(20);
    delete(&mut net.sites[0], [3, 7]);
    net.sites[0].write(5, "changed");
    collect(&mut net.sites[0]);
    net.sites[1].write(30, "written while away");
    let sent = reconnect(&mut net);
    assert_eq!(net.sites[1].store.view().cell_count(), 19);
    assert_eq!(sent(Kind::Offer), 0, "so few cells are listed at once");
}

#[test]
fn differences_that_lie_together_cost_a_few_fingerprints() {
    let mut net = two_that_were_equal(20_000);
    delete(&mut net.sites[0], 7_000..7_010);
    net.sites[0].write(7_012, "changed");
    net.sites[0].write(50_000, "new");
    collect(&mut net.sites[0]);
    net.sites[1].write(7_013, "written while away");
    let sent = reconnect(&mut net);
    let everything = sent(Kind::Offer) + sent(Kind::Delta);
    assert!(everything < 12_000, "{everything} bytes for 13 of 20 000 cells");
    assert_eq!(sent(Kind::Sketch), 0);
}

#[test]
fn scattered_differences_are_found_by_a_sketch() {
    let mut net = two_that_were_equal(20_000);
    delete(&mut net.sites[0], (0..20_000).step_by(80));
    collect(&mut net.sites[0]);
    let mut random = Random(1);
    for _ in 0..50 {
        net.sites[1].write(u32::try_from(random.below(20_000)).unwrap() | 1, "written while away");
    }
    let sent = reconnect(&mut net);
    let everything = sent(Kind::Offer) + sent(Kind::Sketch) + sent(Kind::Delta);
    assert!(sent(Kind::Sketch) > 0);
    assert!(everything < 60_000, "{everything} bytes for 300 of 20 000 cells");
}

#[test]
fn where_nearly_everything_differs_everything_is_listed() {
    let mut net = two_that_were_equal(4_000);
    delete(&mut net.sites[0], (0..4_000).filter(|key| key % 3 != 0));
    collect(&mut net.sites[0]);
    let sent = reconnect(&mut net);
    assert_eq!(net.sites[1].store.view().cell_count(), 1_334);
    assert!(sent(Kind::Sketch) < 40_000, "a sketch ends where a listing is shorter");
}

#[test]
fn writes_on_both_sides_while_they_compare_are_not_lost() {
    for pause in 1..12 {
        let mut net = two_that_were_equal(5_000);
        delete(&mut net.sites[0], (0..5_000).step_by(70));
        collect(&mut net.sites[0]);
        let link = net.connect_stalled(0, 1);
        for turn in 0..40 {
            net.release(link, turn % 2);
            if turn.is_multiple_of(pause) {
                net.write(
                    0,
                    70 * u32::try_from(turn).unwrap(),
                    "written again where it was deleted",
                );
                net.write(1, 70 * u32::try_from(turn).unwrap() + 1, "written at the other side");
                net.write(1, 70 * u32::try_from(turn).unwrap() + 140, "written over a deletion");
            }
        }
        net.end(link, 0).is_stalled = false;
        net.end(link, 1).is_stalled = false;
        net.advance(2_000);
        net.assert_converged();
    }
}

#[test]
fn what_a_third_one_brings_while_two_compare_does_not_come_back() {
    for turns in 0..12 {
        let mut net = two_that_were_equal(1_000);
        delete(&mut net.sites[0], (0..1_000).step_by(30));
        net.sites[0].write(2_000, "new");
        collect(&mut net.sites[0]);
        net.sites.push(Site::new(3));
        let link = net.connect_stalled(0, 2);
        for turn in 0..turns {
            net.release(link, 1 - turn % 2);
        }
        // It has what was deleted, and says so by a context that the first one covers.
        net.connect(1, 2);
        net.end(link, 0).is_stalled = false;
        net.end(link, 1).is_stalled = false;
        net.advance(2_000);
        net.assert_converged();
        assert_eq!(net.sites[2].store.view().cell_count(), 967);
    }
}

#[test]
fn a_listing_in_rounds_goes_on_where_it_was() {
    let mut net = two_that_were_equal(2_000);
    delete(&mut net.sites[0], (0..2_000).filter(|key| key % 2 != 0));
    collect(&mut net.sites[0]);
    let link = net.connect_with(0, 1, |_, config| config.limits.delta_bytes = 16_000);
    net.advance(1_000);
    assert!(net.end(link, 1).applied() > 2);
    net.assert_converged();
    assert_eq!(net.sites[1].store.view().cell_count(), 1_000);
}

#[test]
fn a_message_of_a_comparison_that_is_not_under_way_ends_the_session() {
    let store = Store::new();
    // Verdict, sketch, more, want.
    let bodies: [&[u8]; 4] =
        [b"\x92\x01\xc4\x00", b"\x92\x01\xc4\x00", b"\x91\x01", b"\x93\x01\xc0\xc0"];
    for (kind, body) in (13..).zip(bodies) {
        let stream = [Hello::default().stream(), raw::frame(kind, body)].concat();
        let mut session = Session::new(Config::new(CLUSTER), &store, 0);
        let refused = session.handle_bytes(&stream, &store, 0);
        assert_eq!(refused, Err(SessionError::Comparison { id: 1 }), "kind {kind}");
    }
    let offer = raw::frame(12, b"\x93\x01\xc4\x10................\xc4\x00");
    let mut session = Session::new(Config::new(CLUSTER), &store, 0);
    let refused = session.handle_bytes(&[Hello::default().stream(), offer].concat(), &store, 0);
    assert_eq!(refused, Err(SessionError::UnaskedAnswer { id: 1 }));
}
