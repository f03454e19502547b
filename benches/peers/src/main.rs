//! Rejoin beside its peers: the same workloads on Rejoin, on other CRDT libraries, and on the standard
//! maps, which are the floor.
//!
//! `run` starts this program again for each peer and workload, and for each size where it shows how cost
//! grows, so that nobody inherits another one's
//! memory, caches or luck; each of these processes prints one line of JSON. `docs/performance.md` is what
//! comes out.
//!
//! What must always hold: every peer gets its best honest usage (its file says which), the same rows in
//! the same order, and its losses and wins are shown alike.

#![allow(clippy::disallowed_methods, reason = "a benchmark measures time")]
#![allow(clippy::cast_precision_loss, reason = "no figure here needs more than three digits")]

mod clock;
mod goal;
mod growth;
mod job;
mod measurement;
mod page;
mod peer;
mod peers;
mod rows;
mod run;
mod scale;
mod table;
mod workload;

use anyhow::Result;
use clap::{Parser, Subcommand};
use peak_alloc::PeakAlloc;

use measurement::Measurement;

/// Counts what is allocated and not yet freed.
#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

/// Rejoin beside its peers.
#[derive(Parser)]
struct CommandLine {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Measure all peers in all workloads, each in a process of its own, and print the tables.
    Run(run::Options),
    /// Measure one peer in one workload, or at one point of a series, in this process, and print a line of JSON.
    Measure {
        /// The peer.
        #[arg(long)]
        peer: String,
        /// The workload.
        #[arg(long)]
        workload: String,
        /// The size, in a series.
        #[arg(long)]
        size: Option<u32>,
        /// Small sizes.
        #[arg(long)]
        quick: bool,
        /// A tenth of the sizes.
        #[arg(long)]
        tenth: bool,
    },
}

fn main() -> Result<()> {
    match CommandLine::parse().command {
        Command::Run(options) => run::run(&options),
        Command::Measure { peer, workload, size, quick, tenth } => {
            let mut found =
                Measurement { peer, workload, size, quick, tenth, ..Measurement::default() };
            bound_memory();
            match size {
                Some(size) => growth::measure(size, &mut found)?,
                None => peers::measure(&mut found)?,
            }
            println!("{}", serde_json::to_string(&found)?);
            Ok(())
        }
    }
}

/// Ends this process before it takes what everybody else on the machine needs.
fn bound_memory() {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
        let limits = Rlimit { current: Some(8 << 30), ..getrlimit(Resource::As) };
        // Where there is no such limit, the machine has to cope.
        let _ = setrlimit(Resource::As, limits);
    }
}

/// The bytes that are allocated now.
fn live_bytes() -> f64 {
    ALLOCATOR.current_usage() as f64
}

/// The bytes of this process that are in memory now; `None` where the system does not tell.
fn resident_bytes() -> Option<f64> {
    memory_stats::memory_stats().map(|found| found.physical_mem as f64)
}
