//! Stability: what every member is known to have incorporated.
//!
//! Members tell each other up to where they have *durably* incorporated everything: they acknowledge a
//! version vector. A dot under the acknowledgements of all active members is one that no member will
//! ever have to be told of again, and that is when forgetting a removal begins to be possible. A
//! [`Stability`] is what one replica knows of these acknowledgements. It may be older than the truth,
//! since acknowledgements only grow: then less is collected, never too much.
//!
//! The engine does not keep a list of members. Whoever builds a `Stability` must see to three things:
//! that *every* active member is in it, also those that cannot be reached now; that a life which is
//! being closed stays among the active ones until each of them has acknowledged the closing; and that
//! nothing volatile is in it, the own acknowledgement included.
//!
//! Source: causal stability after Baquero, Almeida, Shoker, *Making Operation-based CRDTs
//! Operation-based*, 2014, section 5; the two levels, and the rule for owners of counter slots, are
//! ours.

use std::collections::BTreeMap;

use crate::dot::Dot;
use crate::replica::ReplicaId;
use crate::version_vector::VersionVector;

/// What every member is known to have incorporated.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Stability {
    /// The acknowledged context of every active member.
    acknowledged: BTreeMap<ReplicaId, VersionVector>,
    /// The last change of every life that has ended.
    ended: VersionVector,
    /// What all active members have acknowledged; `None` if there are none.
    floor: Option<VersionVector>,
    /// What any active member has acknowledged, everything that ended lives have written, and everything
    /// that closed ones have written of what only members write.
    ceiling: VersionVector,
}

impl Stability {
    /// The stability of these active members, each with the version vector it has acknowledged for all
    /// keys, and of these lives that have ended, each with its final sequence number.
    pub fn new(
        active: impl IntoIterator<Item = (ReplicaId, VersionVector)>,
        ended: VersionVector,
    ) -> Self {
        let acknowledged: BTreeMap<_, _> = active.into_iter().collect();
        let floor = acknowledged.values().cloned().reduce(|floor, seen| floor.meet(&seen));
        let mut ceiling = ended.clone();
        acknowledged.values().for_each(|seen| ceiling.join(seen));
        Self { acknowledged, ended, floor, ceiling }
    }

    /// The same with lives that write nothing in which a removal beats a concurrent write any more, and go
    /// on with the rest: nobody waits for them, and `last` is what they may have written of it.
    pub fn with_closed(mut self, last: &VersionVector) -> Self {
        self.ceiling.join(last);
        self
    }

    /// Whether every active member has acknowledged `dot`. Without a member nothing is.
    pub fn is_acknowledged(&self, dot: Dot) -> bool {
        self.floor.as_ref().is_some_and(|floor| floor.contains(dot))
    }

    /// Whether somebody with the context `own` has everything that a member can have written without
    /// having seen what all of them have acknowledged.
    ///
    /// A member wrote either before it acknowledged, then `own` covers the change, or after it, then
    /// the change has seen everything that is acknowledged.
    pub(crate) fn is_exhausted_by(&self, own: &VersionVector) -> bool {
        own.covers(&self.ceiling)
    }

    /// Whether somebody with the context `own` has every change that `writer` made without having seen
    /// `dot`. Of a writer that is no member nobody can say so.
    pub(crate) fn is_exhausted_for(
        &self,
        writer: ReplicaId,
        dot: Dot,
        own: &VersionVector,
    ) -> bool {
        let last = match self.acknowledged.get(&writer) {
            Some(seen) if seen.contains(dot) => seen.seq(writer),
            Some(_) => return false,
            None if self.ended.seq(writer) > 0 => self.ended.seq(writer),
            None => return false,
        };
        own.seq(writer) >= last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: ReplicaId = ReplicaId::from_u128(1);
    const B: ReplicaId = ReplicaId::from_u128(2);
    const GUEST: ReplicaId = ReplicaId::from_u128(3);

    fn vector(a: u64, b: u64) -> VersionVector {
        [(A, a), (B, b)].into_iter().collect()
    }

    #[test]
    fn without_members_nothing_is_acknowledged() {
        let nobody = Stability::new([], vector(9, 9));
        assert!(!nobody.is_acknowledged(Dot::new(A, 1)));
    }

    #[test]
    fn what_one_member_has_not_acknowledged_is_not_stable() {
        let stability = Stability::new([(A, vector(5, 3)), (B, vector(4, 7))], vector(0, 0));
        let acknowledged = |replica, seq| stability.is_acknowledged(Dot::new(replica, seq));
        assert!(acknowledged(A, 4) && acknowledged(B, 3));
        assert!(!acknowledged(A, 5) && !acknowledged(B, 4));
    }

    #[test]
    fn a_writer_is_exhausted_by_whoever_has_all_it_wrote_before_its_acknowledgement() {
        let stability = Stability::new([(A, vector(5, 3)), (B, vector(4, 7))], vector(0, 0));
        let exhausted = |writer, dot, own| stability.is_exhausted_for(writer, dot, &own);
        assert!(exhausted(B, Dot::new(A, 4), vector(4, 7)));
        assert!(!exhausted(B, Dot::new(A, 4), vector(4, 6)), "a change of B is missing");
        assert!(!exhausted(B, Dot::new(A, 5), vector(5, 7)), "B has not acknowledged the dot");
        assert!(!exhausted(GUEST, Dot::new(A, 4), vector(5, 7)), "a guest may still come");
    }

    #[test]
    fn a_life_that_has_ended_is_exhausted_by_whoever_has_its_last_change() {
        let stability = Stability::new([(A, vector(5, 3))], vector(0, 3));
        assert!(stability.is_exhausted_for(B, Dot::new(A, 9), &vector(9, 3)));
        assert!(!stability.is_exhausted_for(B, Dot::new(A, 9), &vector(9, 2)));
    }
}
