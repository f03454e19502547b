//! Keys of which each has been written so many times.

use anyhow::Result;

use super::keys::commit;
use crate::clock::timed;
use crate::live_bytes;
use crate::measurement::Measurement;
use crate::peer::{Peer, Saved};
use crate::peers::rejoin::{Manner, Rejoin};
use crate::rows::{self, Rows};
use crate::scale::{BATCH, Scale};
use crate::workload::common::{expect_equal, fill, len_bytes, repeat};

/// The keys.
const KEYS: u32 = 30_000;

pub(super) fn measure<M: Manner>(
    writes: u32,
    scale: &Scale,
    found: &mut Measurement,
) -> Result<()> {
    let mut rows = Rows::new(KEYS);
    let each = f64::from(KEYS);
    let before = live_bytes();
    let mut a = Rejoin::<M>::new(1)?;
    fill(&mut a, &mut rows, BATCH, scale)?;
    let loaded_bytes = live_bytes() - before;
    let first = a.save()?;

    let before = live_bytes();
    for _ in 1..writes {
        fill(&mut a, &mut rows, BATCH, scale)?;
    }
    found.set("memory", (loaded_bytes + live_bytes() - before) / each);
    found.set("state", len_bytes(&a.save()?) as f64 / each);

    found.set("commit_ns", commit(&mut a, &mut rows, scale)?);
    if writes > 1 {
        sync(&first, &mut a, &rows::key(rows.number(0)), scale, found)?;
    }
    Ok(())
}

/// Brings replicas up to date that have the first write of each key only.
fn sync<M: Manner>(
    first: &Saved,
    a: &mut Rejoin<M>,
    key: &str,
    scale: &Scale,
    found: &mut Measurement,
) -> Result<()> {
    let mut bytes = 0;
    let runs = repeat(scale, scale.repeats, || {
        let mut b = Rejoin::<M>::load(first)?;
        let (sent, ns) = timed(|| Rejoin::pull(&mut b, a))?;
        expect_equal(a, &mut b, key)?;
        bytes = sent;
        Ok(ns)
    })?;
    found.set("sync_bytes", bytes as f64 / f64::from(KEYS));
    found.set("sync_ns", runs.median / f64::from(KEYS));
    Ok(())
}
