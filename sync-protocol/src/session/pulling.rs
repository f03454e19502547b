//! Pulls: asking the peer for what it has and this side lacks, one question at a time.
//!
//! A pull says what is here; the answer builds on that. Every answer is followed by another look at
//! what is still missing, which is all that resuming takes.
//!
//! What a peer has to tell comes as one delta, if it fits, so that all of it becomes visible at once. That is
//! given up where it cannot be had: when the last connection broke before a whole delta was through, and
//! while an earlier answer has covered a part of the keys only. Then no answer shall be larger than a share of
//! what the connection has brought so far, so that a break costs little of what was sent.

use rejoin_crdt::ReplicaId;
use rejoin_crdt::planted::{Bug, planted};

use super::Session;
use crate::document::{Context, Store};
use crate::error::SessionError;
use crate::inbox::Inbox;
use crate::message::{Kind, Message};
use crate::output::Event;

/// The least that is asked for where connections break: some hundred records. A line that does not stay up
/// for that long is of no use.
const LEAST_BYTES: u64 = 64 << 10;

/// The share of what a connection has brought that may be lost with it: one part in so many.
const RISKED_SHARE: u64 = 4;

/// The own questions.
#[derive(Debug, Default)]
pub(crate) struct Pulling {
    last_id: u64,
    asked: Option<Asked>,
    /// When to look whether something is missing.
    due_ms: Option<u64>,
    /// Answers in a row after which nothing was better than before.
    fruitless: u32,
    /// The id of the peer, once it has said hello.
    peer: Option<Option<ReplicaId>>,
    /// Deltas of the peer did not get through the last time, and not everything that was missing came since.
    is_careful: bool,
    /// What was to be found by removed dots was not here, and not everything that was missing came since.
    needs_keys: bool,
}

/// A pull without its answer.
#[derive(Debug)]
struct Asked {
    id: u64,
    /// The own context when it was asked.
    context: Context,
    /// Whether the answer has to bring all keys.
    with_keys: bool,
    /// When the peer last sent something of an answer.
    progress_ms: u64,
}

impl Pulling {
    /// Looks at `at_ms` at the latest whether something is missing.
    pub(super) fn ask_at(&mut self, at_ms: u64) {
        self.due_ms = Some(self.due_ms.map_or(at_ms, |due| due.min(at_ms)));
    }

    /// The peer has said hello; whether the last connection with it broke in the middle of a delta.
    pub(super) const fn meet(&mut self, peer: Option<ReplicaId>, has_broken: bool) {
        self.peer = Some(peer);
        self.is_careful = has_broken;
    }

    /// The id of the peer; `None` before its hello.
    pub(super) const fn peer(&self) -> Option<Option<ReplicaId>> {
        self.peer
    }

    pub(super) const fn is_careful(&self) -> bool {
        self.is_careful
    }

    /// Whether this pull waits for its answer.
    pub(super) fn is_asked(&self, id: u64) -> bool {
        self.asked.as_ref().is_some_and(|asked| asked.id == id)
    }

    /// A frame came: if it is of a delta, the answer may be on its way, or come behind it.
    pub(super) fn progress(&mut self, kind: Kind, now_ms: u64) {
        if matches!(kind, Kind::Delta | Kind::Push | Kind::Offer | Kind::Sketch)
            && let Some(asked) = &mut self.asked
        {
            asked.progress_ms = now_ms;
        }
    }

    /// When something is due: the next pull, or the end of patience with the last one.
    pub(super) fn deadline_ms(&self, pull_ms: u64, inbox: &Inbox) -> Option<u64> {
        if !inbox.is_idle() {
            return None;
        }
        match &self.asked {
            Some(asked) => Some(asked.progress_ms.saturating_add(pull_ms)),
            None => self.due_ms,
        }
    }
}

