//! How cost grows: Rejoin at many sizes, and the floors where the machine itself gets slower with size.
//!
//! Each series changes one size and nothing else; each of its points has a process of its own. To add a
//! series, add a row here, a branch to [`of_rejoin`], and a file below.

mod curve;
mod differences;
mod ids;
mod keys;
mod table;
mod values;
mod writes;

use anyhow::{Result, bail};

use crate::measurement::Measurement;
use crate::peers::floor::{Hashed, Ordered};
use crate::peers::rejoin::{ByDeltas, InSession, Manner, Reconnecting, Rejoin};
use crate::peers::{REJOIN, REJOIN_DELTAS, REJOIN_NEW};
use crate::scale::{FULL, QUICK, Scale};
use crate::workload::{HASHED, ORDERED};

pub(crate) use table::{growth_over, section};

/// What the command line calls all series together.
pub(crate) const ALL: &str = "growth";

/// The series over the number of keys.
pub(crate) const KEYS: &str = "growth_keys";

/// Between which numbers of keys the growth of Rejoin is held against that of the floors.
pub(crate) const FROM_KEYS: u32 = 100_000;

/// The upper one.
pub(crate) const TO_KEYS: u32 = 1_000_000;

/// Measurements that differ in one size.
#[derive(Debug)]
pub(crate) struct Series {
    /// What the command line and the JSON call it.
    pub name: &'static str,
    /// What the page calls it.
    pub title: &'static str,
    /// What happens, in a few sentences.
    pub about: &'static str,
    /// What there are so many of.
    pub unit: &'static str,
    /// The sizes, from the smallest on.
    full: &'static [u32],
    quick: &'static [u32],
    /// Whose process each point has.
    pub peers: &'static [&'static str],
    /// The numbers, less being better.
    pub quantities: &'static [Quantity],
}

/// One number of a series.
#[derive(Debug)]
pub(crate) struct Quantity {
    /// Its name in the JSON.
    pub name: &'static str,
    /// What the page calls it, with the unit.
    pub title: &'static str,
    /// Whether it is the cost of one of so many; else that of something done once, among so many.
    pub is_per_item: bool,
    /// Whose rows the table has.
    pub peers: &'static [&'static str],
}

/// The cost of one of so many.
const fn per_item(name: &'static str, title: &'static str) -> Quantity {
    Quantity { name, title, is_per_item: true, peers: &[REJOIN] }
}

/// The cost of something done once, among so many.
const fn once(name: &'static str, title: &'static str) -> Quantity {
    Quantity { is_per_item: false, ..per_item(name, title) }
}

const fn of(peers: &'static [&'static str], quantity: Quantity) -> Quantity {
    Quantity { peers, ..quantity }
}

const MANNERS: &[&str] = &[REJOIN, REJOIN_NEW, REJOIN_DELTAS];
const SESSIONS: &[&str] = &[REJOIN, REJOIN_NEW];
const WITH_FLOORS: &[&str] = &[REJOIN, HASHED, ORDERED];

