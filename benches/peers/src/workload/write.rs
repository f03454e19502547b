//! Writing: loads, single commits, memory, overwrites.

use anyhow::Result;

use super::common::{expect_equal, fill, fill_all, len_bytes, note_reached, pair, repeat};
use crate::clock::timed;
use crate::measurement::Measurement;
use crate::peer::Peer;
use crate::rows::{self, Rows};
use crate::scale::{BATCH, Scale};
use crate::{live_bytes, resident_bytes};

pub(super) fn load<P: Peer>(scale: &Scale, found: &mut Measurement) -> Result<()> {
    write::<P>(scale.keys, P::LOAD_BATCH, scale, found)
}

pub(super) fn commit<P: Peer>(scale: &Scale, found: &mut Measurement) -> Result<()> {
    write::<P>(scale.base_keys, 1, scale, found)
}

fn write<P: Peer>(keys: u32, batch: usize, scale: &Scale, found: &mut Measurement) -> Result<()> {
    let mut rows = Rows::new(keys);
    let mut reached = keys;
    let runs = repeat(scale, 3, || {
        let mut peer = P::new(1)?;
        let filled = fill(&mut peer, &mut rows, batch, scale)?;
        reached = reached.min(filled.keys);
        Ok(filled.ns)
    })?;
    note_reached(reached, keys, found);
    found.set("ns", runs.best);
    Ok(())
}

pub(super) fn memory<P: Peer>(keys: u32, scale: &Scale, found: &mut Measurement) -> Result<()> {
    let before = Memory::now();
    let mut peer = P::new(1)?;
    let keys = fill_all(&mut peer, keys, scale, found)?.len();
    before.note_growth(keys, found);
    // Nobody may drop it earlier.
    peer.read(&rows::key(0))?;
    Ok(())
}

/// What this process has of memory.
#[derive(Clone, Copy, Debug)]
struct Memory {
    /// In pages of the system, where it tells.
    resident_bytes: Option<f64>,
    /// What the allocator was asked for.
    live_bytes: f64,
}

impl Memory {
    fn now() -> Self {
        Self { resident_bytes: resident_bytes(), live_bytes: live_bytes() }
    }

    /// Notes what has come since, per key.
    fn note_growth(self, keys: usize, found: &mut Measurement) {
        let now = Self::now();
        if let Some((now, before)) = now.resident_bytes.zip(self.resident_bytes) {
            found.set("resident", (now - before) / keys as f64);
        }
        found.set("bytes", (now.live_bytes - self.live_bytes) / keys as f64);
    }
}

pub(super) fn overwrites<P: Peer>(scale: &Scale, found: &mut Measurement) -> Result<()> {
    let (mut a, mut b, mut rows) = pair::<P>(0, scale, found)?;
    let keys = rows.len();
    let state_before = len_bytes(&a.save()?) as f64;
    let live_before = live_bytes();
    let (mut total_ns, mut written, mut worst) = (0.0, 0_u32, f64::NEG_INFINITY);
    let mut random = fastrand::Rng::with_seed(11);
    while written < scale.changes {
        let numbers: Vec<u32> = (0..BATCH).map(|_| rows.number(random.usize(..keys))).collect();
        let prepared = rows.rows(&numbers);
        total_ns += timed(|| a.put(prepared))?.1;
        written += u32::try_from(BATCH)?;
        drop(numbers);
        worst = worst.max(live_bytes() - live_before);
        if total_ns > scale.budget_s * 1e9 {
            note_reached(written, scale.changes, found);
            break;
        }
    }
    P::collect(&mut a, &mut b)?;
    found.set("growth_worst", worst / keys as f64);
    found.set("growth", (live_bytes() - live_before) / keys as f64);
    let state_after = len_bytes(&a.save()?) as f64;
    found.set("state", state_after);
    found.set("state_growth", state_after / state_before);
    a.tell_changed((0..keys).map(|at| rows::key(rows.number(at))).collect());
    let (bytes, ns) = timed(|| P::pull(&mut b, &mut a))?;
    found.set("sync_bytes", bytes as f64);
    found.set("sync_us", ns / 1e3);
    expect_equal(&mut a, &mut b, &rows::key(rows.number(0)))?;
    if let Some(bytes) = a.save_without_history()? {
        found.set("without_history", bytes as f64);
    }
    Ok(())
}
