//! `rejoin get`: shows what is at a path.

use std::process::ExitCode;

use clap::Args;
use rejoin_crdt::path::Path;
use rejoin_crdt::value::Item;

use super::{NodeOptions, print_line};
use crate::failure::{EXIT_CODES, Failure, NOT_FOUND};
use crate::text;

#[derive(Debug, Args)]
#[command(after_help = format!("Text is printed as it is, everything else as JSON. A conflict is \
    announced on standard error.\n\n{EXIT_CODES}\n\nExamples:\n  rejoin get users/42/name\n  \
    rejoin get users/42 --json"))]
pub(crate) struct Options {
    /// Where to look.
    path: Path,
    #[command(flatten)]
    node: NodeOptions,
}

pub(crate) fn run(options: &Options) -> Result<ExitCode, Failure> {
    let Some(found) = options.node.client()?.get(&options.path)? else {
        eprintln!("nothing at {}", options.path);
        return Ok(ExitCode::from(NOT_FOUND));
    };
    if options.node.json {
        print_line(&text::json(&found))?;
        return Ok(ExitCode::SUCCESS);
    }
    if found.siblings > 1 || found.types.len() > 1 {
        let path = &options.path;
        eprintln!("in conflict: see `rejoin conflicts {path}`");
    }
    match &found.value {
        Item::Str(text) => print_line(text)?,
        value => print_line(&text::json(value))?,
    }
    Ok(ExitCode::SUCCESS)
}
