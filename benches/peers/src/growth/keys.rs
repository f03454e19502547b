//! So many keys: what each costs, and what one costs among them.

use anyhow::{Context, Result, ensure};

use super::differences::pulls;
use crate::clock::timed;
use crate::live_bytes;
use crate::measurement::Measurement;
use crate::peer::Peer;
use crate::rows::{self, Rows};
use crate::scale::Scale;
use crate::workload::common::{fill, introduce, repeat};
use crate::workload::save::save_and_load;

/// How many reads or commits are timed at once: one alone is hardly longer than reading the clock.
const SINGLES: usize = 5_000;

pub(super) fn measure<P: Peer>(keys: u32, scale: &Scale, found: &mut Measurement) -> Result<()> {
    let mut rows = Rows::new(keys);
    let mut a = load::<P>(&mut rows, scale, found)?;
    let each = f64::from(keys);
    let took = save_and_load(&mut a, &rows::key(rows.number(0)), scale)?;
    found.set("save_ns", took.save.best / each);
    found.set("load_saved_ns", took.load.best / each);
    found.set("saved_bytes", took.bytes as f64 / each);
    found.set("read_ns", read(&mut a, &mut rows, scale)?);
    found.set("commit_ns", commit(&mut a, &mut rows, scale)?);
    let mut b = P::new(2)?;
    introduce(&mut a, &mut b, &mut rows)?;
    let (bytes, runs) = pulls(&mut a, &mut b, &mut rows, 1, scale)?;
    found.set("one_bytes", bytes as f64);
    found.set("one_us", runs.median / 1e3);
    found.set("one_best_us", runs.best / 1e3);
    let percent = rows.len() / 100;
    let (_, runs) = pulls(&mut a, &mut b, &mut rows, percent, scale)?;
    found.set("percent_ns", runs.median / percent as f64);
    Ok(())
}

/// Loads everything, several times where that is short, and looks at the memory and at the fingerprint.
/// Returns the last one that was loaded.
fn load<P: Peer>(rows: &mut Rows, scale: &Scale, found: &mut Measurement) -> Result<P> {
    let mut loaded = None;
    let mut fingerprint_ns: Option<f64> = None;
    let keys = rows.len() as f64;
    let runs = repeat(scale, 3, || {
        drop(loaded.take());
        let before = live_bytes();
        let mut peer = P::new(1)?;
        let filled = fill(&mut peer, rows, P::LOAD_BATCH, scale)?;
        ensure!(filled.keys as usize == rows.len(), "the load took too long");
        found.set("memory", (live_bytes() - before) / keys);
        let (has_one, ns) = timed(|| peer.fingerprint())?;
        if has_one {
            fingerprint_ns = Some(fingerprint_ns.map_or(ns, |best| best.min(ns)));
        }
        loaded = Some(peer);
        Ok(filled.ns)
    })?;
    found.set("load_ns", runs.best);
    if let Some(ns) = fingerprint_ns {
        found.set("fingerprint_ns", ns / keys);
    }
    loaded.context("nothing was loaded")
}

/// What a read of a key in no order takes, in nanoseconds.
pub(super) fn read<P: Peer>(peer: &mut P, rows: &mut Rows, scale: &Scale) -> Result<f64> {
    let count = SINGLES.min(rows.len() / 2);
    let runs = repeat(scale, scale.repeats, || {
        let keys: Vec<String> = rows.pick(count, 1).into_iter().map(rows::key).collect();
        let read_all = || keys.iter().try_for_each(|key| peer.read(key).map(drop));
        Ok(timed(read_all)?.1)
    })?;
    Ok(runs.median / count as f64)
}

/// What the overwrite of a key in no order takes, in a transaction of its own, in nanoseconds.
pub(super) fn commit<P: Peer>(peer: &mut P, rows: &mut Rows, scale: &Scale) -> Result<f64> {
    let count = SINGLES.min(rows.len() / 2);
    let runs = repeat(scale, scale.repeats, || {
        let numbers = rows.pick(count, 1);
        let single: Vec<_> = numbers.into_iter().map(|number| vec![rows.row(number)]).collect();
        Ok(timed(|| single.into_iter().try_for_each(|row| peer.put(row)))?.1)
    })?;
    Ok(runs.median / count as f64)
}
