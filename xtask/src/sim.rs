//! `cargo xtask sim`: replays simulated histories.

use std::ffi::OsString;
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;

use crate::process;

#[derive(Args)]
#[command(disable_help_flag = true)]
pub(crate) struct Options {
    /// What the simulator takes; `cargo xtask sim --help` lists it.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGS")]
    args: Vec<OsString>,
}

/// Builds the simulator as its tests do and runs it.
///
/// # Errors
/// When it does not build, or a history fails.
pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    let mut command = process::cargo()?;
    command.args(["run", "--quiet", "--profile=sim", "--package=rejoin-sim", "--"]);
    process::run(command.args(&options.args))?;
    Ok(ExitCode::SUCCESS)
}
