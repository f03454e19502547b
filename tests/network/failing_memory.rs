use rejoin::path::{IntoPath, Key, TypeTag};
use rejoin::{Entry, KeyRange};

use crate::{Network, equal, eventually, node};

fn key(row: u64) -> Key {
    Key::new(("rows", row).into_path(), TypeTag::Register).unwrap()
}

/// How many dots audits have brought back at the first link of a node.
fn repaired(network: &Network) -> u64 {
    let links = network.links();
    let session = links.first().and_then(|link| link.session.as_ref());
    session.map_or(0, |session| session.repaired_dots)
}

fn is_whole(network: &Network) -> bool {
    let status = network.replica().status();
    status.quarantined == 0 && !status.suspect && network.replica().verify().is_ok()
}

/// Fingerprints do not show it, since their sums are kept; nobody but the scrub of the network can find it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_changes_in_memory_is_found_in_the_background_and_brought_back() {
    let (a, address) = node().await;
    let (b, _) = node().await;
    a.replica().load(0..3_000, |row| (("rows", row), row)).unwrap();
    a.replica().transact(|tx| tx.register(("rows", 70)).delete().map(drop)).unwrap();
    b.connect(address.to_string());
    eventually("both are equal", || equal(&a, &b)).await;

    let stamp = |entry: &mut Entry<_>| {
        if let Entry::Value { hlc, .. } = entry {
            *hlc = rejoin::Hlc::new(77, 0);
        }
    };
    assert!(b.replica().damage(&key(2_000), stamp));
    assert!(b.replica().damage_dots(&key(70), |seq| seq - 1));
    eventually("it was found and brought back", || repaired(&b) > 0 && is_whole(&b)).await;

    assert!(equal(&a, &b) && is_whole(&a));
    let (a, b) = (a.replica().view(), b.replica().view());
    let (a, b) = (a.cells().range(&KeyRange::full()), b.cells().range(&KeyRange::full()));
    let entries = |(key, cell): (&Key, rejoin::CellRef<'_, rejoin::value::Value>)| {
        let entries = cell.entries().map(|(dot, entry)| (dot, entry.clone()));
        (key.clone(), entries.collect::<Vec<_>>())
    };
    assert!(a.map(entries).eq(b.map(entries)), "removals included");
}
