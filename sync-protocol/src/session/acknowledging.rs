//! Telling each other what members have durably, so that everybody learns what may be forgotten.
//!
//! A table of acknowledgements grows like a context and may arrive late, twice or in any order. Each side
//! tells what it has learned beyond what it told or heard in this session, at most once in a while: it
//! is bookkeeping, and a table of many members is not small.

use super::Session;
use crate::document::{Acknowledgements, Store, decode_acknowledgements, encode_acknowledgements};
use crate::error::SessionError;
use crate::message::Message;
use crate::output::Output;

/// What was told and is to be told.
#[derive(Debug, Default)]
pub(crate) struct Acknowledging {
    /// What the peer knows, by its own messages or the own ones.
    told: Acknowledgements,
    /// What is known here.
    known: Acknowledgements,
    /// When the peer was last told something.
    last_ms: Option<u64>,
}

impl Acknowledging {
    pub(super) fn deadline_ms(&self, pause_ms: u64) -> Option<u64> {
        let is_due = !self.known.beyond(&self.told).is_empty();
        is_due.then(|| self.last_ms.map_or(0, |last| last.saturating_add(pause_ms)))
    }
}

impl Session {
    /// Members are known to have this durably; the peer is told what it does not know of it.
    pub fn acknowledgements_changed(
        &mut self,
        known: &Acknowledgements,
        store: &Store,
        now_ms: u64,
    ) {
        self.turn(store, now_ms, |session| {
            session.acknowledging.known.clone_from(known);
            Ok(())
        });
    }

    /// Tells the peer, if it is time to.
    pub(super) fn tell_acknowledgements(&mut self) {
        let due_ms = self.acknowledging.deadline_ms(self.config.times.tell_ms);
        if due_ms.is_none_or(|due| due > self.now_ms) {
            return;
        }
        let news = self.acknowledging.known.beyond(&self.acknowledging.told);
        let table = encode_acknowledgements(&news);
        news.iter().for_each(|(life, seen)| {
            self.acknowledging.told.learn(life, seen);
        });
        self.acknowledging.last_ms = Some(self.now_ms);
        self.outbox.message(&Message::Acknowledgements { table });
    }

    /// The peer tells what it knows.
    pub(super) fn hear_acknowledgements(&mut self, table: &[u8]) -> Result<(), SessionError> {
        let heard = decode_acknowledgements(table, &self.config.limits)
            .map_err(SessionError::Acknowledgements)?;
        heard.iter().for_each(|(life, seen)| {
            self.acknowledging.told.learn(life, seen);
        });
        self.outbox.output(Output::Acknowledged(heard));
        Ok(())
    }
}
