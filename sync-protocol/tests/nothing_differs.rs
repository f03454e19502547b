use rejoin_sync::Event;

use crate::common::Net;

#[test]
fn proving_that_nothing_differs_costs_at_most_64_bytes_in_total() {
    let mut net = Net::new(2);
    net.hear_of(100..1_100);
    (0..100).for_each(|key| net.sites[0].write(key, "value"));
    let link = net.connect(0, 1);
    net.advance(5_000);
    let before = net.sent_bytes(link);
    net.end(link, 0).events.clear();
    let (store, now_ms) = (net.sites[0].store.clone(), net.now_ms);
    net.end(link, 0).session.compare(&store, now_ms);
    net.run();
    let cost = net.sent_bytes(link) - before;
    println!("nothing differs: {cost} bytes");
    assert!(cost <= 64, "{cost} bytes");
    assert_eq!(net.end(link, 0).count(|e| matches!(e, Event::Equal { .. })), 1);
    assert_eq!(net.end(link, 1).count(|e| matches!(e, Event::Equal { .. })), 2);
}

#[test]
fn two_peers_that_ask_at_the_same_time_answer_each_other_by_asking() {
    let mut net = Net::new(2);
    net.sites[0].write(1, "value");
    let link = net.connect(0, 1);
    net.advance(5_000);
    let before = net.sent_bytes(link);
    for side in 0..2 {
        let (store, now_ms) = (net.sites[side].store.clone(), net.now_ms);
        net.end(link, side).session.compare(&store, now_ms);
    }
    net.run();
    let cost = net.sent_bytes(link) - before;
    assert!(cost <= 64, "{cost} bytes");
}

#[test]
fn peers_that_are_quiet_compare_themselves_once_a_minute() {
    let mut net = Net::new(2);
    net.sites[0].write(1, "value");
    let link = net.connect(0, 1);
    net.advance(300_000);
    let proofs = net.end(link, 0).count(|e| matches!(e, Event::Equal { .. }));
    assert!((4..=6).contains(&proofs), "{proofs} in five minutes");
    net.assert_converged();
}

#[test]
fn many_writers_cost_nothing_while_both_have_the_same() {
    let mut net = Net::new(2);
    net.hear_of(100..1_100);
    let link = net.connect(0, 1);
    net.advance(1_000);
    net.assert_converged();
    let sent = net.sent_bytes(link);
    println!("{sent} bytes for 1 000 writers");
    assert!(sent < 400, "{sent} bytes: the contexts went by their hashes, both times");
    // From then on only what grows is told.
    net.write(0, 1, "one");
    net.advance(2_000);
    let context_bytes = net.status(link, 1).sent.total();
    assert!(context_bytes < 400, "{context_bytes} bytes");
    net.assert_converged();
}

#[test]
fn who_writes_between_both_hellos_is_understood() {
    let mut net = Net::new(2);
    net.hear_of(100..600);
    let link = net.connect_stalled(0, 1);
    net.write(0, 1, "after the own hello, before the peer's");
    net.write(1, 2, "there too");
    net.release(link, 0);
    net.release(link, 1);
    net.end(link, 0).is_stalled = false;
    net.end(link, 1).is_stalled = false;
    net.advance(2_000);
    net.assert_converged();
}
