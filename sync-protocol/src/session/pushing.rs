//! What the peer is sent without asking, and what it asked for.
//!
//! - A **local** commit is pushed at once, on the base of everything that was here before it. The
//!   peer may not have all of that yet; then it holds the push until it has.
//! - What came from **elsewhere** is announced a little later, unless the peer has it by then: its
//!   author has pushed it to the peer too, and the delay gives that time to arrive.
//! - What came from **the peer** is acknowledged and never sent back: its own messages say that it
//!   has it.

use rejoin_crdt::{ReplicaId, Seq, VersionVector};

use super::Session;
use super::repairing::REPAIRS;
use crate::document::{Context, Extract, KeyRange, Store, encode_keyless_after, extract};
use crate::error::SessionError;
use crate::message::{Current, Message};
use crate::output::Origin;
use crate::segments;

/// The feature bit of a peer that reads deltas which refer to what it was told, and pushes and
/// acknowledgements in their shortest form.
pub(super) const REFERS: u64 = 2;

/// The feature bit of a peer that finds the keys of removals by what they remove.
pub(super) const FINDS_KEYS: u64 = 8;

/// A delta of more cells does not fit into one frame in between, or gains nothing by referring.
const MOST_CELLS_IN_ORDER: usize = 1_024;

/// Vectors of so many components may be shorter than what they differ by from others.
const FEW_WRITERS: usize = 16;

/// Beside more cells than this, vectors of few components do not count.
const FEW_CELLS: usize = 16;

/// What is owed to the peer.
#[derive(Debug, Default)]
pub(crate) struct Pushing {
    /// The pull of the peer that has no answer yet.
    asked: Option<u64>,
    /// How much an answer shall bring, by the last pull of the peer.
    most_bytes: Option<u64>,
    /// Whether an answer shall bring all keys, by the last pull of the peer.
    with_keys: bool,
    /// The own id, and the last change under it that the own hello spoke of.
    told: Option<(ReplicaId, Seq)>,
    /// The own id, if changes under it were not pushed yet.
    local: Option<ReplicaId>,
    ack_due: bool,
    ack_fingerprint: bool,
    announce_ms: Option<u64>,
    tell_ms: Option<u64>,
}

impl Pushing {
    /// Says at the next occasion what is here.
    pub(super) const fn ack(&mut self) {
        self.ack_due = true;
    }

    /// Says it with the fingerprint, since the peer has asked for a comparison.
    pub(super) const fn ack_with_fingerprint(&mut self) {
        self.ack_due = true;
        self.ack_fingerprint = true;
    }

    /// Announces what is here at `at_ms` at the latest.
    pub(super) fn announce_at(&mut self, at_ms: u64) {
        self.announce_ms = Some(self.announce_ms.map_or(at_ms, |due| due.min(at_ms)));
    }

    /// The own hello has spoken of this change.
    pub(super) const fn told(&mut self, last: Option<(ReplicaId, Seq)>) {
        self.told = last;
    }

    /// How much an answer to the peer shall bring.
    pub(super) fn most_bytes(&self) -> usize {
        self.most_bytes.map_or(usize::MAX, |most| usize::try_from(most).unwrap_or(usize::MAX))
    }

    /// Answers pull `id` as soon as a delta can leave.
    pub(super) const fn ask(&mut self, id: u64) {
        self.asked = Some(id);
    }

    /// When something is to be told.
    pub(super) fn deadline_ms(&self) -> Option<u64> {
        self.announce_ms.into_iter().chain(self.tell_ms).min()
    }
}

impl Session {
    /// The store has changed by something that did not come from the peer.
    pub(super) fn note_change(&mut self, store: &Store, origin: Origin) {
        match origin {
            Origin::Local { replica } => {
                self.config.replica = Some(replica);
                self.pushing.local = Some(replica);
            }
            Origin::Elsewhere if self.knowledge.peer_covers(store.view().context()) => {
                self.tell_later();
            }
            Origin::Elsewhere => {
                let times = &self.config.times;
                let (least, most) = (times.announce_least_ms, times.announce_most_ms);
                let delay_ms = self.random.between(least, most);
                self.pushing.announce_at(self.now_ms.saturating_add(delay_ms));
            }
        }
    }

