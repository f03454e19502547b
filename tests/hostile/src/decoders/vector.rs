//! Contexts and version vectors.

use rejoin_crdt::path::Key;
use rejoin_crdt::{Context, Limits, VersionVector, wire};

use super::{allowance_bytes, ensure, tight_limits};
use crate::lane::{Decoder, Lane};
use crate::seeds;
use crate::state::World;

/// `wire::decode_context`.
#[derive(Debug)]
pub struct Contexts;

/// `wire::decode_version_vector`.
#[derive(Debug)]
pub struct VersionVectors;

impl Contexts {
    /// The decoder and its lane.
    ///
    /// # Errors
    /// When the valid inputs cannot be made.
    pub fn new() -> Result<(Self, Lane), String> {
        Ok((Self, Lane::new(seeds::contexts(&World::build()?)?)))
    }
}

impl Decoder for Contexts {
    type Output = Context<Key>;

    fn name(&self) -> &'static str {
        "context"
    }

    fn decode(&mut self, bytes: &[u8]) -> Option<Self::Output> {
        wire::decode_context(bytes, &tight_limits(bytes.len())).ok()
    }

    fn check(&mut self, bytes: &[u8], context: Self::Output) -> Result<&'static str, String> {
        let same = wire::encode_context(&context) == bytes;
        ensure(same || has_unknown_elements(bytes, 2), "canonical: not the bytes decoded")?;
        let again = wire::decode_context(&wire::encode_context(&context), &Limits::default());
        ensure(again.as_ref() == Ok(&context), "lossless: encoding and decoding changes it")?;
        Ok("accepted")
    }

    fn allowance_bytes(&self, len: usize) -> usize {
        allowance_bytes(&tight_limits(len))
    }
}

impl VersionVectors {
    /// The decoder and its lane.
    pub fn new() -> (Self, Lane) {
        (Self, Lane::new(seeds::version_vectors()))
    }
}

impl Decoder for VersionVectors {
    type Output = VersionVector;

    fn name(&self) -> &'static str {
        "version-vector"
    }

    fn decode(&mut self, bytes: &[u8]) -> Option<Self::Output> {
        wire::decode_version_vector(bytes, &tight_limits(bytes.len())).ok()
    }

    fn check(&mut self, bytes: &[u8], vector: Self::Output) -> Result<&'static str, String> {
        let same = wire::encode_version_vector(&vector) == bytes;
        ensure(same || has_unknown_elements(bytes, 2), "canonical: not the bytes decoded")?;
        Ok("accepted")
    }

    fn allowance_bytes(&self, len: usize) -> usize {
        allowance_bytes(&tight_limits(len))
    }
}

/// Whether the envelope has more elements than this version knows: those are not given back.
pub(super) fn has_unknown_elements(bytes: &[u8], known: u8) -> bool {
    bytes.get(1).is_some_and(|header| *header != 0x90 | known)
}
