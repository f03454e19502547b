//! The medians of one run side by side, as ratios to a peer that ran in the same minute.
//!
//! Absolute times depend on the machine and on what else it does; ratios within one run travel.

mod clock;

use std::time::Duration;

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, SamplingMode};

use clock::clocked;

/// How many times criterion asks, after it has warmed up.
const SAMPLES: usize = 10;

/// A group of measurements, and what it has measured so far.
pub(crate) struct Table<'c> {
    group: BenchmarkGroup<'c, WallTime>,
    title: String,
    peer: String,
    rows: Vec<Row>,
}

#[derive(Debug)]
struct Row {
    name: String,
    peer: String,
    /// Nanoseconds per item, one for each time that criterion asked.
    samples: Vec<f64>,
}

impl<'c> Table<'c> {
    /// An empty group of this name.
    pub(crate) fn new(criterion: &'c mut Criterion, title: &str) -> Self {
        let mut group = criterion.benchmark_group(title);
        group.sampling_mode(SamplingMode::Flat);
        Self { group, title: title.to_owned(), peer: String::new(), rows: Vec::new() }
    }

    /// What is measured from now on is held against the row of this name.
    pub(crate) fn beside(&mut self, peer: &str) -> &mut Self {
        peer.clone_into(&mut self.peer);
        self
    }

    /// Measures `work` on what `prepare` makes; each run of it deals with `items` items. Both may use
    /// `fixture`. Neither the preparation nor dropping the result counts.
    pub(crate) fn measure<F, S, R>(
        &mut self,
        name: &str,
        items: u32,
        fixture: &mut F,
        mut prepare: impl FnMut(&mut F) -> S,
        mut work: impl FnMut(&mut F, S) -> R,
    ) {
        let (mut samples, peer) = (Vec::new(), self.peer.clone());
        self.group.bench_function(name, |bencher| {
            bencher.iter_custom(|times| {
                let mut total = Duration::ZERO;
                for _ in 0..times {
                    let state = prepare(fixture);
                    let (result, elapsed) = clocked(|| work(fixture, state));
                    total += elapsed;
                    drop(std::hint::black_box(result));
                }
                samples.push(total.as_secs_f64() * 1e9 / times as f64 / f64::from(items));
                total
            });
        });
        // Nothing was measured where the command line names other benchmarks.
        if !samples.is_empty() {
            // The first ones were to warm up.
            samples.drain(..samples.len().saturating_sub(SAMPLES));
            samples.sort_by(f64::total_cmp);
            self.rows.push(Row { name: name.to_owned(), peer, samples });
        }
    }

    /// The median of a row, in nanoseconds per item.
    pub(crate) fn median(&self, name: &str) -> Option<f64> {
        let row = self.rows.iter().find(|row| row.name == name)?;
        row.samples.get(row.samples.len() / 2).copied()
    }

    /// Prints every row with its ratio to its peer.
    pub(crate) fn print(&self, items: &str) {
        if self.rows.is_empty() {
            return;
        }
        let title = format!("{}, {items}", self.title);
        println!("\n{title:<60} {:>14} {:>10}", "median", "ratio");
        for row in &self.rows {
            let median = self.median(&row.name).unwrap_or(f64::NAN);
            let ratio = median / self.median(&row.peer).unwrap_or(f64::NAN);
            println!("{:<60} {median:>11.0} ns {ratio:>9.2}x", row.name);
        }
        println!();
    }
}

/// Few samples, short ones: the fixtures are large, and a ratio needs no more.
pub(crate) fn config() -> Criterion {
    Criterion::default()
        .sample_size(SAMPLES)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_millis(1_500))
}