    /// The peer asks for what it lacks.
    pub(super) fn asked(
        &mut self,
        id: u64,
        (most_bytes, with_keys): (Option<u64>, bool),
        store: &Store,
    ) -> Result<(), SessionError> {
        if self.knowledge.heard().is_none() || id == 0 {
            return Err(SessionError::PullWithoutContext { id });
        }
        self.pushing.ask(id);
        (self.pushing.most_bytes, self.pushing.with_keys) = (most_bytes, with_keys);
        self.offering = None;
        self.ask_later(store.view().context());
        Ok(())
    }

    /// Whether a delta is owed and could leave.
    pub(super) fn has_delta_to_make(&self) -> bool {
        let can_push = self.outbox.has_credit() && self.knowledge.peer().is_some();
        let is_owed = self.pushing.asked.is_some() || (self.pushing.local.is_some() && can_push);
        is_owed && self.outbox.is_free() && self.peer().is_some()
    }

    /// Makes the next delta for the peer from the state as it is now.
    pub(super) fn make_delta(&mut self, store: &Store) -> Result<(), SessionError> {
        if self.has_delta_to_make()
            && let Some(id) = self.pushing.asked.take()
        {
            self.answer(id, store)?;
        }
        if self.has_delta_to_make()
            && let Some(replica) = self.pushing.local.take()
        {
            self.push(replica, store)?;
        }
        Ok(())
    }

    fn answer(&mut self, id: u64, store: &Store) -> Result<(), SessionError> {
        let below = |base: &Context| !store.below_horizon(base).is_empty();
        if store.is_suspect() && self.knowledge.heard().is_some_and(below) {
            self.defer(id);
            return Ok(());
        }
        let is_audit = self.audit.is_due(self.now_ms);
        match self.extract_or_offer(id, store, is_audit)? {
            Some(extract) => self.send(id, extract),
            None if self.is_offering(id) => {}
            None if self.knowledge.heard().is_some_and(|base| store.withholds(base)) => {
                self.defer(id);
            }
            None => {
                let context = self.knowledge.tell(store.view().context());
                let current = Current { id, wants_answer: false, context, fingerprint: None };
                self.outbox.message(&Message::Current(current));
            }
        }
        Ok(())
    }

    /// Asks the peer to ask again later. A listing says that what it does not name is gone: whoever may
    /// have lost something does not say so. And nobody is told what was damaged here: of what the peer lacks,
    /// there is nothing else.
    fn defer(&mut self, id: u64) {
        let is_understood = self.peer().is_some_and(|peer| peer.features & REPAIRS != 0);
        self.offering = None;
        let nothing = Current { id, wants_answer: false, context: None, fingerprint: None };
        let answer = if is_understood { Message::Later { id } } else { Message::Current(nothing) };
        self.outbox.message(&answer);
    }

    fn push(&mut self, replica: ReplicaId, store: &Store) -> Result<(), SessionError> {
        let Some(peer) = self.peer() else { return Ok(()) };
        let own = store.view().context();
        // A peer that takes over a whole state range by range could only hold the push and drop it.
        if self.knowledge.peer().is_some_and(|peer| peer.segment_count() > 1) {
            self.pushing.announce_at(self.now_ms);
            return Ok(());
        }
        let known = self.knowledge.hinted_seq(replica);
        // It pulls what the hello spoke of, in parts of the size that suits it.
        if self.pushing.told.is_some_and(|(life, last)| life == replica && known < last) {
            self.pushing.announce_at(self.now_ms);
            return Ok(());
        }
        let base = segments::lowered(own, replica, known);
        // Below the horizon there are no small deltas, and a delta around damage makes segments: let the peer
        // say what it has.
        if !base.covers(&KeyRange::full(), store.horizon()) || store.withholds(&base) {
            self.pushing.announce_at(self.now_ms);
            return Ok(());
        }
        let is_audit = self.audit.is_due(self.now_ms);
        let fingerprint = || is_audit.then(|| self.proof(store)).flatten();
        let Some(extract) = extract(store, &base, &peer.limits, fingerprint)? else {
            return Ok(());
        };
        let reaches = extract.reach.covers_context(own);
        self.send(0, extract);
        if !reaches {
            self.pushing.announce_at(self.now_ms);
        }
        Ok(())
    }

