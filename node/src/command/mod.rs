//! The command line: one file per command, each with its arguments and what it does.

mod add;
mod backup;
mod conflicts;
mod decr;
mod delete;
mod export;
mod get;
mod import;
mod incr;
mod members;
mod remove;
mod resolve;
mod restore;
mod serve;
mod set;
mod status;
mod watch;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::api::Transacted;
use crate::client::Client;
use crate::failure::{EXIT_CODES, Failure};
use crate::text;

/// Data that several sites write at the same time, without a leader and without lost writes.
#[derive(Debug, Parser)]
#[command(
    name = "rejoin",
    version,
    after_help = format!(
        "A PATH is written users/42/name, the root is /. A component that has a slash, quotes or \
        blanks at its ends is put in double quotes: files/\"a/b\". Whole numbers are numbers; \
        \"42\" in quotes is text.\n\
        A VALUE is JSON if it can be read as JSON, else the text itself.\n\n\
        {EXIT_CODES}\n\n\
        Examples:\n  \
        rejoin serve --name berlin\n  \
        rejoin serve --name paris --listen 127.0.0.1:7401 --http 127.0.0.1:8401 \
        --peer 127.0.0.1:7400\n  \
        rejoin set users/42/name Ada\n  \
        rejoin help import"
    )
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Everything that can be asked for.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a replica that peers sync with and the other commands talk to.
    Serve(serve::Options),
    /// Load records from a CSV or JSON Lines file.
    Import(import::Options),
    /// Write data as CSV or JSON Lines.
    Export(export::Options),
    /// Show what is at a path.
    Get(get::Options),
    /// Write a register.
    Set(set::Options),
    /// Delete what is at a path and everything below it.
    Delete(delete::Options),
    /// Add to a counter.
    Incr(incr::Options),
    /// Take from a counter.
    Decr(decr::Options),
    /// Add an element to a set.
    Add(add::Options),
    /// Remove an element from a set.
    Remove(remove::Options),
    /// Print changes as they happen, until interrupted.
    Watch(watch::Options),
    /// List where concurrent writes left more than one value.
    Conflicts(conflicts::Options),
    /// Settle a conflict with one value.
    Resolve(resolve::Options),
    /// Show and change who may write every type.
    Members(members::Options),
    /// Write the whole state of a node to a file.
    Backup(backup::Options),
    /// Put a backup into an empty directory, for a node to start from.
    Restore(restore::Options),
    /// Show how the node and its peers are.
    Status(status::Options),
}

/// Does what was asked for.
pub(crate) fn run(command: Command) -> Result<ExitCode, Failure> {
    match command {
        Command::Serve(options) => serve::run(options),
        Command::Import(options) => import::run(&options),
        Command::Export(options) => export::run(&options),
        Command::Get(options) => get::run(&options),
        Command::Set(options) => set::run(&options),
        Command::Delete(options) => delete::run(&options),
        Command::Incr(options) => incr::run(&options),
        Command::Decr(options) => decr::run(&options),
        Command::Add(options) => add::run(&options),
        Command::Remove(options) => remove::run(&options),
        Command::Watch(options) => watch::run(&options),
        Command::Conflicts(options) => conflicts::run(&options),
        Command::Resolve(options) => resolve::run(&options),
        Command::Members(options) => members::run(options),
        Command::Backup(options) => backup::run(&options),
        Command::Restore(options) => restore::run(&options),
        Command::Status(options) => status::run(&options),
    }
}

/// Which node a command talks to, and in which form it answers.
#[derive(Debug, Args)]
pub(crate) struct NodeOptions {
    /// The node to talk to.
    #[arg(long, value_name = "URL", env = "REJOIN_NODE", default_value = "http://127.0.0.1:8400")]
    node: String,
    /// Print JSON, for scripts.
    #[arg(long)]
    json: bool,
}

impl NodeOptions {
    fn client(&self) -> Result<Client, Failure> {
        Client::new(&self.node)
    }

    /// Prints the answer to a change: JSON, or nothing but the news that nothing had to be done.
    fn acknowledge(&self, done: &Transacted) -> Result<ExitCode, Failure> {
        if self.json {
            print_line(&text::json(done))?;
        } else if done.written == 0 {
            print_line("unchanged")?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Prints a result.
fn print(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    Ok(out.flush()?)
}

/// Prints a result of one line.
fn print_line(line: &str) -> Result<(), Failure> {
    print(&format!("{line}\n"))
}
