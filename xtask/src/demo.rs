//! `cargo xtask demo`: builds the daemon and the demo and becomes the demo.
//!
//! Both are built in release mode: that is what users run, and the demo shows times. One call of
//! Cargo builds both, because they share most of their dependencies.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, ensure};
use clap::Args;

use crate::process::{self, heading, note, show};

#[derive(Args)]
#[command(after_help = "Examples:\n  \
    cargo xtask demo\n  \
    cargo xtask demo -- --help\n  \
    cargo xtask demo -- --csv FILE --key COLUMN")]
pub(crate) struct Options {
    /// What the demo gets, after `--`.
    #[arg(last = true, value_name = "ARGS")]
    args: Vec<OsString>,
}

/// Builds both binaries and runs the demo, whose exit code becomes ours.
pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    heading("building the daemon and the demo (release)");
    process::run(process::cargo()?.args([
        "build",
        "--release",
        "--package",
        "rejoin-node",
        "--bin",
        "rejoin",
        "--package",
        "rejoin-demo",
        "--bin",
        "rejoin-demo",
    ]))?;
    let mut demo = Command::new(binary("rejoin-demo")?);
    demo.arg("--node-binary").arg(binary("rejoin")?).args(&options.args);
    note(&show(&demo));
    become_the(&mut demo)
}

fn binary(name: &str) -> Result<PathBuf> {
    let path = crate::target_dir()?.join("release").join(name);
    let path = path.with_extension(std::env::consts::EXE_EXTENSION);
    ensure!(path.is_file(), "Cargo built no {}", path.display());
    Ok(path)
}

/// Replaces this process by `demo`: Ctrl-C, other signals and the exit code need no relay then.
#[cfg(unix)]
fn become_the(demo: &mut Command) -> Result<ExitCode> {
    use std::os::unix::process::CommandExt;
    let error = demo.exec();
    Err(error).with_context(|| format!("cannot start `{}`", show(demo)))
}

#[cfg(not(unix))]
fn become_the(demo: &mut Command) -> Result<ExitCode> {
    let status = demo.status().with_context(|| format!("cannot start `{}`", show(demo)))?;
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.map_or(ExitCode::FAILURE, ExitCode::from))
}
