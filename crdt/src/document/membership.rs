//! Changing the member list: founding, admission, and the way out.
//!
//! Every change is a write like others, in a transaction, and travels like others. What must always hold:
//! once a document is managed, only an active member changes the list.

use thiserror::Error;

use crate::document::member::{Admission, Member, MemberState, Members, admission_key, state_key};
use crate::document::read::Source;
use crate::document::{Tx, WriteError};
use crate::dot::Dot;
use crate::path::{Key, TypeTag};
use crate::planted::{Bug, planted};
use crate::replica::ReplicaId;

/// Why the member list was not changed. The transaction is as it was before the call.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum MemberError {
    /// A document is founded once.
    #[error("the document has members already: ask one of them to admit this replica")]
    AlreadyFounded,
    /// A founder must know all lives that ever wrote, and who changes the list all that its sponsor had of
    /// the list; a replica that is catching up does not yet.
    #[error("this replica is catching up: change the members when it has everything")]
    Hydrating,
    /// Only an active member changes the list.
    #[error("{replica} is no active member ({})", described(*state))]
    NotAMember {
        /// Who tried.
        replica: ReplicaId,
        /// Where it stands; `None` if it was never admitted.
        state: Option<MemberState>,
    },
    /// A life is admitted once; whoever comes back comes with a new one.
    #[error("{life} was admitted before and is {state}")]
    AlreadyAdmitted {
        /// The life.
        life: ReplicaId,
        /// Where it stands.
        state: MemberState,
    },
    /// The life was never admitted.
    #[error("{life} was never admitted")]
    NeverAdmitted {
        /// The life.
        life: ReplicaId,
    },
    /// A state only moves forward.
    #[error("{life} is {state} and cannot become {asked} again")]
    StateGoesBack {
        /// The life.
        life: ReplicaId,
        /// Where it stands.
        state: MemberState,
        /// Where it was to go.
        asked: MemberState,
    },
    /// Without an active member nobody could change the list any more.
    #[error("{life} is the last active member")]
    LastActive {
        /// The life.
        life: ReplicaId,
    },
    /// The site cannot be stored.
    #[error(transparent)]
    Write(#[from] WriteError),
}

fn described(state: Option<MemberState>) -> String {
    state.map_or_else(|| "never admitted".to_owned(), |state| state.to_string())
}

/// The member list inside a transaction.
#[derive(Debug)]
pub struct MembersMut<'t, 'a> {
    tx: &'t mut Tx<'a>,
}

impl<'a> Tx<'a> {
    /// The members of the document.
    pub const fn members(&mut self) -> MembersMut<'_, 'a> {
        MembersMut { tx: self }
    }

    /// Whether this transaction may write to a cell of a type in which a removal beats a concurrent write:
    /// in a document without members anybody may, else active members, where they have caught up with
    /// their admission.
    pub(super) fn check_member(&self, key: &Key, tag: TypeTag) -> Result<(), WriteError> {
        let members = Members { source: Source::Tx(self) };
        let replica = self.replica();
        if !members.is_managed() || planted(Bug::MemberOnlyWrittenByGuest) {
            return Ok(());
        }
        let state = members.state_of(replica);
        if state != Some(MemberState::Active) {
            return Err(WriteError::NotAMember { replica, state, tag });
        }
        let seen = self.inner.store().view().context().at(key);
        let has_reached = members.admit_at(replica, seen);
        has_reached.then_some(()).ok_or(WriteError::AdmissionNotReached { replica, tag })
    }
}

impl MembersMut<'_, '_> {
    /// Makes this replica the first member. The other lives that ever wrote in this document become
    /// active members too: what they wrote before counts, so collection has to wait for them until
    /// they are retired. Returns the founder's admission.
    ///
    /// # Errors
    /// When the document has members already, this replica is catching up, or the name of the site is
    /// too large. Nothing was changed.
    pub fn found(&mut self, site: &str) -> Result<Dot, MemberError> {
        if self.read().is_managed() {
            return Err(MemberError::AlreadyFounded);
        }
        let context = self.tx.inner.store().view().context();
        let known = context.uniform().ok_or(MemberError::Hydrating)?;
        let founder = self.tx.replica();
        let dot = self.write_admission(founder, Some(site), None)?;
        for (life, _) in known.iter().filter(|(life, _)| *life != founder) {
            self.write_admission(life, None, None)?;
        }
        Ok(dot)
    }

    /// Admits a life as an active member at a site. `closes` names its former life, which goes to
    /// [`MemberState::Closing`] in the same transaction. Returns the admission.
    ///
    /// # Errors
    /// When this replica is no active member or is catching up, the life was admitted before, the former
    /// life never was, or the name of the site is too large. Nothing was changed.
    pub fn admit(
        &mut self,
        life: ReplicaId,
        site: &str,
        closes: Option<ReplicaId>,
    ) -> Result<Dot, MemberError> {
        self.check_sponsor()?;
        if let Some(state) = self.read().state_of(life) {
            return Err(MemberError::AlreadyAdmitted { life, state });
        }
        let former = closes.map(|former| Ok::<_, MemberError>((former, self.known(former)?)));
        let former = former.transpose()?;
        let dot = self.write_admission(life, Some(site), closes)?;
        if let Some((former, MemberState::Active)) = former {
            self.write_state(former, MemberState::Closing)?;
        }
        Ok(dot)
    }

    /// Moves a member forward. Returns whether that was news.
    ///
    /// # Errors
    /// When this replica is no active member, the life was never admitted, the state would go back, or
    /// no active member would be left. Nothing was changed.
    pub fn set_state(&mut self, life: ReplicaId, asked: MemberState) -> Result<bool, MemberError> {
        self.check_sponsor()?;
        let state = self.known(life)?;
        if asked < state {
            return Err(MemberError::StateGoesBack { life, state, asked });
        }
        if asked == state {
            return Ok(false);
        }
        let is_active = |member: &Member| member.state == MemberState::Active;
        if !self.read().iter().filter(is_active).any(|member| member.life != life) {
            return Err(MemberError::LastActive { life });
        }
        self.write_state(life, asked)?;
        Ok(true)
    }

    /// The members as this transaction sees them.
    pub const fn read(&self) -> Members<'_> {
        Members { source: Source::Tx(self.tx) }
    }

    /// Only an active member changes the list, and only where it has caught up with its admission: with a
    /// part of the list it would admit who was admitted before, and be refused by those who know.
    fn check_sponsor(&self) -> Result<(), MemberError> {
        let (replica, members) = (self.tx.replica(), self.read());
        let state = members.state_of(replica);
        if state != Some(MemberState::Active) {
            return Err(MemberError::NotAMember { replica, state });
        }
        let has_reached =
            members.may_be_changed_by(replica, self.tx.inner.store().view().context());
        has_reached.then_some(()).ok_or(MemberError::Hydrating)
    }

    fn known(&self, life: ReplicaId) -> Result<MemberState, MemberError> {
        self.read().state_of(life).ok_or(MemberError::NeverAdmitted { life })
    }

    fn write_admission(
        &mut self,
        life: ReplicaId,
        site: Option<&str>,
        closes: Option<ReplicaId>,
    ) -> Result<Dot, WriteError> {
        let admission = Admission { site: site.map(str::to_owned), closes };
        let value = self.tx.value(&admission)?;
        Ok(self.tx.inner.write(&admission_key(life), value))
    }

    fn write_state(&mut self, life: ReplicaId, state: MemberState) -> Result<Dot, WriteError> {
        let value = self.tx.value(state.number())?;
        Ok(self.tx.inner.write_maximum(&state_key(life), value))
    }
}
