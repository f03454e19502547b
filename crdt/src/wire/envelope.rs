//! The MessagePack envelope: arrays, byte strings and nil, each with its shortest header.
//!
//! A reader skips elements that it does not know at the end of an envelope, so that a later version
//! can add some. What it skips it only delimits; everything else has exactly one form.

use rmp::Marker;

use super::error::DecodeError;
use super::varint::{Reader, wide};

pub(super) fn put_array_len(out: &mut Vec<u8>, len: usize) {
    match (u8::try_from(len), u16::try_from(len)) {
        (Ok(len), _) if len < 16 => out.push(Marker::FixArray(len).to_u8()),
        (_, Ok(len)) => put_header(out, Marker::Array16, &len.to_be_bytes()),
        _ => put_header(out, Marker::Array32, &saturated(len).to_be_bytes()),
    }
}

/// Reads the length of an array of at least `least` elements.
pub(super) fn array_len(reader: &mut Reader<'_>, least: usize) -> Result<usize, DecodeError> {
    let at = reader.at();
    let (len, shortest_above) = match Marker::from_u8(reader.byte()?) {
        Marker::FixArray(len) => (usize::from(len), None),
        Marker::Array16 => (big_endian(reader, 2)?, Some(15)),
        Marker::Array32 => (big_endian(reader, 4)?, Some(usize::from(u16::MAX))),
        _ => return Err(DecodeError::Envelope { at }),
    };
    if shortest_above.is_some_and(|above| len <= above) {
        return Err(DecodeError::NotCanonical { at });
    }
    if len > reader.remaining() {
        let limit = wide(reader.remaining());
        return Err(DecodeError::TooMany { at, found: wide(len), limit });
    }
    if len < least { Err(DecodeError::Envelope { at }) } else { Ok(len) }
}

pub(super) fn put_bin(out: &mut Vec<u8>, bytes: &[u8]) {
    put_bin_len(out, bytes.len());
    out.extend_from_slice(bytes);
}

/// The header of a byte string, which is to follow.
pub(super) fn put_bin_len(out: &mut Vec<u8>, len: usize) {
    match (u8::try_from(len), u16::try_from(len)) {
        (Ok(len), _) => put_header(out, Marker::Bin8, &[len]),
        (_, Ok(len)) => put_header(out, Marker::Bin16, &len.to_be_bytes()),
        _ => put_header(out, Marker::Bin32, &saturated(len).to_be_bytes()),
    }
}

/// A reader of the byte string that comes next.
pub(super) fn bin<'a>(reader: &mut Reader<'a>) -> Result<Reader<'a>, DecodeError> {
    let at = reader.at();
    let (len, shortest_above) = match Marker::from_u8(reader.byte()?) {
        Marker::Bin8 => (big_endian(reader, 1)?, None),
        Marker::Bin16 => (big_endian(reader, 2)?, Some(usize::from(u8::MAX))),
        Marker::Bin32 => (big_endian(reader, 4)?, Some(usize::from(u16::MAX))),
        _ => return Err(DecodeError::Envelope { at }),
    };
    if shortest_above.is_some_and(|above| len <= above) {
        return Err(DecodeError::NotCanonical { at });
    }
    reader.section(len)
}

pub(super) fn put_optional_bin(out: &mut Vec<u8>, bytes: Option<&[u8]>) {
    match bytes {
        Some(bytes) => put_bin(out, bytes),
        None => out.push(Marker::Null.to_u8()),
    }
}

/// A reader of the byte string that comes next; `None` if nil comes instead.
pub(super) fn optional_bin<'a>(reader: &mut Reader<'a>) -> Result<Option<Reader<'a>>, DecodeError> {
    let mut ahead = *reader;
    if ahead.byte()? == Marker::Null.to_u8() {
        *reader = ahead;
        return Ok(None);
    }
    bin(reader).map(Some)
}

/// Passes over `count` elements of any type. Takes no stack and no memory, however deep they are.
pub(super) fn skip(reader: &mut Reader<'_>, count: usize) -> Result<(), DecodeError> {
    let mut pending = wide(count);
    while pending > 0 {
        pending = (pending - 1).saturating_add(skip_one(reader)?);
    }
    Ok(())
}

