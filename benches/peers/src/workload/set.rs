//! A set whose elements come, go and come back.

use anyhow::{Result, ensure};

use super::common::{len_bytes, note_reached};
use crate::clock::timed;
use crate::measurement::Measurement;
use crate::peer::Peer;
use crate::rows::{self, Rows};
use crate::scale::{BATCH, Scale};

pub(super) fn set<P: Peer>(scale: &Scale, found: &mut Measurement) -> Result<()> {
    let (mut a, mut b) = (P::new(1)?, P::new(2)?);
    P::found(&mut a, &mut b)?;
    // In no order: elements that come in the order of their names would get dots that compress.
    let rows = Rows::new(scale.base_keys);
    let names: Vec<String> = (0..rows.len()).map(|at| rows::key(rows.number(at))).collect();
    let (mut count, mut total_ns) = (0, 0.0);
    for part in names.chunks(BATCH) {
        total_ns += timed(|| a.add(part))?.1;
        count += part.len();
        if total_ns > scale.budget_s * 1e9 {
            break;
        }
    }
    note_reached(u32::try_from(count)?, scale.base_keys, found);
    let names: Vec<String> = names.into_iter().take(count).collect();
    a.tell_changed(names.clone());
    P::exchange(&mut a, &mut b)?;
    P::collect(&mut a, &mut b)?;
    let before = len_bytes(&a.save()?) as f64;

    let removed: Vec<String> = names.iter().step_by(2).cloned().collect();
    for part in removed.chunks(BATCH) {
        a.remove(part)?;
    }
    a.tell_changed(removed.clone());
    let (bytes, ns) = timed(|| P::pull(&mut b, &mut a))?;
    ensure!(b.set_len()? == count - removed.len(), "the removals have not arrived");
    let names_bytes: usize = removed.iter().map(String::len).sum();
    found.set("removals", bytes as f64 / names_bytes as f64);
    found.set("sync_us", ns / 1e3);

    P::exchange(&mut a, &mut b)?;
    P::collect(&mut a, &mut b)?;
    for part in removed.chunks(BATCH) {
        a.add(part)?;
    }
    a.tell_changed(removed);
    P::exchange(&mut a, &mut b)?;
    P::collect(&mut a, &mut b)?;
    ensure!(b.set_len()? == count, "the elements have not come back");
    found.set("growth", len_bytes(&a.save()?) as f64 / before);
    Ok(())
}
