//! `rejoin watch`: prints changes as they happen.

use std::process::ExitCode;

use clap::Args;
use rejoin_crdt::path::Path;

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
    let mut last_token = None;
    let since = options.since.as_deref();
    options.node.client()?.watch(&options.path, since, |event| match event {
        WatchEvent::Change(change) if options.node.json => print_line(&text::json(&change)),
        WatchEvent::Change(change) => print_line(&line(&change)),
        WatchEvent::Position { token } => {
            if last_token.replace(token).is_none() {
                eprintln!("watching {}", options.path);
            }
            Ok(())
        }
    })?;
    eprintln!("the node ended the stream");
    if let Some(token) = last_token {
        eprintln!("  go on where it stopped with --since {token}");
    }
    Ok(ExitCode::from(FAILED))
}

fn line(change: &Change) -> String {
    let path = &change.path;
    match (&change.element, &change.value) {
        (Some(element), Some(_)) => format!("{path} has {}", text::json(element)),
        (Some(element), None) => format!("{path} lost {}", text::json(element)),
        (None, Some(value)) => format!("{path} = {}", text::json(value)),
        (None, None) if change.kind == "subtree" => {
            format!("{path} cleared; what is left follows")
        }
        (None, None) => format!("{path} deleted"),
    }
}
