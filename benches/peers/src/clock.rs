//! Time: of the processor for what takes long, of the wall for what is short.
//!
//! Others may use the machine. What they take does not count, and reading the time of the processor is a
//! system call, which would be felt beside microseconds; there the best of many runs is taken.

use std::time::{Duration, Instant};

use anyhow::Result;

/// Below this the wall clock is read.
const SHORT: Duration = Duration::from_millis(2);

/// What `work` returned, and how many nanoseconds it took.
pub(crate) fn timed<T>(work: impl FnOnce() -> Result<T>) -> Result<(T, f64)> {
    let (processor, wall) = (processor_time(), Instant::now());
    let result = work()?;
    let wall = wall.elapsed();
    let elapsed = match processor_time().zip(processor) {
        Some((end, start)) if wall > SHORT => end.saturating_sub(start),
        _ => wall,
    };
    Ok((result, elapsed.as_secs_f64() * 1e9))
}

#[cfg(unix)]
fn processor_time() -> Option<Duration> {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Some(Duration::new(u64::try_from(time.tv_sec).ok()?, u32::try_from(time.tv_nsec).ok()?))
}

#[cfg(not(unix))]
fn processor_time() -> Option<Duration> {
    None
}
