//! Cells with so many concurrent values.

use anyhow::Result;

use super::keys::{commit, read};
use crate::clock::timed;
use crate::live_bytes;
use crate::measurement::Measurement;
use crate::peer::{Peer, Saved};
use crate::peers::rejoin::{Manner, Rejoin};
use crate::rows::Rows;
use crate::scale::Scale;
use crate::workload::common::{len_bytes, repeat};

/// The cells that everybody writes.
const CELLS: u32 = 2_000;

pub(super) fn measure<M: Manner>(
    writers: u32,
    scale: &Scale,
    found: &mut Measurement,
) -> Result<()> {
    let mut rows = Rows::new(CELLS);
    let (before_last, last) = write::<M>(writers, &mut rows)?;
    let values = f64::from(writers * CELLS);
    let runs = repeat(scale, scale.repeats, || {
        let mut joined = Rejoin::<M>::load(&before_last)?;
        Ok(timed(|| joined.absorb(&last))?.1)
    })?;
    found.set("last_ns", runs.median / f64::from(CELLS));

    let mut joined = Rejoin::<M>::load(&before_last)?;
    joined.absorb(&last)?;
    let all = joined.save()?;
    drop(joined);
    found.set("bytes", len_bytes(&all) as f64 / values);
    let runs = repeat(scale, scale.repeats, || {
        let before = live_bytes();
        let (joined, ns) = timed(|| Rejoin::<M>::load(&all))?;
        found.set("memory", (live_bytes() - before) / values);
        drop(joined);
        Ok(ns)
    })?;
    found.set("join_ns", runs.median / values);

    let mut joined = Rejoin::<M>::load(&all)?;
    found.set("read_ns", read(&mut joined, &mut rows, scale)?);
    // Whoever writes over a conflict ends it: each of these cells can be used once.
    let once = Scale { repeats: 1, ..*scale };
    found.set("commit_ns", commit(&mut joined, &mut rows, &once)?);
    Ok(())
}

/// Lets everybody write all cells. Returns what all but the last of them have together, and what the last
/// one has.
fn write<M: Manner>(writers: u32, rows: &mut Rows) -> Result<(Saved, Saved)> {
    let numbers: Vec<u32> = rows.batches(rows.len()).flatten().copied().collect();
    let mut crowd = Rejoin::<M>::new(0)?;
    let mut written = Rejoin::<M>::new(0)?;
    for writer in 1..=writers {
        Rejoin::gather(&mut crowd, &mut written)?;
        written = Rejoin::new(writer)?;
        written.put(rows.rows(&numbers))?;
    }
    Ok((crowd.save()?, written.save()?))
}
