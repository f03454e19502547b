//! Pushes that wait for their base.
//!
//! In a mesh a push often overtakes the one that it builds on, which comes by another way. Waiting a
//! moment for it saves sending the payload again. Holding changes no context: to everybody else a
//! held push has not arrived.
//!
//! What must always hold: what waits takes at most `limit_bytes` of memory, and none waits longer than
//! `hold_ms`; the oldest goes first, since it has had its chance.

use std::collections::VecDeque;

use rejoin_crdt::planted::{Bug, planted};

use crate::document::{AuthorisedDelta, Context, Delta, KeylessDelta, decoded_bytes};
use crate::segments;

/// A delta that came from the peer.
#[derive(Debug)]
pub(crate) struct Arrived {
    /// The pull that it answers; 0 for a push.
    pub(crate) id: u64,
    pub(crate) delta: Incoming,
    /// Its length on the wire.
    pub(crate) len_bytes: usize,
}

/// A delta whose turn may come.
#[derive(Debug)]
pub(crate) enum Incoming {
    /// One that can be handed on.
    Ready(AuthorisedDelta),
    /// One that lacks keys. They are found when its base is here: then what it removes is, too.
    Keyless(Box<KeylessDelta>),
}

impl Incoming {
    /// Its ranges and version vectors; nothing else is known before all keys are found.
    pub(crate) const fn as_delta(&self) -> &Delta {
        match self {
            Self::Ready(delta) => delta.as_delta(),
            Self::Keyless(delta) => delta.rest(),
        }
    }

    /// What it takes in memory. Costs a look at every cell.
    fn weight_bytes(&self) -> u64 {
        match self {
            Self::Ready(delta) => decoded_bytes(delta.as_delta()),
            Self::Keyless(delta) => delta.decoded_bytes(),
        }
    }
}

/// A push that waits.
#[derive(Debug)]
struct Held {
    arrived: Arrived,
    since_ms: u64,
    weight_bytes: u64,
}

/// The waiting pushes, oldest first.
#[derive(Debug)]
pub(crate) struct Hold {
    waiting: VecDeque<Held>,
    held_bytes: u64,
    limit_bytes: u64,
    hold_ms: u64,
}

impl Hold {
    /// Room for `limit_bytes`, for `hold_ms`.
    pub(crate) const fn new(limit_bytes: u64, hold_ms: u64) -> Self {
        Self { waiting: VecDeque::new(), held_bytes: 0, limit_bytes, hold_ms }
    }

    /// Takes a push in, and returns what had to go for it: itself, if it is too large alone.
    pub(crate) fn push(&mut self, arrived: Arrived, now_ms: u64) -> Vec<Arrived> {
        let weight_bytes = arrived.delta.weight_bytes();
        if weight_bytes > self.limit_bytes {
            return vec![arrived];
        }
        self.held_bytes += weight_bytes;
        self.waiting.push_back(Held { arrived, since_ms: now_ms, weight_bytes });
        let mut dropped = Vec::new();
        while self.held_bytes > self.limit_bytes
            && !planted(Bug::PushesHeldWithoutBound)
            && let Some(oldest) = self.take(0)
        {
            dropped.push(oldest);
        }
        dropped
    }

    /// The oldest push whose base `own` covers.
    pub(crate) fn release(&mut self, own: &Context) -> Option<Arrived> {
        let ready = |held: &Held| segments::covers_base(own, held.arrived.delta.as_delta());
        let at = self.waiting.iter().position(ready)?;
        self.take(at)
    }

    /// The oldest push whose time is over.
    pub(crate) fn expire(&mut self, now_ms: u64) -> Option<Arrived> {
        if self.deadline_ms()? <= now_ms { self.take(0) } else { None }
    }

    /// When the oldest push must go.
    pub(crate) fn deadline_ms(&self) -> Option<u64> {
        self.waiting.front().map(|oldest| oldest.since_ms.saturating_add(self.hold_ms))
    }

    /// What waits takes so much memory.
    pub(crate) const fn held_bytes(&self) -> u64 {
        self.held_bytes
    }

    fn take(&mut self, at: usize) -> Option<Arrived> {
        let held = self.waiting.remove(at)?;
        self.held_bytes -= held.weight_bytes;
        Some(held.arrived)
    }
}
