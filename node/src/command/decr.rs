//! `rejoin decr`: takes from a counter.

use std::process::ExitCode;

use clap::Args;
use rejoin_crdt::path::Path;

use super::NodeOptions;
use crate::api::Op;
use crate::failure::{EXIT_CODES, Failure};

#[derive(Debug, Args)]
#[command(after_help = format!("A bounded counter is split between the nodes: a node gives only \
    what it holds the right to give, and says how much is missing and who holds it.\
    \n\n{EXIT_CODES}\n\nExamples:\n  rejoin decr seats\n  rejoin decr stock/sku-1 2 --bounded"))]
pub(crate) struct Options {
    /// The counter.
    path: Path,
    /// How much.
    #[arg(default_value_t = 1, value_parser = clap::value_parser!(u32))]
    by: u32,
    /// The counter never falls below zero, on all nodes together.
    #[arg(long)]
    bounded: bool,
    #[command(flatten)]
    node: NodeOptions,
}

pub(crate) fn run(options: &Options) -> Result<ExitCode, Failure> {
    let path = options.path.clone();
    let op = match options.bounded {
        true => Op::BoundedDecr { path, by: options.by.into() },
        false => Op::Incr { path, by: -i64::from(options.by) },
    };
    let done = options.node.client()?.transact(vec![op])?;
    options.node.acknowledge(&done)
}
