//! Replicas on loopback: they meet, converge, lose each other and catch up.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops at what it does not expect")]

mod busy_writer;
#[cfg(feature = "planted")]
mod failing_memory;

use std::net::SocketAddr;
use std::time::Duration;

use rejoin::net::sync::ClusterId;
use rejoin::net::{Network, State};
use rejoin::{KeyRange, Replica};
use tokio::net::TcpListener;

const CLUSTER: ClusterId = ClusterId([7; 16]);

async fn node() -> (Network, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let network = Network::new(Replica::in_memory(), CLUSTER);
    network.listen(listener);
    (network, address)
}

/// Polls until something is true; the deadline is far beyond what it takes.
async fn eventually(what: &str, holds: impl Fn() -> bool) {
    let mut ticks = tokio::time::interval(Duration::from_millis(10));
    for _ in 0..6_000 {
        if holds() {
            return;
        }
        ticks.tick().await;
    }
    panic!("never became true: {what}");
}

fn equal(a: &Network, b: &Network) -> bool {
    let (a, b) = (a.replica().view(), b.replica().view());
    let full = KeyRange::full();
    a.cells().context() == b.cells().context()
        && a.cells().fingerprint(&full) == b.cells().fingerprint(&full)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_chain_converges_in_both_directions() {
    let (a, address_a) = node().await;
    let (b, address_b) = node().await;
    let (c, _) = node().await;
    a.replica().load(0..3_000, |row| (("rows", row), row)).unwrap();
    b.connect(address_a.to_string());
    c.connect(address_b.to_string());
    c.replica().transact(|tx| tx.counter("visits").add(5)).unwrap();
    eventually("all three are equal", || equal(&a, &b) && equal(&b, &c)).await;
    for _ in 0..20 {
        a.replica().transact(|tx| tx.counter("visits").add(1)).unwrap();
        c.replica().transact(|tx| tx.counter("visits").add(1)).unwrap();
    }
    eventually("all three count 45", || {
        [&a, &b, &c].iter().all(|n| n.replica().view().counter("visits").value() == 45)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_that_comes_back_gets_what_it_missed_and_the_link_shows_it() {
    let (a, address) = node().await;
    let b = Network::new(Replica::in_memory(), CLUSTER);
    let task = b.connect(address.to_string());
    a.replica().transact(|tx| tx.register("x").set(1)).unwrap();
    eventually("the first write is there", || equal(&a, &b)).await;
    assert_eq!(b.links()[0].state(), State::Up);
    task.abort();
    eventually("the link is gone", || a.links().is_empty()).await;
    eventually("it is shown as down here", || b.links()[0].state() == State::Down).await;
    let given_up = &b.links()[0];
    assert!(given_up.last_end.is_some() && given_up.session.is_none());
    assert!(given_up.sent_bytes > 0 && given_up.received_bytes > 0);

    a.replica().transact(|tx| tx.register("x").set(2)).unwrap();
    b.replica().transact(|tx| tx.register("y").set(3)).unwrap();
    assert!(!equal(&a, &b));
    b.connect(address.to_string());
    eventually("both have everything", || equal(&a, &b)).await;
    let links = b.links();
    assert!(links.last().is_some_and(|link| link.sent_bytes > 0 && link.received_bytes > 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_of_another_cluster_is_refused_and_says_why() {
    let (a, address) = node().await;
    let stranger = Network::new(Replica::in_memory(), ClusterId([8; 16]));
    stranger.replica().transact(|tx| tx.register("x").set(1)).unwrap();
    stranger.connect(address.to_string());
    eventually("the stranger knows why", || {
        stranger.links()[0].last_end.as_deref().is_some_and(|why| why.contains("cluster"))
    })
    .await;
    assert_eq!(a.replica().view().cells().cell_count(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_that_is_not_there_yet_is_found_when_it_comes() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let early = Network::new(Replica::in_memory(), CLUSTER);
    early.replica().transact(|tx| tx.register("x").set(1)).unwrap();
    early.connect(address.to_string());
    eventually("the first attempt failed", || early.links()[0].last_end.is_some()).await;
    let late = Network::new(Replica::in_memory(), CLUSTER);
    late.listen(TcpListener::bind(address).await.unwrap());
    eventually("both are equal", || equal(&early, &late)).await;
}

/// In a chain the ends never talk to each other: what one has reaches the other by gossip.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_in_a_chain_forget_what_all_of_them_have_removed() {
    let (a, address_a) = node().await;
    let (b, address_b) = node().await;
    let (c, _) = node().await;
    b.connect(address_a.to_string());
    c.connect(address_b.to_string());
    a.replica().found_cluster("a").unwrap();
    a.replica().admit(b.replica().identity(), "b", None).unwrap();
    a.replica().admit(c.replica().identity(), "c", None).unwrap();
    a.replica().transact(|tx| tx.set("tags").add("old").map(drop)).unwrap();
    a.replica().transact(|tx| tx.set("tags").remove("old").map(drop)).unwrap();
    eventually("all three are equal", || equal(&a, &b) && equal(&b, &c)).await;
    let cells = |node: &Network| node.replica().view().cells().cell_count();
    let before = cells(&c);
    eventually("both ends wait for nobody", || {
        a.replica().stalled().is_empty() && c.replica().stalled().is_empty()
    })
    .await;
    for node in [&a, &b, &c] {
        eventually("the tombstone is gone", || {
            node.replica().collect().unwrap();
            cells(node) == before - 1
        })
        .await;
    }
    assert!(equal(&a, &b) && equal(&b, &c));
    a.replica().transact(|tx| tx.set("tags").add("new").map(drop)).unwrap();
    eventually("and they go on", || c.replica().view().set("tags").contains("new")).await;
}
