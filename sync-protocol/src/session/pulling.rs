//! Pulls: asking the peer for what it has and this side lacks, one question at a time.
//!
//! A pull says what is here; the answer builds on that. Every answer is followed by another look at
//! what is still missing, which is all that resuming takes.

use rejoin_crdt::planted::{Bug, planted};

use super::Session;
use crate::document::{Context, Store};
use crate::error::SessionError;
use crate::inbox::Inbox;
use crate::message::{Kind, Message};
use crate::output::Event;

/// The own questions.
#[derive(Debug, Default)]
pub(crate) struct Pulling {
    last_id: u64,
    asked: Option<Asked>,
    /// When to look whether something is missing.
    due_ms: Option<u64>,
    /// Answers in a row after which nothing was better than before.
    fruitless: u32,
}

/// A pull without its answer.
#[derive(Debug)]
struct Asked {
    id: u64,
    /// The own context when it was asked.
    context: Context,
    /// When the peer last sent something of an answer.
    progress_ms: u64,
}

impl Pulling {
    /// Looks at `at_ms` at the latest whether something is missing.
    pub(super) fn ask_at(&mut self, at_ms: u64) {
        self.due_ms = Some(self.due_ms.map_or(at_ms, |due| due.min(at_ms)));
    }

    /// Whether this pull waits for its answer.
    pub(super) fn is_asked(&self, id: u64) -> bool {
        self.asked.as_ref().is_some_and(|asked| asked.id == id)
    }

    /// A frame came: if it is of a delta, the answer may be on its way.
    pub(super) fn progress(&mut self, kind: Kind, now_ms: u64) {
        if matches!(kind, Kind::Delta | Kind::Offer | Kind::Sketch)
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
            let progress_ms = self.now_ms;
            self.pulling.asked = Some(Asked { id, context: own.clone(), progress_ms });
            let context = self.knowledge.tell(own);
            self.outbox.message(&Message::Pull { id, context });
        }
        Ok(())
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
