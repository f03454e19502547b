//! `cargo xtask test`: the steps of [`crate::step::STEPS`], up to the first that fails.
//!
//! What must always hold: the last line is `N passed, M failed`; M is 0 exactly when the exit
//! code is 0.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use clap::Args;

use crate::process::{failure, heading, note};
use crate::step::{STEPS, Step};
use crate::tally::Tally;

#[derive(Args)]
#[command(after_help = "Examples:\n  \
    cargo xtask test --list\n  \
    cargo xtask test --only fmt,clippy\n  \
    cargo xtask test --skip wasm --skip examples")]
pub(crate) struct Options {
    /// Run only these steps (may be repeated, or several with commas).
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    only: Vec<String>,
    /// Leave these steps out (may be repeated, or several with commas).
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    skip: Vec<String>,
    /// Print the names of the steps and run nothing.
    #[arg(long)]
    list: bool,
}

/// How one step ended.
struct Outcome {
    name: &'static str,
    elapsed: Duration,
    tally: Tally,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Passed,
    Failed,
    NotRun,
}

impl Outcome {
    fn not_run(step: &Step) -> Self {
        let (elapsed, tally) = (Duration::ZERO, Tally::default());
        Self { name: step.name, elapsed, tally, state: State::NotRun }
    }

    /// Says why the step failed, if it did.
    fn new(step: &Step, elapsed: Duration, mut tally: Tally, result: Result<()>) -> Self {
        if let Err(error) = &result {
            failure(&format!("step `{}`: {error:#}", step.name));
            // A check that is no test, or a test binary that crashed, reports no failed test.
            tally.failed = tally.failed.max(1);
        }
        let state = if tally.failed == 0 { State::Passed } else { State::Failed };
        Self { name: step.name, elapsed, tally, state }
    }
}

/// Runs the chosen steps and prints the summary.
///
/// # Errors
/// When the choice of steps makes no sense. A step that fails, or cannot be set up, is not an
/// error here but an exit code, so that the summary stays the last thing printed.
pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    let steps = chosen(options)?;
    if options.list {
        for step in steps {
            println!("{:<10} {}", step.name, step.about);
        }
        return Ok(ExitCode::SUCCESS);
    }
    announce_skipped(&steps);
    Ok(summarise(&run_steps(&steps)))
}

fn chosen(options: &Options) -> Result<Vec<&'static Step>> {
    for name in options.only.iter().chain(&options.skip) {
        if !STEPS.iter().any(|step| step.name == name) {
            let names: Vec<_> = STEPS.iter().map(|step| step.name).collect();
            bail!("there is no step `{name}`; the steps are {}", names.join(", "));
        }
    }
    let is_in = |names: &[String], step: &Step| names.iter().any(|name| name == step.name);
    let wanted = |step: &&Step| {
        (options.only.is_empty() || is_in(&options.only, step)) && !is_in(&options.skip, step)
    };
    let steps: Vec<_> = STEPS.iter().filter(wanted).collect();
    ensure!(!steps.is_empty(), "--only and --skip leave no step to run");
    Ok(steps)
}

fn announce_skipped(steps: &[&Step]) {
    let skipped: Vec<_> = STEPS
        .iter()
        .map(|step| step.name)
        .filter(|name| !steps.iter().any(|step| step.name == *name))
        .collect();
    if !skipped.is_empty() {
        note(&format!("left out, as asked: {}", skipped.join(", ")));
    }
}

/// Prepares all steps, then runs them up to the first that fails.
fn run_steps(steps: &[&'static Step]) -> Vec<Outcome> {
    let started = Instant::now();
    let mut outcomes: Vec<_> = steps.iter().map(|step| Outcome::not_run(step)).collect();
    for (step, outcome) in steps.iter().zip(&mut outcomes) {
        if let Err(error) = step.prepare() {
            *outcome = Outcome::new(step, started.elapsed(), Tally::default(), Err(error));
            return outcomes;
        }
    }
    for (index, (step, outcome)) in steps.iter().zip(&mut outcomes).enumerate() {
        let (number, of, so_far) = (index + 1, steps.len(), clock(started.elapsed()));
        heading(&format!("{number}/{of} {}: {} [{so_far}]", step.name, step.about));
        *outcome = run_step(step);
        if outcome.state == State::Failed {
            break;
        }
    }
    outcomes
}

fn run_step(step: &'static Step) -> Outcome {
    let started = Instant::now();
    let mut tally = Tally::default();
    let result = step.run(&mut tally);
    let outcome = Outcome::new(step, started.elapsed(), tally, result);
    note(&format!("{} took {}", outcome.name, clock(outcome.elapsed)));
    outcome
}

fn summarise(outcomes: &[Outcome]) -> ExitCode {
    heading("summary");
    let mut total = Tally::default();
    let mut elapsed = Duration::ZERO;
    for outcome in outcomes {
        let state = match outcome.state {
            State::Passed => "ok",
            State::Failed => "FAILED",
            State::NotRun => "not run",
        };
        let tests = match outcome.tally {
            tally if tally == Tally::default() => String::new(),
            tally => tally.to_string(),
        };
        let row =
            format!("{:<10} {:<8} {:>8}  {tests}", outcome.name, state, clock(outcome.elapsed));
        println!("{}", row.trim_end());
        total.add(outcome.tally);
        elapsed += outcome.elapsed;
    }
    println!("{:<10} {:<8} {:>8}\n\n{total}", "total", "", clock(elapsed));
    if total.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Minutes, seconds and tenths: `1:02.5`.
fn clock(elapsed: Duration) -> String {
    let tenths = elapsed.as_millis() / 100;
    format!("{}:{:02}.{}", tenths / 600, tenths / 10 % 60, tenths % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(only: &[&str], skip: &[&str]) -> Options {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Options { only: owned(only), skip: owned(skip), list: false }
    }

    fn names(options: &Options) -> Result<Vec<&'static str>> {
        Ok(chosen(options)?.iter().map(|step| step.name).collect())
    }

    #[test]
    fn without_a_choice_every_step_runs() {
        assert_eq!(names(&options(&[], &[])).unwrap().len(), STEPS.len());
    }

    #[test]
    fn steps_run_in_the_order_of_the_table() {
        assert_eq!(names(&options(&["unit", "fmt"], &[])).unwrap(), ["fmt", "unit"]);
        assert_eq!(names(&options(&["unit", "fmt"], &["fmt"])).unwrap(), ["unit"]);
    }

    #[test]
    fn a_choice_that_runs_nothing_is_refused() {
        assert!(names(&options(&["fmt"], &["fmt"])).is_err());
        let error = names(&options(&["fnt"], &[])).unwrap_err().to_string();
        assert!(error.contains("`fnt`") && error.contains("fmt, clippy"), "{error}");
    }

    #[test]
    fn a_clock_shows_minutes_seconds_and_tenths() {
        assert_eq!(clock(Duration::from_millis(62_560)), "1:02.5");
        assert_eq!(clock(Duration::from_millis(40)), "0:00.0");
    }
}
