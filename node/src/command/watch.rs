//! `rejoin watch`: prints changes as they happen.

use std::process::ExitCode;

use clap::Args;
use rejoin_crdt::path::Path;
use rejoin_crdt::value::Item;

use super::{NodeOptions, print_line};
use crate::api::Change;
use crate::client::WatchEvent;
use crate::failure::{EXIT_CODES, FAILED, Failure};
use crate::text;

#[derive(Debug, Args)]
#[command(after_help = format!("{EXIT_CODES}\n\nExamples:\n  rejoin watch\n  \
    rejoin watch users --json\n  rejoin watch --since TOKEN   (a token comes from `rejoin status` \
    or from any change made with --json)"))]
pub(crate) struct Options {
    /// Report changes at this path and below.
    #[arg(default_value = "/")]
    path: Path,
    /// Begin with everything that changed after this state.
    #[arg(long, value_name = "TOKEN")]
    since: Option<String>,
    #[command(flatten)]
    node: NodeOptions,
}

pub(crate) fn run(options: &Options) -> Result<ExitCode, Failure> {
    let mut lost = None;
    let since = options.since.as_deref();
    options.node.client()?.watch(&options.path, since, |event| match event {
        WatchEvent::Change(change) if options.node.json => print_line(&text::json(&change)),
        WatchEvent::Change(change) => print_line(&line(&change)),
        WatchEvent::Overrun { token } => {
            lost = Some(token);
            Ok(())
        }
    })?;
    match lost {
        Some(token) => eprintln!("changes came too fast; go on with --since {token}"),
        None => eprintln!("the node ended the stream"),
    }
    Ok(ExitCode::from(FAILED))
}

fn line(change: &Change) -> String {
    match (&change.kind, &change.value) {
        (Some(kind), Some(Item::Str(text))) if !text.contains('\n') => {
            format!("{} {kind} {text}", change.path)
        }
        (Some(kind), Some(value)) => format!("{} {kind} {}", change.path, text::json(value)),
        _ => format!("{} gone", change.path),
    }
}
