//! Reads MessagePack: strictly canonical to judge foreign bytes, any form to make them canonical.
//!
//! What must always hold: no input makes it panic, recurse past the depth it was given, or
//! allocate for a length that the input only states.

use std::collections::BTreeMap;
use std::ops::Range;

use rmp::Marker;

use super::item::exact_integer;
use super::timestamp::EXTENSION_TYPE;
use super::{Int, Item, MapKey, Timestamp, ValueError};

/// The one bit pattern of "not a number": quiet, positive, without payload.
pub(super) const CANONICAL_NAN: u64 = 0x7ff8_0000_0000_0000;

/// Checks that the bytes are exactly one item in canonical form.
pub(super) fn check(bytes: &[u8], depth: u32) -> Result<(), ValueError> {
    let mut reader = Reader { bytes, at: 0, form: Form::Canonical };
    reader.check_item(depth)?;
    reader.end()
}

/// Reads exactly one item from MessagePack of any form.
pub(super) fn read(bytes: &[u8], depth: u32) -> Result<Item, ValueError> {
    let mut reader = Reader { bytes, at: 0, form: Form::Any };
    let item = reader.item(depth)?;
    reader.end()?;
    Ok(item)
}

#[derive(Clone, Copy, PartialEq)]
pub(super) enum Form {
    Canonical,
    Any,
}

#[derive(Clone, Copy)]
pub(super) struct Reader<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) at: usize,
    pub(super) form: Form,
}

