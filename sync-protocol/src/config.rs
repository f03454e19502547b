//! What a session is told at its beginning.

use rejoin_crdt::{Dot, Limits, ReplicaId};

use crate::breaks::Breaks;
use crate::document::{Authority, Context};

/// The 16 bytes that all replicas of one sync group share.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ClusterId(pub [u8; 16]);

/// Everything that a session needs to know from outside, except time and the store.
#[derive(Clone, Debug)]
pub struct Config {
    /// Which sync group the replica belongs to; a peer of another one is refused.
    pub cluster: ClusterId,
    /// The id that this replica writes under; a reader, or a replica before its first write, has
    /// none.
    pub replica: Option<ReplicaId>,
    /// The dot by which this replica was admitted as a member.
    pub admission: Option<Dot>,
    /// One bit for each optional feature that this side can use.
    pub features: u64,
    /// What the peer may write here.
    pub authority: Authority,
    /// What this side accepts.
    pub limits: Limits,
    /// What the last session with this peer ended with, if there was one.
    pub remembered: Option<Remembered>,
    /// The peers with whom the last connection broke in the middle of a delta.
    pub breaks: Breaks,
    /// Whether frames carry checksums: yes, unless the transport authenticates its bytes.
    pub checksum: bool,
    /// Random bits of the environment; they spread announcements.
    pub seed: u64,
    /// How long things take.
    pub times: Times,
    /// How much things take.
    pub bounds: Bounds,
}

/// The contexts that the last session with a peer exchanged; while nothing has changed, 16 bytes
/// stand for them in the next hello.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Remembered {
    /// The last context that the peer told.
    pub heard: Context,
    /// The last context that the peer was told.
    pub told: Context,
}

/// The times of a session, in milliseconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Times {
    /// The least delay before changes from elsewhere are announced: time for their author's own push
    /// to arrive everywhere.
    pub announce_least_ms: u64,
    /// The greatest such delay. The peers of a mesh spread over it, and the first one spares others.
    pub announce_most_ms: u64,
    /// When a peer that lacks nothing is told what is here: rarely, since it has no use for it but
    /// to know which of its changes are safe.
    pub tell_ms: u64,
    /// How long a push waits for its base.
    pub hold_ms: u64,
    /// How long an answer to a pull may bring no byte.
    pub pull_ms: u64,
    /// How long a peer may take to say hello.
    pub hello_ms: u64,
    /// The silence after which a ping is sent, and the time between two pings.
    pub ping_ms: u64,
    /// How often two peers of equal context compare their fingerprints.
    pub audit_ms: u64,
}

impl Default for Times {
    fn default() -> Self {
        Self {
            announce_least_ms: 5,
            announce_most_ms: 25,
            tell_ms: 1_000,
            hold_ms: 500,
            pull_ms: 30_000,
            hello_ms: 10_000,
            ping_ms: 10_000,
            audit_ms: 60_000,
        }
    }
}

/// The quantities of a session.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Bounds {
    /// The bytes of deltas that a peer may send beyond what has been dealt with: several frames, so
    /// that a long line stays full, and little beside the memory of a session.
    pub credit_bytes: u64,
    /// What the pushes that wait for their base may take in memory.
    pub hold_bytes: u64,
    /// Fewer removals of a part than this keep their keys. What stands around those without keys takes about a
    /// dozen bytes, and a key at least two; besides, what takes few bytes is not worth asking for again.
    pub keyless_removals: usize,
    /// Pings without an answer after which the peer is suspect.
    pub suspect_after: u32,
    /// Pings without an answer after which the session ends.
    pub close_after: u32,
    /// Answers in a row that bring nothing, from a peer that says it has something, after which the
    /// session ends.
    pub fruitless_pulls: u32,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            credit_bytes: 4 << 20,
            hold_bytes: 1 << 20,
            keyless_removals: 8,
            suspect_after: 3,
            close_after: 5,
            fruitless_pulls: 3,
        }
    }
}

impl Config {
    /// A replica of this cluster, with every default.
    pub fn new(cluster: ClusterId) -> Self {
        Self {
            cluster,
            replica: None,
            admission: None,
            features: 0,
            authority: Authority::Full,
            limits: Limits::default(),
            remembered: None,
            breaks: Breaks::default(),
            checksum: true,
            seed: 0,
            times: Times::default(),
            bounds: Bounds::default(),
        }
    }
}
