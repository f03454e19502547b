//! `docs/performance.md`.

use std::fmt::Write;

use crate::goal::GOALS;
use crate::growth;
use crate::peers::{INDEXED, Kind, PEERS};
use crate::run::Results;
use crate::scale::{FULL, QUICK};
use crate::table::{number, table};
use crate::workload::WORKLOADS;

/// The versions that were built.
const LOCK: &str = include_str!("../Cargo.lock");

/// What stands at the beginning of the page.
const HEAD: &str = include_str!("page/head.md");

/// What stands at its end.
const TAIL: &str = include_str!("page/tail.md");

/// The whole page.
pub(crate) fn page(results: &Results) -> String {
    format!(
        "{HEAD}\n{}\n{}\n{}\n{}\n{}\n{TAIL}",
        about(results),
        goals(results),
        peers(),
        tables(results),
        growth::section(results)
    )
}

/// On what it was measured.
fn about(results: &Results) -> String {
    let mut text = format!("## This run\n\n{}, {} cores", results.date, results.cores);
    if results.quick {
        text.push_str(", **at the small sizes of `--quick`**: a first impression");
    }
    text.push_str(".\n");
    let scale = if results.quick { QUICK } else { FULL };
    let count = |count: u32| number(f64::from(count));
    let _ = writeln!(
        text,
        "Loads, cold joins and saves have {} keys, the larger measurement of memory {}; replicas that \
         meet, single commits and the set {}. There are {} overwrites, as many increments of the one \
         counter, and {} counters in the workload with many.",
        count(scale.keys),
        count(scale.many_keys),
        count(scale.base_keys),
        count(scale.changes),
        count(scale.counters),
    );
    if let Some(remark) = &results.remark {
        let _ = writeln!(text, "{remark}");
    }
    text
}

/// The table of goals.
pub(crate) fn goals(results: &Results) -> String {
    let rows: String = GOALS.iter().map(|goal| goal.row(results)).collect();
    let missed = rows.matches("**missed**").count();
    format!(
        "## Goals\n\n{missed} of {} are missed.\n\n| | at most | measured | in rounds | | ÷ `{INDEXED}` |\n|---|---|---|---|---|---|\n{rows}",
        GOALS.len()
    )
}

/// Who was measured, and how it was used.
fn peers() -> String {
    let mut text = "## Who is measured\n\n| | version | usage |\n|---|---|---|\n".to_owned();
    for peer in PEERS {
        let version = match peer.kind {
            Kind::Floor | Kind::IndexedFloor => "–",
            Kind::Own | Kind::OwnMeeting => version("rejoin"),
            Kind::Library { package, .. } => version(package),
        };
        let _ = writeln!(text, "| {} | {version} | {} |", peer.name, peer.usage);
    }
    text
}

/// The version of a package that was built.
fn version(package: &str) -> &'static str {
    let name = format!("name = \"{package}\"");
    let mut lines = LOCK.lines().skip_while(|line| *line != name).skip(1);
    let version = lines.next().and_then(|line| line.strip_prefix("version = \""));
    version.map_or("?", |version| version.trim_end_matches('"'))
}

/// A table for each workload.
pub(crate) fn tables(results: &Results) -> String {
    let tables: Vec<String> = WORKLOADS.iter().map(|workload| table(results, workload)).collect();
    format!("## Workloads\n\n{}", tables.join("\n"))
}
