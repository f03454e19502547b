use rejoin_sync::Kind;

use crate::common::Net;

#[test]
fn a_push_of_one_record_among_three_replicas_costs_little_more_than_the_record() {
    let mut net = Net::new(3);
    (0..3).for_each(|site| (0..50).for_each(|key| net.sites[site].write(key, "an older value")));
    let link = net.connect(0, 1);
    net.connect(1, 2);
    net.advance(5_000);
    net.assert_converged();
    let (before, delta_before) = (net.sent_bytes(link), net.changes_sent(link, 0));
    net.write(0, 7, "a value of thirty-two bytes, sir");
    let cost = net.sent_bytes(link) - before;
    let delta = net.changes_sent(link, 0) - delta_before;
    println!("one record: {cost} bytes, of them {delta} of the delta");
    assert_eq!(net.sites[1].listing(), net.sites[0].listing());
    assert!(net.status(link, 0).is_in_sync, "the acknowledgement has arrived");
    assert!(cost <= 150 + 32 + 16, "{cost} bytes beside a value of 32 and a key of 16");
}

#[test]
fn what_a_peer_sent_is_never_sent_back() {
    let mut net = Net::new(2);
    let link = net.connect(0, 1);
    net.write(0, 1, "value");
    net.advance(5_000);
    assert_eq!(net.changes_sent(link, 1), 0);
    assert_eq!(net.status(link, 1).sent.of(Kind::Announce), 0);
}

#[test]
fn several_commits_before_the_driver_sends_travel_once() {
    let mut net = Net::new(2);
    let link = net.connect(0, 1);
    (0..10).for_each(|_| {
        net.sites[0].write(1, "overwritten again and again");
        net.tell(0);
    });
    net.run();
    net.advance(1);
    net.assert_converged();
    assert!(net.end(link, 1).applied() <= 2, "the first commit, and the state after the last");
}
