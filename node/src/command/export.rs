//! `rejoin export`: writes data as CSV or JSON Lines, in key order.
//!
//! What must always hold: equal states give equal bytes; memory does not grow with the data; an export
//! that breaks off fails, and says so by its exit code.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use rejoin_crdt::path::Path;

use super::NodeOptions;
use crate::api::ExportLine;
use crate::client::Client;
use crate::export::{CsvTable, columns_of};
use crate::failure::{EXIT_CODES, Failure, USAGE_OR_PARTLY};
use crate::text;

#[derive(Debug, Args)]
#[command(after_help = format!(
    "jsonl: everything at and below PATH, one {{\"path\": [..], \"type\": .., \"value\": ..}} per \
    line; of a set one line per element; of a conflict the value that readers see.\n\
    csv: the records directly below PATH, that is registers whose value is a map. Text is written as \
    it is, everything else as JSON, a missing field is empty. Without --columns the columns are all \
    fields found, sorted; that takes a second look at the data. What is no record is counted and left \
    out (exit code 2).\n\n{EXIT_CODES}\n\n\
    Examples:\n  rejoin export / --format jsonl --output backup.jsonl\n  \
    rejoin export cities --format csv --columns name,country,subcountry,geonameid"))]
pub(crate) struct Options {
    /// What to export.
    path: Path,
    /// The form of the output.
    #[arg(long, value_enum)]
    format: Format,
    /// The columns of a CSV, in this order.
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    columns: Option<Vec<String>>,
    /// Write to this file instead of standard output.
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    node: NodeOptions,
}

#[derive(Clone, Copy, Debug, PartialEq, ValueEnum)]
enum Format {
    /// Comma-separated values with a header.
    Csv,
    /// One JSON document per line.
    Jsonl,
}

pub(crate) fn run(options: &Options) -> Result<ExitCode, Failure> {
    if options.columns.is_some() && options.format != Format::Csv {
        return Err(Failure::usage("--columns goes with --format csv"));
    }
    let client = options.node.client()?;
    match options.format {
        Format::Jsonl => lines(&client, options),
        Format::Csv => table(&client, options),
    }
}

fn lines(client: &Client, options: &Options) -> Result<ExitCode, Failure> {
    let export = client.export(&options.path)?;
    let mut out = output(options)?;
    for line in export {
        writeln!(out, "{}", text::json(&line?))?;
    }
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

fn table(client: &Client, options: &Options) -> Result<ExitCode, Failure> {
    let columns = match &options.columns {
        Some(columns) => columns.clone(),
        None => all_columns(client, &options.path)?,
    };
    let export = client.export(&options.path)?;
    let mut table = CsvTable::new(output(options)?, columns)?;
    let (mut others, mut cut) = (0_u64, 0_u64);
    for line in export {
        let line = line?;
        match is_record(&line, &options.path) {
            true => cut += u64::from(!table.write(&line.value)?),
            false => others += 1,
        }
    }
    table.finish()?;
    if others > 0 {
        eprintln!("left out: {others} values that are no records directly below {}", options.path);
    }
    // Whoever names the columns wants no others; fields that were not there at the first look came
    // in between.
    if options.columns.is_some() {
        cut = 0;
    }
    if cut > 0 {
        eprintln!(
            "left out: fields that arrived during the export, in {cut} records; run it again"
        );
    }
    Ok(ExitCode::from(if others + cut > 0 { USAGE_OR_PARTLY } else { 0 }))
}

/// The fields of all records.
fn all_columns(client: &Client, path: &Path) -> Result<Vec<String>, Failure> {
    let mut columns = BTreeSet::new();
    for line in client.export(path)? {
        let line = line?;
        if is_record(&line, path) {
            for column in columns_of(&line.value).into_iter().flatten() {
                if !columns.contains(&column) {
                    columns.insert(column);
                }
            }
        }
    }
    Ok(columns.into_iter().collect())
}

fn is_record(line: &ExportLine, below: &Path) -> bool {
    line.path.parent().as_ref() == Some(below)
        && line.kind.ends_with("register")
        && columns_of(&line.value).is_some()
}

fn output(options: &Options) -> Result<Box<dyn Write>, Failure> {
    let Some(file) = &options.output else {
        return Ok(Box::new(BufWriter::new(io::stdout().lock())));
    };
    let created = File::create(file).map_err(|cause| Failure::File {
        action: "write",
        path: file.display().to_string(),
        cause,
    })?;
    Ok(Box::new(BufWriter::new(created)))
}
