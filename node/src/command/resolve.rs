//! `rejoin resolve`: settles a conflict with one value.
//!
//! What must always hold: only the siblings that were looked at are superseded. One that arrives
//! between the look and the write stays, as a conflict with the new value.

use std::process::ExitCode;

use clap::Args;
use rejoin_crdt::path::Path;
use rejoin_crdt::value::Item;

use super::{NodeOptions, print_line};
use crate::api::{Conflict, DotName, Resolve, Sibling};
use crate::failure::{EXIT_CODES, FAILED, Failure};
use crate::text::{self, value_from_word};

#[derive(Debug, Args)]
#[command(after_help = format!("{EXIT_CODES}\n\nExamples:\n  \
    rejoin resolve users/42/name --last-by-clock\n  \
    rejoin resolve users/42/name --take 'Ada Lovelace'\n  \
    rejoin resolve users/42/name --dot 3f2a90c1:17   (as `rejoin conflicts` prints it)"))]
pub(crate) struct Options {
    /// Where the conflict is.
    path: Path,
    #[command(flatten)]
    choice: Choice,
    #[command(flatten)]
    node: NodeOptions,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Choice {
    /// Write this value: JSON, or else text.
    #[arg(long, value_name = "VALUE", allow_hyphen_values = true)]
    take: Option<String>,
    /// Keep the value with the latest time.
    #[arg(long)]
    last_by_clock: bool,
    /// Keep the value that this replica wrote as its change number SEQ; the first characters of the
    /// replica id are enough.
    #[arg(long, value_name = "REPLICA:SEQ")]
    dot: Option<String>,
}

pub(crate) fn run(options: &Options) -> Result<ExitCode, Failure> {
    let client = options.node.client()?;
    let found = client.conflicts(&options.path)?;
    let mut here = found.conflicts.into_iter().filter(|c| c.path == options.path);
    let Some(conflict) = here.next() else {
        eprintln!("error: {} is not in conflict", options.path);
        eprintln!("  list what is with `rejoin conflicts`");
        return Ok(ExitCode::from(FAILED));
    };
    if conflict.siblings.is_empty() {
        eprintln!("error: {} is used as {}", options.path, conflict.types.join(" and as "));
        eprintln!("  no value settles that: `rejoin delete` it and write it again as one of them");
        return Ok(ExitCode::from(FAILED));
    }
    let value = options.choice.value(&conflict)?;
    let seen = conflict.siblings.iter();
    let resolve = Resolve {
        path: conflict.path.clone(),
        kind: conflict.kind.clone(),
        siblings: seen.map(|s| DotName { replica: s.replica.clone(), seq: s.seq }).collect(),
        value: value.clone(),
    };
    let done = client.resolve(&resolve)?;
    if options.node.json {
        print_line(&text::json(&done))?;
    } else {
        print_line(&format!("{} is now {}", options.path, text::json(&value)))?;
    }
    Ok(ExitCode::SUCCESS)
}

impl Choice {
    fn value(&self, conflict: &Conflict) -> Result<Item, Failure> {
        if let Some(word) = &self.take {
            return Ok(value_from_word(word));
        }
        let chosen = match &self.dot {
            Some(dot) => by_dot(&conflict.siblings, dot)?,
            None => conflict.siblings.iter().rfind(|sibling| sibling.value.is_some()),
        };
        let value = chosen.and_then(|sibling| sibling.value.clone());
        value.ok_or_else(|| Failure::usage("no such value; name one with --take VALUE"))
    }
}

/// The one sibling whose dot begins like `dot`.
fn by_dot<'a>(siblings: &'a [Sibling], dot: &str) -> Result<Option<&'a Sibling>, Failure> {
    let named = dot.rsplit_once(':').and_then(|(r, seq)| Some((r, seq.parse::<u64>().ok()?)));
    let Some((replica, seq)) = named else {
        return Err(Failure::usage(format!("{dot} is not REPLICA:SEQ")));
    };
    let mut alike = siblings.iter().filter(|s| s.seq == seq && s.replica.starts_with(replica));
    match (alike.next(), alike.next()) {
        (Some(_), Some(_)) => Err(Failure::usage(format!(
            "more than one value is {dot}; write more of the replica id"
        ))),
        (only, _) => Ok(only),
    }
}
