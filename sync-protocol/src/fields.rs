//! Reading and writing the MessagePack arrays that nearly all messages are.
//!
//! A reader takes the elements it knows, in order. Elements behind them belong to a later version of
//! the protocol and are ignored without being parsed, so they can neither fail nor cost anything.

use rejoin_crdt::ReplicaId;
use rmp::Marker;
use rmp::decode;
use rmp::encode;
use thiserror::Error;

/// Why bytes are not a message of their kind. No state was changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum MessageError {
    /// The body is no array, or has too few elements.
    #[error("an array of at least {needed} elements is needed")]
    Array {
        /// The number of elements that this kind of message has at the least.
        needed: u32,
    },
    /// An element has the wrong type or is cut off.
    #[error("element {element} of the message is malformed")]
    Element {
        /// The position of the element.
        element: u32,
    },
    /// Bytes follow the last element.
    #[error("{excess_bytes} bytes follow the last element of the message")]
    Excess {
        /// How many.
        excess_bytes: usize,
    },
}

/// The elements of one message.
#[derive(Debug)]
pub(crate) struct Fields<'a> {
    rest: &'a [u8],
    element: u32,
    len: u32,
    /// How many elements are known of this message.
    known: u32,
}

impl<'a> Fields<'a> {
    /// The elements of `body`, which must be at least `needed`.
    pub(crate) fn new(body: &'a [u8], needed: u32) -> Result<Self, MessageError> {
        let mut rest = body;
        match decode::read_array_len(&mut rest) {
            Ok(len) if len >= needed => Ok(Self { rest, element: 0, len, known: needed }),
            _ => Err(MessageError::Array { needed }),
        }
    }

    /// A message that is no array but bytes.
    pub(crate) const fn bare(body: &'a [u8]) -> Self {
        Self { rest: body, element: 0, len: 0, known: 0 }
    }

    /// All bytes of such a message.
    pub(crate) const fn rest(&mut self) -> &'a [u8] {
        let rest = self.rest;
        self.rest = &[];
        rest
    }

    /// The elements of an array within the message.
    pub(crate) fn array(&mut self, needed: u32) -> Result<u32, MessageError> {
        match decode::read_array_len(&mut self.rest) {
            Ok(len) if len >= needed => self.done(len),
            _ => Err(self.malformed()),
        }
    }

    /// An unsigned integer.
    pub(crate) fn uint(&mut self) -> Result<u64, MessageError> {
        match decode::read_int(&mut self.rest) {
            Ok(number) => self.done(number),
            Err(_) => Err(self.malformed()),
        }
    }

    /// An unsigned integer behind the elements that every message of this kind has, if there is one.
    pub(crate) fn further_uint(&mut self) -> Result<Option<u64>, MessageError> {
        if self.len <= self.known {
            return Ok(None);
        }
        self.known += 1;
        self.uint().map(Some)
    }

    /// The same, where nil stands for none.
    pub(crate) fn further_optional_uint(&mut self) -> Result<Option<u64>, MessageError> {
        if self.len > self.known && self.is_nil() {
            self.known += 1;
            return self.done(None);
        }
        self.further_uint()
    }

    /// 16 bytes, or nothing, behind these elements, if there is one more.
    pub(crate) fn further_optional_id(&mut self) -> Result<Option<Option<[u8; 16]>>, MessageError> {
        if self.len <= self.known {
            return Ok(None);
        }
        self.known += 1;
        self.optional_id().map(Some)
    }

    /// An unsigned integer that is a size on this machine; larger ones are cut.
    pub(crate) fn size(&mut self) -> Result<usize, MessageError> {
        self.uint().map(|size| usize::try_from(size).unwrap_or(usize::MAX))
    }

    /// Bytes.
    pub(crate) fn bin(&mut self) -> Result<&'a [u8], MessageError> {
        let read = decode::read_bin_len(&mut self.rest);
        let Some(len) = read.ok().and_then(|len| usize::try_from(len).ok()) else {
            return Err(self.malformed());
        };
        let Some((bin, rest)) = self.rest.split_at_checked(len) else {
            return Err(self.malformed());
        };
        self.rest = rest;
        self.done(bin)
    }

    /// Bytes, or nothing.
    pub(crate) fn optional_bin(&mut self) -> Result<Option<&'a [u8]>, MessageError> {
        if self.is_nil() { self.done(None) } else { self.bin().map(Some) }
    }

    /// 16 bytes, or nothing.
    pub(crate) fn optional_id(&mut self) -> Result<Option<[u8; 16]>, MessageError> {
        if self.is_nil() { self.done(None) } else { self.id().map(Some) }
    }

    /// 16 bytes.
    pub(crate) fn id(&mut self) -> Result<[u8; 16], MessageError> {
        let malformed = self.malformed();
        self.bin()?.try_into().map_err(|_| malformed)
    }

    /// A replica id, or nothing.
    pub(crate) fn optional_replica(&mut self) -> Result<Option<ReplicaId>, MessageError> {
        Ok(self.optional_id()?.map(ReplicaId::from_bytes))
    }

    /// Consumes a nil if the next element is one.
    pub(crate) fn is_nil(&mut self) -> bool {
        match self.rest.split_first() {
            Some((byte, rest)) if *byte == Marker::Null.to_u8() => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }

    /// Ends the message after the known elements: more elements are ignored, loose bytes are not.
    pub(crate) const fn finish(self) -> Result<(), MessageError> {
        if self.len == self.known && !self.rest.is_empty() {
            return Err(MessageError::Excess { excess_bytes: self.rest.len() });
        }
        Ok(())
    }

    const fn malformed(&self) -> MessageError {
        MessageError::Element { element: self.element }
    }

    const fn done<T: Copy>(&mut self, value: T) -> Result<T, MessageError> {
        self.element += 1;
        Ok(value)
    }
}