/// One scalar, or the header of an array or map.
pub(super) enum Token<'a> {
    Nil,
    Bool(bool),
    Int(Int),
    Float(f64),
    Str(&'a str),
    Bytes(&'a [u8]),
    Array(usize),
    Map(usize),
    Timestamp(Timestamp),
}

impl<'a> Reader<'a> {
    fn check_item(&mut self, depth: u32) -> Result<(), ValueError> {
        let at = self.at;
        match self.token()? {
            Token::Array(len) => {
                let depth = depth.checked_sub(1).ok_or(ValueError::TooDeep { at })?;
                (0..len).try_for_each(|_| self.check_item(depth))
            }
            Token::Map(len) => {
                let depth = depth.checked_sub(1).ok_or(ValueError::TooDeep { at })?;
                let mut last = None;
                for _ in 0..len {
                    last = Some(self.check_key(last)?);
                    self.check_item(depth)?;
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Checks one map key against the one before it and says where it stands.
    fn check_key(&mut self, last: Option<Range<usize>>) -> Result<Range<usize>, ValueError> {
        let at = self.at;
        match self.token()? {
            Token::Int(_) | Token::Str(_) => {}
            _ => return Err(ValueError::KeyKind { at }),
        }
        let key = at..self.at;
        if let Some(last) = last {
            let (last, this) = (self.bytes.get(last), self.bytes.get(key.clone()));
            if last == this {
                return Err(ValueError::DuplicateKey { at });
            }
            if last > this {
                return Err(ValueError::KeyOrder { at });
            }
        }
        Ok(key)
    }

    fn item(&mut self, depth: u32) -> Result<Item, ValueError> {
        let at = self.at;
        Ok(match self.token()? {
            Token::Nil => Item::Nil,
            Token::Bool(truth) => Item::Bool(truth),
            Token::Int(number) => Item::Int(number),
            Token::Float(number) => Item::from(number),
            Token::Str(text) => Item::Str(text.into()),
            Token::Bytes(bytes) => Item::Bytes(bytes.into()),
            Token::Timestamp(time) => Item::Timestamp(time),
            Token::Array(len) => {
                let depth = depth.checked_sub(1).ok_or(ValueError::TooDeep { at })?;
                let mut items = Vec::new();
                for _ in 0..len {
                    items.push(self.item(depth)?);
                }
                Item::Array(items)
            }
            Token::Map(len) => {
                let depth = depth.checked_sub(1).ok_or(ValueError::TooDeep { at })?;
                let mut pairs = BTreeMap::new();
                for _ in 0..len {
                    let at = self.at;
                    let key = self.key()?;
                    if pairs.insert(key, self.item(depth)?).is_some() {
                        return Err(ValueError::DuplicateKey { at });
                    }
                }
                Item::Map(pairs)
            }
        })
    }

    /// Passes over one item whose depth was checked before.
    pub(super) fn skip_item(&mut self) -> Result<(), ValueError> {
        let mut pending = 1_u64;
        while pending > 0 {
            let inside = match self.token()? {
                Token::Array(len) => u64::try_from(len).unwrap_or(u64::MAX),
                Token::Map(len) => u64::try_from(len).unwrap_or(u64::MAX).saturating_mul(2),
                _ => 0,
            };
            pending = (pending - 1).saturating_add(inside);
        }
        Ok(())
    }

    fn key(&mut self) -> Result<MapKey, ValueError> {
        let at = self.at;
        match self.token()? {
            Token::Int(number) => Ok(MapKey::Int(number)),
            Token::Str(text) => Ok(MapKey::Str(text.into())),
            _ => Err(ValueError::KeyKind { at }),
        }
    }

    pub(super) fn token(&mut self) -> Result<Token<'a>, ValueError> {
        let at = self.at;
        let [marker] = self.array()?;
        match Marker::from_u8(marker) {
            Marker::Null => Ok(Token::Nil),
            Marker::False => Ok(Token::Bool(false)),
            Marker::True => Ok(Token::Bool(true)),
            Marker::FixPos(number) => Ok(Token::Int(number.into())),
            Marker::FixNeg(number) => Ok(Token::Int(number.into())),
            Marker::U8 => self.unsigned(at, 1, 0x80),
            Marker::U16 => self.unsigned(at, 2, 0x100),
            Marker::U32 => self.unsigned(at, 4, 0x1_0000),
            Marker::U64 => self.unsigned(at, 8, 0x1_0000_0000),
            Marker::I8 => self.array().map(i8::from_be_bytes).and_then(|n| self.signed(at, n, -32)),
            Marker::I16 => {
                self.array().map(i16::from_be_bytes).and_then(|n| self.signed(at, n, i8::MIN))
            }
            Marker::I32 => {
                self.array().map(i32::from_be_bytes).and_then(|n| self.signed(at, n, i16::MIN))
            }
            Marker::I64 => {
                self.array().map(i64::from_be_bytes).and_then(|n| self.signed(at, n, i32::MIN))
            }
            Marker::F32 => self.single_float(at),
            Marker::F64 => self.double_float(at),
            Marker::FixStr(len) => self.str(at, len.into()),
            Marker::Str8 => self.len(at, 1, 0x20).and_then(|len| self.str(at, len)),
            Marker::Str16 => self.len(at, 2, 0x100).and_then(|len| self.str(at, len)),
            Marker::Str32 => self.len(at, 4, 0x1_0000).and_then(|len| self.str(at, len)),
            Marker::Bin8 => self.len(at, 1, 0).and_then(|len| self.bin(len)),
            Marker::Bin16 => self.len(at, 2, 0x100).and_then(|len| self.bin(len)),
            Marker::Bin32 => self.len(at, 4, 0x1_0000).and_then(|len| self.bin(len)),
            Marker::FixArray(len) => self.array_of(at, len.into()),
            Marker::Array16 => self.len(at, 2, 0x10).and_then(|len| self.array_of(at, len)),
            Marker::Array32 => self.len(at, 4, 0x1_0000).and_then(|len| self.array_of(at, len)),
            Marker::FixMap(len) => self.map_of(at, len.into()),
            Marker::Map16 => self.len(at, 2, 0x10).and_then(|len| self.map_of(at, len)),
            Marker::Map32 => self.len(at, 4, 0x1_0000).and_then(|len| self.map_of(at, len)),
            Marker::FixExt1 => self.extension(at, 1, false),
            Marker::FixExt2 => self.extension(at, 2, false),
            Marker::FixExt4 => self.extension(at, 4, true),
            Marker::FixExt8 => self.extension(at, 8, true),
            Marker::FixExt16 => self.extension(at, 16, false),
            Marker::Ext8 => self.len(at, 1, 0).and_then(|len| self.extension(at, len, len == 12)),
            Marker::Ext16 => self.len(at, 2, 0).and_then(|len| self.extension(at, len, false)),
            Marker::Ext32 => self.len(at, 4, 0).and_then(|len| self.extension(at, len, false)),
            Marker::Reserved => Err(ValueError::ReservedMarker { at }),
        }
    }

    /// An unsigned integer of some width, canonical from `least` on.
    fn unsigned(&mut self, at: usize, width: usize, least: u64) -> Result<Token<'a>, ValueError> {
        let number = self.big_endian(width)?;
        self.require(number >= least, ValueError::NotShortest { at })?;
        Ok(Token::Int(number.into()))
    }

    /// A signed integer, canonical only below the least number of the next narrower form.
    fn signed(
        &self,
        at: usize,
        number: impl Into<i64>,
        narrower: impl Into<i64>,
    ) -> Result<Token<'a>, ValueError> {
        let number = number.into();
        self.require(number < narrower.into(), ValueError::NotShortest { at })?;
        Ok(Token::Int(number.into()))
    }

    fn single_float(&mut self, at: usize) -> Result<Token<'a>, ValueError> {
        let number = f32::from_be_bytes(self.array()?);
        self.require(false, ValueError::SinglePrecision { at })?;
        Ok(Token::Float(number.into()))
    }

    fn double_float(&mut self, at: usize) -> Result<Token<'a>, ValueError> {
        let number = f64::from_be_bytes(self.array()?);
        self.require(exact_integer(number).is_none(), ValueError::FloatIsInteger { at })?;
        let canonical = !number.is_nan() || number.to_bits() == CANONICAL_NAN;
        self.require(canonical, ValueError::OtherNan { at })?;
        Ok(Token::Float(number))
    }

    fn str(&mut self, at: usize, len: usize) -> Result<Token<'a>, ValueError> {
        let text = str::from_utf8(self.take(len)?).map_err(|_| ValueError::InvalidUtf8 { at })?;
        Ok(Token::Str(text))
    }

    fn bin(&mut self, len: usize) -> Result<Token<'a>, ValueError> {
        Ok(Token::Bytes(self.take(len)?))
    }

    fn array_of(&mut self, at: usize, len: usize) -> Result<Token<'a>, ValueError> {
        if len > self.left() {
            return Err(ValueError::Truncated { at });
        }
        Ok(Token::Array(len))
    }

    fn map_of(&mut self, at: usize, len: usize) -> Result<Token<'a>, ValueError> {
        // Every key and every value takes a byte at least.
        if len > self.left() / 2 {
            return Err(ValueError::Truncated { at });
        }
        Ok(Token::Map(len))
    }

    /// An extension; `header_fits` says that the header is the one canonical form uses for `len`.
    fn extension(
        &mut self,
        at: usize,
        len: usize,
        header_fits: bool,
    ) -> Result<Token<'a>, ValueError> {
        let kind = i8::from_be_bytes(self.array()?);
        if kind != EXTENSION_TYPE {
            return Err(ValueError::UnknownExtension { kind, at });
        }
        let payload = self.take(len)?;
        let time = Timestamp::from_payload(payload).ok_or(ValueError::BadTimestamp { at })?;
        let shortest = header_fits && time.payload().len() == len;
        self.require(shortest, ValueError::NotShortest { at })?;
        Ok(Token::Timestamp(time))
    }

    /// A length field of some width, canonical from `least` on.
    fn len(&mut self, at: usize, width: usize, least: u64) -> Result<usize, ValueError> {
        let len = self.big_endian(width)?;
        self.require(len >= least, ValueError::NotShortest { at })?;
        usize::try_from(len).map_err(|_| ValueError::Truncated { at })
    }

    fn require(&self, canonical: bool, error: ValueError) -> Result<(), ValueError> {
        if canonical || self.form == Form::Any { Ok(()) } else { Err(error) }
    }

    fn big_endian(&mut self, width: usize) -> Result<u64, ValueError> {
        let bytes = self.take(width)?;
        Ok(bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], ValueError> {
        let at = self.at;
        self.take(N)?.try_into().map_err(|_| ValueError::Truncated { at })
    }

    fn take(&mut self, len: usize) -> Result<&'a [u8], ValueError> {
        let at = self.at;
        let end = at.checked_add(len).ok_or(ValueError::Truncated { at })?;
        let taken = self.bytes.get(at..end).ok_or(ValueError::Truncated { at })?;
        self.at = end;
        Ok(taken)
    }

    fn left(&self) -> usize {
        self.bytes.len().saturating_sub(self.at)
    }

    pub(super) fn end(&self) -> Result<(), ValueError> {
        if self.left() == 0 { Ok(()) } else { Err(ValueError::TrailingBytes { at: self.at }) }
    }
}
