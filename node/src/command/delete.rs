//! `rejoin delete`: deletes a path and everything below it.

use std::process::ExitCode;

use clap::Args;
use rejoin_crdt::path::Path;

use super::NodeOptions;
use crate::api::Op;
use crate::failure::{EXIT_CODES, Failure};

#[derive(Debug, Args)]
#[command(after_help = format!("Deletes what this node knows; what is written elsewhere at the \
    same time survives. A counter with a lower bound cannot be deleted, nor anything above one.\
    \n\n{EXIT_CODES}\n\nExamples:\n  rejoin delete users/42\n  rejoin delete users/42/name"))]
pub(crate) struct Options {
    /// What to delete.
    path: Path,
    #[command(flatten)]
    node: NodeOptions,
}

pub(crate) fn run(options: &Options) -> Result<ExitCode, Failure> {
    let done = options.node.client()?.transact(vec![Op::Delete { path: options.path.clone() }])?;
    options.node.acknowledge(&done)
}
