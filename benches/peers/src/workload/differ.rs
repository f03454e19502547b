//! Meetings of replicas that differ by nothing, a little, or everything.

use anyhow::Result;

use super::common::{Runs, expect_equal, fill_all, pair, repeat};
use crate::clock::timed;
use crate::measurement::Measurement;
use crate::peer::Peer;
use crate::rows::{self, Rows};
use crate::scale::Scale;

pub(super) fn nothing<P: Peer>(scale: &Scale, ids: u32, found: &mut Measurement) -> Result<()> {
    let (mut a, mut b, mut rows) = pair::<P>(ids, scale, found)?;
    // They have a past: some libraries go on telling what was overwritten in it.
    let numbers = rows.pick(rows.len() / 100, 0);
    a.put(rows.rows(&numbers))?;
    a.tell_changed(numbers.into_iter().map(rows::key).collect());
    P::exchange(&mut a, &mut b)?;
    let (bytes, runs) = meetings(&mut a, &mut b, scale)?;
    found.set("bytes", bytes as f64);
    found.set("us", runs.best / 1e3);
    found.set("first_us", runs.first / 1e3);
    Ok(())
}

/// Replicas that are equal meet again and again. Returns the bytes of a meeting, and what they took.
pub(crate) fn meetings<P: Peer>(a: &mut P, b: &mut P, scale: &Scale) -> Result<(u64, Runs)> {
    let mut bytes = 0;
    let runs = repeat(scale, scale.repeats * 10, || {
        let (sent, ns) = timed(|| P::pull(b, a))?;
        bytes = sent;
        Ok(ns)
    })?;
    Ok((bytes, runs))
}

pub(super) fn one<P: Peer>(scale: &Scale, ids: u32, found: &mut Measurement) -> Result<()> {
    differ::<P>(scale, ids, u32::MAX, false, scale.repeats * 10, found)
}

pub(super) fn percent<P: Peer>(scale: &Scale, found: &mut Measurement) -> Result<()> {
    differ::<P>(scale, 0, 100, false, scale.repeats, found)
}

pub(super) fn both<P: Peer>(scale: &Scale, found: &mut Measurement) -> Result<()> {
    differ::<P>(scale, 0, 100, true, scale.repeats, found)
}

/// One key of so many, and at least one, is written in one replica, or in both, in one transaction; then
/// they meet.
fn differ<P: Peer>(
    scale: &Scale,
    ids: u32,
    one_of: u32,
    both: bool,
    repeats: u32,
    found: &mut Measurement,
) -> Result<()> {
    let (mut a, mut b, mut rows) = pair::<P>(ids, scale, found)?;
    let count = (rows.len() / one_of as usize).max(1);
    let mut bytes = None;
    let runs = repeat(scale, repeats, || {
        let mut last = String::new();
        let sides = [Some(&mut a), both.then_some(&mut b)];
        for (half, side) in sides.into_iter().flatten().enumerate() {
            let numbers = rows.pick(count, half);
            last = change(side, &mut rows, &numbers)?;
        }
        let meet = || if both { P::exchange(&mut a, &mut b) } else { P::pull(&mut b, &mut a) };
        let (sent, ns) = timed(meet)?;
        // Where overwrites leave something behind, later meetings cost more.
        bytes = bytes.or(Some(sent));
        expect_equal(&mut a, &mut b, &last)?;
        Ok(ns)
    })?;
    found.set("bytes", bytes.unwrap_or(0) as f64);
    found.set("us", runs.best / 1e3);
    found.set("first_us", runs.first / 1e3);
    Ok(())
}

/// Gives the keys of these numbers new values, in one transaction. Returns the last of them.
pub(crate) fn change<P: Peer>(side: &mut P, rows: &mut Rows, numbers: &[u32]) -> Result<String> {
    let keys: Vec<String> = numbers.iter().copied().map(rows::key).collect();
    let last = keys.last().cloned().unwrap_or_default();
    side.put(rows.rows(numbers))?;
    side.tell_changed(keys);
    Ok(last)
}

pub(super) fn cold<P: Peer>(scale: &Scale, found: &mut Measurement) -> Result<()> {
    let mut a = P::new(1)?;
    let rows = fill_all(&mut a, scale.keys, scale, found)?;
    let mut bytes = 0;
    let runs = repeat(scale, 3, || {
        let mut b = P::new(2)?;
        let key = rows::key(rows.number(0));
        // Some libraries decode when they are read first; who joins wants to read.
        let (sent, ns) = timed(|| {
            let sent = P::join_cold(&mut b, &mut a)?;
            b.read(&key)?;
            Ok(sent)
        })?;
        bytes = sent;
        expect_equal(&mut a, &mut b, &key)?;
        Ok(ns)
    })?;
    found.set("bytes", bytes as f64);
    found.set("ms", runs.best / 1e6);
    Ok(())
}
