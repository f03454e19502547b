//! What has to be done now and then, whether anything happens or not: passing on what members have
//! acknowledged, and forgetting what nobody needs any more.

use std::sync::{Arc, Weak};
use std::time::Duration;

use rejoin_crdt::ReplicaId;

use super::lease::Leases;
use super::{Shared, lock};

/// How often acknowledgements are passed on. Collection is in no hurry.
const GOSSIP_PAUSE: Duration = Duration::from_secs(2);

/// Collection looks at every removal that is remembered, so not each time.
const ROUNDS_PER_COLLECTION: u32 = 5;

/// Keeps the links and the replica of a network in order, for as long as it lives.
pub(super) async fn keep_up(shared: Weak<Shared>) {
    let (mut round, mut leases) = (0_u32, Leases::default());
    loop {
        tokio::time::sleep(GOSSIP_PAUSE).await;
        let Some(shared) = shared.upgrade() else { return };
        pass_on(&shared);
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
    let links: Vec<Arc<_>> = lock(&shared.links).values().cloned().collect();
    let (document, now_ms) = (shared.replica.shared.document(), shared.clock.now_ms());
    for link in links {
        let mut state = lock(&link.state);
        if let Some(session) = &mut state.session {
            session.acknowledgements_changed(&known, document.store(), now_ms);
            link.wake.notify_one();
        }
    }
}
