//! `rejoin remove`: removes an element from a set.

use std::process::ExitCode;

use clap::Args;
use rejoin_crdt::path::Path;

use super::NodeOptions;
use crate::api::Op;
use crate::failure::{EXIT_CODES, Failure};
use crate::text::value_from_word;

#[derive(Debug, Args)]
#[command(after_help = format!("{EXIT_CODES}\n\nExamples:\n  rejoin remove users/42/tags vip"))]
pub(crate) struct Options {
    /// The set.
    path: Path,
    /// The element: JSON, or else text.
    #[arg(allow_hyphen_values = true)]
    element: String,
    #[command(flatten)]
    node: NodeOptions,
}

pub(crate) fn run(options: &Options) -> Result<ExitCode, Failure> {
    let value = value_from_word(&options.element);
    let op = Op::Remove { path: options.path.clone(), value };
    let done = options.node.client()?.transact(vec![op])?;
    options.node.acknowledge(&done)
}
