//! The tools a fresh machine may lack: what can be installed is installed, after saying so.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::process::{note, read, run};

/// The oldest major version of Node the npm package supports.
const NODE_MAJOR: u32 = 20;

/// Makes sure that `cargo <subcommand>` works, a component of the Rust toolchain.
///
/// # Errors
/// When it is missing and rustup cannot add it; the message is what to type.
pub(crate) fn component(name: &str, subcommand: &str) -> Result<()> {
    if read(crate::process::cargo()?.args([subcommand, "--version"])).is_ok() {
        return Ok(());
    }
    note(&format!("{name} is missing: adding it with `rustup component add {name}`"));
    run(Command::new("rustup").args(["component", "add", name])).with_context(|| {
        format!("{name} is missing; install it with `rustup component add {name}`")
    })
}

/// Makes sure that Node is there and recent enough.
pub(crate) fn node() -> Result<()> {
    let needed = format!("Node {NODE_MAJOR} or newer is needed (https://nodejs.org)");
    let version = read(Command::new("node").arg("--version")).with_context(|| needed.clone())?;
    let major = version.trim_start_matches('v').split('.').next().and_then(|n| n.parse().ok());
    let major: u32 = major.with_context(|| format!("{needed}; `node --version` says {version}"))?;
    ensure!(major >= NODE_MAJOR, "{needed}; this is {version}");
    Ok(())
}

/// Installs packages of Debian, after saying so.
///
/// # Errors
/// On another system, or when not root: the message is the one command to run.
pub(crate) fn debian_packages(why: &str, packages: &[&str]) -> Result<()> {
    let by_hand =
        format!("apt-get update && apt-get install --no-install-recommends {}", packages.join(" "));
    if !Path::new("/etc/debian_version").exists() || !is_root() {
        bail!("{why}; as root on Debian, run: {by_hand}");
    }
    note(&format!("{why}: installing it now with `{by_hand}`"));
    run(Command::new("apt-get").arg("update"))?;
    run(Command::new("apt-get")
        .env("DEBIAN_FRONTEND", "noninteractive")
        .args(["install", "--yes", "--no-install-recommends"])
        .args(packages))
}

fn is_root() -> bool {
    read(Command::new("id").arg("-u")).is_ok_and(|id| id == "0")
}
