//! `rejoin import`: loads records from a file, one register per row.
//!
//! What must always hold: importing the same file again writes nothing, so an import that broke off
//! is finished by running it once more.

use std::fs::File;
use std::io::{BufReader, IsTerminal, Read};
use std::path::{self, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use rejoin_crdt::path::Path;

use super::{NodeOptions, print_line};
use crate::failure::{EXIT_CODES, Failure, USAGE_OR_PARTLY};
use crate::import::{BadRow, Batch, CsvRows, JsonRows, Judge, Row, Tally};
use crate::text;

#[derive(Debug, Args)]
#[command(after_help = format!(
    "Each row becomes one register at INTO/KEY whose value is a map of the columns, the key column \
    included. CSV has a header; its fields are stored as text exactly as they are, an empty field \
    as empty text. Whole numbers in the key column of a CSV become number components, as when a \
    path is typed (cities/42). JSON Lines keep their types.\n\n\
    Rows that are stored already write nothing: running an import again finishes one that broke \
    off. Bad rows are reported with their line: wrong number of fields, not UTF-8, not JSON, no key, \
    a key for the second time, too large.\n\n{EXIT_CODES}\n\n\
    Examples:\n  rejoin import cities.csv --key geonameid --into cities\n  \
    rejoin import users.jsonl --key id --into users --on-bad-row skip"))]
pub(crate) struct Options {
    /// A file whose name ends in .csv, .jsonl or .ndjson.
    file: PathBuf,
    /// The column that names the records.
    #[arg(long, value_name = "COLUMN")]
    key: String,
    /// The path under which the records are stored.
    #[arg(long, value_name = "PATH")]
    into: Path,
    /// What to do at a row that cannot be stored. Rows before it are stored either way.
    #[arg(long, value_enum, default_value_t = OnBadRow::Stop)]
    on_bad_row: OnBadRow,
    /// Rows per transaction.
    #[arg(long, value_name = "ROWS", default_value_t = 1_000,
        value_parser = clap::value_parser!(u32).range(1..=100_000))]
    batch: u32,
    #[command(flatten)]
    node: NodeOptions,
}

#[derive(Clone, Copy, Debug, PartialEq, ValueEnum)]
enum OnBadRow {
    /// Report it and end the import.
    Stop,
    /// Report it and go on.
    Skip,
}

pub(crate) fn run(options: &Options) -> Result<ExitCode, Failure> {
    let bar = ProgressBar::hidden();
    let mut rows = Rows::open(options, &bar)?;
    let client = options.node.client()?;
    // An unreachable node is reported before a long file is read.
    client.status()?;
    show(&bar);
    let mut tally = Tally::default();
    let mut batch = Batch::new(&client, usize::try_from(options.batch).unwrap_or(usize::MAX));
    let mut judge = Judge::new(options.into.clone());
    while let Some((line, row)) = rows.next_row().map_err(|cause| unreadable(options, cause))? {
        tally.read += 1;
        let admitted = row.and_then(|row| Ok((judge.admit(&row, line)?, row.value)));
        match admitted {
            Ok((path, value)) => batch.push(path, value, &mut tally)?,
            Err(bad) => {
                tally.bad += 1;
                report_bad_row(options, line, &bad, &bar);
                if options.on_bad_row == OnBadRow::Stop {
                    batch.send(&mut tally)?;
                    bar.finish_and_clear();
                    let (path, reason) = (name(options), bad.to_string());
                    return Err(Failure::BadRow { path, line, reason });
                }
            }
        }
    }
    batch.send(&mut tally)?;
    let elapsed = bar.elapsed();
    bar.finish_and_clear();
    report(options, &tally, elapsed)?;
    Ok(ExitCode::from(if tally.bad > 0 { USAGE_OR_PARTLY } else { 0 }))
}

/// The rows of a file in one of the formats.
enum Rows {
    Csv(CsvRows<BufReader<Box<dyn Read>>>),
    Json(JsonRows<BufReader<Box<dyn Read>>>),
}

impl Rows {
    fn open(options: &Options, bar: &ProgressBar) -> Result<Self, Failure> {
        let extension = options.file.extension().and_then(|e| e.to_str()).unwrap_or_default();
        let csv = match extension.to_ascii_lowercase().as_str() {
            "csv" => true,
            "jsonl" | "ndjson" => false,
            _ => {
                let file = name(options);
                let message = format!("{file}: the name must end in .csv, .jsonl or .ndjson");
                return Err(Failure::usage(message));
            }
        };
        let file = File::open(&options.file).map_err(|cause| unreadable(options, cause))?;
        if let Ok(about) = file.metadata() {
            bar.set_length(about.len());
        }
        let source: Box<dyn Read> = Box::new(bar.wrap_read(file));
        let source = BufReader::with_capacity(64 << 10, source);
        match csv {
            true => Ok(Self::Csv(CsvRows::new(source, &options.key, &name(options))?)),
            false => Ok(Self::Json(JsonRows::new(source, &options.key))),
        }
    }

    fn next_row(&mut self) -> std::io::Result<Option<(u64, Result<Row, BadRow>)>> {
        match self {
            Self::Csv(rows) => rows.next_row(),
            Self::Json(rows) => rows.next_row(),
        }
    }
}

/// Draws the bar on standard error, where a person looks on.
fn show(bar: &ProgressBar) {
    let template = "{bar:40} {bytes} of {total_bytes}, {eta} left";
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    if std::io::stderr().is_terminal() {
        bar.set_draw_target(ProgressDrawTarget::stderr());
    }
}

fn report_bad_row(options: &Options, line: u64, bad: &BadRow, bar: &ProgressBar) {
    // The row at which an import ends is named by its error.
    if options.on_bad_row == OnBadRow::Skip {
        bar.suspend(|| eprintln!("skipped: {}, line {line}: {bad}", name(options)));
    }
}

fn report(options: &Options, tally: &Tally, elapsed: Duration) -> Result<(), Failure> {
    let elapsed_ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
    let Tally { read, written, unchanged, bad } = tally;
    if options.node.json {
        let report = serde_json::json!({
            "read": read, "written": written, "unchanged": unchanged, "bad": bad,
            "elapsed_ms": elapsed_ms,
        });
        return print_line(&report.to_string());
    }
    let time = text::duration(elapsed_ms);
    print_line(&format!(
        "{read} read, {written} written, {unchanged} unchanged, {bad} bad, in {time}"
    ))
}

fn unreadable(options: &Options, cause: std::io::Error) -> Failure {
    Failure::File { action: "read", path: name(options), cause }
}

fn name(options: &Options) -> String {
    path::Path::new(&options.file).display().to_string()
}
