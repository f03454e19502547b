//! How a session is doing, for operators and metrics.

use rejoin_crdt::ReplicaId;

use crate::message::Kind;

/// Whether the peer can be talked to, as seen from here.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    /// It has not said hello yet.
    Connecting,
    /// It was heard recently.
    Up,
    /// It has not answered several pings.
    Suspect,
    /// The session has ended.
    Down,
}

/// A session at one moment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Status {
    /// Whether the peer can be talked to.
    pub state: State,
    /// The id that the peer writes under, if it has one.
    pub peer: Option<ReplicaId>,
    /// Changes that are here and, as far as known, not there; `None` while nothing is known.
    pub ahead_dots: Option<u64>,
    /// Changes that are there and not here; `None` while nothing is known.
    pub behind_dots: Option<u64>,
    /// Whether both sides have the same context, as far as known.
    pub is_in_sync: bool,
    /// When both sides were last proved equal.
    pub last_equal_ms: Option<u64>,
    /// How often both sides had the same context and were not equal.
    pub mismatches: u64,
    /// Dots that audits with this peer have taken back here, or removed because of evidence.
    pub repaired_dots: u64,
    /// Dots that stand for something else at the peer, as audits with it have found.
    pub forked_dots: u64,
    /// The time that the last ping took.
    pub round_trip_ms: Option<u64>,
    /// What the pushes that wait for their base take in memory.
    pub held_bytes: u64,
    /// Bytes sent.
    pub sent: Traffic,
    /// Bytes received.
    pub received: Traffic,
}

/// Bytes on the wire by kind of message, frame headers included.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Traffic {
    by_kind: [u64; Kind::ALL.len()],
}

impl Traffic {
    /// The bytes of messages of this kind.
    pub fn of(&self, kind: Kind) -> u64 {
        slot(kind).and_then(|slot| self.by_kind.get(slot)).copied().unwrap_or(0)
    }

    /// The bytes of all messages.
    pub fn total(&self) -> u64 {
        self.by_kind.iter().sum()
    }

    pub(crate) fn count(&mut self, kind: Kind, len_bytes: usize) {
        if let Some(sum) = slot(kind).and_then(|slot| self.by_kind.get_mut(slot)) {
            *sum += len_bytes as u64;
        }
    }
}

fn slot(kind: Kind) -> Option<usize> {
    Kind::ALL.into_iter().position(|other| other == kind)
}
