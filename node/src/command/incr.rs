//! `rejoin incr`: adds to a counter.

use std::process::ExitCode;

use clap::Args;
use rejoin_crdt::path::Path;

use super::NodeOptions;
use crate::api::Op;
use crate::failure::{EXIT_CODES, Failure};

#[derive(Debug, Args)]
#[command(after_help = format!("{EXIT_CODES}\n\nExamples:\n  rejoin incr pages/start/views\n  \
    rejoin incr pages/start/views 25\n  rejoin incr stock/sku-1 100 --bounded"))]
pub(crate) struct Options {
    /// The counter.
    path: Path,
    /// How much; may be negative unless the counter is bounded.
    #[arg(default_value_t = 1, allow_negative_numbers = true)]
    by: i64,
    /// The counter never falls below zero, on all nodes together.
    #[arg(long)]
    bounded: bool,
    #[command(flatten)]
    node: NodeOptions,
}

pub(crate) fn run(options: &Options) -> Result<ExitCode, Failure> {
    let path = options.path.clone();
    let op = match (options.bounded, u64::try_from(options.by)) {
        (false, _) => Op::Incr { path, by: options.by },
        (true, Ok(by)) => Op::BoundedIncr { path, by },
        (true, Err(_)) => {
            return Err(Failure::usage(
                "a bounded counter is lowered with `rejoin decr --bounded`",
            ));
        }
    };
    let done = options.node.client()?.transact(vec![op])?;
    options.node.acknowledge(&done)
}
