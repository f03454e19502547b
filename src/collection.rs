//! Collection as an application sees it: what members have acknowledged, and forgetting what nobody needs.
//!
//! A removal is remembered until every active member has it durably. Members learn that from each other
//! through their sessions; a program with a transport of its own passes
//! [`acknowledgements`](Replica::acknowledgements) on beside its deltas.

use rejoin_crdt::ReplicaId;
use rejoin_crdt::document::{Acknowledgements, Member};

use crate::{KeepError, Replica};

/// What a collection has forgotten, and what it waits for.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Collection {
    /// Tombstones that are gone.
    pub tombstones: usize,
    /// Resets of counters that are gone.
    pub resets: usize,
    /// Deletions of subtrees that are gone.
    pub range_tombstones: usize,
    /// The active members that have not acknowledged everything that is here: what they lack stays.
    pub waits_for: Vec<Stalled>,
}

/// A member that collection waits for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Stalled {
    /// The member.
    pub member: Member,
    /// The number of changes that it has not acknowledged.
    pub behind: u64,
}

impl Replica {
    /// What every member is known to have durably, this replica included.
    pub fn acknowledgements(&self) -> Acknowledgements {
        let own = self.shared.claimed_identity();
        let view = self.view();
        let mut known = self.shared.acknowledgements();
        if let Some(own) = own.filter(|own| view.members().state_of(*own).is_some()) {
            known.learn(own, &view.cells().context().floor());
        }
        known
    }

    /// Takes what somebody knows of what members have durably. Returns whether anything of it is news.
    /// Only what is said of members is kept.
    pub fn learn_acknowledgements(&self, heard: &Acknowledgements) -> bool {
        let view = self.view();
        let members = view.members();
        let is_member = |life: ReplicaId| members.state_of(life).is_some();
        self.shared.learn_acknowledgements(heard.iter().filter(|(life, _)| is_member(*life)))
    }

    /// The active members that have not acknowledged everything that is here; none in a document without
    /// members.
    pub fn stalled(&self) -> Vec<Stalled> {
        let (view, known) = (self.view(), self.acknowledgements());
        let own = view.cells().context().floor();
        let behind = view.members().behind(&own, &known);
        behind.map(|(member, behind)| Stalled { member, behind }).collect()
    }

    /// Forgets the removals that nobody can need any more. Readers find what they found before; a peer
    /// that has not seen what was forgotten is compared with and told what it lacks. Does nothing in a
    /// document without members, and while this replica catches up.
    ///
    /// ```
    /// use rejoin::Replica;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let (berlin, lima) = (Replica::in_memory(), Replica::in_memory());
    /// berlin.found_cluster("berlin")?;
    /// berlin.admit(lima.identity(), "lima", None)?;
    /// berlin.transact(|tx| tx.set("tags").add("vip").map(drop))?;
    /// berlin.transact(|tx| tx.set("tags").remove("vip").map(drop))?;
    ///
    /// assert_eq!(berlin.collect()?.tombstones, 0, "lima has not said that it has the removal");
    /// lima.apply(&berlin.delta_since(&lima.context())?)?;
    /// berlin.learn_acknowledgements(&lima.acknowledgements());
    /// assert_eq!(berlin.collect()?.tombstones, 1);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// When it cannot be made durable that something was forgotten: it is forgotten until this replica is
    /// opened the next time, and remembered again then. After a write of unknown outcome it takes no
    /// more changes until then, like after any other.
    pub fn collect(&self) -> Result<Collection, KeepError> {
        let waits_for = self.stalled();
        let writer = self.shared.writer().ok_or(KeepError::Nested)?;
        let known = self.acknowledgements();
        let Some(stability) = self.view().members().stability(&known) else {
            return Ok(Collection { waits_for, ..Collection::default() });
        };
        let (collected, horizon) = self.shared.change(usize::MAX, |document| {
            let collected = document.collect(&stability);
            (collected, document.store().horizon().clone())
        });
        if !collected.is_empty() {
            self.shared.keep(|keeper| keeper.keep_horizon(&horizon))?;
            self.checkpoint_if_due();
        }
        drop(writer);
        Ok(Collection {
            tombstones: collected.tombstones,
            resets: collected.resets,
            range_tombstones: collected.range_tombstones,
            waits_for,
        })
    }
}