/// All series, in the order of the page.
pub(crate) const SERIES: &[Series] = &[
    Series {
        name: KEYS,
        title: "Per key",
        about: "Keys are loaded in no order, 10 000 per transaction. The commit overwrites one key; reads \
                are of keys in no order. \"One key\" and \"1 %\" are overwritten in one of two equal \
                replicas, and the other one gets them in the session that both have. Both are read in between: \
                where somebody reads, a change of more than 2 000 keys is applied beside a view, so that nobody \
                has to wait, and copies what it touches of the tree.",
        unit: "keys",
        full: &[10_000, 30_000, 100_000, 300_000, 1_000_000, 3_000_000],
        quick: &[10_000, 100_000, 1_000_000],
        peers: WITH_FLOORS,
        quantities: &[
            per_item("load_ns", "load, ns per key"),
            per_item("memory", "memory, B per key"),
            once("commit_ns", "single commit, ns"),
            once("read_ns", "read, ns"),
            of(WITH_FLOORS, once("one_us", "one key differs, µs")),
            of(WITH_FLOORS, once("one_best_us", "one key differs, the best of 200, µs")),
            once("one_bytes", "one key differs, B"),
            per_item("percent_ns", "1 % differs, ns per changed key"),
            per_item("fingerprint_ns", "first fingerprint, ns per key"),
            per_item("save_ns", "save, ns per key"),
            per_item("saved_bytes", "saved, B per key"),
            per_item("load_saved_ns", "load of what was saved, ns per key"),
        ],
    },
    Series {
        name: "growth_values",
        title: "Per dot: concurrent values in a cell",
        about: "So many replicas write the same registers, none of them having seen another one. Somebody \
                joins all values at once, or has all but the last writer's and joins those. What was joined is \
                read, and written over.",
        unit: "concurrent values",
        full: &[1, 2, 4, 8, 16, 32],
        quick: &[1, 4, 32],
        peers: &[REJOIN],
        quantities: &[
            per_item("bytes", "delta, B per value"),
            per_item("memory", "memory, B per value"),
            per_item("join_ns", "join of all, ns per value"),
            once("last_ns", "join of the last value, ns per cell"),
            once("read_ns", "read of the shown value, ns"),
            once("commit_ns", "single commit over them, ns"),
        ],
    },
    Series {
        name: "growth_writes",
        title: "Per dot: writes that each key has had",
        about: "Every key is written so many times, by one replica. Another one, which has the first writes \
                only, then gets the rest, in a new session and by deltas.",
        unit: "writes of each key",
        full: &[1, 2, 11, 31],
        quick: &[1, 2, 11],
        peers: &[REJOIN, REJOIN_DELTAS],
        quantities: &[
            once("state", "saved, B per key"),
            once("memory", "memory, B per key"),
            once("commit_ns", "single commit, ns"),
            of(&[REJOIN, REJOIN_DELTAS], once("sync_bytes", "sync, B per key")),
            of(&[REJOIN, REJOIN_DELTAS], once("sync_ns", "sync, ns per key")),
        ],
    },
    Series {
        name: "growth_ids",
        title: "Per replica id",
        about: "So many replicas have each written a key, concurrently and once; two others have it all, and \
                meet. A delta that stands alone names everybody; within a session only what is new is named. \
                A view that is held makes the next commit copy what it shares with it.",
        unit: "replica ids",
        full: &[1, 10, 100, 1_000, 10_000],
        quick: &[1, 100, 10_000],
        peers: SESSIONS,
        quantities: &[
            of(SESSIONS, once("nothing_bytes", "nothing differs, B")),
            of(SESSIONS, once("nothing_us", "nothing differs, µs")),
            of(SESSIONS, once("one_bytes", "one key differs, B")),
            of(SESSIONS, once("one_us", "one key differs, µs")),
            once("alone_bytes", "a delta of one key that stands alone, B"),
            once("alone_us", "making that delta, µs"),
            once("commit_ns", "single commit, no view held, ns"),
            once("viewed_ns", "single commit, a view held, ns"),
            once("context_bytes", "context, B on the wire"),
            once("context_memory", "context, B of memory"),
        ],
    },
    Series {
        name: "growth_differences",
        title: "Per difference",
        about: "So many of 300 000 keys are overwritten in one of two equal replicas, in one transaction; the \
                other one gets them. Both are read in between, so that what is said above of 1 % holds from 10 000 \
                keys on.",
        unit: "changed keys",
        full: &[1, 10, 100, 1_000, 10_000, 100_000],
        quick: &[1, 100, 10_000],
        peers: MANNERS,
        quantities: &[
            of(MANNERS, per_item("bytes", "B per changed key")),
            of(MANNERS, per_item("ns", "ns per changed key")),
        ],
    },
];

impl Series {
    /// The sizes of one run.
    pub(crate) const fn sizes(&self, quick: bool) -> &'static [u32] {
        if quick { self.quick } else { self.full }
    }

    /// Whether these words of the command line ask for it.
    pub(crate) fn is_named(&self, name: &str) -> bool {
        name == ALL || name == self.name
    }
}

/// Measures one point of a series.
pub(crate) fn measure(size: u32, found: &mut Measurement) -> Result<()> {
    let scale = if found.quick {
        Scale { base_keys: 30_000, repeat_s: 0.5, ..QUICK }
    } else {
        Scale { repeat_s: 2.0, ..FULL }
    };
    match (found.peer.as_str(), found.workload.as_str()) {
        (ORDERED, KEYS) => keys::measure::<Ordered>(size, &scale, found),
        (HASHED, KEYS) => keys::measure::<Hashed>(size, &scale, found),
        (REJOIN, _) => of_rejoin::<InSession>(size, &scale, found),
        (REJOIN_NEW, _) => of_rejoin::<Reconnecting>(size, &scale, found),
        (REJOIN_DELTAS, _) => of_rejoin::<ByDeltas>(size, &scale, found),
        (peer, series) => bail!("{peer} has no part in `{series}`"),
    }
}

fn of_rejoin<M: Manner>(size: u32, scale: &Scale, found: &mut Measurement) -> Result<()> {
    match found.workload.as_str() {
        KEYS => keys::measure::<Rejoin<M>>(size, scale, found),
        "growth_values" => values::measure::<M>(size, scale, found),
        "growth_writes" => writes::measure::<M>(size, scale, found),
        "growth_ids" => ids::measure::<M>(size, scale, found),
        "growth_differences" => differences::measure::<M>(size, scale, found),
        series => bail!("there is no series `{series}`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_belongs_to_somebody_who_is_measured() {
        for series in SERIES {
            for quantity in series.quantities {
                let is_measured = |peer| series.peers.contains(peer);
                assert!(quantity.peers.iter().all(is_measured), "{}", quantity.title);
            }
        }
    }

    #[test]
    fn sizes_grow_and_have_those_of_the_goal() {
        for sizes in SERIES.iter().flat_map(|series| [series.full, series.quick]) {
            assert!(sizes.is_sorted() && sizes.len() > 2);
        }
        for quick in [false, true] {
            let sizes = SERIES[0].sizes(quick);
            assert!(sizes.contains(&FROM_KEYS) && sizes.contains(&TO_KEYS));
        }
    }
}
