//! `rejoin add`: adds an element to a set.

use std::process::ExitCode;

use clap::Args;
use rejoin_crdt::path::Path;

use super::NodeOptions;
use crate::api::Op;
use crate::failure::{EXIT_CODES, Failure};
use crate::text::value_from_word;

#[derive(Debug, Args)]
#[command(after_help = format!("An element that is added and removed at the same time on two \
    nodes stays in the set.\n\n{EXIT_CODES}\n\nExamples:\n  rejoin add users/42/tags vip"))]
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
    let done =
        options.node.client()?.transact(vec![Op::Add { path: options.path.clone(), value }])?;
    options.node.acknowledge(&done)
}
