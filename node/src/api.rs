//! The JSON of the HTTP API, in one place for the server that writes it and the client that reads it.
//!
//! A path is an array of components as `rejoin_crdt::path` defines them, a value is ordinary JSON
//! with the forms of [`Item`] for what JSON cannot say.
//!
//! What must always hold: a field is never renamed or given another meaning; readers ignore fields
//! that they do not know.

use rejoin_crdt::path::Path;
use rejoin_crdt::value::Item;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The greatest request body. The largest atomic change is 16 MiB in its binary form; JSON with its
/// names and quotes gets half as much again.
pub(crate) const MAX_BODY_BYTES: usize = 24 << 20;

/// The greatest number of operations in one transaction: bounds the work of one commit.
pub(crate) const MAX_OPS: usize = 100_000;

/// One change; see `POST /v1/transact`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Op {
    /// Writes a register, superseding every value seen.
    Set { path: Path, value: Item },
    /// Writes a register unless it holds exactly this value already.
    Ensure { path: Path, value: Item },
    /// Deletes what is at a path and everything below it.
    Delete { path: Path },
    /// Adds to a counter; negative numbers count down.
    Incr { path: Path, by: i64 },
    /// Adds to a counter that never falls below zero.
    BoundedIncr { path: Path, by: u64 },
    /// Takes from a counter that never falls below zero; refused when this node's share is less.
    BoundedDecr { path: Path, by: u64 },
    /// Adds an element to a set.
    Add { path: Path, value: Item },
    /// Removes an element from a set.
    Remove { path: Path, value: Item },
}

impl Op {
    /// What the operation changes.
    pub(crate) const fn path(&self) -> &Path {
        match self {
            Self::Set { path, .. }
            | Self::Ensure { path, .. }
            | Self::Delete { path }
            | Self::Incr { path, .. }
            | Self::BoundedIncr { path, .. }
            | Self::BoundedDecr { path, .. }
            | Self::Add { path, .. }
            | Self::Remove { path, .. } => path,
        }
    }
}

/// The body of `POST /v1/transact`: all of it happens, or none.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Transact {
    /// The changes, in order.
    pub(crate) ops: Vec<Op>,
}

/// The answer to `POST /v1/transact`, sent after the commit.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Transacted {
    /// The first sequence number of this replica that the commit took; absent if nothing changed.
    pub(crate) seq_from: Option<u64>,
    /// The last one.
    pub(crate) seq_to: Option<u64>,
    /// How many operations changed something.
    pub(crate) written: usize,
    /// How many found that there was nothing to do.
    pub(crate) unchanged: usize,
    /// Names the state after the commit, for `since` of `GET /v1/watch`.
    pub(crate) token: String,
}

/// What is at a path: the answer to `GET /v1/get`.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Found {
    /// The path asked for.
    pub(crate) path: Path,
    /// The data type that is shown.
    #[serde(rename = "type")]
    pub(crate) kind: String,
    /// Its value.
    pub(crate) value: Item,
    /// How many concurrent values are alive; 1 without a conflict.
    pub(crate) siblings: usize,
    /// Every data type that something at this path was written as; more than one is a conflict.
    pub(crate) types: Vec<String>,
    /// Whether a map or set has more than what is listed.
    pub(crate) more: bool,
}

/// One line of `GET /v1/export`, in key order.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ExportLine {
    /// Where the value is.
    pub(crate) path: Path,
    /// Its data type.
    #[serde(rename = "type")]
    pub(crate) kind: String,
    /// Its value.
    pub(crate) value: Item,
}

/// One of several concurrent values.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Sibling {
    /// The replica that wrote it.
    pub(crate) replica: String,
    /// The number of the change among those of its replica.
    pub(crate) seq: u64,
    /// Milliseconds since 1970 on the clock that wrote it.
    pub(crate) time_ms: u64,
    /// The value; absent for a removal.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub(crate) value: Option<Item>,
    /// Whether this is the one that readers see.
    pub(crate) shown: bool,
}

