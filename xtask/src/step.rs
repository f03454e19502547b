//! The table of what `cargo xtask test` runs, in order.
//!
//! To add a step, add a row: its name (what `--only` and `--skip` take), one line about it, and
//! what it does. Cheap checks stand first, so that a slip costs seconds.

use std::path::Path;

use anyhow::{Context, Result, ensure};

use crate::tally::Tally;
use crate::{process, tool, wasm, wasm_std};

/// All steps, in the order in which they run.
pub(crate) const STEPS: &[Step] = &[
    Step {
        name: "fmt",
        about: "the code is formatted",
        action: Action::Cargo(&["fmt", "--all", "--check"]),
    },
    Step {
        name: "clippy",
        about: "no lint warns",
        action: Action::Cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]),
    },
    Step {
        name: "docs",
        about: "the documentation builds without a warning",
        action: Action::Docs(&["doc", "--workspace", "--no-deps"]),
    },
    Step {
        name: "unit",
        about: "unit, integration, process and documentation tests",
        action: Action::CargoTest(&[
            "test",
            "--workspace",
            "--no-fail-fast",
            "--exclude=rejoin-crdt",
            "--exclude=rejoin-sim",
            "--exclude=rejoin-hostile",
            "--exclude=rejoin-storage",
            "--exclude=rejoin-sync",
        ]),
    },
    Step {
        name: "sync",
        about: "sessions, their damaged stores, and the planted bugs of both",
        action: Action::CargoTest(&[
            "test",
            "--profile=sim",
            "--package=rejoin-sync",
            "--features=planted",
            "--no-fail-fast",
        ]),
    },
    Step {
        name: "storage",
        about: "crashes at every byte, damaged disks, and the planted bugs of storage",
        action: Action::CargoTest(&[
            "test",
            "--profile=sim",
            "--package=rejoin-storage",
            "--features=planted",
            "--no-fail-fast",
        ]),
    },
    Step {
        name: "laws",
        about: "the engine and its laws, at release speed with every assertion on",
        action: Action::CargoTest(&[
            "test",
            "--profile=sim",
            "--package=rejoin-crdt",
            "--features=planted",
            "--no-fail-fast",
            "--",
            "--nocapture",
        ]),
    },
    Step {
        name: "sim",
        about: "simulated histories against the oracle, and the planted bugs",
        action: Action::CargoTest(&[
            "test",
            "--profile=sim",
            "--package=rejoin-sim",
            "--",
            "--nocapture",
            "--test-threads=2",
        ]),
    },
    Step {
        name: "hostile",
        about: "damaged and invented bytes into every decoder, and the planted bugs of memory",
        action: Action::CargoTest(&[
            "test",
            "--profile=sim",
            "--package=rejoin-hostile",
            "--features=planted",
        ]),
    },
    Step {
        name: "examples",
        about: "every example of the root package runs to its end",
        action: Action::Examples,
    },
    Step {
        name: "wasm",
        about: "the WebAssembly package builds and passes its tests in Node",
        action: Action::Wasm,
    },
];

/// One row of the table.
#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    action: Action,
}

#[derive(Debug)]
enum Action {
    /// Cargo with these arguments.
    Cargo(&'static [&'static str]),
    /// Like `Cargo`, with warnings of rustdoc as errors.
    Docs(&'static [&'static str]),
    /// Like `Cargo`, and the tests it reports are counted.
    CargoTest(&'static [&'static str]),
    /// Each file (or folder with a `main.rs`) of `examples/` is run.
    Examples,
    /// The command `wasm`.
    Wasm,
}

impl Step {
    /// Looks for what this step needs and sets up missing tools, so that a long run does not end
    /// at something the first second could have told.
    pub(crate) fn prepare(&self) -> Result<()> {
        match self.action {
            Action::Cargo(["fmt", ..]) => tool::component("rustfmt", "fmt"),
            Action::Cargo(["clippy", ..]) => tool::component("clippy", "clippy"),
            Action::Examples => examples().map(drop),
            Action::Wasm => wasm::prepare(wasm_std::Source::Auto),
            Action::Cargo(_) | Action::Docs(_) | Action::CargoTest(_) => Ok(()),
        }
    }

    /// Runs the step; what the tests report is added to `tally`, also when the step fails.
    pub(crate) fn run(&self, tally: &mut Tally) -> Result<()> {
        match self.action {
            Action::Cargo(args) => process::run(process::cargo()?.args(args)),
            Action::Docs(args) => {
                process::run(process::cargo()?.args(args).env("RUSTDOCFLAGS", "-D warnings"))
            }
            Action::CargoTest(args) => process::run_counting(process::cargo()?.args(args), tally),
            Action::Examples => run_examples(),
            Action::Wasm => wasm::build_and_test(wasm_std::Source::Auto, tally),
        }
    }
}

fn run_examples() -> Result<()> {
    for name in examples()? {
        process::note(&format!("example {name}"));
        process::run(process::cargo()?.args(["run", "--quiet", "--example", &name]))
            .with_context(|| format!("the example {name} did not run to its end"))?;
    }
    Ok(())
}

fn examples() -> Result<Vec<String>> {
    let names = examples_in(&crate::workspace_root()?.join("examples"))?;
    ensure!(
        !names.is_empty(),
        "there is no example in examples/; leave this step out with `--skip examples`"
    );
    Ok(names)
}

/// The names Cargo gives to the examples of `folder`, sorted.
fn examples_in(folder: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    if !folder.is_dir() {
        return Ok(names);
    }
    let entries = folder.read_dir().with_context(|| format!("reading {}", folder.display()))?;
    for entry in entries {
        let path = entry.with_context(|| format!("reading {}", folder.display()))?.path();
        let is_file = path.extension().is_some_and(|extension| extension == "rs");
        if (is_file || path.join("main.rs").is_file())
            && let Some(name) = path.file_stem()
        {
            names.push(name.to_string_lossy().into_owned());
        }
    }
    names.sort();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_step_has_a_name_of_its_own() {
        let mut names: Vec<_> = STEPS.iter().map(|step| step.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), STEPS.len());
    }

    #[test]
    fn a_folder_that_does_not_exist_has_no_examples() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("no-such-folder");
        assert_eq!(examples_in(&folder).unwrap(), Vec::<String>::new());
    }

    #[test]
    fn examples_are_files_of_rust_in_order_of_name() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let names = examples_in(&folder).unwrap();
        assert!(names.iter().any(|name| name == "demo"));
        assert!(names.is_sorted());
    }
}