    /// Whether the peer reads the short forms of an open session.
    fn refers(&self) -> bool {
        self.peer().is_some_and(|peer| peer.features & REFERS != 0)
    }

    /// Sends a delta; a small one as what it differs by from what the peer was told last, so that its
    /// bytes do not grow with the number of writers.
    fn send(&mut self, id: u64, extract: Extract<'_>) {
        self.knowledge.sent(&extract.reach);
        let extract = self.without_keys(id, extract);
        let told = self.knowledge.told().and_then(Context::uniform).filter(|_| self.refers());
        let cells = extract.delta.cell_count();
        let gains = |told: &&VersionVector| told.len() > FEW_WRITERS || cells <= FEW_CELLS;
        if let Some(told) = told.filter(|_| cells <= MOST_CELLS_IN_ORDER).filter(gains) {
            // Not compared with the bytes of the delta alone: a reference makes them shorter wherever it has a
            // replica that is named, and else two bytes longer.
            let payload = encode_keyless_after(&extract.delta, told);
            let message = match id {
                0 => Message::Push { payload },
                _ => Message::Delta { id, payload },
            };
            if self.outbox.delta_in_order(&message) {
                return;
            }
        }
        self.outbox.delta(&Message::Delta { id, payload: extract.into_bytes() });
    }

    /// Leaves out the keys of removals, if the peer can find them. Where it could not, it has asked for all keys.
    fn without_keys<'s>(&self, id: u64, extract: Extract<'s>) -> Extract<'s> {
        let finds_keys = self.peer().is_some_and(|peer| peer.features & FINDS_KEYS != 0);
        let is_asked_for_all = id != 0 && self.pushing.with_keys;
        match finds_keys && !is_asked_for_all {
            true => extract.omit_keys(self.config.bounds.keyless_removals),
            false => extract,
        }
    }

    /// Tells the peer what is here, where that is due and of use.
    pub(super) fn tell(&mut self, store: &Store) {
        let own = store.view().context();
        let is_due = |due: Option<u64>| due.is_some_and(|due| due <= self.now_ms);
        let (announce, tell) = (is_due(self.pushing.announce_ms), is_due(self.pushing.tell_ms));
        if announce {
            self.pushing.announce_ms = None;
            if self.knowledge.peer_covers(own) {
                self.tell_later();
            } else {
                let context = self.knowledge.tell(own);
                self.outbox.message(&Message::Announce { context });
            }
        }
        if tell {
            self.pushing.tell_ms = None;
        }
        let fingerprint = std::mem::take(&mut self.pushing.ack_fingerprint);
        let is_ack_due = std::mem::take(&mut self.pushing.ack_due) || tell;
        if fingerprint || (is_ack_due && !self.knowledge.has_shown(own)) {
            let fingerprint = fingerprint.then(|| self.proof(store)).flatten();
            let context = self.knowledge.tell(own);
            // Others read two elements always.
            let fingerprint = (fingerprint.is_some() || !self.refers()).then_some(fingerprint);
            self.outbox.message(&Message::Ack { context, fingerprint });
        }
    }

    fn tell_later(&mut self) {
        let at_ms = self.now_ms.saturating_add(self.config.times.tell_ms);
        self.pushing.tell_ms.get_or_insert(at_ms);
    }
}
