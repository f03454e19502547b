//! The medians of one run side by side, as ratios to a peer that ran in the same minute.
//!
//! Absolute times depend on the machine and on what else it does; ratios within one run travel.

use std::time::{Duration, Instant};

use criterion::Bencher;

/// What a run has measured so far.
#[derive(Debug, Default)]
pub(crate) struct Table {
    rows: Vec<Row>,
}

#[derive(Debug)]
struct Row {
    name: String,
    /// Nanoseconds per item, one for each time that criterion asked.
    samples: Vec<f64>,
}

impl Table {
    /// Measures `work` on what `prepare` makes; each run of it deals with `items` items. Neither the
    /// preparation nor dropping the result counts.
    pub(crate) fn measure<S, R>(
        &mut self,
        bencher: &mut Bencher<'_>,
        name: &str,
        items: u32,
        mut prepare: impl FnMut() -> S,
        mut work: impl FnMut(S) -> R,
    ) {
        bencher.iter_custom(|times| {
            let mut total = Duration::ZERO;
            for _ in 0..times {
                let state = prepare();
                let (result, elapsed) = clocked(|| work(state));
                total += elapsed;
                drop(std::hint::black_box(result));
            }
            self.record(name, total.as_secs_f64() * 1e9 / times as f64 / f64::from(items));
            total
        });
    }

    fn record(&mut self, name: &str, nanoseconds: f64) {
        match self.rows.iter_mut().find(|row| row.name == name) {
            Some(row) => row.samples.push(nanoseconds),
            None => self.rows.push(Row { name: name.to_owned(), samples: vec![nanoseconds] }),
        }
    }

    /// The median of a row, in nanoseconds per item.
    pub(crate) fn median(&self, name: &str) -> Option<f64> {
        let row = self.rows.iter().find(|row| row.name == name)?;
        let mut samples = row.samples.clone();
        samples.sort_by(f64::total_cmp);
        samples.get(samples.len() / 2).copied()
    }

    /// Prints every row with its ratio to the row `peer`.
    pub(crate) fn print(&self, title: &str, peer: &str) {
        println!("\n{title:<44} {:>14} {:>10}", "median", "ratio");
        for row in &self.rows {
            let median = self.median(&row.name).unwrap_or(f64::NAN);
            let ratio = median / self.median(peer).unwrap_or(f64::NAN);
            println!("{:<44} {median:>11.0} ns {ratio:>9.2}x", row.name);
        }
        println!();
    }
}

#[allow(clippy::disallowed_methods, reason = "a benchmark measures time")]
fn clocked<R>(work: impl FnOnce() -> R) -> (R, Duration) {
    let start = Instant::now();
    let result = work();
    (result, start.elapsed())
}
