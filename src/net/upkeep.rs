//! What has to be done now and then, whether anything happens or not: passing on what members have
//! acknowledged, forgetting what nobody needs any more, and looking for damage.

use std::sync::{Arc, Weak};
use std::time::Duration;

use rejoin_crdt::ReplicaId;
use rejoin_crdt::path::Key;
use rejoin_sync::Session;

use super::lease::Leases;
use super::{Shared, lock};
use crate::{DocumentStore, Replica};

/// How often acknowledgements are passed on. Collection is in no hurry.
const GOSSIP_PAUSE: Duration = Duration::from_secs(2);

/// Collection looks at every removal that is remembered, so not each time.
const ROUNDS_PER_COLLECTION: u32 = 5;

/// How many cells are scrubbed under one lock: a fraction of a millisecond.
const SCRUBBED_AT_ONCE: usize = 200;

/// How many cells are scrubbed in a round: a million takes 200 s, and a fraction of a percent of a core
/// (`docs/scaling.md`).
const SCRUBBED_PER_ROUND: usize = 10_000;

/// Keeps the links and the replica of a network in order, for as long as it lives.
pub(super) async fn keep_up(shared: Weak<Shared>) {
    let (mut round, mut leases, mut scrubbed_to) = (0_u32, Leases::default(), None);
    loop {
        tokio::time::sleep(GOSSIP_PAUSE).await;
        let Some(shared) = shared.upgrade() else { return };
        pass_on(&shared);
        let replica = shared.replica.clone();
        let work = tokio::task::spawn_blocking(move || scrub(&replica, scrubbed_to));
        let (next, is_damaged) = work.await.unwrap_or_default();
        scrubbed_to = next;
        if is_damaged {
            compare(&shared);
        }
        round = round.wrapping_add(1);
        if round.is_multiple_of(ROUNDS_PER_COLLECTION) {
            let replica = shared.replica.clone();
            let expired = expired(&shared, &mut leases);
            // A failure shows at the next write, and what could not be forgotten now can be later.
            let work = move || {
                for life in expired {
                    let _ = replica.retire_member(life);
                }
                replica.collect()
            };
            let _ = tokio::task::spawn_blocking(work).await;
        }
    }
}

/// Looks for damage from some key on; returns where to go on, and whether there is any.
fn scrub(replica: &Replica, mut from: Option<Key>) -> (Option<Key>, bool) {
    let (mut cells, mut is_damaged) = (0, false);
    while cells < SCRUBBED_PER_ROUND {
        let found = replica.scrub(from.as_ref(), SCRUBBED_AT_ONCE);
        cells += found.cells.max(1);
        is_damaged |= !found.damaged.is_empty();
        from = found.next;
        if from.is_none() {
            break;
        }
    }
    (from, is_damaged)
}

/// Has every session compare both sides now: that is how damage is repaired.
fn compare(shared: &Shared) {
    with_sessions(shared, |session, store, now_ms| session.compare(store, now_ms));
}

fn with_sessions(shared: &Shared, tell: impl Fn(&mut Session, &DocumentStore, u64)) {
    let links: Vec<Arc<_>> = lock(&shared.links).values().cloned().collect();
    let (document, now_ms) = (shared.replica.shared.document(), shared.clock.now_ms());
    for link in links {
        let mut state = lock(&link.state);
        if let Some(session) = &mut state.session {
            tell(session, document.store(), now_ms);
            link.wake.notify_one();
        }
    }
}

/// The members whose lease is over, where there are leases.
fn expired(shared: &Shared, leases: &mut Leases) -> Vec<ReplicaId> {
    let lease = *lock(&shared.lease);
    let over = |lease| leases.expired(&shared.replica, lease, shared.clock.now_ms());
    lease.map(over).unwrap_or_default()
}

/// Tells every session what members have durably, as far as it is known here.
fn pass_on(shared: &Shared) {
    let known = shared.replica.acknowledgements();
    if known.is_empty() {
        return;
    }
    with_sessions(shared, |session, store, now_ms| {
        session.acknowledgements_changed(&known, store, now_ms);
    });
}
