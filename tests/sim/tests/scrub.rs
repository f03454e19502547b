//! Memory of a whole replica fails.

#![allow(clippy::unwrap_used, reason = "a test stops at what it does not expect")]

use std::sync::atomic::{AtomicU64, Ordering};

use rejoin::link::{ClusterId, Link, LinkOutput};
use rejoin::path::{IntoPath, Key, TypeTag};
use rejoin::value::Value;
use rejoin::{
    Context, DeltaError, Entry, Environment, KeyRange, MemoryPlace, Replica, ReplicaId,
    TransactError, WriteError,
};
use rejoin_storage::{FaultPlan, FaultyDisk};

/// A clock that stands, and ids in a row.
#[derive(Debug)]
pub(crate) struct Ids(pub(crate) AtomicU64);

impl Environment for Ids {
    fn now_ms(&self) -> u64 {
        1_790_000_000_000
    }

    fn new_replica_id(&self) -> ReplicaId {
        ReplicaId::from_u128(self.0.fetch_add(1, Ordering::Relaxed).into())
    }
}

/// Lets two replicas talk for some seconds.
fn talk(a: &Replica, b: &Replica) {
    let mut ends = [a, b].map(|replica| Link::new(replica.clone(), ClusterId([7; 16]), 1, 0));
    for now_ms in (0..5_000).step_by(100) {
        let mut is_silent = false;
        while !is_silent {
            is_silent = true;
            for at in 0..2 {
                while let Some(output) = ends[at].poll(now_ms) {
                    is_silent = false;
                    if let LinkOutput::Send(bytes) = output {
                        ends[1 - at].receive(&bytes, now_ms);
                    }
                }
            }
        }
        ends.iter_mut().for_each(|end| end.timeout(now_ms));
    }
}

fn set(replica: &Replica, key: u64, value: &str) -> Result<(), TransactError<WriteError>> {
    replica.transact(|tx| tx.register(key).set(value).map(drop)).map(drop)
}

fn get(replica: &Replica, key: u64) -> Option<String> {
    replica.view().register(key).get().unwrap()
}

#[test]
fn a_value_that_failed_in_memory_comes_back_and_stays_over_a_restart() {
    let (disk, place) = (FaultyDisk::new(1, FaultPlan::NONE), MemoryPlace::default());
    let open = |first| {
        let env = Ids(AtomicU64::new(first));
        Replica::builder().env(env).open_on(disk.clone(), place.clone()).unwrap()
    };
    let peer = Replica::builder().env(Ids(AtomicU64::new(3_000))).try_in_memory().unwrap();
    let db = open(1_000);
    (0..100).for_each(|key| set(&db, key, &format!("value {key}")).unwrap());
    talk(&db, &peer);
    db.view().cells().fingerprint(&KeyRange::full());

    let key = Key::new(31_u64.into_path(), TypeTag::Register).unwrap();
    let lie = Value::from_serialize(&"a lie").unwrap();
    let flips = |entry: &mut Entry<Value>| {
        if let Entry::Value { value, .. } = entry {
            value.clone_from(&lie);
        }
    };
    assert!(db.damage(&key, flips));
    // The log is replaced by the state before anybody has noticed. Far keys only: the sums stay.
    (0..3_000).for_each(|round| set(&db, 1_000_000, &format!("{round:0300}")).unwrap());
    assert_eq!(db.scrub(None, usize::MAX).damaged.len(), 1);
    assert_eq!((db.status().quarantined, db.status().suspect), (1, true));
    let refused = set(&db, 31, "over the lie");
    assert!(matches!(refused, Err(TransactError::Aborted(WriteError::Quarantined { .. }))));
    let untold = db.deltas_since(&Context::default());
    assert!(matches!(untold, Err(DeltaError::Quarantined)));
    set(&db, 99, "far from it").unwrap();

    talk(&db, &peer);
    let check = |db: &Replica| {
        let status = db.status();
        assert_eq!((status.quarantined, status.suspect), (0, false));
        assert_eq!(get(db, 31).as_deref(), Some("value 31"));
        assert_eq!(get(&peer, 31).as_deref(), Some("value 31"));
        assert_eq!(get(&peer, 99).as_deref(), Some("far from it"));
        db.verify().unwrap();
    };
    check(&db);
    drop(db);
    disk.crash();
    let db = open(2_000);
    check(&db);
    talk(&db, &peer);
    check(&db);
    let full = KeyRange::full();
    let print = |replica: &Replica| replica.view().cells().fingerprint(&full);
    assert_eq!((db.context(), print(&db)), (peer.context(), print(&peer)));
}
