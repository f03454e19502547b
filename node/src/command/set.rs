//! `rejoin set`: writes a register.

use std::process::ExitCode;

use clap::Args;
use rejoin_crdt::path::Path;

use super::NodeOptions;
use crate::api::Op;
use crate::failure::{EXIT_CODES, Failure};
use crate::text::value_from_word;

#[derive(Debug, Args)]
#[command(after_help = format!("The value replaces every value that this node knows at the path; \
    a value written elsewhere at the same time stays, see `rejoin conflicts`.\n\n{EXIT_CODES}\n\n\
    Examples:\n  rejoin set users/42/name Ada\n  rejoin set users/42/age 36\n  \
    rejoin set users/42/zip '\"01099\"'\n  rejoin set users/42/address '{{\"city\": \"London\"}}'"))]
pub(crate) struct Options {
    /// Where to write.
    path: Path,
    /// JSON, or else text.
    #[arg(allow_hyphen_values = true)]
    value: String,
    #[command(flatten)]
    node: NodeOptions,
}

pub(crate) fn run(options: &Options) -> Result<ExitCode, Failure> {
    let value = value_from_word(&options.value);
    let done =
        options.node.client()?.transact(vec![Op::Set { path: options.path.clone(), value }])?;
    options.node.acknowledge(&done)
}
