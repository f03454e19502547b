//! Values: canonical ones from peers, and MessagePack of any form from writers in other languages.

use rejoin_crdt::Limits;
use rejoin_crdt::value::Value;

use super::{FRAME_FACTOR, SMALL_BYTES, ensure, narrow};
use crate::lane::{Decoder, Lane};
use crate::seeds;

/// `Value::from_bytes`.
#[derive(Debug)]
pub struct Values;

/// `Value::from_messagepack`.
#[derive(Debug)]
pub struct Messagepack;

impl Values {
    /// The decoder and its lane.
    ///
    /// # Errors
    /// When the valid inputs cannot be made.
    pub fn new() -> Result<(Self, Lane), String> {
        Ok((Self, Lane::of_a_quick_decoder(seeds::values()?)))
    }
}

impl Decoder for Values {
    type Output = Value;

    fn name(&self) -> &'static str {
        "value"
    }

    fn decode(&mut self, bytes: &[u8]) -> Option<Self::Output> {
        let limits = Limits::default();
        Value::from_bytes(bytes, narrow(limits.value_bytes), narrow(limits.value_depth)).ok()
    }

    fn check(&mut self, bytes: &[u8], value: Self::Output) -> Result<&'static str, String> {
        ensure(value.as_bytes() == bytes, "canonical: not the bytes decoded")?;
        let again = Value::from_item(&value.to_item());
        ensure(again.as_ref() == Ok(&value), "canonical: its parts make another value")?;
        ensure(!value.to_string().is_empty(), "printable: an empty text")?;
        Ok("accepted")
    }

    fn allowance_bytes(&self, len: usize) -> usize {
        // Judged where it lies, then copied once.
        len + 64
    }
}

impl Messagepack {
    /// The decoder and its lane.
    ///
    /// # Errors
    /// When the valid inputs cannot be made.
    pub fn new() -> Result<(Self, Lane), String> {
        Ok((Self, Lane::of_a_quick_decoder(seeds::messagepack()?)))
    }
}

impl Decoder for Messagepack {
    type Output = Value;

    fn name(&self) -> &'static str {
        "messagepack"
    }

    fn decode(&mut self, bytes: &[u8]) -> Option<Self::Output> {
        let limits = Limits::default();
        Value::from_messagepack(bytes, narrow(limits.value_bytes), narrow(limits.value_depth)).ok()
    }

    fn check(&mut self, _: &[u8], value: Self::Output) -> Result<&'static str, String> {
        // The canonical form may be longer than what was given: floats grow from 32 to 64 bits.
        let depth = narrow(Limits::default().value_depth);
        let again = Value::from_bytes(value.as_bytes(), u32::MAX, depth);
        ensure(again.as_ref() == Ok(&value), "canonical: the result is not in canonical form")?;
        Ok("accepted")
    }

    fn allowance_bytes(&self, len: usize) -> usize {
        FRAME_FACTOR * len + SMALL_BYTES
    }
}
