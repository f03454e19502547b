//! One simulated replica.

use fastrand::Rng;
use rejoin_crdt::document::{
    Conflict, Document, DocumentJoinError, DocumentStore, DocumentView, Tx, WriteError,
};
use rejoin_crdt::path::Key;
use rejoin_crdt::value::Value;
use rejoin_crdt::wire::{self, DecodeError};
use rejoin_crdt::{
    AuthorisedDelta, Authority, Collected, Commit, Context, Coverage, Delta, Dot, Hlc,
    InvalidDelta, JoinError, KeyRange, Limits, ReplicaId, Stability, Staged, VersionVector,
};
use rejoin_oracle::Op;

use crate::judge::Judge;
use crate::replay::{Fault, Replay, SITES, generator};
use crate::report::{Difference, Symptom, Tally};
use crate::workload::{Place, is_member_only, perform, plan, subtree};

pub(crate) struct Site {
    document: Document,
    pub(crate) replica: ReplicaId,
    /// How far its system clock is off.
    skew_ms: u64,
    /// A conflict that somebody has looked at here and not resolved yet.
    noticed: Option<(usize, Conflict)>,
    /// Whether collection waits for it, so that it may write every type.
    pub(crate) is_member: bool,
}

/// What a replica is given when it is its turn to change something.
pub(crate) struct Turn<'a> {
    pub(crate) rng: &'a mut Rng,
    pub(crate) now_ms: u64,
    /// The number by which the oracle knows the replica.
    pub(crate) at: usize,
    pub(crate) judge: &'a mut Judge,
    pub(crate) tally: &'a mut Tally,
}

/// Replicas with ids in random order, since nothing may depend on who is greater, some of them with a
/// clock that is off.
pub(crate) fn sites(replay: &Replay) -> Vec<Site> {
    let mut rng = generator(replay.seed, SITES);
    let site = |_| {
        let skew_ms = if rng.u8(..3) == 0 { rng.u64(..5_000) } else { 0 };
        let skew_ms = if replay.has(Fault::Skew) { skew_ms } else { 0 };
        Site::new(ReplicaId::from_u128(rng.u128(1..)), skew_ms)
    };
    (0..replay.shape.sites).map(site).collect()
}

/// Why a replica took nothing from a delta.
#[derive(Debug)]
#[allow(dead_code, reason = "the reason is printed when a history fails")]
pub(crate) enum Refused {
    Gap,
    /// Honest replicas make no such bytes.
    Garbage(DecodeError),
    /// Honest replicas make no such delta.
    Invalid(InvalidDelta),
    /// Honest replicas claim no such dots.
    Impostor(DocumentJoinError),
}

impl From<DocumentJoinError> for Refused {
    fn from(error: DocumentJoinError) -> Self {
        match error {
            DocumentJoinError::Store(JoinError::Gap { .. }) => Self::Gap,
            other => Self::Impostor(other),
        }
    }
}

impl Site {
    pub(crate) fn new(replica: ReplicaId, skew_ms: u64) -> Self {
        Self { document: Document::default(), replica, skew_ms, noticed: None, is_member: true }
    }

    /// A replica that has just loaded its saved state.
    pub(crate) fn loaded(
        replica: ReplicaId,
        skew_ms: u64,
        state: Delta<Key, Value>,
        now_ms: u64,
    ) -> Result<Self, Refused> {
        let mut site = Self::new(replica, skew_ms);
        // A saved state holds own dots that the empty document has not issued.
        site.join_as(None, state, now_ms)?;
        Ok(site)
    }

    /// A replica that never writes.
    pub(crate) fn reader() -> Self {
        Self::new(ReplicaId::from_u128(0), 0)
    }

    /// Takes a delta as somebody who never writes.
    pub(crate) fn take(&mut self, delta: Delta<Key, Value>) -> Result<Commit<Key>, Refused> {
        self.join_as(None, delta, 0)
    }

    pub(crate) fn view(&self) -> DocumentView {
        self.document.view()
    }

    pub(crate) const fn store(&self) -> &DocumentStore {
        self.document.store()
    }

    pub(crate) fn context(&self) -> &Context<Key> {
        self.document.store().view().context()
    }

