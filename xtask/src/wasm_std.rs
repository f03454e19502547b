//! Where the standard library for `wasm32-unknown-unknown` comes from.
//!
//! In order: the toolchain has it; rustup can add it; Debian's `rustc-web` compiles it from
//! `rust-web-src`, which needs nothing but Debian's package mirror and crates.io. The last way
//! uses an unstable flag of Cargo, hence `RUSTC_BOOTSTRAP`, and the linker of the toolchain,
//! because Debian's has none for this target.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use clap::ValueEnum;

use crate::process::{note, read, run};
use crate::tool;

/// The target of the npm package.
pub(crate) const TARGET: &str = "wasm32-unknown-unknown";

/// Which way to take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Source {
    /// The first that works.
    Auto,
    /// The toolchain's own, or what rustup adds to it.
    Rustup,
    /// Compiled from Debian's packages.
    Debian,
}

/// A standard library that was found.
#[derive(Debug)]
pub(crate) enum WasmStd {
    /// In the toolchain, ready made.
    Toolchain,
    /// To be compiled by this compiler, and linked by this linker.
    Sources { rustc: PathBuf, linker: PathBuf },
}

impl WasmStd {
    /// Tells Cargo's `build` command to use it.
    pub(crate) fn configure(&self, cargo: &mut Command) {
        if let Self::Sources { rustc, linker } = self {
            cargo
                .env("RUSTC", rustc)
                .env("RUSTC_BOOTSTRAP", "1")
                .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", linker)
                .arg("-Zbuild-std=std,panic_abort");
        }
    }
}

/// Finds the standard library, or installs it after saying so.
///
/// # Errors
/// When no way is left; the message says what to run.
pub(crate) fn find(source: Source) -> Result<WasmStd> {
    if source != Source::Debian {
        if toolchain_has_it()? {
            return Ok(WasmStd::Toolchain);
        }
        match add_by_rustup() {
            Ok(()) => return Ok(WasmStd::Toolchain),
            Err(error) if source == Source::Rustup => return Err(error),
            Err(error) => note(&format!("{error:#}")),
        }
    }
    let linker = toolchain_linker()?;
    let rustc = debian_rustc()?;
    Ok(WasmStd::Sources { rustc, linker })
}

fn toolchain_has_it() -> Result<bool> {
    let libraries = read(rustc().args(["--print", "target-libdir", "--target", TARGET]))?;
    Ok(Path::new(&libraries).is_dir())
}

fn add_by_rustup() -> Result<()> {
    note(&format!("no standard library for {TARGET}: trying `rustup target add {TARGET}`"));
    run(Command::new("rustup").args(["target", "add", TARGET]))?;
    ensure!(toolchain_has_it()?, "rustup added {TARGET} to another toolchain than this one");
    Ok(())
}

/// `rust-lld`, which every toolchain of rustup brings for its own host.
fn toolchain_linker() -> Result<PathBuf> {
    let sysroot = read(rustc().args(["--print", "sysroot"]))?;
    let host = read(rustc().args(["--print", "host-tuple"]))?;
    let linker = Path::new(&sysroot).join("lib/rustlib").join(host).join("bin/rust-lld");
    ensure!(
        linker.is_file(),
        "no linker for {TARGET}: {} does not exist; install Rust with rustup",
        linker.display()
    );
    Ok(linker)
}

fn debian_rustc() -> Result<PathBuf> {
    if let Some(rustc) = installed_debian_rustc() {
        return Ok(rustc);
    }
    let why = format!("no standard library for {TARGET}");
    tool::debian_packages(&why, &["rustc-web", "rust-web-src"])?;
    installed_debian_rustc().context("rustc-web and rust-web-src brought no compiler with sources")
}

/// The compiler of `rustc-web`, if the sources it would compile are there too.
fn installed_debian_rustc() -> Option<PathBuf> {
    let files = read(Command::new("dpkg").args(["-L", "rustc-web"])).ok()?;
    let rustc = PathBuf::from(files.lines().find(|file| file.ends_with("/bin/rustc"))?);
    let sysroot = read(Command::new(&rustc).args(["--print", "sysroot"])).ok()?;
    let sources = Path::new(&sysroot).join("lib/rustlib/src/rust/library/std/Cargo.toml");
    sources.is_file().then_some(rustc)
}

fn rustc() -> Command {
    Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()))
}
