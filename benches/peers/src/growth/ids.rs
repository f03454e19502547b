//! So many replica ids that ever wrote.

use anyhow::{Result, ensure};
use rejoin::{Limits, wire};

use super::differences::pulls;
use super::keys::commit;
use crate::clock::timed;
use crate::live_bytes;
use crate::measurement::Measurement;
use crate::peer::Peer;
use crate::peers::rejoin::{Manner, Meeting, Rejoin};
use crate::rows::Rows;
use crate::scale::Scale;
use crate::workload::common::{pair, repeat};
use crate::workload::differ::meetings;

pub(super) fn measure<M: Manner>(ids: u32, scale: &Scale, found: &mut Measurement) -> Result<()> {
    let (mut a, mut b, mut rows) = pair::<Rejoin<M>>(ids, scale, found)?;
    let (bytes, runs) = meetings(&mut a, &mut b, scale)?;
    found.set("nothing_bytes", bytes as f64);
    found.set("nothing_us", runs.median / 1e3);
    let (bytes, runs) = pulls(&mut a, &mut b, &mut rows, 1, scale)?;
    found.set("one_bytes", bytes as f64);
    found.set("one_us", runs.median / 1e3);
    if M::MEETING != Meeting::GoOn {
        return Ok(());
    }
    alone(&mut a, &mut rows, scale, found)?;
    context(&a, found)?;
    found.set("commit_ns", commit(&mut a, &mut rows, scale)?);
    found.set("viewed_ns", commit_under_view(&mut a, &mut rows, scale)?);
    Ok(())
}

/// A delta of one key that stands alone.
fn alone<M: Manner>(
    a: &mut Rejoin<M>,
    rows: &mut Rows,
    scale: &Scale,
    found: &mut Measurement,
) -> Result<()> {
    let runs = repeat(scale, scale.repeats * 10, || {
        let base = a.replica().context();
        a.put(vec![rows.row(0)])?;
        let (delta, ns) = timed(|| Ok(a.replica().delta_since(&base)?))?;
        found.set("alone_bytes", delta.len() as f64);
        Ok(ns)
    })?;
    found.set("alone_us", runs.median / 1e3);
    Ok(())
}

/// The context, as bytes and in memory.
fn context<M: Manner>(a: &Rejoin<M>, found: &mut Measurement) -> Result<()> {
    let encoded = wire::encode_context(&a.replica().context());
    found.set("context_bytes", encoded.len() as f64);
    let before = live_bytes();
    let decoded = wire::decode_context(&encoded, &Limits::default())?;
    found.set("context_memory", live_bytes() - before);
    ensure!(decoded == a.replica().context(), "the context came out wrong");
    Ok(())
}

/// What a commit takes while somebody holds a view of what was there before, in nanoseconds.
fn commit_under_view<M: Manner>(a: &mut Rejoin<M>, rows: &mut Rows, scale: &Scale) -> Result<f64> {
    let mut numbers = rows.pick(rows.len() / 2, 1).into_iter();
    let runs = repeat(scale, scale.repeats * 100, || {
        let row = rows.row(numbers.next().unwrap_or(0));
        let view = a.replica().view();
        let ((), ns) = timed(|| a.put(vec![row]))?;
        drop(view);
        Ok(ns)
    })?;
    Ok(runs.median)
}
