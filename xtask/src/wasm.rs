//! `cargo xtask wasm`: the WebAssembly package, from source to tests in Node.
//!
//! The output is for the wasm-bindgen target `web`: an ES module that is initialised from bytes,
//! a URL or a module, which is the one form that Node, browsers and workers all load.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use wasm_bindgen_cli_support::Bindgen;

use crate::process::{self, heading, note};
use crate::tally::Tally;
use crate::tool;
use crate::wasm_std::{self, Source, TARGET};

const PACKAGE: &str = "rejoin-wasm";
const LIBRARY: &str = "rejoin_wasm";
/// Optimised for size; defined in the workspace's `Cargo.toml`.
const PROFILE: &str = "wasm";

/// Prints the sizes of the file in its argument: plain, gzip and brotli at their best.
const MEASURE: &str = "const zlib = require('node:zlib'); \
    const bytes = require('node:fs').readFileSync(process.argv[1]); \
    console.log(bytes.length, zlib.gzipSync(bytes, { level: 9 }).length, \
        zlib.brotliCompressSync(bytes).length)";

#[derive(Args)]
#[command(after_help = "Examples:\n  \
    cargo xtask wasm\n  \
    cargo xtask wasm --build-only\n  \
    cargo xtask wasm --std debian")]
pub(crate) struct Options {
    /// Build and measure, but run no tests.
    #[arg(long)]
    build_only: bool,
    /// Where the standard library for WebAssembly comes from.
    #[arg(long, value_enum, default_value = "auto")]
    std: Source,
}

/// The command as typed.
pub(crate) fn command(options: &Options) -> Result<ExitCode> {
    prepare(options.std)?;
    if options.build_only {
        build(options.std)?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut tally = Tally::default();
    build_and_test(options.std, &mut tally)?;
    println!("\n{tally}");
    Ok(if tally.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Makes sure that the package, Node and the standard library are there.
pub(crate) fn prepare(source: Source) -> Result<()> {
    let manifest = folder()?.join("Cargo.toml");
    ensure!(manifest.is_file(), "there is no {}", manifest.display());
    tool::node()?;
    wasm_std::find(source).map(drop)
}

/// Builds the package and runs its tests, which are added to `tally`.
pub(crate) fn build_and_test(source: Source, tally: &mut Tally) -> Result<()> {
    build(source)?;
    let tests = test_files(&folder()?.join("tests"))?;
    heading("wasm: tests in Node");
    let mut node = Command::new("node");
    node.current_dir(folder()?).args(["--test", "--test-reporter=spec"]).args(tests);
    process::run_counting(&mut node, tally)
}

fn build(source: Source) -> Result<()> {
    let module = compile(source)?;
    let package = bind(&module)?;
    print_size(&package.join(format!("{LIBRARY}_bg.wasm")))
}

/// Compiles the package to WebAssembly, in a target folder of its own: with the sources of
/// another compiler it would otherwise evict what the main build has cached, and vice versa.
fn compile(source: Source) -> Result<PathBuf> {
    let std = wasm_std::find(source)?;
    heading("wasm: compiling");
    if let wasm_std::WasmStd::Sources { rustc, .. } = &std {
        note(&format!("the standard library is compiled too, by {}", rustc.display()));
    }
    let target_dir = crate::target_dir()?.join("wasm");
    let mut cargo = process::cargo()?;
    cargo.args(["build", "--package", PACKAGE, "--lib", "--profile", PROFILE, "--target", TARGET]);
    cargo.arg("--target-dir").arg(&target_dir);
    std.configure(&mut cargo);
    process::run(&mut cargo)?;
    Ok(target_dir.join(TARGET).join(PROFILE).join(format!("{LIBRARY}.wasm")))
}

/// Writes the JavaScript and the types that belong to `module` to `wasm/pkg`.
fn bind(module: &Path) -> Result<PathBuf> {
    let package = folder()?.join("pkg");
    if package.exists() {
        std::fs::remove_dir_all(&package)
            .with_context(|| format!("removing the old {}", package.display()))?;
    }
    let mut bindgen = Bindgen::new();
    bindgen.input_path(module).typescript(true);
    bindgen.remove_name_section(true).remove_producers_section(true);
    bindgen.web(true).and_then(|bindgen| bindgen.generate(&package)).with_context(|| {
        format!("generating the bindings of {} in {}", module.display(), package.display())
    })?;
    // Without it Node takes the file for a CommonJS module.
    let manifest = package.join("package.json");
    std::fs::write(&manifest, "{ \"type\": \"module\" }\n")
        .with_context(|| format!("writing {}", manifest.display()))?;
    Ok(package)
}

fn print_size(module: &Path) -> Result<()> {
    let sizes = process::read(Command::new("node").args(["--eval", MEASURE]).arg(module))?;
    let sizes: Vec<_> = sizes.split(' ').collect();
    let [plain, gzip, brotli] = sizes.as_slice() else {
        bail!("expected three sizes, found {sizes:?}");
    };
    let name = module.file_name().unwrap_or_default().to_string_lossy();
    note(&format!("{name}: {plain} bytes, gzip {gzip} bytes, brotli {brotli} bytes"));
    Ok(())
}

/// The files `*.test.js` and `*.test.mjs` of `folder`, sorted. Listed here because the versions
/// of Node disagree on what `--test` does with a folder.
fn test_files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in folder.read_dir().with_context(|| format!("reading {}", folder.display()))? {
        let path = entry.with_context(|| format!("reading {}", folder.display()))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.ends_with(".test.js") || name.ends_with(".test.mjs") {
            files.push(path);
        }
    }
    ensure!(!files.is_empty(), "there is no *.test.js or *.test.mjs in {}", folder.display());
    files.sort();
    Ok(files)
}

fn folder() -> Result<PathBuf> {
    Ok(crate::workspace_root()?.join("wasm"))
}
