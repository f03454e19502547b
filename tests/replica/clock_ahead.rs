use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rejoin::{Environment, Replica, ReplicaId};

use crate::exchange;

const DAY_MS: u64 = 86_400_000;
const TODAY_MS: u64 = 20_000 * DAY_MS;
const SEVENTY_YEARS_MS: u64 = 70 * 365 * DAY_MS;

#[derive(Debug)]
struct Clock {
    now_ms: Arc<AtomicU64>,
    id: u128,
}

impl Environment for Clock {
    fn now_ms(&self) -> u64 {
        self.now_ms.load(Ordering::Relaxed)
    }

    fn new_replica_id(&self) -> ReplicaId {
        ReplicaId::from_u128(self.id)
    }
}

fn replica(id: u128, now_ms: u64) -> Replica {
    let clock = Clock { now_ms: Arc::new(AtomicU64::new(now_ms)), id };
    Replica::builder().env(clock).try_in_memory().unwrap()
}

fn title(replica: &Replica) -> String {
    replica.view().register("title").get().unwrap().unwrap()
}

#[test]
fn a_clock_seventy_years_ahead_wins_only_what_is_concurrent_and_infects_nobody() {
    let (sane, broken) = (replica(1, TODAY_MS), replica(2, TODAY_MS + SEVENTY_YEARS_MS));
    sane.transact(|tx| tx.register("title").set("before")).unwrap();
    exchange(&sane, &broken);
    sane.transact(|tx| tx.register("title").set("by the sane one")).unwrap();
    broken.transact(|tx| tx.register("title").set("from the future")).unwrap();
    exchange(&sane, &broken);

    // Concurrent: the stamp decides what is shown, and nothing is lost.
    assert_eq!(title(&sane), "from the future");
    assert_eq!(sane.view().conflicts(()).count(), 1);
    assert!(sane.status().suspect_stamps > 0, "and somebody can be told");

    // Causal: who has seen it wins over it, with a clock of today.
    sane.transact(|tx| tx.register("title").set("corrected")).unwrap();
    exchange(&sane, &broken);
    assert_eq!((title(&sane), title(&broken)), ("corrected".into(), "corrected".into()));
    assert_eq!(sane.view().conflicts(()).count(), 0);

    // The clock of the sane one is where it was: a third replica notices nothing.
    let third = replica(3, TODAY_MS);
    third.transact(|tx| tx.register("other").set("x")).unwrap();
    let stamp = |replica: &Replica, path: &str| replica.view().register(path).siblings()[0].hlc;
    assert!(stamp(&sane, "title").physical_ms() < TODAY_MS + 61_000, "{:?}", stamp(&sane, "title"));
    assert!(stamp(&third, "other").physical_ms() < TODAY_MS + 61_000);
}
