//! Reads while much is applied: a cold join of a million records, and deltas as long as a delta may be.
//!
//! A thread takes a view, gets a random key and drops the view, again and again. What must hold: 999 of a
//! thousand reads take no more than 5 ms. The peer is the same thread while nothing is applied. A read
//! that has to wait is a single one among those, however long it waits: so the longest is printed too, and
//! the share of the time that the thread spent in reads above the goal.

#[path = "table/clock.rs"]
mod clock;
mod rows;

use std::sync::Barrier;
use std::sync::mpsc::{self, Receiver, TryRecvError};
use std::thread;
use std::time::Duration;

use clock::clocked;
use rejoin::{Context, Replica};
use rows::{Rows, granted};

const RECORDS: u32 = 1_000_000;
/// The values that overwrite others, in bytes. A delta may take 16 MiB on the wire and three times as much
/// in memory; with values of 100 bytes memory would end first.
const OVERWRITE_LEN: usize = 300;
/// How many such overwrites still make one delta.
const OVERWRITES: usize = 54_000;
/// How often so many are applied.
const ROUNDS: usize = 5;
/// How many rows are written in one transaction.
const BATCH: usize = 25_000;
const GOAL: Duration = Duration::from_millis(5);
const IDLE: Duration = Duration::from_secs(2);

/// How long each read took, in nanoseconds.
#[derive(Default)]
struct Latencies(Vec<u64>);

impl Latencies {
    /// Reads while `work` runs on this thread.
    fn during(&mut self, replica: &Replica, work: impl FnOnce()) {
        let begin = &Barrier::new(2);
        thread::scope(|scope| {
            // Dropped when the work is over, also by a panic: then nobody reads for ever.
            let (end, is_over) = mpsc::channel();
            scope.spawn(move || {
                begin.wait();
                self.read_until(replica, &is_over);
            });
            begin.wait();
            work();
            drop(end);
        });
    }

    fn read_until(&mut self, replica: &Replica, is_over: &Receiver<()>) {
        let mut random = fastrand::Rng::with_seed(7);
        while is_over.try_recv() == Err(TryRecvError::Empty) {
            let key = rows::key(random.u32(..RECORDS));
            let ((), elapsed) = clocked(|| {
                let view = replica.view();
                std::hint::black_box(view.register(key.as_str()).winner().map(|found| found.dot));
            });
            self.0.push(u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX));
        }
    }

    /// What this share of the reads did not exceed; the latencies are sorted.
    fn quantile(&self, per_mille: usize) -> Duration {
        let at = (self.0.len() * per_mille / 1_000).min(self.0.len().saturating_sub(1));
        Duration::from_nanos(self.0.get(at).copied().unwrap_or(0))
    }

    /// Prints a row of the table; returns the 99.9th percentile.
    fn print(mut self, name: &str, idle: Option<Duration>) -> Duration {
        self.0.sort_unstable();
        let columns = [500, 990, 999, 1_000].map(|share| self.quantile(share));
        let [p50, p99, p999, max] = columns.map(|latency| latency.as_secs_f64() * 1e6);
        let sum = |above: u128| -> u128 {
            self.0.iter().map(|ns| u128::from(*ns)).filter(|ns| *ns > above).sum()
        };
        let late = sum(GOAL.as_nanos()) as f64 / sum(0) as f64 * 100.0;
        let [_, _, tail, _] = columns;
        let ratio = tail.as_secs_f64() / idle.unwrap_or(tail).as_secs_f64();
        let verdict = if tail <= GOAL { "met" } else { "missed" };
        println!(
            "{name:<32} {:>10} {p50:>8.1} {p99:>8.1} {p999:>9.1} {max:>10.1} {ratio:>8.2}x {late:>9.2} % {verdict:>7}",
            self.0.len()
        );
        tail
    }
}

/// Writes the next so many rows, in several transactions.
fn write(replica: &Replica, rows: &mut Rows, count: usize) {
    for batch in rows.take(count).chunks(BATCH) {
        granted(replica.transact(|tx| rows::set(tx, batch)));
    }
}

fn apply(replica: &Replica, deltas: &[Vec<u8>]) {
    for delta in deltas {
        granted(replica.apply(delta));
    }
}

fn main() {
    let (left, right) = (Replica::in_memory(), Replica::in_memory());
    let mut rows = Rows::new(RECORDS);
    write(&left, &mut rows, RECORDS as usize);
    let state = granted(left.deltas_since(&Context::default()));
    println!(
        "\n{:<32} {:>10} {:>8} {:>8} {:>9} {:>10} {:>9} {:>11} {:>7}",
        "reads while, in µs", "reads", "p50", "p99", "p99.9", "max", "ratio", "above 5 ms", "goal"
    );
    let mut idle = Latencies::default();
    idle.during(&left, || thread::sleep(IDLE));
    let idle = idle.print("nothing is applied", None);
    let mut cold = Latencies::default();
    cold.during(&right, || apply(&right, &state));
    cold.print("a cold join of 1 000 000 records", Some(idle));
    let (mut overwritten, mut deltas, mut len_bytes) = (Latencies::default(), 0, 0);
    rows.value_len = OVERWRITE_LEN;
    for _ in 0..ROUNDS {
        write(&left, &mut rows, OVERWRITES);
        let changes = granted(left.deltas_since(&right.context()));
        deltas += changes.len();
        len_bytes += changes.iter().map(Vec::len).sum::<usize>();
        overwritten.during(&right, || apply(&right, &changes));
    }
    let each_mib = len_bytes as f64 / deltas as f64 / f64::from(1 << 20);
    let name = format!("{deltas} deltas of {each_mib:.1} MiB");
    overwritten.print(&name, Some(idle));
    println!(
        "\nThe goal is a 99.9th percentile of {} ms; the ratio is to the first row.",
        GOAL.as_millis()
    );
}
