//! The member list of a replica: who may write what has to be waited for.
//!
//! Thin calls of [`rejoin_crdt::document::MembersMut`], one transaction each. `docs/members.md` says when
//! to use them.

use rejoin_crdt::document::{LateWrite, Member, MemberError, MemberState, MembersMut};
use rejoin_crdt::{Dot, ReplicaId};

use crate::{Committed, Replica, TransactError};

impl Replica {
    /// The members of the document, sorted by life; none in a document that was never founded.
    ///
    /// ```
    /// use rejoin::{MemberState, Replica};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let (berlin, lima) = (Replica::in_memory(), Replica::in_memory());
    /// berlin.found_cluster("berlin")?;
    /// berlin.admit(lima.identity(), "lima", None)?;
    /// lima.apply(&berlin.delta_since(&lima.context())?)?;
    ///
    /// // A set in which a removal wins is written by members only.
    /// lima.transact(|tx| tx.remove_wins_set("banned").remove("mallory"))?;
    /// assert_eq!(lima.members().len(), 2);
    /// assert_eq!(lima.view().members().state_of(lima.identity()), Some(MemberState::Active));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// A member that is being closed counts as closed here once every active member has acknowledged that.
    pub fn members(&self) -> Vec<Member> {
        self.view().members().acknowledged(&self.acknowledgements()).collect()
    }

    /// Makes this replica the first member of the document; whoever else wrote in it becomes a member
    /// too. Found once, on a replica that has what all others have.
    ///
    /// # Errors
    /// As [`MembersMut::found`]; nothing was changed.
    pub fn found_cluster(&self, site: &str) -> Result<Committed<Dot>, TransactError<MemberError>> {
        self.change_members(|members| members.found(site))
    }

    /// Admits a replica that is to write all types. `closes` names the life that it continues, if any.
    ///
    /// # Errors
    /// As [`MembersMut::admit`]; nothing was changed.
    pub fn admit(
        &self,
        life: ReplicaId,
        site: &str,
        closes: Option<ReplicaId>,
    ) -> Result<Committed<Dot>, TransactError<MemberError>> {
        self.change_members(|members| members.admit(life, site, closes))
    }

    /// Begins to close a member: it writes no member-only type any more. The value says whether that
    /// was news.
    ///
    /// # Errors
    /// As [`MembersMut::set_state`]; nothing was changed.
    pub fn close_member(
        &self,
        life: ReplicaId,
    ) -> Result<Committed<bool>, TransactError<MemberError>> {
        self.change_members(|members| members.set_state(life, MemberState::Closing))
    }

    /// Retires a member that is gone for good, so that nobody waits for it. The value says whether that
    /// was news.
    ///
    /// # Errors
    /// As [`MembersMut::set_state`]; nothing was changed.
    pub fn retire_member(
        &self,
        life: ReplicaId,
    ) -> Result<Committed<bool>, TransactError<MemberError>> {
        self.change_members(|members| members.set_state(life, MemberState::Retired))
    }

    /// What former members wrote to types that only members write, and that arrived here after the news that
    /// they had left; the last thousand since this replica was opened. A removal that was forgotten meanwhile
    /// does not beat such a write, so somebody should look whether it is still wanted.
    pub fn late_writes(&self) -> Vec<LateWrite> {
        self.shared.document().late_writes().cloned().collect()
    }

    fn change_members<T>(
        &self,
        change: impl FnOnce(&mut MembersMut<'_, '_>) -> Result<T, MemberError>,
    ) -> Result<Committed<T>, TransactError<MemberError>> {
        self.transact(|tx| change(&mut tx.members()))
    }
}
