//! Leases: retiring members that are gone, for operators who ask for it.
//!
//! A member that acknowledges nothing keeps every removal remembered. That is the default, and shows; to
//! retire a member is an operator's act. A lease lets a node do it by itself: a member that is behind and
//! has not acknowledged anything new for the time of the lease is retired. What it wrote meanwhile is not
//! lost when it comes back, except in member-only types, which it may write no more; it is admitted again
//! under a new life.

use std::collections::BTreeMap;
use std::time::Duration;

use rejoin_crdt::{ReplicaId, VersionVector};

use crate::Replica;

/// Since when each member that is behind has not moved.
#[derive(Debug, Default)]
pub(super) struct Leases {
    standing: BTreeMap<ReplicaId, (VersionVector, u64)>,
}

impl Leases {
    /// The members that have been behind, without acknowledging anything new, for the whole `lease`.
    pub(super) fn expired(
        &mut self,
        replica: &Replica,
        lease: Duration,
        now_ms: u64,
    ) -> Vec<ReplicaId> {
        let (known, own) = (replica.acknowledgements(), replica.shared.claimed_identity());
        let stalled = replica.stalled();
        let behind = |life: &ReplicaId| stalled.iter().any(|stalled| stalled.member.life == *life);
        self.standing.retain(|life, _| behind(life));
        let lease_ms = u64::try_from(lease.as_millis()).unwrap_or(u64::MAX);
        let mut expired = Vec::new();
        for life in
            stalled.iter().map(|stalled| stalled.member.life).filter(|life| Some(*life) != own)
        {
            let seen = known.of(life).cloned().unwrap_or_default();
            let (last, since_ms) =
                self.standing.entry(life).or_insert_with(|| (seen.clone(), now_ms));
            if *last != seen {
                (*last, *since_ms) = (seen, now_ms);
            } else if now_ms.saturating_sub(*since_ms) >= lease_ms {
                expired.push(life);
            }
        }
        expired
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a step that is refused shall stop the test")]
mod tests {
    use super::*;

    const LEASE: Duration = Duration::from_secs(60);

    #[test]
    fn a_member_that_stands_still_expires_and_one_that_moves_does_not() {
        let (here, there) = (Replica::in_memory(), Replica::in_memory());
        here.found_cluster("here").unwrap();
        here.admit(there.identity(), "there", None).unwrap();
        let mut leases = Leases::default();
        let mut at = |ms: u64| leases.expired(&here, LEASE, ms);
        assert_eq!(at(0), []);
        assert_eq!(at(59_999), []);
        // It takes over a part, and says so.
        there.apply(&here.delta_since(&there.context()).unwrap()).unwrap();
        here.learn_acknowledgements(&there.acknowledgements());
        assert_eq!(at(60_000), [], "it is not behind any more");
        here.transact(|tx| tx.register("x").set(1)).unwrap();
        assert_eq!(at(100_000), []);
        assert_eq!(at(159_999), []);
        assert_eq!(at(160_000), [there.identity()]);
    }
}
