//! `cargo xtask bench instructions`: how many instructions an operation of the engine takes.
//!
//! `benches/instructions.rs` runs twice under callgrind for each operation, once with it and once with
//! what it needs only; the difference is the operation. Unlike a time, it does not depend on what else the
//! machine does; ids and hash seeds are drawn anew, so the last digits differ from run to run.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use crate::process::{self, heading};

const PROGRAM: &str = "instructions";

/// Counts the instructions of every operation and prints them per item.
///
/// # Errors
/// When valgrind is missing; the message is how to install it. When the program does not build or run.
pub(crate) fn run() -> Result<()> {
    process::read(Command::new("valgrind").arg("--version")).context(
        "valgrind is missing; install it, on Debian as root with `apt-get install --no-install-recommends valgrind`",
    )?;
    heading("building the operations (release)");
    process::run(process::cargo()?.args(["build", "--release", "--example", PROGRAM]))?;
    let program = crate::target_dir()?.join("release").join("examples").join(PROGRAM);
    let operations = process::read(Command::new(&program).arg("list"))?;
    println!("\n{:<20} {:>10} {:>22}", "operation", "items", "instructions per item");
    for line in operations.lines() {
        let (name, items) = line.split_once(' ').context("an operation without items")?;
        let (with, without) = (count(&program, name, "run")?, count(&program, name, "prepare")?);
        let each = with.saturating_sub(without) / items.parse::<u64>()?.max(1);
        println!("{name:<20} {items:>10} {each:>22}");
    }
    Ok(())
}

/// The instructions of one run of the program.
fn count(program: &Path, operation: &str, mode: &str) -> Result<u64> {
    let mut valgrind = Command::new("valgrind");
    // What was counted goes to the standard output; nobody reads the profile.
    valgrind.args(["--tool=callgrind", "--log-fd=1", "--callgrind-out-file=/dev/null"]);
    let log = process::read(valgrind.arg(program).args([operation, mode]))?;
    collected(&log).with_context(|| format!("valgrind does not say what it has counted:\n{log}"))
}

/// The number in the line of callgrind that ends a run: `==123== Collected : 456`.
fn collected(log: &str) -> Option<u64> {
    let line = log.lines().find(|line| line.contains("Collected :"))?;
    line.rsplit(' ').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_word_of_the_line_of_callgrind_is_the_count() {
        let log = "==7== Events    : Ir\n==7== Collected : 123456\n==7== \n";
        assert_eq!(collected(log), Some(123_456));
        assert_eq!(collected("==7== Events    : Ir"), None);
    }
}
