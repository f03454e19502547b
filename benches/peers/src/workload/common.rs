//! What workloads share: filling replicas, making pairs of equal ones, taking the best of several runs.

use std::time::Instant;

use anyhow::{Result, ensure};

use crate::clock::timed;
use crate::measurement::Measurement;
use crate::peer::{Peer, Saved};
use crate::rows::Rows;
use crate::scale::Scale;

/// What a filling has reached.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Filled {
    /// The keys that are in.
    pub keys: u32,
    /// What each took, in nanoseconds.
    pub ns: f64,
}

/// Writes all keys, so many per transaction, until the time is used up. Making rows takes no time.
pub(crate) fn fill<P: Peer>(
    peer: &mut P,
    rows: &mut Rows,
    batch: usize,
    scale: &Scale,
) -> Result<Filled> {
    let (mut keys, mut total_ns) = (0_u32, 0.0);
    let batches: Vec<Vec<u32>> = rows.batches(batch).map(<[u32]>::to_vec).collect();
    for numbers in batches {
        let prepared = rows.rows(&numbers);
        total_ns += timed(|| peer.put(prepared))?.1;
        keys += u32::try_from(numbers.len())?;
        if total_ns > scale.budget_s * 1e9 {
            break;
        }
    }
    Ok(Filled { keys, ns: total_ns / f64::from(keys) })
}

/// As [`fill`] in large transactions; notes where the time was not enough. Returns what is in.
pub(crate) fn fill_all<P: Peer>(
    peer: &mut P,
    count: u32,
    scale: &Scale,
    found: &mut Measurement,
) -> Result<Rows> {
    let mut rows = Rows::new(count);
    let filled = fill(peer, &mut rows, P::LOAD_BATCH, scale)?;
    note_reached(filled.keys, count, found);
    if filled.keys < count {
        rows.keep(filled.keys);
    }
    Ok(rows)
}

/// Notes that less was reached than wanted.
pub(crate) fn note_reached(reached: u32, wanted: u32, found: &mut Measurement) {
    if reached < wanted {
        found.reached = Some(reached);
    }
}

/// Two replicas that have the same keys and have met before: some libraries decode when first asked.
pub(crate) fn pair<P: Peer>(
    ids: u32,
    scale: &Scale,
    found: &mut Measurement,
) -> Result<(P, P, Rows)> {
    let (mut a, mut b) = (P::new(1)?, P::new(2)?);
    let mut rows = fill_all(&mut a, scale.base_keys, scale, found)?;
    if ids > 0 {
        let mut crowd = P::new(3)?;
        for id in 0..ids {
            let mut writer = P::new(10 + id)?;
            let row = rows.row(scale.base_keys + id);
            writer.tell_changed(vec![row.key.clone()]);
            writer.put(vec![row])?;
            P::gather(&mut crowd, &mut writer)?;
        }
        crowd.tell_changed((0..ids).map(|id| crate::rows::key(scale.base_keys + id)).collect());
        P::pull(&mut a, &mut crowd)?;
    }
    introduce(&mut a, &mut b, &mut rows)?;
    Ok((a, b, rows))
}

/// The second replica, which is empty, gets everything; then both write and meet, twice.
pub(crate) fn introduce<P: Peer>(a: &mut P, b: &mut P, rows: &mut Rows) -> Result<()> {
    P::join_cold(b, a)?;
    for round in 0..2 {
        for (number, side) in [&mut *a, &mut *b].into_iter().enumerate() {
            let row = rows.row(2 * round + u32::try_from(number)?);
            side.tell_changed(vec![row.key.clone()]);
            side.put(vec![row])?;
        }
        P::exchange(a, b)?;
    }
    P::exchange(a, b)?;
    Ok(())
}

/// Several runs of the same.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Runs {
    /// What the first one took: caches are cold.
    pub first: f64,
    /// What the best one took: nobody disturbed it.
    pub best: f64,
    /// What one in the middle took: it had neither luck nor bad luck.
    pub median: f64,
}

/// So many runs also of what takes long: the first one pays for memory that the process never had.
const LONG_RUNS: u32 = 3;

/// Several runs of `work`, which does its own timing: [`LONG_RUNS`] where it takes long, fewer where that takes longer than
/// changes may.
pub(crate) fn repeat(
    scale: &Scale,
    times: u32,
    mut work: impl FnMut() -> Result<f64>,
) -> Result<Runs> {
    let started = Instant::now();
    let first = work()?;
    let mut all = vec![first];
    for done in 1..times {
        let limit_s = if done < LONG_RUNS { scale.budget_s } else { scale.repeat_s };
        if started.elapsed().as_secs_f64() > limit_s {
            break;
        }
        all.push(work()?);
    }
    all.sort_unstable_by(f64::total_cmp);
    let at = |place: usize| all.get(place).copied().unwrap_or(first);
    Ok(Runs { first, best: at(0), median: at(all.len() / 2) })
}

/// Fails unless both replicas read the same under this key, and something.
pub(crate) fn expect_equal<P: Peer>(a: &mut P, b: &mut P, key: &str) -> Result<()> {
    let (left, right) = (a.read(key)?, b.read(key)?);
    ensure!(left.is_some() && left == right, "the replicas differ at {key}");
    Ok(())
}

/// The bytes of a state.
pub(crate) fn len_bytes(saved: &Saved) -> u64 {
    saved.iter().map(|bytes| bytes.len() as u64).sum()
}
