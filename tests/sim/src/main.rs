//! Replays one history: `cargo xtask sim --seed N`.

use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use rejoin_crdt::planted::{Bug, plant};
use rejoin_sim::{Shape, run, run_collecting, run_sessions};

/// Replays simulated histories, event for event.
#[derive(Parser)]
#[command(
    name = "cargo xtask sim",
    after_help = "Examples:\n  \
    cargo xtask sim --seed 136\n  \
    cargo xtask sim --seed 4000000 --lane sessions --shape medium --count 60\n  \
    cargo xtask sim --seed 0 --count 100 --plant GapAccepted"
)]
struct Options {
    /// The seed of the history, or of the first one.
    #[arg(long)]
    seed: u64,
    /// How many seeds to run, counting up.
    #[arg(long, default_value_t = 1)]
    count: u64,
    /// What the replicas talk through.
    #[arg(long, value_enum, default_value_t = Lane::Deltas)]
    lane: Lane,
    /// The size of a history.
    #[arg(long, value_enum, default_value_t = Size::Small)]
    shape: Size,
    /// Switch a planted bug on; a wrong name lists them all.
    #[arg(long, value_parser = bug)]
    plant: Option<Bug>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Lane {
    /// Deltas, thrown about by hand.
    Deltas,
    /// Sessions of the protocol.
    Sessions,
    /// Deltas and acknowledgements; removals are collected.
    Collecting,
}

#[derive(Clone, Copy, ValueEnum)]
enum Size {
    Small,
    Medium,
    Large,
}

fn bug(name: &str) -> Result<Bug, String> {
    let known = || Bug::ALL.into_iter().chain(Bug::COLLECTION).map(|bug| (format!("{bug:?}"), bug));
    let found = known().find(|(known, _)| known == name).map(|(_, bug)| bug);
    found.ok_or_else(|| {
        let names: Vec<_> = known().map(|(name, _)| name).collect();
        format!("planted bugs are: {}", names.join(", "))
    })
}

fn main() -> ExitCode {
    let options = Options::parse();
    let shape = match options.shape {
        Size::Small => Shape::SMALL,
        Size::Medium => Shape::MEDIUM,
        Size::Large => Shape::LARGE,
    };
    plant(options.plant);
    let mut tally = rejoin_sim::Tally::default();
    for seed in options.seed..options.seed.saturating_add(options.count) {
        let history = match options.lane {
            Lane::Deltas => run(seed, &shape),
            Lane::Sessions => run_sessions(seed, &shape),
            Lane::Collecting => run_collecting(seed, &shape),
        };
        match history {
            Ok(one) => tally += one,
            Err(failure) => {
                eprintln!("{failure}");
                return ExitCode::FAILURE;
            }
        }
    }
    println!("{tally:#?}");
    ExitCode::SUCCESS
}
