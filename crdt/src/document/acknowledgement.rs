//! Acknowledgements: what every member is known to have durably, and so what may be forgotten.
//!
//! Each member says what it has incorporated for every key, and members pass on what they have heard of
//! each other. What must always hold: an entry is at most what its life has made durable. Since a context
//! only grows, two entries of one life are joined and the greater wins, whatever the order of arrival.
//!
//! Who counts is read from the member list of the same replica, never from who is connected: a member
//! that is gone stalls collection, and shows.

use std::collections::BTreeMap;

use crate::cell::CellRef;
use crate::document::member::{Member, MemberState, Members, state_key};
use crate::dot::Dot;
use crate::planted::{Bug, planted};
use crate::replica::ReplicaId;
use crate::stability::Stability;
use crate::version_vector::VersionVector;

/// What each life is known to have durably.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Acknowledgements {
    by_life: BTreeMap<ReplicaId, VersionVector>,
}

impl Acknowledgements {
    /// What `life` is known to have.
    pub fn of(&self, life: ReplicaId) -> Option<&VersionVector> {
        self.by_life.get(&life)
    }

    /// The lives of which something is known, each with what it has, sorted.
    pub fn iter(&self) -> impl Iterator<Item = (ReplicaId, &VersionVector)> {
        self.by_life.iter().map(|(life, seen)| (*life, seen))
    }

    /// Whether nothing is known of anybody.
    pub fn is_empty(&self) -> bool {
        self.by_life.is_empty()
    }

    /// Learns that `life` has `seen`. Returns whether that is news.
    pub fn learn(&mut self, life: ReplicaId, seen: &VersionVector) -> bool {
        let known = self.by_life.entry(life).or_default();
        let is_news = !known.covers(seen);
        known.join(seen);
        is_news
    }

    /// What is known here beyond `other`.
    pub fn beyond(&self, other: &Self) -> Self {
        let is_news = |life: &ReplicaId, seen: &VersionVector| {
            other.of(*life).is_none_or(|told| !told.covers(seen))
        };
        let news = self.by_life.iter().filter(|(life, seen)| is_news(life, seen));
        Self { by_life: news.map(|(life, seen)| (*life, seen.clone())).collect() }
    }
}

impl FromIterator<(ReplicaId, VersionVector)> for Acknowledgements {
    fn from_iter<T: IntoIterator<Item = (ReplicaId, VersionVector)>>(entries: T) -> Self {
        let mut all = Self::default();
        for (life, seen) in entries {
            all.learn(life, &seen);
        }
        all
    }
}

impl Members<'_> {
    /// What all members are known to have incorporated; `None` in a document without active members,
    /// where nothing is ever collected.
    ///
    /// A life that is closing, closed or retired counts like an active one until every active member has
    /// acknowledged that. Then it writes no member-only type any more; a retired one has ended, and its last
    /// change is the greatest that any of them has. One that is only closed goes on with the other types
    /// like a guest, so a reset of its counters is not forgotten.
    pub fn stability(self, acknowledged: &Acknowledgements) -> Option<Stability> {
        let members: Vec<Member> = self.iter().collect();
        let seen_by = |life: ReplicaId| acknowledged.of(life).cloned().unwrap_or_default();
        let active = members.iter().filter(|member| member.state == MemberState::Active);
        let mut counted: Vec<_> =
            active.map(|member| (member.life, seen_by(member.life))).collect();
        if planted(Bug::StabilityOfThoseHeardOnly) {
            counted.retain(|(_, seen)| !seen.is_empty());
        }
        if counted.is_empty() {
            return None;
        }
        let actives = counted.clone();
        let (mut ended, mut closed) = (VersionVector::new(), VersionVector::new());
        for leaving in members.iter().filter(|member| member.state != MemberState::Active) {
            if self.is_known_to(&actives, leaving.life) {
                let last = actives.iter().map(|(_, seen)| seen.seq(leaving.life)).max();
                let is_gone = leaving.state == MemberState::Retired;
                let into = if is_gone { &mut ended } else { &mut closed };
                into.advance(leaving.life, last.unwrap_or(0));
            } else {
                counted.push((leaving.life, seen_by(leaving.life)));
            }
        }
        Some(Stability::new(counted, ended).with_closed(&closed))
    }

    /// The members, those that are being closed as closed if every active member is known to have heard of it.
    pub fn acknowledged(self, acknowledged: &Acknowledgements) -> impl Iterator<Item = Member> {
        let seen_by = |life: ReplicaId| acknowledged.of(life).cloned().unwrap_or_default();
        let active = self.iter().filter(|member| member.state == MemberState::Active);
        let actives: Vec<_> = active.map(|member| (member.life, seen_by(member.life))).collect();
        self.iter().map(move |mut member| {
            if member.state == MemberState::Closing && self.is_known_to(&actives, member.life) {
                member.state = MemberState::Closed;
            }
            member
        })
    }

    /// Whether these have seen everything that the list says of the state of `life`.
    fn is_known_to(self, actives: &[(ReplicaId, VersionVector)], life: ReplicaId) -> bool {
        let news = self.state_dots(life);
        actives.iter().all(|(_, seen)| news.iter().all(|dot| seen.contains(*dot)))
    }

    /// The active members who have not acknowledged all of `own`, each with the number of changes that
    /// are missing: collection waits for them.
    pub fn behind(
        self,
        own: &VersionVector,
        acknowledged: &Acknowledgements,
    ) -> impl Iterator<Item = (Member, u64)> {
        let nothing = VersionVector::new();
        self.iter().filter(|member| member.state == MemberState::Active).filter_map(move |member| {
            let seen = acknowledged.of(member.life).unwrap_or(&nothing);
            let missing = own.ahead_of(seen).map(|ahead| ahead.upto - ahead.after);
            let missing = missing.fold(0_u64, u64::saturating_add);
            (missing > 0).then_some((member, missing))
        })
    }

    /// The changes by which a life was closed or retired.
    fn state_dots(self, life: ReplicaId) -> Vec<Dot> {
        let cell = self.source.cell_of(&state_key(life));
        cell.into_iter().flat_map(CellRef::entries).map(|(dot, _)| dot).collect()
    }
}