/// A message in the making.
///
/// Writing to memory cannot fail, so the results of the encoder say nothing.
#[derive(Debug)]
pub(crate) struct Body(Vec<u8>);

impl Body {
    /// The start of an array of `len` elements.
    pub(crate) fn array(len: u32) -> Self {
        Self(Vec::new()).nested(len)
    }

    /// A message that is no array but bytes.
    pub(crate) fn bare(bytes: &[u8]) -> Self {
        Self(bytes.to_vec())
    }

    /// The start of an array within the message.
    pub(crate) fn nested(mut self, len: u32) -> Self {
        let _ = encode::write_array_len(&mut self.0, len);
        self
    }

    /// An unsigned integer.
    pub(crate) fn uint(mut self, number: u64) -> Self {
        let _ = encode::write_uint(&mut self.0, number);
        self
    }

    /// An unsigned integer, or nothing.
    pub(crate) fn optional_uint(self, number: Option<u64>) -> Self {
        match number {
            Some(number) => self.uint(number),
            None => self.optional_bin(None),
        }
    }

    /// A size.
    pub(crate) fn size(self, size: usize) -> Self {
        self.uint(size as u64)
    }

    /// Bytes.
    pub(crate) fn bin(mut self, bytes: &[u8]) -> Self {
        // A message is far below 4 GiB: deltas and contexts are limited before they come here.
        let _ = encode::write_bin_len(&mut self.0, u32::try_from(bytes.len()).unwrap_or(u32::MAX));
        self.0.extend_from_slice(bytes);
        self
    }

    /// Bytes, or nothing.
    pub(crate) fn optional_bin(mut self, bytes: Option<&[u8]>) -> Self {
        match bytes {
            Some(bytes) => self.bin(bytes),
            None => {
                let _ = encode::write_nil(&mut self.0);
                self
            }
        }
    }

    /// The bytes of the message.
    pub(crate) fn finish(self) -> Vec<u8> {
        self.0
    }
}
