//! Who is measured. To add a peer, add a file, a row here, and a branch to [`measure`].

mod automerge;
mod crdts;
mod dson;
pub(crate) mod floor;
mod indexed;
mod loro;
pub(crate) mod rejoin;
mod yrs;

use anyhow::{Result, bail};

use crate::measurement::Measurement;
use crate::peer::Peer;
use crate::scale::{FULL, QUICK};
use crate::workload::{self, HASHED, ORDERED, Workload};
use rejoin::{ByDeltas, InSession, Reconnecting};

/// The name of the floor that knows by itself what has changed.
pub(crate) const INDEXED: &str = "BTreeMap, indexed";

/// The name of Rejoin where no replicas meet, and where they go on with a session.
pub(crate) const REJOIN: &str = "Rejoin";

/// Rejoin where every meeting is a new session.
pub(crate) const REJOIN_NEW: &str = "Rejoin, new session";

/// Rejoin where contexts and deltas are passed without a session.
pub(crate) const REJOIN_DELTAS: &str = "Rejoin, deltas";

/// The workloads in which it costs something to know that.
const INDEXED_IN: [&str; 9] =
    ["load", "commit", "memory", "memory_many", "one", "percent", "both", "cold", "save"];

/// One row of the tables.
#[derive(Debug)]
pub(crate) struct Entry {
    /// What the tables call it.
    pub name: &'static str,
    /// What it is.
    pub kind: Kind,
    /// How it was used, for the page.
    pub usage: &'static str,
}

/// What a row of the tables is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    /// The least that is possible.
    Floor,
    /// The least of whoever knows by itself what has changed. It has rows, and nothing else.
    IndexedFloor,
    /// Rejoin.
    Own,
    /// Rejoin, in workloads where replicas meet.
    OwnMeeting,
    /// Another library: its package, whether it has counters, and whether the row says something only
    /// where replicas meet again.
    Library { package: &'static str, counts: bool, only_meets: bool },
}

/// All peers, in the order of the tables.
pub(crate) const PEERS: &[Entry] = &[
    Entry {
        name: ORDERED,
        kind: Kind::Floor,
        usage: "a `BTreeMap` of the standard library, MessagePack, and a list of what has changed that \
                costs nothing; it cannot merge, and does not notice what it lacks",
    },
    Entry { name: HASHED, kind: Kind::Floor, usage: "the same with a `HashMap`" },
    Entry {
        name: INDEXED,
        kind: Kind::IndexedFloor,
        usage: "two of them: rows, each with the number and the time of its change, and their keys by these \
                numbers; so it knows by itself what somebody lacks who has seen so much. A transaction takes a \
                lock and reads the clock; whoever joins cold hashes each row (BLAKE3), to prove that none is \
                missing. The later write wins, and nobody is told",
    },
    Entry {
        name: REJOIN,
        kind: Kind::Own,
        usage: "registers by path; two replicas that meet go on with the session (`Link`) that they have. \
                Bytes are all that both send, frames, checksums and the acknowledgement included, until \
                both know that they are equal; where nothing differs, until both have compared fingerprints. \
                Saved are deltas since nothing",
    },
    Entry {
        name: REJOIN_NEW,
        kind: Kind::OwnMeeting,
        usage: "as above, but every meeting is a new connection: hellos, contexts, and the first \
                comparison of fingerprints included",
    },
    Entry {
        name: REJOIN_DELTAS,
        kind: Kind::OwnMeeting,
        usage: "no session: one side passes its encoded context, the other one answers with deltas",
    },
    Entry {
        name: "automerge",
        kind: Kind::Library { package: "automerge", counts: true, only_meets: false },
        usage: "a root map, one change per transaction, its own sync protocol with the state of both \
                sides remembered. Strong: the smallest saved state of all, and text",
    },
    Entry {
        name: "automerge, new session",
        kind: Kind::Library { package: "automerge", counts: true, only_meets: true },
        usage: "as above, but every meeting is a new connection: the remembered state was stored and loaded",
    },
    Entry {
        name: "loro",
        kind: Kind::Library { package: "loro", counts: true, only_meets: false },
        usage: "a map, updates since the other side's version vector; a snapshot for saving and for \
                whoever has nothing. Strong: saving, and history that can be travelled or cut off",
    },
    Entry {
        name: "yrs",
        kind: Kind::Library { package: "yrs", counts: false, only_meets: false },
        usage: "a map, updates (version 1) since the other side's state vector. Strong: text, and \
                the number of programs that speak it",
    },
    Entry {
        name: "dson",
        kind: Kind::Library { package: "dson", counts: false, only_meets: false },
        usage: "a map of registers; a batch is one delta that is joined once, since every join walks \
                over the map, and a load is a single batch; deltas since the other side's context, \
                deletions by the library's helper, MessagePack. Strong: no history and no tombstones",
    },
    Entry {
        name: "crdts",
        kind: Kind::Library { package: "crdts", counts: true, only_meets: false },
        usage: "a map of multi-value registers, one of counters, a set without tombstones; the whole \
                state travels, as MessagePack. Strong: small, plain types, each on its own",
    },
];

impl Entry {
    /// Whether the workload says anything about this peer.
    pub(crate) fn takes(&self, workload: &Workload) -> bool {
        match self.kind {
            Kind::Floor | Kind::Own => true,
            Kind::IndexedFloor => INDEXED_IN.contains(&workload.name),
            Kind::OwnMeeting => workload.meets,
            Kind::Library { counts, only_meets, .. } => {
                (counts || !workload.counts) && (workload.again || !only_meets)
            }
        }
    }
}

/// Measures the peer and the workload that are named.
pub(crate) fn measure(found: &mut Measurement) -> Result<()> {
    match found.peer.as_str() {
        ORDERED => measure_one::<floor::Ordered>(found),
        HASHED => measure_one::<floor::Hashed>(found),
        INDEXED => measure_one::<indexed::Indexed>(found),
        REJOIN => measure_one::<rejoin::Rejoin<InSession>>(found),
        REJOIN_NEW => measure_one::<rejoin::Rejoin<Reconnecting>>(found),
        REJOIN_DELTAS => measure_one::<rejoin::Rejoin<ByDeltas>>(found),
        "automerge" => measure_one::<automerge::Automerge<false>>(found),
        "automerge, new session" => measure_one::<automerge::Automerge<true>>(found),
        "loro" => measure_one::<loro::Loro>(found),
        "yrs" => measure_one::<yrs::Yrs>(found),
        "dson" => measure_one::<dson::Dson>(found),
        "crdts" => measure_one::<crdts::Crdts>(found),
        _ => bail!("there is no peer `{}`", found.peer),
    }
}

fn measure_one<P: Peer>(found: &mut Measurement) -> Result<()> {
    let scale = if found.quick { QUICK } else { FULL };
    let scale = if found.tenth { scale.tenth() } else { scale };
    workload::measure::<P>(&found.workload.clone(), &scale, found)
}
