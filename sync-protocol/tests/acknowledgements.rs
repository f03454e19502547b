use rejoin_sync::Kind;

use crate::common::{Net, context};

#[test]
fn what_one_end_of_a_chain_has_becomes_known_at_the_other() {
    let mut net = Net::new(4);
    let links = [net.connect(0, 1), net.connect(1, 2), net.connect(2, 3)];
    net.write(0, 1, "known to all");
    net.advance(2_000);
    net.acknowledge(3);
    net.advance(4_000);
    let life = net.sites[3].id.unwrap();
    let heard = net.sites[0].acknowledged.of(life).unwrap();
    assert!(context(&net.sites[3]).floor() == *heard);
    let sent = net.status(links[0], 1).sent.of(Kind::Acknowledgements);
    net.advance(60_000);
    assert_eq!(net.status(links[0], 1).sent.of(Kind::Acknowledgements), sent, "it is told once");
    assert_eq!(net.status(links[0], 0).sent.of(Kind::Acknowledgements), 0, "and not told back");
}

#[test]
fn many_acknowledgements_in_a_second_are_one_message() {
    let mut net = Net::new(2);
    let link = net.connect(0, 1);
    for round in 0..50 {
        net.write(0, round, "x");
        net.acknowledge(0);
        net.advance(20);
    }
    net.advance(3_000);
    let sent = net.status(link, 0).sent.of(Kind::Acknowledgements);
    assert!(sent < 4 * 100, "{sent} bytes");
    let life = net.sites[0].id.unwrap();
    assert_eq!(net.sites[1].acknowledged.of(life).map(|seen| seen.seq(life)), Some(50));
}

#[test]
fn an_older_acknowledgement_changes_nothing() {
    let mut net = Net::new(2);
    let link = net.connect(0, 1);
    net.write(0, 1, "one");
    net.acknowledge(0);
    net.advance(3_000);
    let newest = net.sites[1].acknowledged.clone();
    net.cut(link);
    let link = net.connect(0, 1);
    net.advance(3_000);
    net.acknowledge(0);
    net.advance(3_000);
    assert_eq!(net.sites[1].acknowledged, newest);
    assert!(net.status(link, 1).sent.of(Kind::Acknowledgements) < 200);
}
