//! Deltas whose vectors are differences to one that the reader knows.

use rejoin_crdt::path::Key;
use rejoin_crdt::value::Value;
use rejoin_crdt::{Delta, Limits, VersionVector, wire};

use super::vector::has_unknown_elements;
use super::{Bound, ensure};
use crate::lane::{Decoder, Lane};
use crate::seeds;
use crate::state::World;

/// `wire::decode_delta_after`.
#[derive(Debug)]
pub struct ReferencedDeltas {
    bound: Bound,
    reference: VersionVector,
}

impl ReferencedDeltas {
    /// The decoder and its lane.
    ///
    /// # Errors
    /// When the valid inputs cannot be made.
    pub fn new() -> Result<(Self, Lane), String> {
        let deltas: Vec<Delta<Key, Value>> = seeds::deltas(&World::build()?)?
            .iter()
            .map(|bytes| wire::decode_delta(bytes, &Limits::default()))
            .collect::<Result<_, _>>()
            .map_err(|error| error.to_string())?;
        let parts = deltas.iter().flat_map(|delta| &delta.parts);
        let reference = parts.map(|part| part.base.clone()).max_by_key(VersionVector::len);
        let reference = reference.unwrap_or_default();
        let seeds = deltas.iter().map(|delta| wire::encode_delta_after(delta, &reference));
        Ok((
            Self { bound: Bound::default(), reference: reference.clone() },
            Lane::new(seeds.collect()),
        ))
    }
}

impl Decoder for ReferencedDeltas {
    type Output = Delta<Key, Value>;

    fn name(&self) -> &'static str {
        "referenced"
    }

    fn decode(&mut self, bytes: &[u8]) -> Option<Self::Output> {
        let Self { bound, reference } = self;
        bound.decode(bytes, |bytes, limits| wire::decode_delta_after(bytes, limits, reference))
    }

    fn check(&mut self, bytes: &[u8], delta: Self::Output) -> Result<&'static str, String> {
        if !wire::is_referenced(bytes) {
            let same = wire::encode_delta(&delta) == bytes;
            ensure(same || has_unknown_elements(bytes, 4), "canonical: not the bytes decoded")?;
            return Ok("stands alone");
        }
        let same = wire::encode_delta_after(&delta, &self.reference) == bytes;
        ensure(same, "canonical: not the bytes decoded")?;
        match delta.validate(&Limits::default()) {
            Ok(_) => Ok("valid"),
            Err(_) => Ok("not valid"),
        }
    }

    fn allowance_bytes(&self, len: usize) -> usize {
        self.bound.allowance_bytes(len)
    }
}
