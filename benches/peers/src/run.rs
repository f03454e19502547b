//! Running everything: one process for each peer and workload, or point of a series, progress, and what
//! comes out.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use serde::{Deserialize, Serialize};

use crate::growth;
use crate::job::{self, Job};
use crate::measurement::Measurement;
use crate::page;

/// Rounds of Rejoin and the floors: runs on one machine differ by a third, and a median of three by less.
const ROUNDS: u8 = 3;

/// What `run` can be told.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Small sizes, for a first impression in minutes.
    #[arg(long)]
    quick: bool,
    /// Only these peers, as the tables name them.
    #[arg(long, value_name = "NAMES", value_delimiter = ';')]
    peers: Vec<String>,
    /// Only these workloads, as the JSON names them; `growth` is everything that shows how cost grows.
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    workloads: Vec<String>,
    /// In how many rounds Rejoin and the floors are measured; medians count. Other libraries are measured once,
    /// and so is how cost grows. With `--quick`, one round is usual.
    #[arg(long, value_name = "ROUNDS", value_parser = clap::value_parser!(u8).range(1..))]
    repeat: Option<u8>,
    /// Keep what the file of results has already, and measure the rest.
    #[arg(long)]
    resume: bool,
    /// A remark for the page, such as what else the machine did.
    #[arg(long, value_name = "TEXT")]
    remark: Option<String>,
    /// Where the results go.
    #[arg(long, value_name = "FILE", default_value = "target/bench/peers.json")]
    json: PathBuf,
    /// Where the page goes: `docs/performance.md`, or with `--quick` `target/bench/performance.md`, so that
    /// a first impression does not take the place of the real figures.
    #[arg(long, value_name = "FILE")]
    page: Option<PathBuf>,
}

/// Everything that a run has found, and on what.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Results {
    /// The day.
    pub date: String,
    /// The processors that this machine offers.
    pub cores: usize,
    /// Whether the sizes were small.
    pub quick: bool,
    /// What whoever started the run had to say.
    pub remark: Option<String>,
    /// The numbers.
    pub measurements: Vec<Measurement>,
}

