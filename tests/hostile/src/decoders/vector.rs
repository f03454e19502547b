//! Contexts, version vectors, and what members have acknowledged.

use rejoin_crdt::document::Acknowledgements;
use rejoin_crdt::path::Key;
use rejoin_crdt::{Context, Limits, VersionVector, wire};

use super::{Bound, ensure};
use crate::lane::{Decoder, Lane};
use crate::seeds;
use crate::state::World;

/// `wire::decode_context`.
#[derive(Debug, Default)]
pub struct Contexts(Bound);

/// `wire::decode_version_vector`.
#[derive(Debug, Default)]
pub struct VersionVectors(Bound);

/// `wire::decode_acknowledgements`.
#[derive(Debug, Default)]
pub struct AcknowledgementTables(Bound);

impl Contexts {
    /// The decoder and its lane.
    ///
    /// # Errors
    /// When the valid inputs cannot be made.
    pub fn new() -> Result<(Self, Lane), String> {
        Ok((Self::default(), Lane::new(seeds::contexts(&World::build()?)?)))
    }
}

impl Decoder for Contexts {
    type Output = Context<Key>;

    fn name(&self) -> &'static str {
        "context"
    }

    fn decode(&mut self, bytes: &[u8]) -> Option<Self::Output> {
        self.0.decode(bytes, wire::decode_context)
    }

    fn check(&mut self, bytes: &[u8], context: Self::Output) -> Result<&'static str, String> {
        let same = wire::encode_context(&context) == bytes;
        ensure(same || has_unknown_elements(bytes, 2), "canonical: not the bytes decoded")?;
        let again = wire::decode_context(&wire::encode_context(&context), &Limits::default());
        ensure(again.as_ref() == Ok(&context), "lossless: encoding and decoding changes it")?;
        Ok("accepted")
    }

    fn allowance_bytes(&self, len: usize) -> usize {
        self.0.allowance_bytes(len)
    }
}

impl VersionVectors {
    /// The decoder and its lane.
    pub fn new() -> (Self, Lane) {
        (Self::default(), Lane::of_a_quick_decoder(seeds::version_vectors()))
    }
}

impl Decoder for VersionVectors {
    type Output = VersionVector;

    fn name(&self) -> &'static str {
        "version-vector"
    }

    fn decode(&mut self, bytes: &[u8]) -> Option<Self::Output> {
        self.0.decode(bytes, wire::decode_version_vector)
    }

    fn check(&mut self, bytes: &[u8], vector: Self::Output) -> Result<&'static str, String> {
        let same = wire::encode_version_vector(&vector) == bytes;
        ensure(same || has_unknown_elements(bytes, 2), "canonical: not the bytes decoded")?;
        Ok("accepted")
    }

    fn allowance_bytes(&self, len: usize) -> usize {
        self.0.allowance_bytes(len)
    }
}

impl AcknowledgementTables {
    /// The decoder and its lane.
    pub fn new() -> (Self, Lane) {
        (Self::default(), Lane::new(seeds::acknowledgements()))
    }
}

impl Decoder for AcknowledgementTables {
    type Output = Acknowledgements;

    fn name(&self) -> &'static str {
        "acknowledgements"
    }

    fn decode(&mut self, bytes: &[u8]) -> Option<Self::Output> {
        self.0.decode(bytes, wire::decode_acknowledgements)
    }

    fn check(&mut self, bytes: &[u8], table: Self::Output) -> Result<&'static str, String> {
        let same = wire::encode_acknowledgements(&table) == bytes;
        ensure(same || has_unknown_elements(bytes, 2), "canonical: not the bytes decoded")?;
        Ok("accepted")
    }

    fn allowance_bytes(&self, len: usize) -> usize {
        self.0.allowance_bytes(len)
    }
}

/// Whether the envelope has more elements than this version knows: those are not given back.
pub(super) fn has_unknown_elements(bytes: &[u8], known: u8) -> bool {
    bytes.get(1).is_some_and(|header| *header != 0x90 | known)
}