/// Passes over the header of one element and its bytes; returns how many elements are inside it.
fn skip_one(reader: &mut Reader<'_>) -> Result<u64, DecodeError> {
    let at = reader.at();
    let (bytes, elements) = match Marker::from_u8(reader.byte()?) {
        Marker::FixPos(_) | Marker::FixNeg(_) | Marker::Null | Marker::True | Marker::False => {
            (0, 0)
        }
        Marker::U8 | Marker::I8 => (1, 0),
        Marker::U16 | Marker::I16 | Marker::FixExt1 => (2, 0),
        Marker::FixExt2 => (3, 0),
        Marker::U32 | Marker::I32 | Marker::F32 => (4, 0),
        Marker::FixExt4 => (5, 0),
        Marker::U64 | Marker::I64 | Marker::F64 => (8, 0),
        Marker::FixExt8 => (9, 0),
        Marker::FixExt16 => (17, 0),
        Marker::FixStr(len) => (usize::from(len), 0),
        Marker::Str8 | Marker::Bin8 => (big_endian(reader, 1)?, 0),
        Marker::Str16 | Marker::Bin16 => (big_endian(reader, 2)?, 0),
        Marker::Str32 | Marker::Bin32 => (big_endian(reader, 4)?, 0),
        Marker::Ext8 => (big_endian(reader, 1)?.saturating_add(1), 0),
        Marker::Ext16 => (big_endian(reader, 2)?.saturating_add(1), 0),
        Marker::Ext32 => (big_endian(reader, 4)?.saturating_add(1), 0),
        Marker::FixArray(len) => (0, u64::from(len)),
        Marker::Array16 => (0, wide(big_endian(reader, 2)?)),
        Marker::Array32 => (0, wide(big_endian(reader, 4)?)),
        Marker::FixMap(len) => (0, 2 * u64::from(len)),
        Marker::Map16 => (0, 2 * wide(big_endian(reader, 2)?)),
        Marker::Map32 => (0, 2 * wide(big_endian(reader, 4)?)),
        Marker::Reserved => return Err(DecodeError::Envelope { at }),
    };
    reader.bytes(bytes)?;
    Ok(elements)
}

fn put_header(out: &mut Vec<u8>, marker: Marker, len: &[u8]) {
    out.push(marker.to_u8());
    out.extend_from_slice(len);
}

/// Reads a length of at most four bytes.
fn big_endian(reader: &mut Reader<'_>, len_bytes: usize) -> Result<usize, DecodeError> {
    let bytes = reader.bytes(len_bytes)?;
    Ok(bytes.iter().fold(0, |len, byte| (len << 8) | usize::from(*byte)))
}

/// MessagePack has no greater length, and no delta comes near: [`crate::Limits`] has megabytes.
fn saturated(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_have_their_shortest_header_only() {
        for len in [0, 255, 256, 65_535, 65_536] {
            let mut bytes = Vec::new();
            put_bin(&mut bytes, &vec![7; len]);
            assert_eq!(bin(&mut Reader::new(&bytes)).map(|inside| inside.remaining()), Ok(len));
        }
        let long = |bytes: &[u8]| bin(&mut Reader::new(bytes)).map(|inside| inside.remaining());
        assert_eq!(long(&[0xc5, 0, 1, 7]), Err(DecodeError::NotCanonical { at: 0 }));
        let array = |bytes: &[u8]| array_len(&mut Reader::new(bytes), 0);
        assert_eq!(array(&[0xdc, 0, 1, 7]), Err(DecodeError::NotCanonical { at: 0 }));
        assert_eq!(array(&[0x92, 7, 7]), Ok(2));
        let stated = DecodeError::TooMany { at: 0, found: 0xffff_ffff, limit: 1 };
        assert_eq!(array(&[0xdd, 0xff, 0xff, 0xff, 0xff, 7]), Err(stated));
    }

    #[test]
    fn unknown_elements_of_every_type_are_passed_over() {
        let unknown: [&[u8]; 9] = [
            b"\x07",
            b"\xcb12345678",
            b"\xa3abc",
            b"\xc4\x02ab",
            b"\x82\x01\xc0\x02\x91\xc3",
            b"\xd6\xff1234",
            b"\xc7\x02\x05ab",
            b"\x93\xc2\x90\x80",
            b"\xd9\x01a",
        ];
        let bytes = unknown.concat();
        let mut reader = Reader::new(&bytes);
        assert_eq!(skip(&mut reader, unknown.len()), Ok(()));
        assert_eq!(reader.remaining(), 0);
        assert_eq!(skip(&mut reader, 1), Err(DecodeError::Truncated { at: bytes.len() }));
    }

    #[test]
    fn a_hundred_thousand_nested_arrays_take_no_stack() {
        let mut bytes = vec![0x91; 100_000];
        bytes.push(0xc0);
        assert_eq!(skip(&mut Reader::new(&bytes), 1), Ok(()));
    }
}
