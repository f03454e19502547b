//! The byte encoding of components.
//!
//! | first byte | component | then |
//! |---|---|---|
//! | `10`, `11` | false, true | |
//! | `20`…`27` | integer below zero | 8…1 bytes, magnitude in one's complement, big-endian |
//! | `28` | zero | |
//! | `29`…`30` | integer above zero | 1…8 bytes, big-endian, no leading zero byte |
//! | `40` | text | UTF-8, escaped, `00` |
//! | `50` | bytes | escaped, `00` |
//! | `60` | UUID | 16 bytes |
//! | `70` | element of a set | canonical bytes of a value, escaped, `00` |
//!
//! Escaped: every byte `00` is followed by `ff`. First bytes below `10` are type tags. A key that begins
//! with `00` is reserved: a key follows, and no path leads there.
//!
//! What must always hold: byte order is component order, no component has two encodings, and `ff`
//! is never a first byte. So an encoding followed by `ff` lies behind everything below that path;
//! where a longer text goes on with an escape, its key is not smaller than that bound and stays
//! outside.

use std::borrow::Cow;

use smallvec::SmallVec;
use uuid::Uuid;

use super::{Component, KeyError};
use crate::value::{DEFAULT_DEPTH, Int, check_canonical};

const FALSE: u8 = 0x10;
const TRUE: u8 = 0x11;
const ZERO: u8 = 0x28;
const LEAST_INT: u8 = ZERO - 8;
const GREATEST_INT: u8 = ZERO + 8;
const STR: u8 = 0x40;
const BYTES: u8 = 0x50;
const UUID: u8 = 0x60;
/// The first byte of a set element.
pub(super) const ELEMENT: u8 = 0x70;

/// The first byte of the keys that no path leads to, before all others.
pub(super) const RESERVED: u8 = 0x00;
/// The first byte behind the reserved keys: the least type tag.
pub(super) const AFTER_RESERVED: u8 = 0x01;

/// Follows a path in the position behind the cells that it holds itself.
pub(super) const AFTER_OWN_CELLS: u8 = 0x10;
/// Follows a path in the position behind the elements of a set there.
pub(super) const AFTER_ELEMENTS: u8 = ELEMENT + 1;
/// Follows a path in the position behind everything below it.
pub(super) const AFTER_SUBTREE: u8 = 0xff;

/// Ends text, bytes and elements.
const TERMINATOR: u8 = 0x00;
/// Follows a zero byte that is content. Greater than any byte that can follow a terminator, so a
/// longer text sorts behind a shorter one and whatever is below it.
pub(super) const ESCAPE: u8 = 0xff;

/// What is written to: few keys are longer.
pub(super) type Bytes = SmallVec<[u8; 40]>;

/// Appends the encoding of one component.
pub(super) fn put_component(out: &mut Bytes, component: &Component) {
    match component {
        Component::Bool(truth) => out.push(if *truth { TRUE } else { FALSE }),
        Component::Int(number) => put_int(out, *number),
        Component::Str(text) => put_text(out, text),
        Component::Bytes(bytes) => put_bytes(out, bytes),
        Component::Uuid(uuid) => {
            out.push(UUID);
            out.extend_from_slice(uuid.as_bytes());
        }
    }
}

/// Appends the encoding of text.
pub(super) fn put_text(out: &mut Bytes, text: &str) {
    put_escaped(out, STR, text.as_bytes());
}

/// Appends the encoding of bytes.
pub(super) fn put_bytes(out: &mut Bytes, bytes: &[u8]) {
    put_escaped(out, BYTES, bytes);
}

/// Appends the encoding of a set element, given the canonical bytes of its value.
pub(super) fn put_element(out: &mut Bytes, element: &[u8]) {
    put_escaped(out, ELEMENT, element);
}

fn put_int(out: &mut Bytes, number: Int) {
    let (negative, magnitude) = number.sign_and_magnitude();
    let bytes = magnitude.to_be_bytes();
    let significant = bytes.iter().skip_while(|byte| **byte == 0);
    let width = u8::try_from(significant.clone().count()).unwrap_or_default();
    if negative {
        out.push(ZERO - width);
        out.extend(significant.map(|byte| !byte));
    } else {
        out.push(ZERO + width);
        out.extend(significant.copied());
    }
}

fn put_escaped(out: &mut Bytes, first: u8, content: &[u8]) {
    out.push(first);
    if content.contains(&TERMINATOR) {
        for byte in content {
            out.push(*byte);
            if *byte == TERMINATOR {
                out.push(ESCAPE);
            }
        }
    } else {
        out.extend_from_slice(content);
    }
    out.push(TERMINATOR);
}

