//! Members: listing them, and changing the list.

use rejoin::{Member, MemberError, MemberState, ReplicaId, WriteOffError};

use super::{Engine, bad_request, refusal};
use crate::api::{self, DotName, MemberChange, Problem, Transacted, WriteOff, WrittenOff};

impl Engine {
    /// The members of the document, and the id under which this node writes.
    pub(crate) fn members(&self) -> api::Members {
        let replica = self.replica.identity().to_string();
        let members: Vec<api::Member> = self.replica.members().into_iter().map(describe).collect();
        api::Members { replica, managed: !members.is_empty(), members }
    }

    /// Changes the member list.
    ///
    /// # Errors
    ///
    /// The rules of members forbid it; nothing was changed.
    pub(crate) fn change_members(&self, change: &MemberChange) -> Result<Transacted, Problem> {
        let change = Change::read(change)?;
        self.commit(|tx| {
            let mut members = tx.members();
            let done = match change {
                Change::Found { site } => members.found(site).map(|_| true),
                Change::Admit { life, site, closes } => {
                    members.admit(life, site, closes).map(|_| true)
                }
                Change::Move { life, to } => members.set_state(life, to),
            };
            let written = usize::from(done.map_err(|error| refused(&error))?);
            Ok((written, 1 - written))
        })
    }

    /// Gives up what is not here of a replica that is gone for good.
    ///
    /// # Errors
    ///
    /// The replica may come back, or it cannot be done now; nothing was changed.
    pub(crate) fn write_off(&self, request: &WriteOff) -> Result<WrittenOff, Problem> {
        let life = replica(&request.life)?;
        let done = match request.unretired {
            false => self.replica.write_off(life),
            true => self.replica.write_off_unretired(life),
        };
        let done = done.map_err(|error| not_written_off(&error))?;
        Ok(WrittenOff {
            changes: done.as_ref().map_or(0, rejoin::WrittenOff::most_changes),
            ranges: done.map_or(0, |done| done.ranges.len()),
        })
    }
}

/// A change with its ids read.
enum Change<'a> {
    Found { site: &'a str },
    Admit { life: ReplicaId, site: &'a str, closes: Option<ReplicaId> },
    Move { life: ReplicaId, to: MemberState },
}

impl<'a> Change<'a> {
    fn read(change: &'a MemberChange) -> Result<Self, Problem> {
        Ok(match change {
            MemberChange::Found { site } => Self::Found { site },
            MemberChange::Admit { life, site, closes } => {
                let closes = closes.as_deref().map(replica).transpose()?;
                Self::Admit { life: replica(life)?, site, closes }
            }
            MemberChange::Close { life } => {
                Self::Move { life: replica(life)?, to: MemberState::Closing }
            }
            MemberChange::Retire { life } => {
                Self::Move { life: replica(life)?, to: MemberState::Retired }
            }
        })
    }
}

fn replica(text: &str) -> Result<ReplicaId, Problem> {
    let id: Result<uuid::Uuid, _> = text.parse();
    id.map(ReplicaId::from).map_err(|_| bad_request(format!("{text:?} is not the id of a replica")))
}

fn describe(member: Member) -> api::Member {
    let dot = member.admission;
    api::Member {
        life: member.life.to_string(),
        site: member.site,
        state: member.state.to_string(),
        admission: DotName { replica: dot.replica.to_string(), seq: dot.seq },
        closes: member.closes.map(|life| life.to_string()),
    }
}

fn refused(error: &MemberError) -> Problem {
    let title = "The member list stays as it is";
    let (status, code) = match error {
        MemberError::AlreadyFounded => (409, "already_founded"),
        MemberError::Hydrating => (409, "hydrating"),
        MemberError::NotAMember { .. } => (403, "not_a_member"),
        MemberError::AlreadyAdmitted { .. } => (409, "already_admitted"),
        MemberError::NeverAdmitted { .. } => (409, "never_admitted"),
        MemberError::StateGoesBack { .. } => (409, "state_goes_back"),
        MemberError::LastActive { .. } => (409, "last_active"),
        MemberError::Write(error) => {
            let (status, code, title) = refusal::kind(error);
            return Problem::new(status, code, title, refusal::words(error));
        }
        _ => (500, "internal"),
    };
    Problem::new(status, code, title, error.to_string())
}

fn not_written_off(error: &WriteOffError) -> Problem {
    let (status, code) = match error {
        WriteOffError::OwnLife => (409, "own_life"),
        WriteOffError::StillMember { .. } => (409, "still_member"),
        WriteOffError::Suspect => (409, "suspect"),
        WriteOffError::Storage(_) => (500, "storage"),
        _ => (500, "internal"),
    };
    Problem::new(status, code, "Nothing was written off", error.to_string())
}
