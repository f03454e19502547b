//! Two equal replicas, and so many keys that are overwritten in one of them.

use anyhow::{Context, Result};

use crate::clock::timed;
use crate::measurement::Measurement;
use crate::peer::Peer;
use crate::peers::rejoin::{Manner, Rejoin};
use crate::rows::Rows;
use crate::scale::Scale;
use crate::workload::common::{Runs, expect_equal, pair, repeat};
use crate::workload::differ::change;

/// How many times as many keys there are as elsewhere: more than twice the most that change.
const MORE: u32 = 3;

/// How often this is repeated; keys may have a second turn.
const TURNS: usize = 200;

pub(super) fn measure<M: Manner>(count: u32, scale: &Scale, found: &mut Measurement) -> Result<()> {
    let scale = Scale { base_keys: scale.base_keys * MORE, ..*scale };
    let (mut a, mut b, mut rows) = pair::<Rejoin<M>>(0, &scale, found)?;
    let (bytes, runs) = pulls(&mut a, &mut b, &mut rows, count as usize, &scale)?;
    found.set("bytes", bytes as f64 / f64::from(count));
    found.set("ns", runs.median / f64::from(count));
    Ok(())
}

/// So many keys are written in the first of two equal replicas, other ones each time; then the second one
/// pulls. Returns the bytes of the first time, and what all took. Both are read in between, as they would
/// be: a long change is applied beside a view only where somebody reads.
///
/// Which keys is decided before: choosing among millions would empty the caches, and more so where there
/// are more keys.
pub(super) fn pulls<P: Peer>(
    a: &mut P,
    b: &mut P,
    rows: &mut Rows,
    count: usize,
    scale: &Scale,
) -> Result<(u64, Runs)> {
    let wanted = (count * TURNS).min(rows.len() / 2);
    let numbers = rows.pick(wanted, 0);
    let mut turns = numbers.chunks_exact(count).cycle();
    let mut bytes = None;
    let runs = repeat(scale, u32::try_from(TURNS)?, || {
        let last = change(a, rows, turns.next().context("too few keys")?)?;
        let (sent, ns) = timed(|| P::pull(b, a))?;
        bytes = bytes.or(Some(sent));
        expect_equal(a, b, &last)?;
        Ok(ns)
    })?;
    Ok((bytes.unwrap_or(0), runs))
}
