//! Saving and loading the whole state.

use anyhow::Result;

use super::common::{expect_equal, fill_all, len_bytes, repeat};
use crate::clock::timed;
use crate::measurement::Measurement;
use crate::peer::Peer;
use crate::rows;
use crate::scale::Scale;

pub(super) fn save<P: Peer>(scale: &Scale, found: &mut Measurement) -> Result<()> {
    let mut peer = P::new(1)?;
    let rows = fill_all(&mut peer, scale.keys, scale, found)?;
    let mut saved = Vec::new();
    let saves = repeat(scale, 3, || {
        let (bytes, ns) = timed(|| peer.save())?;
        saved = bytes;
        Ok(ns)
    })?;
    let loads = repeat(scale, 3, || {
        let key = rows::key(rows.number(0));
        // Some libraries decode when they are read first; who loads wants to read.
        let (mut loaded, ns) = timed(|| {
            let mut loaded = P::load(&saved)?;
            loaded.read(&key)?;
            Ok(loaded)
        })?;
        expect_equal(&mut peer, &mut loaded, &key)?;
        Ok(ns)
    })?;
    found.set("save_ms", saves.best / 1e6);
    found.set("load_ms", loads.best / 1e6);
    found.set("bytes", len_bytes(&saved) as f64);
    Ok(())
}
