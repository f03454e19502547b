//! Writing off: giving up what has arrived in part and of which nobody has the rest.
//!
//! Whoever catches up in rounds has seen more of a life on some keys than on others. If that life is lost
//! before the last round, and with it all that it had told nobody else, this stays so: the replica is hydrating
//! for ever, and so are all who talk to it. Only an operator knows that nobody will come back.

use rejoin_crdt::document::{Document, DocumentView, MemberState};
use rejoin_crdt::path::Key;
use rejoin_crdt::value::Value;
use rejoin_crdt::{Delta, KeyRange, ReplicaId, Seq};

use crate::{Origin, Replica, WriteOffError, keeper};

/// What was written off.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WrittenOff {
    /// The last change of the life that had arrived for any key. The life counts as seen up to this one.
    pub upto: Seq,
    /// The ranges for which some changes had not arrived, in key order.
    pub ranges: Vec<GivenUp>,
}

/// A range of keys for which not all changes had arrived.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GivenUp {
    /// The keys.
    pub range: KeyRange<Key>,
    /// The last change that had arrived for them: those after it are given up here, as far as there were any.
    pub after: Seq,
}

impl WrittenOff {
    /// So many changes may be lost, at the most: each concerned one cell, and many of them cells for which it had arrived.
    pub fn most_changes(&self) -> u64 {
        let least = self.ranges.iter().map(|given_up| given_up.after).min();
        least.map_or(0, |after| self.upto - after)
    }

    fn of(life: ReplicaId, delta: &Delta<Key, Value>) -> Self {
        let upto = delta.parts.iter().map(|part| part.upto.seq(life)).max().unwrap_or(0);
        let ranges = delta
            .parts
            .iter()
            .map(|part| GivenUp { range: part.range.clone(), after: part.base.seq(life) });
        Self { upto, ranges: ranges.collect() }
    }
}

impl Replica {
    /// Gives up what is not here of the changes of `life`, which is gone for good together with everybody who had
    /// all of it: [`Status::unfinished`](crate::Status::unfinished) names such lives. What has arrived stays; what
    /// has not counts as seen from now on, and is not taken any more if it comes after all. `None` if nothing is
    /// missing. It is told to peers like any other change.
    ///
    /// **Part of a transaction may stay.** A transaction of that life of which only some keys had arrived is as
    /// visible as it is. Before this, let all replicas that can be reached talk until they are equal: what only
    /// one of them has is given up for all. `docs/members.md` says when, and what else to think of.
    ///
    /// ```
    /// use rejoin::Replica;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use rejoin::{Context, Limits};
    /// # let limits = Limits { cells_per_delta: 10, ..Limits::default() };
    /// # let lost = Replica::builder().limits(limits).try_in_memory().ok_or("no environment")?;
    /// # for row in 0..20 {
    /// #     lost.transact(|tx| tx.register(("row", row)).set(row))?;
    /// # }
    /// # let rounds = lost.deltas_since(&Context::default())?;
    /// # let life = lost.identity();
    /// let here = Replica::in_memory();
    /// // A catch-up in rounds; after the first one the peer is lost.
    /// here.apply(&rounds[0])?;
    /// assert_eq!(here.status().unfinished, [life]);
    ///
    /// let given_up = here.write_off(life)?.ok_or("nothing was missing")?;
    /// assert!(given_up.most_changes() <= 20);
    /// assert!(!here.status().hydrating);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// When it is the own life or that of a member, this replica is suspect, or it cannot be made durable. Nothing
    /// was changed.
    pub fn write_off(&self, life: ReplicaId) -> Result<Option<WrittenOff>, WriteOffError> {
        self.write_off_unless(life, state_of_member)
    }

    /// The same, also of a member that nobody is left to retire: all active members are gone for good, too, or
    /// what is missing is a part of the member list, without which this replica cannot change it.
    ///
    /// # Errors
    /// As [`Self::write_off`]; of a member only if this replica could retire it.
    pub fn write_off_unretired(
        &self,
        life: ReplicaId,
    ) -> Result<Option<WrittenOff>, WriteOffError> {
        let own = self.shared.claimed_identity();
        self.write_off_unless(life, |view, life| {
            let (members, context) = (view.members(), view.cells().context());
            let can_retire = own.is_some_and(|own| members.may_be_changed_by(own, context));
            state_of_member(view, life).filter(|_| can_retire)
        })
    }

    fn write_off_unless(
        &self,
        life: ReplicaId,
        is_member: impl FnOnce(&DocumentView, ReplicaId) -> Option<MemberState>,
    ) -> Result<Option<WrittenOff>, WriteOffError> {
        let writer = self.shared.writer().ok_or(WriteOffError::Nested)?;
        if self.shared.claimed_identity() == Some(life) {
            return Err(WriteOffError::OwnLife);
        }
        if let Some(state) = is_member(&self.view(), life) {
            return Err(WriteOffError::StillMember { life, state });
        }
        // What is missing may be damage, which an audit brings back.
        if self.shared.document().store().is_suspect() {
            return Err(WriteOffError::Suspect);
        }
        let delta = self.shared.document().store().write_off(life);
        let Some(delta) = delta else { return Ok(None) };
        let written_off = WrittenOff::of(life, &delta);
        self.shared.keep(|keeper| keeper.keep(&delta, &self.context()))?;
        if let Some(delta) = keeper::authorised(delta) {
            let now_ms = self.shared.now_ms();
            self.shared.change(0, |document: &mut Document| document.restore(delta, now_ms))?;
        }
        self.checkpoint_if_due();
        drop(writer);
        self.shared.announce(Origin::Remote(None));
        Ok(Some(written_off))
    }
}

/// Where a life stands that is a member, until it is retired.
fn state_of_member(view: &DocumentView, life: ReplicaId) -> Option<MemberState> {
    view.members().state_of(life).filter(|state| *state != MemberState::Retired)
}