    /// Prepares a transaction.
    fn transact<T>(
        &mut self,
        now_ms: u64,
        change: impl FnOnce(&mut Tx<'_>) -> T,
    ) -> (Staged<Key, Value>, T) {
        let hlc = self.document.tick(now_ms + self.skew_ms);
        self.transact_at(hlc, change)
    }

    /// Prepares a transaction whose writes carry this stamp.
    pub(crate) fn transact_at<T>(
        &self,
        hlc: Hlc,
        change: impl FnOnce(&mut Tx<'_>) -> T,
    ) -> (Staged<Key, Value>, T) {
        let mut tx = self.document.transaction(self.replica, hlc);
        let result = change(&mut tx);
        match tx.finish() {
            Ok(staged) => (staged, result),
            Err(error) => unreachable!("{error}"),
        }
    }

    /// Commits a transaction; nothing else has happened since it was prepared.
    pub(crate) fn commit(&mut self, staged: Staged<Key, Value>) -> Commit<Key> {
        match self.document.commit(staged) {
            Ok(commit) => commit,
            Err(error) => unreachable!("{error}"),
        }
    }

    pub(crate) fn join(&mut self, delta: &[u8], now_ms: u64) -> Result<Commit<Key>, Refused> {
        let delta = wire::decode_delta(delta, &Limits::default()).map_err(Refused::Garbage)?;
        self.join_as(Some(self.replica), delta, now_ms)
    }

    /// Whether joining a delta would change anything.
    pub(crate) fn would_change(&self, delta: Delta<Key, Value>) -> Result<bool, Refused> {
        let valid = delta.validate(&Limits::default()).map_err(Refused::Invalid)?;
        let Ok(delta) = valid.authorise(&Authority::Full) else { return Ok(false) };
        let mut store = self.store().clone();
        store.join(delta, Some(self.replica)).map_err(DocumentJoinError::Store)?;
        Ok(store.revision() != self.store().revision())
    }

    fn join_as(
        &mut self,
        own: Option<ReplicaId>,
        delta: Delta<Key, Value>,
        now_ms: u64,
    ) -> Result<Commit<Key>, Refused> {
        let valid = delta.validate(&Limits::default()).map_err(Refused::Invalid)?;
        let Ok(delta) = valid.authorise(&Authority::Full) else {
            return Ok(Commit::default());
        };
        self.join_authorised(delta, own, now_ms).map_err(Refused::from)
    }

    pub(crate) fn join_authorised(
        &mut self,
        delta: AuthorisedDelta<Key, Value>,
        own: Option<ReplicaId>,
        now_ms: u64,
    ) -> Result<Commit<Key>, DocumentJoinError> {
        self.document.join(delta, own, now_ms + self.skew_ms)
    }

    /// Runs a random transaction, and now and then takes it back; or settles a conflict that was noticed
    /// some time before, whatever has come since.
    pub(crate) fn write(&mut self, turn: Turn<'_>) -> Result<(), Difference> {
        // Forked, since whether there is anything to notice must not change what is drawn afterwards.
        let mut eye = turn.rng.fork();
        let resolves = turn.rng.u8(..4) == 0;
        if self.noticed.is_none() {
            self.notice(&mut eye, turn.judge);
        } else if resolves {
            return self.resolve(turn);
        }
        let Turn { rng, now_ms, at, judge, tally } = turn;
        let may_write = |kind| self.is_member || !is_member_only(kind);
        let plan = plan(rng, &judge.places, may_write);
        if plan.is_empty() {
            return Ok(());
        }
        let before = self.store().last_seq(self.replica);
        let (staged, done) = self.transact(now_ms, |tx| {
            let hlc = tx.hlc().to_u64();
            let mut one = |&(place, op): &(usize, Op)| {
                Ok(perform(tx, &judge.places[place], op)?.then_some((place, op, hlc)))
            };
            plan.iter().map(&mut one).collect::<Result<Vec<_>, WriteError>>()
        });
        let done = done.map_err(|error| {
            Symptom::WriteRefused.says(format!("a small write was refused: {error}"))
        })?;
        tally.operations += plan.len() as u64;
        if rng.u8(..10) == 0 {
            return Ok(());
        }
        self.commit(staged);
        let done: Vec<_> = done.into_iter().flatten().collect();
        tally.changes += done.len() as u64;
        judge.wrote(at, self.replica, before, &done);
        Ok(())
    }

    /// Looks at one of the registers that are in conflict.
    fn notice(&mut self, rng: &mut Rng, judge: &Judge) {
        let view = self.view();
        let writable = |place: &Place| self.is_member || !is_member_only(place.kind);
        let contested = judge.places.iter().enumerate().filter(|(_, place)| writable(place));
        let siblings = |conflict: &Conflict| matches!(conflict, Conflict::Siblings { .. });
        let contested = contested
            .filter_map(|(at, place)| Some((at, view.conflicts(&place.path).find(siblings)?)));
        self.noticed = rng.choice(contested.collect::<Vec<_>>());
    }

    /// Resolves the conflict that was noticed, unless it has changed under the replica's own hands.
    fn resolve(&mut self, turn: Turn<'_>) -> Result<(), Difference> {
        let Turn { rng, now_ms, at, judge, tally } = turn;
        let Some((place, Conflict::Siblings { path, tag, siblings, .. })) = self.noticed.take()
        else {
            return Ok(());
        };
        let over: Vec<Dot> = siblings.iter().map(|sibling| sibling.dot).collect();
        let number = rng.i64(0..4);
        let refused =
            |error| Symptom::WriteRefused.says(format!("a resolution was refused: {error}"));
        let value = Value::from_serialize(&number).map_err(|error| refused(error.into()))?;
        let before = Dot::new(self.replica, self.store().last_seq(self.replica));
        let (staged, (hlc, result)) = self
            .transact(now_ms, |tx| (tx.hlc().to_u64(), tx.write_over(&path, tag, &over, value)));
        tally.operations += 1;
        match result {
            Err(WriteError::ConflictChanged { .. }) => {
                tally.late_resolutions += 1;
                return Ok(());
            }
            Err(error) => return Err(refused(error)),
            Ok(_) => {}
        }
        self.commit(staged);
        tally.changes += 1;
        tally.resolutions += 1;
        judge.resolved(at, before, (place, number, hlc), &over);
        Ok(())
    }

    /// Deletes a random subtree.
    pub(crate) fn delete_subtree(&mut self, turn: Turn<'_>) -> Result<(), Difference> {
        let Turn { rng, now_ms, at, judge, tally } = turn;
        let path = subtree(rng, &judge.places);
        let before = self.store().last_seq(self.replica);
        let (staged, deleted) = self.transact(now_ms, |tx| tx.delete(&path));
        deleted.map_err(|error| {
            Symptom::WriteRefused.says(format!("a deletion was refused: {error}"))
        })?;
        tally.operations += 1;
        let commit = self.commit(staged);
        if !commit.is_empty() {
            tally.changes += 1;
            tally.subtree_deletions += 1;
            tally.segmented_deletions += u64::from(commit.ranges.len() > 1);
            judge.deleted(at, self.replica, before, &commit);
        }
        Ok(())
    }

    /// What is incorporated for every key. A simulated replica loses nothing, so this is durable.
    pub(crate) fn acknowledgement(&self) -> VersionVector {
        self.context().floor()
    }

    pub(crate) fn collect(&mut self, stability: &Stability) -> Collected<Key> {
        self.document.collect(stability)
    }

    /// Saves the whole state and loads it into an empty document.
    pub(crate) fn reload(&mut self, now_ms: u64) -> Result<(), Refused> {
        let fresh = Self::loaded(self.replica, self.skew_ms, self.state(), now_ms)?;
        *self = Self { is_member: self.is_member, ..fresh };
        Ok(())
    }

    /// The whole state, in canonical form.
    pub(crate) fn state(&self) -> Delta<Key, Value> {
        self.delta(&Context::default(), &KeyRange::full())
    }

    /// A delta of `range` for somebody with the context `base`.
    pub(crate) fn delta(&self, base: &Context<Key>, range: &KeyRange<Key>) -> Delta<Key, Value> {
        self.document.store().delta_in(base, range)
    }

    /// A listing for somebody with the context `base`.
    pub(crate) fn listing(
        &self,
        base: &Context<Key>,
        coverage: Coverage,
        keys: &[Key],
    ) -> Delta<Key, Value> {
        self.document.store().listing_in(base, &KeyRange::full(), coverage, keys)
    }
}
