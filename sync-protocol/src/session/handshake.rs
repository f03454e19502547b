//! Hello: who the peer is, what both speak and take, and what the peer has.

use rejoin_crdt::planted::{Bug, planted};
use rejoin_crdt::{Dot, Limits, ReplicaId, VersionVector};

use super::offering::COMPARES;
use super::pushing::{FINDS_KEYS, REFERS};
use super::repairing::REPAIRS;
use super::{Phase, Session};
use crate::context_form::hash16;
use crate::document::{Store, decode_version_vector, encode_version_vector};
use crate::error::SessionError;
use crate::message::{Hello, Message};
use crate::output::Event;

/// What this side can do without being asked to.
const FEATURES: u64 = COMPARES | REFERS | REPAIRS | FINDS_KEYS;

/// The versions of the protocol that are spoken here.
const VERSIONS: (u64, u64) = (1, 1);

/// The longest context or horizon that a hello carries: two of them stay well within what a stranger
/// may send. Longer ones are named by their hash, and travel after the hello.
const HELLO_PART_BYTES: usize = 6 << 10;

/// A peer that takes less cannot be told anything useful.
const LEAST_PEER_BYTES: usize = 1 << 10;

const FULL: u8 = 0;
const HASH: u8 = 2;

/// The peer of a session, as its hello introduced it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Peer {
    /// The version of the protocol that both speak.
    pub version: u64,
    /// The id that it writes under; a reader has none.
    pub replica: Option<ReplicaId>,
    /// What both sides take: the smaller of both limits.
    pub limits: Limits,
    /// The features that both sides can use, one bit each.
    pub features: u64,
    /// Its horizon, unless that was too long for the hello.
    pub horizon: Option<VersionVector>,
    /// The dot by which it was admitted as a member.
    pub admission: Option<Dot>,
}

impl Session {
    /// Says hello.
    pub(super) fn greet(&mut self, store: &Store) {
        let own = store.view().context();
        let last = self.config.remembered.as_ref().map(|last| &last.told);
        let context = self.knowledge.greet(own, last, HELLO_PART_BYTES);
        let hello = Hello {
            versions: VERSIONS,
            cluster: self.config.cluster.0,
            replica: self.config.replica,
            features: self.config.features | FEATURES,
            credit_bytes: self.config.bounds.credit_bytes,
            limits: self.config.limits,
            horizon: horizon_form(store.horizon()),
            context,
            admission: self.config.admission,
        };
        let replica = self.config.replica;
        self.pushing.told(replica.map(|replica| (replica, store.last_seq(replica))));
        self.outbox.greet(&Message::Hello(Box::new(hello)));
    }

    /// Takes the peer's hello.
    pub(super) fn accept(&mut self, hello: &Hello, store: &Store) -> Result<(), SessionError> {
        let (least, greatest) = hello.versions;
        let version = greatest.min(VERSIONS.1);
        if version < least.max(VERSIONS.0) {
            return Err(SessionError::Version { least, greatest });
        }
        if hello.cluster != self.config.cluster.0 {
            return Err(SessionError::Cluster);
        }
        if let Some(replica) = hello.replica.filter(|id| Some(*id) == self.own_replica()) {
            return Err(SessionError::SameReplica { replica });
        }
        let limits = agreed(&self.config.limits, &hello.limits);
        let (frame_bytes, delta_bytes) = (limits.frame_bytes, limits.delta_bytes);
        if frame_bytes.min(delta_bytes) < LEAST_PEER_BYTES {
            return Err(SessionError::PeerLimits { frame_bytes, delta_bytes });
        }
        let horizon = self.read_horizon(&hello.horizon)?;
        self.hear_greeting(&hello.context, store)?;
        self.reader.limit_frames(self.config.limits.frame_bytes);
        self.outbox.limit_frames(frame_bytes);
        self.outbox.grant(hello.credit_bytes);
        let (replica, admission) = (hello.replica, hello.admission);
        self.pulling.meet(replica, self.config.breaks.contains(replica));
        let features = hello.features & (self.config.features | FEATURES);
        self.phase =
            Phase::Open(Box::new(Peer { version, replica, limits, features, horizon, admission }));
        self.event(Event::Connected { peer: replica, version });
        let last = self.config.remembered.as_ref().map(|last| &last.heard);
        if !planted(Bug::QuestionNotRepeated) || last.is_none() || last != self.knowledge.heard() {
            self.pulling.ask_at(self.now_ms);
        }
        if !self.knowledge.has_shown(store.view().context()) {
            self.pushing.announce_at(self.now_ms);
        }
        Ok(())
    }

    fn read_horizon(&self, form: &[u8]) -> Result<Option<VersionVector>, SessionError> {
        match form.split_first() {
            Some((&FULL, bytes)) => decode_version_vector(bytes, &self.config.limits)
                .map(Some)
                .map_err(SessionError::Horizon),
            Some((&HASH, hash)) if hash.len() == 16 => Ok(None),
            Some(_) | None => Err(SessionError::HorizonForm { len_bytes: form.len() }),
        }
    }
}

fn horizon_form(horizon: &VersionVector) -> Vec<u8> {
    let bytes = encode_version_vector(horizon);
    let mut form = vec![FULL];
    if bytes.len() > HELLO_PART_BYTES {
        form = vec![HASH];
        form.extend_from_slice(&hash16(&bytes));
    } else {
        form.extend_from_slice(&bytes);
    }
    form
}

/// What both sides take.
fn agreed(own: &Limits, peer: &Limits) -> Limits {
    Limits {
        frame_bytes: own.frame_bytes.min(peer.frame_bytes),
        delta_bytes: own.delta_bytes.min(peer.delta_bytes),
        cells_per_delta: own.cells_per_delta.min(peer.cells_per_delta),
        key_bytes: own.key_bytes.min(peer.key_bytes),
        key_components: own.key_components.min(peer.key_components),
        value_bytes: own.value_bytes.min(peer.value_bytes),
        dots_per_life_in_cell: own.dots_per_life_in_cell.min(peer.dots_per_life_in_cell),
        version_vector_entries: own.version_vector_entries.min(peer.version_vector_entries),
        range_tombstones_per_delta: own
            .range_tombstones_per_delta
            .min(peer.range_tombstones_per_delta),
        ..*own
    }
}
