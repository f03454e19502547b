//! `rejoin`: a replica as a process, and the commands of a person who works with one.
//!
//! `rejoin serve` is the only command that holds data. Every other one is a client of its HTTP API.
//!
//! What must always hold: standard output carries results and nothing else; logs, progress and
//! errors go to standard error. A command exits with 0 only after its change is acknowledged.

mod api;
mod client;
mod command;
mod engine;
mod export;
mod failure;
mod http;
mod import;
mod stop;
mod text;

use std::io::{self, IsTerminal};
use std::process::ExitCode;

use clap::Parser;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use command::{Cli, Command};

fn main() -> ExitCode {
    let cli = Cli::parse();
    start_logging(&cli.command);
    match command::run(cli.command) {
        Ok(code) => code,
        Err(failure) if failure.is_closed_pipe() => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("error: {failure}");
            if let Some(advice) = failure.advice() {
                eprintln!("  {advice}");
            }
            failure.exit_code()
        }
    }
}

/// Logs to standard error: as `RUST_LOG` says, else news from a node and only warnings from a client.
fn start_logging(command: &Command) {
    let level = match command {
        Command::Serve(_) => LevelFilter::INFO,
        _ => LevelFilter::WARN,
    };
    let wanted = std::env::var("RUST_LOG").ok().and_then(|text| text.parse().ok());
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        .with_target(false);
    let filter: Targets = wanted.unwrap_or_else(|| Targets::new().with_default(level));
    tracing_subscriber::registry().with(lines).with(filter).init();
}
