//! The one clock of the benchmarks.

use std::time::{Duration, Instant};

/// What `work` returns, and how long it took.
#[allow(clippy::disallowed_methods, reason = "a benchmark measures time")]
pub(crate) fn clocked<R>(work: impl FnOnce() -> R) -> (R, Duration) {
    let start = Instant::now();
    let result = work();
    (result, start.elapsed())
}