/// A path where concurrent writes left more than one value, or values of more than one type.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Conflict {
    /// Where.
    pub(crate) path: Path,
    /// The data type whose values conflict.
    #[serde(rename = "type")]
    pub(crate) kind: String,
    /// Every data type used at this path; more than one means that the types conflict.
    pub(crate) types: Vec<String>,
    /// The live values in the order of their clocks, the latest last.
    pub(crate) siblings: Vec<Sibling>,
}

/// The answer to `GET /v1/conflicts`.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Conflicts {
    /// In key order.
    pub(crate) conflicts: Vec<Conflict>,
    /// Whether there are more than the limit let through.
    pub(crate) more: bool,
}

/// Names one change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DotName {
    /// The replica that made it.
    pub(crate) replica: String,
    /// Its number among the changes of that replica.
    pub(crate) seq: u64,
}

/// The body of `POST /v1/resolve`: supersedes exactly the siblings named.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Resolve {
    /// Where the conflict is.
    pub(crate) path: Path,
    /// The data type whose values conflict.
    #[serde(rename = "type")]
    pub(crate) kind: String,
    /// The siblings that whoever decided has seen.
    pub(crate) siblings: Vec<DotName>,
    /// The value that takes their place.
    pub(crate) value: Item,
}

/// One member of the document.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Member {
    /// The replica that was admitted.
    pub(crate) life: String,
    /// Where it stands; absent for one that the founder found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) site: Option<String>,
    /// `active`, `closing`, `closed` or `retired`.
    pub(crate) state: String,
    /// The change that admitted it.
    pub(crate) admission: DotName,
    /// The former replica that it continues.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) closes: Option<String>,
}

/// The answer to `GET /v1/members`.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Members {
    /// The id under which this node writes.
    pub(crate) replica: String,
    /// Whether there is a member; if not, everybody writes every type.
    pub(crate) managed: bool,
    /// Sorted by life.
    pub(crate) members: Vec<Member>,
}

/// The body of `POST /v1/members`, answered by [`Transacted`].
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum MemberChange {
    /// Makes this node the first member.
    Found { site: String },
    /// Admits a replica.
    Admit {
        life: String,
        site: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        closes: Option<String>,
    },
    /// Begins to close a member.
    Close { life: String },
    /// Retires a member.
    Retire { life: String },
}

/// The body of `POST /v1/members/write-off`, answered by [`WrittenOff`].
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WriteOff {
    /// The replica that is gone for good.
    pub(crate) life: String,
    /// Whether nobody is left who could retire it before.
    #[serde(default)]
    pub(crate) unretired: bool,
}

/// What was given up of a replica.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct WrittenOff {
    /// So many of its changes may be lost, at the most; 0 if nothing of it was missing.
    pub(crate) changes: u64,
    /// On how many ranges of keys some are missing.
    pub(crate) ranges: usize,
}

/// The data of a `change` event of `GET /v1/watch`.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Change {
    /// What changed.
    pub(crate) path: Path,
    /// The data type, or `subtree` when there was a deletion at or below the path: forget what was
    /// known there; what is still there follows.
    #[serde(rename = "type")]
    pub(crate) kind: String,
    /// Of a set: which element.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) element: Option<Item>,
    /// The value now, `true` for an element that is in its set; absent when nothing is left.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub(crate) value: Option<Item>,
}

/// Tells a member that is null from one that is absent: both are values of a register.
fn present<'de, D: serde::Deserializer<'de>>(source: D) -> Result<Option<Item>, D::Error> {
    Item::deserialize(source).map(Some)
}

/// One peer in [`Status`].
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct PeerStatus {
    /// Its address; of a peer that connected to this node, where it came from.
    pub(crate) address: String,
    /// Whether this node opened the connection, and opens it again.
    pub(crate) outbound: bool,
    /// The id under which it writes, while it is connected; none if it had not written when it connected.
    pub(crate) replica: Option<String>,
    /// `connecting`, `up`, `suspect` or `down`.
    pub(crate) state: String,
    /// Whether a session runs.
    pub(crate) connected: bool,
    /// Changes known here that the peer is not known to have; absent while it is unknown.
    pub(crate) lacks_dots: Option<u64>,
    /// Changes that the peer has and this node lacks; absent while it is unknown.
    pub(crate) lag_dots: Option<u64>,
    /// Milliseconds since both were last seen to be equal, to a second; 0 while they are, absent
    /// before the first time.
    pub(crate) lag_ms: Option<u64>,
    /// The time that the last ping took.
    pub(crate) round_trip_ms: Option<u64>,
    /// Bytes received over all connections, framing included.
    pub(crate) bytes_in: u64,
    /// Bytes sent over all connections, framing included.
    pub(crate) bytes_out: u64,
    /// How many connections there were, the present one included.
    pub(crate) connections: u64,
    /// Why the last connection ended or could not be made.
    pub(crate) last_end: Option<String>,
}

