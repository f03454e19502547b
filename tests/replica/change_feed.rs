use std::time::Duration;

use rejoin::{Context, Replica, WriteError};

use crate::sync;

fn paths(changes: &rejoin::Changes) -> Vec<String> {
    changes.cells.iter().map(|key| key.path().to_string()).collect()
}

#[test]
fn a_feed_lists_each_changed_place_once_and_resumes_from_a_saved_position() {
    let replica = Replica::in_memory();
    let mut feed = replica.changes(Context::default());
    assert!(feed.poll().is_none());
    for value in 0..100 {
        replica.transact(|tx| tx.register(("a", "x")).set(value)).unwrap();
    }
    replica.transact(|tx| tx.counter("n").add(1)).unwrap();
    assert_eq!(paths(&feed.poll().unwrap()), ["a/x", "n"]);
    assert!(feed.poll().is_none());

    let saved = feed.position().clone();
    drop(feed);
    replica.transact(|tx| tx.register(("a", "y")).set(1)).unwrap();
    assert_eq!(paths(&replica.changes(saved).poll().unwrap()), ["a/y"]);
}

#[test]
fn a_feed_tells_of_changes_from_elsewhere_and_of_deleted_ranges() {
    let (here, there) = (Replica::in_memory(), Replica::in_memory());
    here.transact(|tx| {
        tx.register(("a", "x")).set(1)?;
        tx.register(("a", "y")).set(1)?;
        tx.register(("b", "x")).set(1)
    })
    .unwrap();
    sync(&here, &there);
    let mut feed = there.changes(there.context());
    here.transact(|tx| tx.delete("a")).unwrap();
    sync(&here, &there);
    let changes = feed.poll().unwrap();
    assert_eq!((changes.cells.len(), changes.deleted.len()), (0, 1));
    assert!(changes.deleted[0].contains(&rejoin::path::Path::from_iter(["a".into()]).start()));
}

#[test]
fn waiting_for_a_change_ends_when_somebody_commits() {
    let replica = Replica::in_memory();
    let mut feed = replica.changes(replica.context());
    let writer = {
        let replica = replica.clone();
        std::thread::spawn(move || replica.transact(|tx| tx.counter("n").add(1)).is_ok())
    };
    let changes = feed.wait(Duration::from_secs(60));
    assert_eq!(paths(&changes.unwrap()), ["n"]);
    assert!(writer.join().unwrap());
    assert!(feed.wait(Duration::ZERO).is_none());
    let unchanged = replica.transact(|_| Ok::<(), WriteError>(())).unwrap();
    assert_eq!(unchanged.last, None);
    assert!(feed.poll().is_none());
}
