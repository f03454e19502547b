//! Writing off: giving up what has arrived in part and of which nobody has the rest.
//!
//! Whoever catches up in rounds has seen more of a life on some keys than on others. If that life is lost
//! before the last round, and with it all that it had told nobody else, this stays so: the replica is hydrating
//! for ever, and so are all who talk to it. Only an operator knows that nobody will come back.

use rejoin_crdt::document::{Document, DocumentView, MemberState, members_range};
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
    /// # lost.load(0..20, |row| (("row", row), row))?;
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
    /// When it is the own life, a member that somebody could retire, this replica is suspect, or it cannot be made
    /// durable. Nothing was changed.
    pub fn write_off(&self, life: ReplicaId) -> Result<Option<WrittenOff>, WriteOffError> {
        let writer = self.shared.writer().ok_or(WriteOffError::Nested)?;
        self.check_write_off(life)?;
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

    fn check_write_off(&self, life: ReplicaId) -> Result<(), WriteOffError> {
        if self.shared.claimed_identity() == Some(life) {
            return Err(WriteOffError::OwnLife);
        }
        // What is missing may be damage, which an audit brings back.
        if self.shared.document().store().is_suspect() {
            return Err(WriteOffError::Suspect);
        }
        match retirable(&self.view(), life) {
            Some(state) => Err(WriteOffError::StillMember { life, state }),
            None => Ok(()),
        }
    }
}

/// Where a life stands that is still a member, if somebody could retire it. Nobody can where a part of the member
/// list itself is missing with it, or where it is the last active one.
fn retirable(view: &DocumentView, life: ReplicaId) -> Option<MemberState> {
    let members = view.members();
    let state = members.state_of(life)?;
    let is_over = matches!(state, MemberState::Closed | MemberState::Retired);
    let list = members_range();
    let seen: Vec<Seq> =
        view.cells().context().segments_in(&list).map(|(_, seen)| seen.seq(life)).collect();
    let is_list_whole = seen.windows(2).all(|pair| pair.first() == pair.last());
    let is_active = |member: &crate::Member| member.state == MemberState::Active;
    let has_others = members.iter().any(|member| member.life != life && is_active(&member));
    (!is_over && is_list_whole && has_others).then_some(state)
}
