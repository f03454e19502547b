//! What Rejoin is to reach, beside what it reaches.

use crate::growth::{KEYS, growth_over};
use crate::measurement::median;
use crate::peers::{INDEXED, REJOIN, REJOIN_NEW};
use crate::run::Results;
use crate::table::{number, rounds};
use crate::workload::{HASHED, ORDERED};

/// One goal.
#[derive(Debug)]
pub(crate) struct Goal {
    /// What it is about.
    pub title: &'static str,
    workload: &'static str,
    metric: &'static str,
    /// Which of Rejoin's rows it is asked of.
    peer: &'static str,
    limit: Limit,
}

/// How much it may be.
#[derive(Clone, Copy, Debug)]
enum Limit {
    /// So much.
    Plain(f64, &'static str),
    /// So many times what a floor needs.
    Times(f64, &'static str),
    /// So many times the growth of a floor, from [`FROM_KEYS`] to [`TO_KEYS`].
    Growth(f64, &'static str),
}

use Limit::{Growth, Plain, Times};

const fn goal(
    title: &'static str,
    workload: &'static str,
    metric: &'static str,
    limit: Limit,
) -> Goal {
    Goal { title, workload, metric, peer: REJOIN, limit }
}

/// A goal for replicas that begin a session.
const fn at_first(
    title: &'static str,
    workload: &'static str,
    metric: &'static str,
    limit: Limit,
) -> Goal {
    Goal { peer: REJOIN_NEW, ..goal(title, workload, metric, limit) }
}

/// All goals, in the order of the workloads.
pub(crate) const GOALS: &[Goal] = &[
    goal("load", "load", "ns", Times(1.5, ORDERED)),
    goal("one write per commit", "commit", "ns", Times(2.0, ORDERED)),
    // 264 B, where a `BTreeMap` took 240 B.
    goal("memory per key", "memory", "resident", Times(1.1, ORDERED)),
    goal("memory per key, three times as many", "memory_many", "resident", Times(1.1, ORDERED)),
    goal("overwrites: state after ÷ before", "overwrites", "state_growth", Plain(1.02, "×")),
    goal("overwrites: memory growth per key, at the end", "overwrites", "growth", Plain(8.0, "B")),
    goal(
        "overwrites: memory growth per key, at worst",
        "overwrites",
        "growth_worst",
        Plain(24.0, "B"),
    ),
    at_first("overwrites: bytes of the sync", "overwrites", "sync_bytes", Times(1.05, ORDERED)),
    goal("one key differs: bytes", "one", "bytes", Plain(160.0, "B")),
    goal("one key differs: time", "one", "us", Plain(10.0, "µs")),
    goal("1 % differs: bytes", "percent", "bytes", Times(1.05, HASHED)),
    goal("1 % differs: time", "percent", "us", Times(2.5, HASHED)),
    goal("both differ by 1 %: time", "both", "us", Times(2.5, HASHED)),
    // In a session, where both sides prove it to each other by their fingerprints.
    goal(
        "nothing differs, 1 000 ids: bytes of the proof",
        "nothing_ids",
        "bytes",
        Plain(64.0, "B"),
    ),
    goal("nothing differs, 1 000 ids: time of the proof", "nothing_ids", "us", Plain(10.0, "µs")),
    goal("one key differs, 1 000 ids: bytes", "one_ids", "bytes", Plain(200.0, "B")),
    goal("one counter: time of an increment", "counter", "ns", Plain(100.0, "ns")),
    goal("one counter: state", "counter", "state", Plain(64.0, "B")),
    goal("one counter: bytes of the sync", "counter", "sync_bytes", Plain(64.0, "B")),
    goal("many counters: bytes of the sync", "counters", "sync_bytes", Times(1.3, ORDERED)),
    goal("set: state after ÷ before", "set", "growth", Plain(1.02, "×")),
    goal("set: bytes of the removals ÷ names", "set", "removals", Plain(0.5, "×")),
    at_first("cold join: bytes", "cold", "bytes", Times(1.03, ORDERED)),
    at_first("cold join: time", "cold", "ms", Times(1.5, ORDERED)),
    goal("save", "save", "save_ms", Times(1.0, ORDERED)),
    goal("load of what was saved", "save", "load_ms", Times(1.5, ORDERED)),
    goal(
        "one key differs: time, at 1 000 000 keys ÷ at 100 000",
        KEYS,
        "one_us",
        Growth(1.2, HASHED),
    ),
];

impl Goal {
    /// The row of this goal in the table of goals. A ratio is that of the same round; of all rounds the median counts.
    pub(crate) fn row(&self, results: &Results) -> String {
        let rounds = |peer| rounds(results, self.workload, peer, self.metric);
        let (limit, unit, found) = match self.limit {
            Plain(limit, unit) => (limit, format!(" {unit}"), rounds(self.peer)),
            Times(limit, floor) => {
                let pairs = rounds(self.peer).into_iter().zip(rounds(floor));
                (limit, "×".to_owned(), pairs.map(|(own, floor)| own / floor).collect())
            }
            Growth(limit, floor) => {
                let found = growth_over(results, self.metric, floor);
                (limit, "×".to_owned(), found.into_iter().collect())
            }
        };
        let measured = median(found.iter());
        let verdict = match measured {
            Some(measured) if measured <= limit => "met",
            Some(_) => "**missed**",
            None => "–",
        };
        let shown = measured.map(|measured| format!("{}{unit}", number(measured)));
        let shown = shown.unwrap_or_else(|| "not measured".to_owned());
        let of = match self.limit {
            Plain(..) => String::new(),
            Times(_, floor) => format!(" `{floor}`"),
            Growth(_, floor) => format!(" as `{floor}` grows"),
        };
        let asked = if self.peer == REJOIN_NEW { " (new session)" } else { "" };
        let (title, limit, spread) = (self.title, number(limit), spread(&found));
        let beside = beside_indexed(&rounds(self.peer), &rounds(INDEXED));
        format!(
            "| {title}{asked} | {limit}{unit}{of} | {shown} | {spread} | {verdict} | {beside} |\n"
        )
    }
}

/// How many times what the floor takes that knows by itself what has changed.
fn beside_indexed(own: &[f64], floor: &[f64]) -> String {
    let ratios: Vec<f64> = own.iter().zip(floor).map(|(own, floor)| own / floor).collect();
    median(ratios.iter()).map_or_else(String::new, |ratio| format!("{}×", number(ratio)))
}

/// From the least to the greatest of several that differ.
fn spread(found: &[f64]) -> String {
    let least = found.iter().copied().min_by(f64::total_cmp).map(number);
    let greatest = found.iter().copied().max_by(f64::total_cmp).map(number);
    match least.zip(greatest) {
        Some((least, greatest)) if least != greatest => format!("{least} to {greatest}"),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::growth::SERIES;
    use crate::peers::PEERS;
    use crate::workload::WORKLOADS;

    #[test]
    fn every_goal_names_a_number_that_is_measured() {
        for goal in GOALS.iter().filter(|goal| goal.workload != KEYS) {
            let workload = WORKLOADS.iter().find(|workload| workload.name == goal.workload);
            let Some(workload) = workload else { panic!("no workload {}", goal.workload) };
            let is_there = workload.metrics.iter().any(|metric| metric.name == goal.metric);
            assert!(is_there, "{} has no {}", goal.workload, goal.metric);
            let peer = PEERS.iter().find(|peer| peer.name == goal.peer);
            assert!(peer.is_some_and(|peer| peer.takes(workload)), "{}", goal.title);
        }
    }
    #[test]
    fn every_goal_of_growth_names_a_number_of_both_sides() {
        let Some(series) = SERIES.iter().find(|series| series.name == KEYS) else {
            panic!("no series {KEYS}")
        };
        for goal in GOALS {
            let Growth(_, floor) = goal.limit else { continue };
            let quantity = series.quantities.iter().find(|quantity| quantity.name == goal.metric);
            let Some(quantity) = quantity else { panic!("no {}", goal.metric) };
            assert!([REJOIN, floor].iter().all(|peer| quantity.peers.contains(peer)));
        }
    }
}
