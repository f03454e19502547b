//! The workloads: what is done, what is counted, and which floor it is held against.
//!
//! To add one, add a row here, a name to [`measure`], and the function in one of the files below.

pub(crate) mod common;
mod count;
pub(crate) mod differ;
pub(crate) mod save;
mod set;
mod write;

use anyhow::{Result, bail};

use crate::measurement::Measurement;
use crate::peer::Peer;
use crate::scale::Scale;

/// The name of the floor that keeps keys in order.
pub(crate) const ORDERED: &str = "BTreeMap";

/// The name of the floor that does not.
pub(crate) const HASHED: &str = "HashMap";

/// One workload.
#[derive(Debug)]
pub(crate) struct Workload {
    /// What the command line and the JSON call it.
    pub name: &'static str,
    /// What the page calls it.
    pub title: &'static str,
    /// What happens, in a sentence or two.
    pub about: &'static str,
    /// The floor that its numbers are held against.
    pub floor: &'static str,
    /// Whether replicas meet in it, so that the manner of meeting matters.
    pub meets: bool,
    /// Whether they had met before.
    pub again: bool,
    /// Whether counters are needed.
    pub counts: bool,
    /// The numbers, less being better.
    pub metrics: &'static [Metric],
}

/// One number of a workload.
#[derive(Debug)]
pub(crate) struct Metric {
    /// Its name in the JSON.
    pub name: &'static str,
    /// What the page calls it, with the unit.
    pub title: &'static str,
    /// Whether a ratio to the floor says something.
    pub to_floor: bool,
    /// Whether a ratio to the best other library does.
    pub to_best: bool,
}

const fn metric(name: &'static str, title: &'static str) -> Metric {
    Metric { name, title, to_floor: true, to_best: true }
}

const fn plain(name: &'static str, title: &'static str) -> Metric {
    Metric { name, title, to_floor: false, to_best: false }
}

/// Where the floor does nothing at all.
const fn over_nothing(name: &'static str, title: &'static str) -> Metric {
    Metric { name, title, to_floor: false, to_best: true }
}

const fn alone(
    name: &'static str,
    title: &'static str,
    about: &'static str,
    metrics: &'static [Metric],
) -> Workload {
    Workload {
        name,
        title,
        about,
        floor: ORDERED,
        meets: false,
        again: false,
        counts: false,
        metrics,
    }
}

const fn meeting(
    name: &'static str,
    title: &'static str,
    about: &'static str,
    metrics: &'static [Metric],
) -> Workload {
    Workload { name, title, about, floor: HASHED, meets: true, again: true, counts: false, metrics }
}

/// What is counted where memory is, at both sizes.
const MEMORY: &[Metric] =
    &[metric("resident", "B per key"), plain("bytes", "asked for, B per key")];

