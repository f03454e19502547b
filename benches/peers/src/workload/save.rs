//! Saving and loading the whole state.

use anyhow::Result;

use super::common::{Runs, expect_equal, fill_all, len_bytes, repeat};
use crate::clock::timed;
use crate::measurement::Measurement;
use crate::peer::Peer;
use crate::rows;
use crate::scale::Scale;

pub(super) fn save<P: Peer>(scale: &Scale, found: &mut Measurement) -> Result<()> {
    let mut peer = P::new(1)?;
    let rows = fill_all(&mut peer, scale.keys, scale, found)?;
    let took = save_and_load(&mut peer, &rows::key(rows.number(0)), scale)?;
    found.set("save_ms", took.save.best / 1e6);
    found.set("load_ms", took.load.best / 1e6);
    found.set("bytes", took.bytes as f64);
    Ok(())
}

/// What saving and loading took.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SaveAndLoad {
    pub save: Runs,
    pub load: Runs,
    /// The bytes of the state.
    pub bytes: u64,
}

/// Saves everything and loads it; this key is read.
pub(crate) fn save_and_load<P: Peer>(
    peer: &mut P,
    key: &str,
    scale: &Scale,
) -> Result<SaveAndLoad> {
    let mut saved = Vec::new();
    let save = repeat(scale, 3, || {
        let (bytes, ns) = timed(|| peer.save())?;
        saved = bytes;
        Ok(ns)
    })?;
    let load = repeat(scale, 3, || {
        // Some libraries decode when they are read first; who loads wants to read.
        let (mut loaded, ns) = timed(|| {
            let mut loaded = P::load(&saved)?;
            loaded.read(key)?;
            Ok(loaded)
        })?;
        expect_equal(peer, &mut loaded, key)?;
        Ok(ns)
    })?;
    Ok(SaveAndLoad { save, load, bytes: len_bytes(&saved) })
}