/// Measures, prints the tables, and writes both files.
///
/// # Errors
/// When nothing can be started or written. A peer that fails is in the tables with its failure.
pub(crate) fn run(options: &Options) -> Result<()> {
    let chosen = job::chosen(&options.peers, &options.workloads, options.quick)?;
    let mut results = begin(options)?;
    let rounds = options.repeat.unwrap_or(if options.quick { 1 } else { ROUNDS }).into();
    // Round by round, so that what is held against each other is measured at about the same time, and again
    // minutes later.
    let chosen: Vec<(usize, Job)> = (0..rounds)
        .flat_map(|round| chosen.iter().map(move |job| (round, *job)))
        .filter(|(round, job)| *round == 0 || job.is_repeated())
        .collect();
    let known = |round: usize, job: &Job, results: &Results| {
        let mut found = results.measurements.iter().filter(|m| job.is_of(m));
        found.any(|m| m.failure.is_none() && m.runs.len() > round)
    };
    let bar = progress(chosen.len() as u64)?;
    for (round, job) in &chosen {
        bar.set_message(format!("{}: {}", job.title, job.peer));
        if !(options.resume && known(*round, job, &results)) {
            let found = measure(job, options.quick, &bar);
            // Without a terminal there is no bar, and lines are all the progress there is.
            if bar.is_hidden() {
                eprintln!("{}/{} {}", bar.position() + 1, chosen.len(), line(&found));
            } else {
                bar.println(line(&found));
            }
            keep(*round, job, found, &mut results);
            write(&options.json, &serde_json::to_string_pretty(&results)?)?;
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    let page = page::page(&results);
    println!("{}", page::tables(&results));
    println!("{}", growth::section(&results));
    println!("{}", page::goals(&results));
    if options.peers.is_empty() && options.workloads.is_empty() || options.resume {
        let usual =
            if options.quick { "target/bench/performance.md" } else { "docs/performance.md" };
        let path = options.page.clone().unwrap_or_else(|| PathBuf::from(usual));
        write(&path, &page)?;
        println!("written: {} and {}", path.display(), options.json.display());
    } else {
        println!("written: {}; the page needs all peers and workloads", options.json.display());
    }
    Ok(())
}

/// Puts what a process has found in the place of what was known, or beside it in a later round.
fn keep(round: usize, job: &Job, mut found: Measurement, results: &mut Results) {
    let numbers = found.values.clone();
    let known = results.measurements.iter_mut().find(|known| job.is_of(known));
    match known.filter(|known| round > 0 && known.failure.is_none()) {
        // A failure after a success says more of the machine than of the peer; it was shown.
        Some(_) if found.failure.is_some() => {}
        Some(known) => known.add_run(numbers),
        None => {
            results.measurements.retain(|known| !job.is_of(known));
            found.add_run(numbers);
            results.measurements.push(found);
        }
    }
}

/// Empty results, or those of the run that goes on.
fn begin(options: &Options) -> Result<Results> {
    let fresh = Results {
        date: chrono::Utc::now().date_naive().to_string(),
        cores: std::thread::available_parallelism().map_or(1, usize::from),
        quick: options.quick,
        remark: options.remark.clone(),
        measurements: Vec::new(),
    };
    if !options.resume || !options.json.is_file() {
        return Ok(fresh);
    }
    let text = std::fs::read_to_string(&options.json)?;
    let last: Results = serde_json::from_str(&text).context("the file of results is another's")?;
    ensure!(last.quick == options.quick, "the file of results has other sizes; begin a new run");
    let remark = options.remark.clone().or(last.remark);
    Ok(Results { measurements: last.measurements, remark, ..fresh })
}

fn progress(total: u64) -> Result<ProgressBar> {
    let template = "[{elapsed_precise}] {bar:24} {pos}/{len} {msg}";
    let bar = ProgressBar::new(total).with_style(ProgressStyle::with_template(template)?);
    bar.enable_steady_tick(Duration::from_millis(500));
    Ok(bar)
}

/// One process, or a second one with smaller sizes; whatever goes wrong becomes the result.
fn measure(job: &Job, quick: bool, bar: &ProgressBar) -> Measurement {
    let asked = |tenth| job.asked(quick, tenth);
    let whole = start(&asked(false), bar).transpose();
    // A point of a series at another size would be another point.
    let smaller = || job.size.is_none().then(|| start(&asked(true), bar).transpose()).flatten();
    let found = whole.or_else(smaller);
    match found {
        Some(Ok(found)) => found,
        Some(Err(error)) => Measurement { failure: Some(format!("{error:#}")), ..asked(false) },
        None => Measurement {
            failure: Some("not done in time, or not in 8 GiB of memory".to_owned()),
            ..asked(job.size.is_none())
        },
    }
}

/// The result of a process; `None` if it was not done in time or wanted too much memory.
fn start(asked: &Measurement, bar: &ProgressBar) -> Result<Option<Measurement>> {
    // The small sizes of a series are not smaller, but fewer.
    let is_short = asked.quick && asked.size.is_none();
    let limit = Duration::from_secs(if is_short { 8 } else { 150 });
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["measure", "--peer", &asked.peer, "--workload", &asked.workload]);
    if let Some(size) = asked.size {
        command.args(["--size", &size.to_string()]);
    }
    command.args(asked.quick.then_some("--quick")).args(asked.tenth.then_some("--tenth"));
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let began = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if began.elapsed() > limit {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        bar.tick();
        std::thread::sleep(Duration::from_millis(20));
    };
    // Ended by a signal: of the allocator or of the system, for memory.
    if status.code().is_none() {
        return Ok(None);
    }
    let (mut out, mut err) = (String::new(), String::new());
    child.stdout.take().context("no output")?.read_to_string(&mut out)?;
    child.stderr.take().context("no error output")?.read_to_string(&mut err)?;
    if !status.success() {
        let reason = err.lines().find(|line| !line.is_empty()).unwrap_or("no reason given");
        bail!("{status}: {reason}");
    }
    Ok(Some(serde_json::from_str(&out)?))
}

/// A result on one line, for whoever watches.
fn line(found: &Measurement) -> String {
    let size = found.size.map_or_else(String::new, |size| format!(" {size}"));
    let what = format!("{:<12} {:<20}", format!("{}{size}", found.workload), found.peer);
    match &found.failure {
        Some(failure) => format!("{what} failed: {failure}"),
        None => {
            let rounded: BTreeMap<_, _> = found
                .values
                .iter()
                .map(|(name, value)| (name, crate::table::number(*value)))
                .collect();
            let numbers: Vec<_> =
                rounded.iter().map(|(name, value)| format!("{name} {value}")).collect();
            format!("{what} {}", numbers.join("  "))
        }
    }
}

fn write(path: &PathBuf, text: &str) -> Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}
