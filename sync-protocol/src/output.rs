//! What a session gives to its driver, and what the driver tells it of the store.

use rejoin_crdt::{Dot, Entry, Fingerprint, ReplicaId};

use crate::document::{Acknowledgements, AuthorisedDelta, Key, Value};
use crate::error::CloseReason;

/// One thing for the driver to do.
#[derive(Debug)]
#[non_exhaustive]
pub enum Output {
    /// Send these bytes to the peer, in this order.
    Send(Vec<u8>),
    /// Join this delta, make it durable, then call [`Session::delta_applied`] or
    /// [`Session::delta_refused`]. There is never more than one to be answered.
    ///
    /// [`Session::delta_applied`]: crate::Session::delta_applied
    /// [`Session::delta_refused`]: crate::Session::delta_refused
    Apply(AuthorisedDelta),
    /// The peer tells what members have durably. Add it to what is known, and tell the other sessions by
    /// [`Session::acknowledgements_changed`] if it was news.
    ///
    /// [`Session::acknowledgements_changed`]: crate::Session::acknowledgements_changed
    Acknowledged(Acknowledgements),
    /// An audit has found cells that differ: give this to `Store::repair` or `Document::repair`, make what
    /// it changes durable, then call [`Session::repaired`] or [`Session::repair_refused`]. There is never
    /// more than one to be answered.
    ///
    /// [`Session::repaired`]: crate::Session::repaired
    /// [`Session::repair_refused`]: crate::Session::repair_refused
    Repair {
        /// The cells as they are at the peer.
        cells: AuthorisedDelta,
        /// What the peer knows of forks in them.
        forks: Option<AuthorisedDelta>,
    },
    /// A cell differs although the contexts are equal, for the operator. Comes before the repair.
    Difference(Box<Difference>),
    /// Something happened, for status and metrics.
    Event(Event),
    /// The session has ended; close the transport once everything before this is sent. The last
    /// output of a session.
    Close(CloseReason),
}

/// A cell of which two replicas of equal context hold different things.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Difference {
    /// Its key.
    pub key: Key,
    /// Its dots here, with their entries, sorted.
    pub own: Vec<(Dot, Entry<Value>)>,
    /// Its dots at the peer.
    pub peer: Vec<(Dot, Entry<Value>)>,
}

/// Something that happened in a session.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Event {
    /// The peer said hello.
    Connected {
        /// The id that it writes under, if any.
        peer: Option<ReplicaId>,
        /// The version of the protocol that both speak.
        version: u64,
    },
    /// Both sides were proved equal.
    Equal {
        /// The fingerprint of both.
        fingerprint: Fingerprint,
    },
    /// A delta of the peer was applied.
    Applied {
        /// Its length on the wire.
        len_bytes: usize,
    },
    /// A delta of the peer brought nothing that was not here.
    Redundant {
        /// Its length on the wire.
        len_bytes: usize,
    },
    /// A push waits for its base.
    Held {
        /// Its length on the wire.
        len_bytes: usize,
    },
    /// A push waited in vain and was dropped; what it brought will be pulled.
    HeldDropped {
        /// Its length on the wire.
        len_bytes: usize,
    },
    /// The answer to a pull builds on changes that are not here; it was dropped, nothing was changed.
    BaseRefused {
        /// Its length on the wire.
        len_bytes: usize,
    },
    /// A delta left out the keys of removals, and all were found by what they remove.
    KeysFound {
        /// How many.
        keys: usize,
    },
    /// A delta leaves out the keys of removals, and what they remove is not here any more; it was dropped,
    /// nothing was changed. What it brought will be pulled, with all keys.
    KeysUnknown {
        /// Its length on the wire.
        len_bytes: usize,
    },
    /// The contexts are equal and the states are not: a bug or damage, here or there. The driver marks the
    /// store as suspect (`Store::set_suspect`), until an [`Event::Equal`] comes from any session.
    AuditMismatch {
        /// The fingerprint here.
        own: Fingerprint,
        /// The fingerprint there.
        peer: Fingerprint,
    },
    /// What an audit had found was repaired here, as far as it goes.
    Repaired {
        /// The number of dots that were taken back.
        restored: usize,
        /// The number of dots that went because of evidence.
        removed: usize,
    },
    /// A dot stands for something else at the peer: two copies write under one id, or an entry was damaged.
    /// Both keep what they have; the other entry is in `Store::forks`. It comes once for each dot.
    Forked {
        /// The dot; its replica is the life that forked.
        dot: Dot,
    },
    /// The peer is suspect and does not answer a pull that needs a listing. It is asked again later;
    /// another peer may answer at once.
    Deferred,
    /// The peer has not answered several pings.
    PeerSuspect {
        /// How many.
        missed: u32,
    },
    /// A suspect peer was heard again.
    PeerBack,
}

/// Where a change of the store came from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Origin {
    /// A transaction of this replica.
    Local {
        /// The id that it was written under.
        replica: ReplicaId,
    },
    /// Another session, a file, a queue.
    Elsewhere,
}