/// A member that has not acknowledged everything.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Waiting {
    /// Its life.
    pub(crate) life: String,
    /// Where it is, if its sponsor said so.
    pub(crate) site: Option<String>,
    /// The number of changes that it has not acknowledged.
    pub(crate) behind: u64,
}

/// The answer to `GET /v1/status`.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Status {
    /// The name given with `--name`.
    pub(crate) name: String,
    /// The id under which the node writes; none before its first write.
    pub(crate) replica: Option<String>,
    /// The version of the program.
    pub(crate) version: String,
    /// Where peers connect.
    pub(crate) sync_address: String,
    /// Whether the state outlives the process.
    pub(crate) durable: bool,
    /// Cells in which a reader finds something.
    pub(crate) cells: u64,
    /// The state as a number: equal exactly where the states are equal.
    pub(crate) fingerprint: String,
    /// Names the state, for `since` of `GET /v1/watch`.
    pub(crate) token: String,
    /// Paths with a conflict.
    pub(crate) conflicts: u64,
    /// Whether a part of a transaction may be visible because data is still arriving.
    pub(crate) hydrating: bool,
    /// The replicas of which some keys have seen more than others: they are still arriving, or nobody has the rest.
    #[serde(default)]
    pub(crate) unfinished: Vec<String>,
    /// The members that deletions are remembered for: they have not acknowledged everything yet.
    #[serde(default)]
    pub(crate) waits_for: Vec<Waiting>,
    /// Ids that this node gave up because they were used elsewhere too. Not empty is an alarm.
    #[serde(default)]
    pub(crate) given_up: Vec<String>,
    /// Whether so many replicas have written that no further one may begin to. True is an alarm.
    #[serde(default)]
    pub(crate) crowded: bool,
    /// Whether the node differed from a peer, or its memory was damaged, and it was not found equal to any since.
    #[serde(default)]
    pub(crate) suspect: bool,
    /// Ranges that were damaged in memory and are not repaired yet. Any is an alarm.
    #[serde(default)]
    pub(crate) quarantined: usize,
    /// Writes of former members that arrived late: a removal may have lost to them.
    #[serde(default)]
    pub(crate) late_writes: u64,
    /// How often a stamp arrived that was too far ahead of the local clock.
    pub(crate) clock_suspects: u64,
    /// Everyone this node syncs with.
    pub(crate) peers: Vec<PeerStatus>,
}

/// Why a request was refused, as `application/problem+json` (RFC 9457).
#[derive(Clone, Debug, PartialEq, Error, Serialize, Deserialize)]
#[error("{detail}")]
pub(crate) struct Problem {
    /// Names the kind of problem; `about:blank` says that the status says it all.
    #[serde(rename = "type")]
    pub(crate) kind: String,
    /// The kind in words, the same every time.
    pub(crate) title: String,
    /// The HTTP status.
    pub(crate) status: u16,
    /// What happened this time, for people.
    pub(crate) detail: String,
    /// The kind for programs; never changes.
    pub(crate) code: String,
}

impl Problem {
    pub(crate) fn new(status: u16, code: &str, title: &str, detail: impl Into<String>) -> Self {
        Self {
            kind: "about:blank".into(),
            title: title.into(),
            status,
            detail: detail.into(),
            code: code.into(),
        }
    }

    /// What a person at a command line can do about it.
    pub(crate) fn advice(&self) -> Option<String> {
        Some(match self.code.as_str() {
            "shortfall" => "another node may hold the rest: see `rejoin status`".into(),
            "not_in_conflict" => "list what is in conflict with `rejoin conflicts`".into(),
            "not_found" => "list what there is with `rejoin export / --format jsonl`".into(),
            _ => return None,
        })
    }
}
