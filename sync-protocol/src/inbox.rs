//! What came and is not dealt with: messages in several frames, and deltas that wait for their turn.
//!
//! The peer may send as many bytes of deltas as it was granted. Bytes are granted again as they are
//! dealt with, except that a delta which is larger than the whole window must be able to arrive: so
//! they are granted again unless whole deltas of a window's size are waiting for the store.

use std::collections::{BTreeMap, VecDeque};

use rejoin_crdt::{Fingerprint, Limits, VersionVector};

use crate::document::Context;
use crate::error::SessionError;
use crate::frame::Frame;
use crate::message::Kind;

/// A delta that the driver was asked to apply.
#[derive(Debug)]
pub(crate) struct Applying {
    pub(crate) id: u64,
    pub(crate) len_bytes: usize,
    /// What its sender has, and the fingerprint of that.
    pub(crate) audit: Option<(Context, Fingerprint)>,
}

/// A whole delta, as the bytes that came.
#[derive(Debug)]
pub(crate) struct Waiting {
    /// The pull that it answers; 0 for a push.
    pub(crate) id: u64,
    pub(crate) payload: Vec<u8>,
    /// The context that the peer had told when it sent this, if the bytes refer to it.
    pub(crate) reference: Option<VersionVector>,
}

/// The unfinished business of a session.
#[derive(Debug)]
pub(crate) struct Inbox {
    partial: BTreeMap<u8, Vec<u8>>,
    /// Whole deltas in the order in which they came.
    pub(crate) ready: VecDeque<Waiting>,
    /// The one that the driver has; others wait for it, since they may build on it.
    pub(crate) applying: Option<Applying>,
    window_bytes: u64,
    /// What the peer may still send.
    granted_bytes: u64,
    /// What can be granted again.
    spent_bytes: u64,
}

impl Inbox {
    /// An inbox that takes `window_bytes` of deltas at a time.
    pub(crate) const fn new(window_bytes: u64) -> Self {
        Self {
            partial: BTreeMap::new(),
            ready: VecDeque::new(),
            applying: None,
            window_bytes,
            granted_bytes: window_bytes,
            spent_bytes: 0,
        }
    }

    /// Takes a frame, and gives back the message that it completes.
    pub(crate) fn assemble(
        &mut self,
        kind: Kind,
        frame: Frame,
        limits: &Limits,
    ) -> Result<Option<Vec<u8>>, SessionError> {
        if kind.needs_credit() {
            self.spend(frame.body.len() as u64)?;
        }
        let begun = self.partial.remove(&frame.kind);
        let (limit_bytes, begun_len) =
            (kind.limit_bytes(limits), begun.as_ref().map_or(0, Vec::len));
        let len_bytes = begun_len.saturating_add(frame.body.len());
        if len_bytes > limit_bytes {
            return Err(SessionError::MessageTooLarge { kind, len_bytes, limit_bytes });
        }
        let message = match begun {
            None => frame.body,
            Some(mut begun) => {
                begun.extend_from_slice(&frame.body);
                begun
            }
        };
        if frame.more {
            self.partial.insert(frame.kind, message);
            return Ok(None);
        }
        Ok(Some(message))
    }

    /// What the peer can be granted now; nothing while that is too little to be worth a message.
    pub(crate) fn grant(&mut self) -> Option<u64> {
        let is_worth_it = self.spent_bytes >= (self.window_bytes / 4).max(1);
        if !is_worth_it || self.waiting_bytes() >= self.window_bytes {
            return None;
        }
        let grant = std::mem::take(&mut self.spent_bytes);
        self.granted_bytes = self.granted_bytes.saturating_add(grant);
        Some(grant)
    }

    /// Whether a delta has come in part.
    pub(crate) fn has_part_of_delta(&self) -> bool {
        [Kind::Delta, Kind::Push].iter().any(|kind| self.partial.contains_key(&kind.number()))
    }

    /// Whether no delta is waiting for the store.
    pub(crate) fn is_idle(&self) -> bool {
        self.ready.is_empty() && self.applying.is_none()
    }

    fn spend(&mut self, len_bytes: u64) -> Result<(), SessionError> {
        match self.granted_bytes.checked_sub(len_bytes) {
            Some(left) => {
                self.granted_bytes = left;
                self.spent_bytes += len_bytes;
                Ok(())
            }
            None => {
                let excess_bytes = len_bytes - self.granted_bytes;
                Err(SessionError::CreditExceeded { excess_bytes })
            }
        }
    }

    fn waiting_bytes(&self) -> u64 {
        let ready = self.ready.iter().map(|waiting| waiting.payload.len());
        let applying = self.applying.iter().map(|applying| applying.len_bytes);
        ready.chain(applying).map(|len| len as u64).sum()
    }
}
