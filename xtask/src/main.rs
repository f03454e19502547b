//! `cargo xtask`: everything a contributor or CI runs, so that it runs the same way at home.
//!
//! One file per command (`test`, `wasm`, `demo`, `sim`, `bench` and its `instructions`); `step` is the table of
//! what `test` runs, and `process`, `tool`, `wasm_std`, `tally` are what the commands share.
//!
//! What must always hold: a command that cannot do its work stops with exit code 1 and says what
//! to do; nothing is skipped unless the command line says so.

#![allow(clippy::disallowed_methods, reason = "xtask measures how long its steps take")]

mod bench;
mod demo;
mod instructions;
mod process;
mod sim;
mod step;
mod tally;
mod test;
mod tool;
mod wasm;
mod wasm_std;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};

/// Everything a contributor or CI runs.
#[derive(Parser)]
#[command(
    name = "cargo xtask",
    bin_name = "cargo xtask",
    subcommand_required = true,
    arg_required_else_help = true,
    after_help = "Examples:\n  \
        cargo xtask test                  all that CI runs\n  \
        cargo xtask test --only clippy    one step of it\n  \
        cargo xtask wasm                  build and test the WebAssembly package\n  \
        cargo xtask demo                  run the multi-data-centre demo\n  \
        cargo xtask sim --seed 136        replay one simulated history\n  \
        cargo xtask bench peers --quick   compare with other libraries\n  \
        cargo xtask bench instructions    count what operations of the engine take\n  \
        cargo xtask help test             the options of one command"
)]
struct CommandLine {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run all tests and checks, in order, up to the first step that fails.
    Test(test::Options),
    /// Build the WebAssembly package into `wasm/pkg`, print its size and run its Node tests.
    Wasm(wasm::Options),
    /// Build the daemon and the demo in release mode and run the demo.
    Demo(demo::Options),
    /// Replay simulated histories.
    Sim(sim::Options),
    /// Measure: Rejoin beside other libraries, or the instructions of its operations.
    Bench(bench::Options),
}

fn main() -> ExitCode {
    let outcome = match CommandLine::parse().command {
        Command::Test(options) => test::run(&options),
        Command::Wasm(options) => wasm::command(&options),
        Command::Demo(options) => demo::run(&options),
        Command::Sim(options) => sim::run(&options),
        Command::Bench(options) => bench::run(&options),
    };
    match outcome {
        Ok(code) => code,
        Err(error) => {
            process::failure(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// The folder that holds the workspace's `Cargo.toml`.
fn workspace_root() -> Result<PathBuf> {
    let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = xtask.parent().context("the folder of xtask has no parent")?;
    Ok(root.to_path_buf())
}

/// The folder Cargo builds into: this very binary is `<target>/<profile>/xtask`, whatever
/// variable or configuration file chose the place.
fn target_dir() -> Result<PathBuf> {
    let binary = std::env::current_exe().context("where is the xtask binary?")?;
    let target = binary.ancestors().nth(2);
    let target =
        target.with_context(|| format!("{} is not in a target folder", binary.display()))?;
    Ok(target.to_path_buf())
}
