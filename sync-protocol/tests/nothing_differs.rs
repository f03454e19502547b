use rejoin_sync::Event;

use crate::common::Net;

#[test]
fn proving_that_nothing_differs_costs_at_most_64_bytes_in_total() {
    let mut net = Net::new(2);
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
