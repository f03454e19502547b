//! `rejoin-demo`: the story of three nodes, told with real processes and checked to the byte.
//!
//! `main` reads the command line and turns the outcome into an exit code; [`story`] is the script,
//! [`fleet`] the nodes, [`relay`] the links between them, [`model`] what must come out, and
//! [`report`] how it is told.
//!
//! What must always hold: the exit code is 0 only if every check of the verdict holds, and no
//! process of the demo outlives it.

#![allow(clippy::disallowed_methods, reason = "the demo measures how long nodes take")]

mod export;
mod fleet;
mod interrupt;
mod link;
mod model;
mod node;
mod path;
mod process;
mod records;
mod relay;
mod report;
mod script;
mod story;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::Parser;

use crate::interrupt::{Interrupt, Interrupted};
use crate::node::Launch;
use crate::records::Records;
use crate::report::Report;

/// The data set that the story is told with unless `--csv` names another.
const ELEMENTS: &[u8] = include_bytes!("../../examples/data/elements.csv");
const ELEMENTS_KEY: &str = "symbol";

/// What a shell reports of a program that a signal ended.
const EXIT_INTERRUPTED: u8 = 130;

/// Three nodes import, disagree, heal and agree; the script checks what they end with.
#[derive(Parser)]
#[command(
    name = "rejoin-demo",
    after_help = "Examples:\n  \
    cargo xtask demo\n  \
    cargo xtask demo -- --csv FILE --key COLUMN\n  \
    cargo xtask demo -- --json > summary.json\n\n\
    The exit code is 0 when every check holds, else 1."
)]
struct Options {
    /// The program `rejoin` (`cargo xtask demo` builds and passes it).
    #[arg(long, value_name = "PATH")]
    node_binary: PathBuf,
    /// The records to import instead of the chemical elements.
    #[arg(long, value_name = "FILE", requires = "key")]
    csv: Option<PathBuf>,
    /// The column of the file whose value names a record.
    #[arg(long, value_name = "COLUMN", requires = "csv")]
    key: Option<String>,
    /// Print a summary as JSON to standard output, and the story to standard error.
    #[arg(long)]
    json: bool,
    /// How long to wait for the nodes to agree, and for any one command.
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    patience_s: u64,
    /// Keep the folder with the logs of the nodes, and say where it is.
    #[arg(long)]
    keep: bool,
}

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) if error.is::<Interrupted>() => {
            say("interrupted: every node has been stopped");
            ExitCode::from(EXIT_INTERRUPTED)
        }
        Err(error) => {
            say(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<bool> {
    ensure!(
        options.node_binary.is_file(),
        "there is no program {}: build it with `cargo build --release -p rejoin-node`, or run \
         `cargo xtask demo`, which does",
        options.node_binary.display()
    );
    let mut folder = tempfile::Builder::new()
        .prefix("rejoin-demo-")
        .tempdir()
        .context("cannot make a temporary folder: set TMPDIR to one that can be written")?;
    if options.keep {
        folder.disable_cleanup(true);
        say(&format!("the logs of the nodes are kept in {}", folder.path().display()));
    }
    let (file, key) = match (&options.csv, &options.key) {
        (Some(file), Some(key)) => (file.clone(), key.as_str()),
        _ => {
            let file = folder.path().join("elements.csv");
            std::fs::write(&file, ELEMENTS)
                .with_context(|| format!("cannot write {}", file.display()))?;
            (file, ELEMENTS_KEY)
        }
    };
    let records = Records::read(&file, key)?;
    let launch = Launch {
        binary: std::path::absolute(&options.node_binary).context("where is the program?")?,
        folder: folder.path().to_owned(),
        patience: Duration::from_secs(options.patience_s),
        interrupt: Interrupt::on_signals()?,
    };
    let mut report = Report::new(options.json);
    story::tell(&launch, &story::Input { file, key, records }, &mut report)?;
    Ok(report.verdict()?)
}

/// Says something on standard error, which may be a terminal that has just been closed.
fn say(text: &str) {
    let _gone = writeln!(std::io::stderr(), "{text}");
}
