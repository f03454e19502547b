//! Deltas in which removals lack their keys: decoded, completed by a store that has what is removed, validated and
//! joined.

use fastrand::Rng;
use rejoin_crdt::path::Key;
use rejoin_crdt::value::Value;
use rejoin_crdt::wire::KeylessDelta;
use rejoin_crdt::{Authority, Limits, Store, wire};

use super::vector::has_unknown_elements;
use super::{Bound, ensure};
use crate::lane::{Decoder, Lane};
use crate::lie::lie;
use crate::seeds;
use crate::state::{RECEIVER, World};

/// `wire::decode_keyless` and `KeylessDelta::find_keys`.
#[derive(Debug)]
pub struct KeylessDeltas {
    bound: Bound,
    store: Store<Key, Value>,
}

impl KeylessDeltas {
    /// The decoder and its lane.
    ///
    /// # Errors
    /// When the valid inputs cannot be made.
    pub fn new() -> Result<(Self, Lane), String> {
        let (store, deltas) = seeds::removals(&World::build()?)?;
        let keyless = deltas.into_iter().map(|delta| KeylessDelta::from(delta).omit_keys(1));
        let seeds = keyless.map(|delta| wire::encode_keyless(&delta)).collect();
        Ok((Self { bound: Bound::default(), store }, Lane::new(seeds)))
    }
}

impl Decoder for KeylessDeltas {
    type Output = KeylessDelta;

    fn name(&self) -> &'static str {
        "keyless"
    }

    fn decode(&mut self, bytes: &[u8]) -> Option<Self::Output> {
        self.bound.decode(bytes, wire::decode_keyless)
    }

    fn check(&mut self, bytes: &[u8], delta: Self::Output) -> Result<&'static str, String> {
        let same = wire::encode_keyless(&delta) == bytes;
        ensure(same || has_unknown_elements(bytes, 4), "canonical: not the bytes decoded")?;
        let (limits, keyless) = (Limits::default(), delta.is_keyless());
        ensure(wire::decode_delta(bytes, &limits).is_err() == keyless, "keys: not missed")?;
        let Ok(delta) = delta.find_keys(&self.store, &limits) else {
            return Ok("keys not found");
        };
        let Ok(valid) = delta.validate(&limits) else { return Ok("not valid") };
        let delta = valid.authorise(&Authority::Full).map_err(|error| error.to_string())?;
        let mut store = self.store.clone();
        if store.join(delta, Some(RECEIVER)).is_err() {
            return Ok("refused by the store");
        }
        store.verify(Some(RECEIVER)).map_err(|violation| format!("invariant: {violation}"))?;
        Ok(if keyless { "joined" } else { "joined with its keys" })
    }

    fn lie(&mut self, bytes: &[u8], other: &[u8], random: &mut Rng) -> Option<Vec<u8>> {
        let limits = Limits::default();
        let read =
            |bytes| wire::decode_keyless(bytes, &limits).ok()?.find_keys(&self.store, &limits).ok();
        let (mut delta, other) = (read(bytes)?, read(other)?);
        lie(&mut delta, &other, random);
        Some(wire::encode_keyless(&KeylessDelta::from(delta).omit_keys(1)))
    }

    fn allowance_bytes(&self, len: usize) -> usize {
        self.bound.allowance_bytes(len)
    }
}
