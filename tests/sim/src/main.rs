//! Runs histories one by one, or every state of a small world: `cargo xtask sim`.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser};
use indicatif::{ProgressBar, ProgressStyle};
use rejoin_crdt::planted::{Bug, plant};
use rejoin_sim::{EVERY_RUN, Figure, Hunt, Lane, Model, Replay, Seeds, Shape, Tally};

/// How many times as many histories a long run has.
const LONG: u64 = 100;

/// Replays simulated histories, event for event.
#[derive(Parser)]
#[command(
    name = "cargo xtask sim",
    after_help = "Without an argument it runs what every run of the tests simulates, and prints what \
    that was.\n\nExamples:\n  \
    cargo xtask sim\n  \
    cargo xtask sim --seed 136\n  \
    cargo xtask sim --seed 4000000 --lane sessions --shape medium --count 60\n  \
    cargo xtask sim --seed 0 --count 100 --plant GapAccepted\n  \
    cargo xtask sim --replay tests/corpus/sim.GapAccepted.txt --plant GapAccepted\n  \
    cargo xtask sim --exhaustive\n  \
    cargo xtask sim --from-commit 0123456789abcdef\n  \
    cargo xtask sim --long"
)]
struct Options {
    #[command(flatten)]
    what: What,
    /// How many seeds to run, counting up.
    #[arg(long, default_value_t = 1, conflicts_with_all = ["replay", "exhaustive"])]
    count: u64,
    /// What the replicas talk through: deltas (thrown about by hand), sessions (of the
    /// protocol), collecting (deltas and acknowledgements; removals are collected) or faults (whole
    /// replicas, and everything that can break).
    #[arg(long, default_value = "deltas", conflicts_with_all = ["replay", "exhaustive"])]
    lane: Lane,
    /// The size of a history.
    #[arg(long, default_value = "small", value_parser = shape, conflicts_with_all = ["replay", "exhaustive"])]
    shape: Shape,
    /// A hundred times as many histories; with --exhaustive, more places and operations. Either takes
    /// hours, the second as much memory as there is.
    #[arg(long, conflicts_with_all = ["seed", "replay"])]
    long: bool,
    /// Run the histories that another commit derives from its name, instead of those of this one.
    #[arg(long, value_name = "HEX", value_parser = |name: &str| name.parse::<Seeds>(), conflicts_with_all = ["seed", "replay", "exhaustive"])]
    from_commit: Option<Seeds>,
    /// Switch a planted bug on; a wrong name lists them all.
    #[arg(long, value_parser = bug)]
    plant: Option<Bug>,
}

#[derive(Args)]
#[group(multiple = false)]
struct What {
    /// The seed of the history, or of the first one. One that fails is shrunk and kept.
    #[arg(long)]
    seed: Option<u64>,
    /// A history that was kept in a file.
    #[arg(long, value_name = "FILE")]
    replay: Option<PathBuf>,
    /// Every state of small worlds.
    #[arg(long)]
    exhaustive: bool,
}

fn shape(name: &str) -> Result<Shape, String> {
    let found = Shape::NAMED.iter().find(|(known, _)| *known == name);
    found.map(|(_, shape)| *shape).ok_or_else(|| {
        let names: Vec<_> = Shape::NAMED.iter().map(|(known, _)| *known).collect();
        format!("sizes are: {}", names.join(", "))
    })
}

fn bug(name: &str) -> Result<Bug, String> {
    let found = Hunt::all().find(|known| format!("{known:?}") == name);
    found.ok_or_else(|| {
        let names: Vec<_> = Hunt::all().map(|known| format!("{known:?}")).collect();
        format!("planted bugs are: {}", names.join(", "))
    })
}

fn main() -> ExitCode {
    let options = Options::parse();
    if let Some(bug) = options.plant {
        plant(Some(bug));
    }
    let outcome = match &options.what {
        What { replay: Some(file), .. } => replay(file),
        What { seed: Some(seed), .. } => histories(*seed, &options),
        What { exhaustive: true, .. } => exhaustive(options.long),
        _ => figures(options.from_commit.unwrap_or_else(Seeds::of_head), options.long),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(what) => {
            eprintln!("{what}");
            ExitCode::FAILURE
        }
    }
}

fn replay(file: &PathBuf) -> Result<(), String> {
    let named = |error: &dyn std::fmt::Display| format!("{}: {error}", file.display());
    let text = std::fs::read_to_string(file).map_err(|error| named(&error))?;
    let replay: Replay = text.parse().map_err(|error| named(&error))?;
    let tally = replay.run().map_err(|failure| named(&failure))?;
    println!("{tally:#?}");
    Ok(())
}

fn histories(first: u64, options: &Options) -> Result<(), String> {
    let mut tally = Tally::default();
    for seed in first..first.saturating_add(options.count) {
        let history = Replay::new(options.lane, seed, &options.shape);
        tally += history.run().map_err(|failure| rejoin_sim::report(&history, &failure))?;
    }
    println!("{tally:#?}");
    Ok(())
}

/// What every run of the tests simulates, as a table.
fn figures(seeds: Seeds, long: bool) -> Result<(), String> {
    println!("half of the histories are derived from {seeds}\n\n{}", Figure::HEADING);
    for figure in EVERY_RUN {
        let figure = Figure { count: figure.count * if long { LONG } else { 1 }, ..figure };
        let bar = progress(&figure);
        let tally = figure.run_showing(seeds, || bar.inc(1))?;
        bar.finish_and_clear();
        println!("{}", figure.row(&tally));
        figure.check(&tally)?;
        if figure.lane == Lane::Faults {
            println!("\n{}", figure.shares(&tally).join("\n"));
            println!("\nfaults injected, by kind: {:#?}", tally.injected);
            println!("reach marks: {:#?}\n", tally.marks);
        }
    }
    println!();
    exhaustive(long)?;
    hunts()
}

/// After how many histories each planted bug is noticed.
fn hunts() -> Result<(), String> {
    for lane in Lane::ALL {
        println!("\nplanted bug, lane of {:<20} found at history", lane.name());
        let found = Hunt::of(lane).run();
        let found = found.map_err(|missed| format!("not noticed: {missed:?}"))?;
        found.iter().for_each(|one| println!("{one}"));
    }
    println!(
        "\nThose that show only in bytes, damage, clocks, resolvers or between sessions are hunted by the \
         tests of their crates:\n  \
         cargo test --profile sim -p rejoin-crdt -p rejoin-sync -p rejoin-hostile --features planted planted \
         -- --nocapture"
    );
    Ok(())
}

fn progress(figure: &Figure) -> ProgressBar {
    let style = ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len} {eta}");
    let bar = ProgressBar::new(figure.count).with_message(figure.lane.name());
    bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

fn exhaustive(long: bool) -> Result<(), String> {
    println!("{}", Model::HEADING);
    for model in if long { Model::long() } else { Model::every_run() } {
        let visited = model.explore().map_err(|counterexample| counterexample.to_string())?;
        println!("{}", model.row(&visited));
    }
    Ok(())
}