impl Session {
    /// Asks for what is missing, if it is time to.
    pub(super) fn pull(&mut self, store: &Store) -> Result<(), SessionError> {
        // What waits for the store may be what is missing.
        if !self.inbox.is_idle() {
            return Ok(());
        }
        if let Some(asked) = &self.pulling.asked {
            let waited_ms = self.now_ms.saturating_sub(asked.progress_ms);
            if waited_ms >= self.config.times.pull_ms {
                return Err(SessionError::PullUnanswered { waited_ms });
            }
            return Ok(());
        }
        if self.pulling.due_ms.is_none_or(|due| due > self.now_ms) {
            return Ok(());
        }
        self.pulling.due_ms = None;
        let has_asked = self.pulling.last_id > 0;
        if planted(Bug::OnePeerAtATime) && !has_asked && store.view().is_hydrating() {
            self.pulling.ask_at(self.now_ms.saturating_add(self.config.times.hold_ms));
            return Ok(());
        }
        let own = store.view().context();
        if self.knowledge.lacks(own) {
            let id = self.pulling.last_id + 1;
            self.pulling.last_id = id;
            let (progress_ms, with_keys) = (self.now_ms, self.pulling.needs_keys);
            self.pulling.asked = Some(Asked { id, context: own.clone(), with_keys, progress_ms });
            let most_bytes = self.most_bytes(own);
            let context = self.knowledge.tell(own);
            self.outbox.message(&Message::Pull { id, context, most_bytes, with_keys });
        } else {
            (self.pulling.is_careful, self.pulling.needs_keys) = (false, false);
        }
        Ok(())
    }

    /// How much the next answer shall bring; `None` if it may bring everything.
    fn most_bytes(&self, own: &Context) -> Option<u64> {
        if !self.pulling.is_careful && own.uniform().is_some() {
            return None;
        }
        let answers = [Kind::Delta, Kind::Push, Kind::Offer, Kind::Sketch];
        let arrived: u64 = answers.into_iter().map(|kind| self.received.of(kind)).sum();
        let most_bytes = (arrived / RISKED_SHARE).max(LEAST_BYTES);
        (most_bytes < self.config.limits.delta_bytes as u64).then_some(most_bytes)
    }

    /// Looks a little later whether something is missing: by then it may have come by itself.
    pub(super) fn ask_later(&mut self, own: &Context) {
        if self.knowledge.lacks(own) {
            self.pulling.ask_at(self.now_ms.saturating_add(self.config.times.hold_ms));
        }
    }

    /// The peer cannot answer pull `id` now.
    pub(super) fn deferred(&mut self, id: u64) -> Result<(), SessionError> {
        if !self.pulling.is_asked(id) {
            return Err(SessionError::UnaskedAnswer { id });
        }
        self.pulling.asked = None;
        self.comparing = None;
        self.event(Event::Deferred);
        self.pulling.ask_at(self.now_ms.saturating_add(self.config.times.ping_ms));
        Ok(())
    }

    /// A push, or the answer to pull `id`, leaves out keys that are not to be found here: asks again, for all keys.
    /// That is no fruitless answer, unless all keys were asked for already.
    pub(super) fn ask_with_keys(&mut self, id: u64, store: &Store) -> Result<(), SessionError> {
        let is_first = |asked: &mut Asked| asked.id == id && !asked.with_keys;
        if self.pulling.asked.take_if(is_first).is_none() {
            self.answered(id, store)?;
        }
        self.pulling.needs_keys = true;
        self.pulling.ask_at(self.now_ms);
        Ok(())
    }

    /// Pull `id` was answered and the answer dealt with; pushes have no id and change nothing here.
    pub(super) fn answered(&mut self, id: u64, store: &Store) -> Result<(), SessionError> {
        if !self.pulling.is_asked(id) {
            return Ok(());
        }
        let own = store.view().context();
        let before = self.pulling.asked.take().map(|asked| asked.context);
        if !self.knowledge.lacks(own) || before.as_ref() != Some(own) {
            self.pulling.fruitless = 0;
            self.pulling.ask_at(self.now_ms);
            return Ok(());
        }
        self.pulling.fruitless += 1;
        let pulls = self.pulling.fruitless;
        if pulls >= self.config.bounds.fruitless_pulls {
            return Err(SessionError::Fruitless { pulls });
        }
        let pause_ms = self.config.times.hold_ms.saturating_mul(u64::from(pulls));
        self.pulling.due_ms = Some(self.now_ms.saturating_add(pause_ms));
        Ok(())
    }
}