/// All workloads, in the order of the page.
pub(crate) const WORKLOADS: &[Workload] = &[
    alone(
        "load",
        "Load",
        "Keys in no order, 10 000 per transaction, into an empty replica.",
        &[metric("ns", "ns per key")],
    ),
    alone(
        "commit",
        "One write per commit",
        "The same, one key per transaction.",
        &[metric("ns", "ns per commit")],
    ),
    alone(
        "memory",
        "Memory",
        "What the process takes of the machine's memory, per key; and what the allocator was asked for and has not \
         got back.",
        MEMORY,
    ),
    alone("memory_many", "Memory, three times as many keys", "As above.", MEMORY),
    Workload {
        meets: true,
        ..alone(
            "overwrites",
            "Overwrites",
            "Random keys out of those that are there get new values, many times as many as there are keys. \
             Memory is sampled after every 10 000 writes. A replica from before is brought up to date.",
            &[
                plain("state_growth", "state after ÷ before"),
                plain("state", "B of state after"),
                plain("growth_worst", "memory growth, B per key, at worst"),
                plain("growth", "memory growth, B per key, at the end"),
                metric("sync_bytes", "sync, B"),
                metric("sync_us", "sync, µs"),
                plain("without_history", "B of state without history"),
            ],
        )
    },
    meeting(
        "nothing",
        "Nothing differs",
        "Two replicas that are equal meet, after one key in a hundred was overwritten and synced. Rejoin in a \
         session would say nothing: it is made to prove that both are equal, by their fingerprints.",
        &[
            over_nothing("bytes", "B"),
            over_nothing("us", "µs"),
            plain("first_us", "the first time, µs"),
        ],
    ),
    meeting(
        "one",
        "One key differs",
        "One key is written in one of two equal replicas; the other one gets it.",
        &[metric("bytes", "B"), metric("us", "µs"), plain("first_us", "the first time, µs")],
    ),
    meeting(
        "percent",
        "1 % differs",
        "One key in a hundred is written in one of two equal replicas, in one transaction.",
        &[metric("bytes", "B"), metric("us", "µs"), plain("first_us", "the first time, µs")],
    ),
    meeting(
        "both",
        "Both differ by 1 %",
        "One key in a hundred is written in each of two equal replicas, different ones.",
        &[metric("bytes", "B"), metric("us", "µs"), plain("first_us", "the first time, µs")],
    ),
    meeting(
        "nothing_ids",
        "Nothing differs, 1 000 replica ids",
        "As above, after 1 000 replicas have each written a key concurrently.",
        &[
            over_nothing("bytes", "B"),
            over_nothing("us", "µs"),
            plain("first_us", "the first time, µs"),
        ],
    ),
    meeting(
        "one_ids",
        "One key differs, 1 000 replica ids",
        "As above, after 1 000 replicas have each written a key concurrently.",
        &[metric("bytes", "B"), metric("us", "µs"), plain("first_us", "the first time, µs")],
    ),
    Workload {
        meets: true,
        counts: true,
        ..alone(
            "counter",
            "One counter",
            "One counter goes up by one, again and again, 10 000 times per transaction. A replica that \
             had seen the first time is brought up to date.",
            &[
                metric("ns", "ns per increment"),
                metric("state", "B of state"),
                metric("sync_bytes", "sync, B"),
                metric("sync_us", "sync, µs"),
            ],
        )
    },
    Workload {
        meets: true,
        counts: true,
        ..alone(
            "counters",
            "Many counters",
            "Each of many counters goes up a hundred times. A replica that had seen the first time is \
             brought up to date.",
            &[metric("sync_bytes", "sync, B"), metric("sync_us", "sync, µs")],
        )
    },
    Workload {
        meets: true,
        ..alone(
            "set",
            "A set",
            "Elements of 12 bytes are added, half of them removed, the other replica learns that, and the \
             same half is added again.",
            &[
                plain("growth", "state after ÷ before"),
                plain("removals", "B of the removals ÷ B of the names"),
                metric("sync_us", "sync of the removals, µs"),
            ],
        )
    },
    Workload {
        meets: true,
        ..alone(
            "cold",
            "Cold join",
            "A replica that has nothing gets everything, and is read for the first time.",
            &[metric("bytes", "B"), metric("ms", "ms")],
        )
    },
    alone(
        "save",
        "Save and load",
        "The state becomes bytes, and the bytes a replica that is read for the first time.",
        &[metric("save_ms", "save, ms"), metric("load_ms", "load, ms"), metric("bytes", "B")],
    ),
];

/// Runs a workload on a peer.
pub(crate) fn measure<P: Peer>(
    workload: &str,
    scale: &Scale,
    found: &mut Measurement,
) -> Result<()> {
    match workload {
        "load" => write::load::<P>(scale, found),
        "commit" => write::commit::<P>(scale, found),
        "memory" => write::memory::<P>(scale.keys, scale, found),
        "memory_many" => write::memory::<P>(scale.many_keys, scale, found),
        "overwrites" => write::overwrites::<P>(scale, found),
        "nothing" => differ::nothing::<P>(scale, 0, found),
        "one" => differ::one::<P>(scale, 0, found),
        "percent" => differ::percent::<P>(scale, found),
        "both" => differ::both::<P>(scale, found),
        "nothing_ids" => differ::nothing::<P>(scale, scale.ids, found),
        "one_ids" => differ::one::<P>(scale, scale.ids, found),
        "counter" => count::counter::<P>(scale, found),
        "counters" => count::counters::<P>(scale, found),
        "set" => set::set::<P>(scale, found),
        "cold" => differ::cold::<P>(scale, found),
        "save" => save::save::<P>(scale, found),
        _ => bail!("there is no workload `{workload}`"),
    }
}
