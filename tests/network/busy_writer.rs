use std::sync::mpsc;
use std::thread;

use rejoin::Context;
use rejoin::path::Key;

use crate::{Duration, Network, eventually, node};

/// Far beyond what the test takes; so long the one thread of the runtime would stand still.
const AT_MOST: Duration = Duration::from_secs(20);

fn behind(network: &Network) -> Option<u64> {
    network.links().first()?.session.as_ref()?.behind_dots
}

fn has(network: &Network, all: &Context<Key>) -> bool {
    let own = network.replica().context();
    own.joined(all) == own
}

#[tokio::test(flavor = "current_thread")]
async fn links_go_on_while_a_transaction_of_the_application_takes_long() {
    let (a, address_a) = node().await;
    let (c, _) = node().await;
    let (d, address_d) = node().await;
    a.connect(address_d.to_string());
    let written = d.replica().transact(|tx| tx.register("before").set(1)).unwrap();
    eventually("the writer is here", || has(&a, &written.token)).await;

    let (begun, begins) = mpsc::channel();
    let (end, ends) = mpsc::channel();
    let replica = a.replica().clone();
    let application = thread::spawn(move || {
        let held = replica.transact(|tx| {
            begun.send(()).unwrap();
            let told = ends.recv_timeout(AT_MOST);
            tx.register("held").set(4).unwrap();
            Ok::<_, rejoin::WriteError>(told)
        });
        held.unwrap().value
    });
    begins.recv().unwrap();

    // A delta comes that has to wait; the session that brought it hears more meanwhile.
    d.replica().transact(|tx| tx.register("first").set(2)).unwrap();
    eventually("it has come", || behind(&a) >= Some(1)).await;
    let heard = a.links()[0].received_bytes;
    d.replica().transact(|tx| tx.register("second").set(3)).unwrap();
    eventually("the same session goes on", || a.links()[0].received_bytes > heard).await;
    // Another link gets all that is committed.
    c.connect(address_a.to_string());
    eventually("another link moves", || has(&c, &written.token)).await;
    assert!(!has(&a, &d.replica().context()));

    end.send(()).unwrap();
    assert_eq!(application.join().unwrap(), Ok(()), "the runtime stood still");
    let last = d.replica().context();
    eventually("all that waited is joined", || has(&a, &last)).await;
}