/// One component of an encoding, not yet copied. Only valid ones exist.
pub(super) enum Part<'a> {
    Bool(bool),
    Int(Int),
    Str(Cow<'a, str>),
    Bytes(Cow<'a, [u8]>),
    Uuid(Uuid),
    /// The canonical bytes of a set element, not a component of a path.
    Element(Cow<'a, [u8]>),
}

impl Part<'_> {
    /// The component, `None` for a set element.
    pub(super) fn into_component(self) -> Option<Component> {
        match self {
            Part::Bool(truth) => Some(Component::Bool(truth)),
            Part::Int(number) => Some(Component::Int(number)),
            Part::Str(text) => Some(Component::Str(text.into_owned())),
            Part::Bytes(bytes) => Some(Component::Bytes(bytes.into_owned())),
            Part::Uuid(uuid) => Some(Component::Uuid(uuid)),
            Part::Element(_) => None,
        }
    }
}

/// Reads components one after another and checks that each is in its one encoding.
pub(super) struct Parts<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Parts<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Parts { bytes, at: 0 }
    }

    /// Reads the components of a key, behind the first byte of a reserved one.
    pub(super) fn of_key(bytes: &'a [u8]) -> Self {
        Parts { bytes, at: usize::from(bytes.first() == Some(&RESERVED)) }
    }

    /// How many bytes were read.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// The next component; `None` at the end and before a type tag, which is not read.
    pub(super) fn next_part(&mut self) -> Result<Option<Part<'a>>, KeyError> {
        let at = self.at;
        let first = match self.bytes.get(at) {
            Some(first) if *first >= AFTER_OWN_CELLS => *first,
            _ => return Ok(None),
        };
        self.at += 1;
        let part = match first {
            FALSE => Part::Bool(false),
            TRUE => Part::Bool(true),
            LEAST_INT..=GREATEST_INT => Part::Int(self.int(first)?),
            STR => {
                // A zero byte is no part of a longer UTF-8 sequence: escapes do not hide anything.
                let text = match self.escaped()? {
                    Cow::Borrowed(bytes) => str::from_utf8(bytes).ok().map(Cow::Borrowed),
                    Cow::Owned(bytes) => String::from_utf8(bytes).ok().map(Cow::Owned),
                };
                Part::Str(text.ok_or(KeyError::InvalidUtf8 { at })?)
            }
            BYTES => Part::Bytes(self.escaped()?),
            UUID => {
                let bytes = self.take(16)?.try_into().map_err(|_| KeyError::Truncated { at })?;
                Part::Uuid(Uuid::from_bytes(bytes))
            }
            ELEMENT => {
                let element = self.escaped()?;
                check_canonical(&element, DEFAULT_DEPTH)
                    .map_err(|source| KeyError::Element { at, source })?;
                Part::Element(element)
            }
            _ => return Err(KeyError::UnknownComponent { first, at }),
        };
        Ok(Some(part))
    }

    fn int(&mut self, first: u8) -> Result<Int, KeyError> {
        let at = self.at;
        let negative = first < ZERO;
        let digits = self.take(first.abs_diff(ZERO).into())?;
        let flip = if negative { 0xff } else { 0 };
        let magnitude = digits.iter().fold(0, |number, byte| number << 8 | u64::from(byte ^ flip));
        if digits.first().is_some_and(|byte| byte ^ flip == 0) {
            return Err(KeyError::NotShortest { at });
        }
        Int::from_sign_and_magnitude(negative, magnitude).ok_or(KeyError::IntOutOfRange { at })
    }

    /// Reads up to and including the terminator, and takes the escapes out.
    fn escaped(&mut self) -> Result<Cow<'a, [u8]>, KeyError> {
        let at = self.at;
        let rest = self.bytes.get(at..).unwrap_or_default();
        let (len, has_escapes) = content_len(rest).ok_or(KeyError::Truncated { at })?;
        let content = self.take(len)?;
        self.at += 1;
        if !has_escapes {
            return Ok(Cow::Borrowed(content));
        }
        let mut plain = Vec::with_capacity(content.len());
        let mut bytes = content.iter();
        while let Some(byte) = bytes.next() {
            plain.push(*byte);
            if *byte == TERMINATOR {
                bytes.next();
            }
        }
        Ok(Cow::Owned(plain))
    }

    fn take(&mut self, len: usize) -> Result<&'a [u8], KeyError> {
        let at = self.at;
        let end = at.checked_add(len).ok_or(KeyError::Truncated { at })?;
        let taken = self.bytes.get(at..end).ok_or(KeyError::Truncated { at })?;
        self.at = end;
        Ok(taken)
    }
}

/// The length of the path in a valid key of a set element: the offset of its element.
pub(super) fn element_offset(bytes: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        let first = *bytes.get(at)?;
        at += 1 + match first {
            ELEMENT => return Some(at),
            LEAST_INT..=GREATEST_INT => usize::from(first.abs_diff(ZERO)),
            STR | BYTES => content_len(bytes.get(at + 1..)?)?.0 + 1,
            UUID => 16,
            _ => 0,
        };
    }
}

/// How many bytes, escapes included, stand before the terminator, and whether there are escapes.
fn content_len(bytes: &[u8]) -> Option<(usize, bool)> {
    let mut from = 0;
    loop {
        let zero = from + memchr::memchr(TERMINATOR, bytes.get(from..)?)?;
        if bytes.get(zero + 1) != Some(&ESCAPE) {
            return Some((zero, from > 0));
        }
        from = zero + 2;
    }
}
