//! `cargo xtask bench`: benchmarks that are too large for `cargo bench`, or need another program.
//!
//! The crate of `peers` depends on every other library that it measures, so it is no member of the
//! workspace and has a `Cargo.lock` of its own: only who calls this pays for it.

use std::ffi::OsString;
use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::Result;
use clap::{Args, Subcommand};

use crate::instructions;
use crate::process::{self, heading};

#[derive(Args)]
#[command(after_help = "Examples:\n  \
    cargo xtask bench peers --quick\n  \
    cargo xtask bench peers --workloads one,percent\n  \
    cargo xtask bench peers --workloads growth --resume\n  \
    cargo xtask bench peers --help\n  \
    cargo xtask bench instructions")]
pub(crate) struct Options {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Rejoin beside other CRDT libraries and the standard maps, and how its cost grows: prints the tables,
    /// writes `docs/performance.md` (with `--quick` only a copy in `target/bench`) and
    /// `target/bench/peers.json`.
    #[command(disable_help_flag = true)]
    Peers {
        /// What the benchmark takes; `cargo xtask bench peers --help` lists it.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGS")]
        args: Vec<OsString>,
    },
    /// How many instructions operations of the engine take per item, counted by valgrind.
    Instructions,
}

/// Builds what was asked for in release mode and runs it.
///
/// # Errors
/// When it does not build, lacks a tool, or cannot write what it found.
pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    match &options.what {
        What::Peers { args } => peers(args)?,
        What::Instructions => instructions::run()?,
    }
    Ok(ExitCode::SUCCESS)
}

fn peers(args: &[OsString]) -> Result<()> {
    // Not `target` itself: its profile would throw away what the workspace has built, and the reverse.
    let target = crate::target_dir()?.join("peers");
    let manifest = Path::new("benches").join("peers").join("Cargo.toml");
    heading("building Rejoin and its peers (release; the first time takes minutes)");
    let mut build = process::cargo()?;
    build.args(["build", "--release", "--locked", "--manifest-path"]).arg(manifest);
    process::run(build.arg("--target-dir").arg(&target))?;
    let name = format!("rejoin-bench-peers{}", std::env::consts::EXE_SUFFIX);
    let mut bench = Command::new(target.join("release").join(name));
    bench.current_dir(crate::workspace_root()?).arg("run").args(args);
    process::run(&mut bench)
}
