//! Paths and keys.

use rejoin_crdt::Limits;
use rejoin_crdt::path::{Component, Key, Path};

use super::{FRAME_FACTOR, SMALL_BYTES, ensure, narrow};
use crate::lane::{Decoder, Lane};
use crate::seeds;

/// `Key::from_bytes`.
#[derive(Debug)]
pub struct Keys;

/// `Path::from_encoded`, and reading the text of what it accepts.
#[derive(Debug)]
pub struct Paths;

impl Keys {
    /// The decoder and its lane.
    ///
    /// # Errors
    /// When the valid inputs cannot be made.
    pub fn new() -> Result<(Self, Lane), String> {
        Ok((Self, Lane::of_a_quick_decoder(seeds::keys()?)))
    }
}

impl Decoder for Keys {
    type Output = Key;

    fn name(&self) -> &'static str {
        "key"
    }

    fn decode(&mut self, bytes: &[u8]) -> Option<Self::Output> {
        let limits = Limits::default();
        Key::from_bytes(bytes, narrow(limits.key_bytes), narrow(limits.key_components)).ok()
    }

    fn check(&mut self, bytes: &[u8], key: Self::Output) -> Result<&'static str, String> {
        ensure(key.as_bytes() == bytes, "canonical: not the bytes decoded")?;
        let tag = key.tag().ok_or("consistent: a key without a type")?;
        if key.is_reserved() {
            // No path makes such a key; behind its first byte it is a key like others.
            let rest = bytes.get(1..).and_then(|rest| self.decode(rest));
            let rest =
                rest.ok_or("consistent: a reserved key that is none without its first byte")?;
            let same = rest.path() == key.path() && rest.tag() == Some(tag);
            ensure(same && !rest.is_reserved(), "consistent: a reserved key of another path")?;
            return Ok("reserved");
        }
        let again = match key.element_bytes() {
            Some(element) => Key::element(key.path(), &element, tag),
            None => Key::new(key.path(), tag),
        };
        ensure(again.as_ref() == Ok(&key), "canonical: its parts make another key")?;
        ensure(!format!("{key:?}").is_empty(), "printable: an empty text")?;
        Ok("accepted")
    }

    fn allowance_bytes(&self, len: usize) -> usize {
        FRAME_FACTOR * len + SMALL_BYTES
    }
}

impl Paths {
    /// The decoder and its lane.
    pub fn new() -> (Self, Lane) {
        (Self, Lane::of_a_quick_decoder(seeds::encoded_paths()))
    }
}

impl Decoder for Paths {
    type Output = Path;

    fn name(&self) -> &'static str {
        "path"
    }

    fn decode(&mut self, bytes: &[u8]) -> Option<Self::Output> {
        // Whoever takes a path from outside bounds it like a key.
        let is_short = bytes.len() <= Limits::default().key_bytes;
        is_short.then(|| Path::from_encoded(bytes).ok()).flatten()
    }

    fn check(&mut self, bytes: &[u8], path: Self::Output) -> Result<&'static str, String> {
        ensure(path.encoded() == bytes, "canonical: not the bytes decoded")?;
        let text = path.to_string();
        ensure(text.parse().as_ref() == Ok(&path), "lossless: its text is another path")?;
        Ok("accepted")
    }

    fn allowance_bytes(&self, len: usize) -> usize {
        // One byte can be a component, which takes three words, twice while the list grows.
        len.min(Limits::default().key_bytes) * 3 * size_of::<Component>() + SMALL_BYTES
    }
}
