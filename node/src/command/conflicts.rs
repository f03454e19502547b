//! `rejoin conflicts`: lists where concurrent writes left more than one value.

use std::process::ExitCode;

use clap::Args;
use rejoin_crdt::path::Path;

use super::{NodeOptions, print};
use crate::api::{Conflict, Sibling};
use crate::failure::{EXIT_CODES, Failure};
use crate::text;

#[derive(Debug, Args)]
#[command(after_help = format!("Every value that lost is listed until somebody writes over it, \
    with `rejoin resolve` or `rejoin set`. The star marks what readers see.\n\n{EXIT_CODES}\n\n\
    Examples:\n  rejoin conflicts\n  rejoin conflicts users --json"))]
pub(crate) struct Options {
    /// List conflicts at this path and below.
    #[arg(default_value = "/")]
    path: Path,
    #[command(flatten)]
    node: NodeOptions,
}

pub(crate) fn run(options: &Options) -> Result<ExitCode, Failure> {
    let found = options.node.client()?.conflicts(&options.path)?;
    if options.node.json {
        print(&format!("{}\n", text::json(&found)))?;
        return Ok(ExitCode::SUCCESS);
    }
    if found.conflicts.is_empty() {
        eprintln!("no conflicts at or below {}", options.path);
    }
    for conflict in &found.conflicts {
        print(&paragraph(conflict))?;
    }
    if found.more {
        eprintln!("and more: name a longer path");
    }
    Ok(ExitCode::SUCCESS)
}

fn paragraph(conflict: &Conflict) -> String {
    let types = match conflict.types.as_slice() {
        [] | [_] => conflict.kind.clone(),
        several => format!("used as {}", several.join(" and as ")),
    };
    let rows: Vec<Vec<String>> = conflict.siblings.iter().map(row).collect();
    format!("{} ({types})\n{}", conflict.path, text::table(&rows))
}

fn row(sibling: &Sibling) -> Vec<String> {
    let mark = if sibling.shown { "  *" } else { "   " };
    let value = sibling.value.as_ref().map_or_else(|| "removed".into(), text::json);
    let dot = format!("{}:{}", text::short_replica(&sibling.replica), sibling.seq);
    vec![mark.into(), dot, text::time(sibling.time_ms), value]
}
