//! Counters.

use anyhow::{Result, ensure};

use super::common::{len_bytes, note_reached};
use crate::clock::timed;
use crate::measurement::Measurement;
use crate::peer::Peer;
use crate::rows;
use crate::scale::{BATCH, Scale};

/// How often each of many counters goes up.
const ROUNDS: u32 = 100;

pub(super) fn counter<P: Peer>(scale: &Scale, found: &mut Measurement) -> Result<()> {
    let (mut a, mut b) = (P::new(1)?, P::new(2)?);
    let name = rows::key(0);
    a.increment(&[&name])?;
    a.tell_changed(vec![name.clone()]);
    P::exchange(&mut a, &mut b)?;
    // Where every step is slow, smaller transactions, so that the time is kept to.
    let (_, first_ns) = timed(|| a.increment(&[name.as_str(); 10]))?;
    let batch = if first_ns > 1e6 { 100 } else { BATCH };
    let names = vec![name.as_str(); batch];
    let (mut total_ns, mut count) = (0.0, 0_u32);
    while count < scale.changes && total_ns < scale.budget_s * 1e9 {
        total_ns += timed(|| a.increment(&names))?.1;
        count += u32::try_from(names.len())?;
    }
    note_reached(count, scale.changes, found);
    found.set("ns", total_ns / f64::from(count));
    found.set("state", len_bytes(&a.save()?) as f64);
    sync(&mut a, &mut b, vec![name.clone()], found)?;
    ensure!(b.count(&name)? == i64::from(count) + 11, "the counter came out wrong");
    Ok(())
}

pub(super) fn counters<P: Peer>(scale: &Scale, found: &mut Measurement) -> Result<()> {
    let (mut a, mut b) = (P::new(1)?, P::new(2)?);
    let names: Vec<String> = (0..scale.counters).map(rows::key).collect();
    let borrowed: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut total_ns = 0.0;
    let mut rounds = 0;
    while rounds < ROUNDS && total_ns < scale.budget_s * 1e9 {
        total_ns += timed(|| a.increment(&borrowed))?.1;
        rounds += 1;
        if rounds == 1 {
            a.tell_changed(names.clone());
            P::exchange(&mut a, &mut b)?;
        }
    }
    note_reached(rounds * scale.counters, ROUNDS * scale.counters, found);
    sync(&mut a, &mut b, names.clone(), found)?;
    let last = names.last().map_or("", String::as_str);
    ensure!(b.count(last)? == i64::from(rounds), "a counter came out wrong");
    Ok(())
}

fn sync<P: Peer>(a: &mut P, b: &mut P, names: Vec<String>, found: &mut Measurement) -> Result<()> {
    a.tell_changed(names);
    let (bytes, ns) = timed(|| P::pull(b, a))?;
    found.set("sync_bytes", bytes as f64);
    found.set("sync_us", ns / 1e3);
    Ok(())
}
