//! Writes items as canonical MessagePack.
//!
//! What must always hold: one byte string per item. The rules stand in the [module](super) text.

use rmp::Marker;

use super::item::exact_integer;
use super::read::{CANONICAL_NAN, Token};
use super::timestamp::EXTENSION_TYPE;
use super::{Int, Item, MapKey, Timestamp, ValueError};

/// Appends the canonical bytes of an item that nests at most `depth` arrays and maps.
pub(super) fn put_item(out: &mut Vec<u8>, item: &Item, depth: u32) -> Result<(), ValueError> {
    match item {
        Item::Nil => put_nil(out),
        Item::Bool(truth) => put_bool(out, *truth),
        Item::Int(number) => put_int(out, *number),
        Item::Float(number) => put_float(out, *number),
        Item::Str(text) => put_str(out, text)?,
        Item::Bytes(bytes) => put_bytes(out, bytes)?,
        Item::Array(items) => {
            let depth = depth.checked_sub(1).ok_or(ValueError::TooDeep { at: out.len() })?;
            put_array_len(out, items.len())?;
            items.iter().try_for_each(|item| put_item(out, item, depth))?;
        }
        Item::Map(pairs) => {
            let depth = depth.checked_sub(1).ok_or(ValueError::TooDeep { at: out.len() })?;
            put_map_len(out, pairs.len())?;
            for (key, item) in pairs {
                put_key(out, key)?;
                put_item(out, item, depth)?;
            }
        }
        Item::Timestamp(time) => put_timestamp(out, *time),
    }
    Ok(())
}

/// Appends what stands for itself: everything but arrays and maps, of which this writes nothing.
pub(super) fn put_scalar(out: &mut Vec<u8>, token: &Token<'_>) -> Result<(), ValueError> {
    match token {
        Token::Nil => put_nil(out),
        Token::Bool(truth) => put_bool(out, *truth),
        Token::Int(number) => put_int(out, *number),
        Token::Float(number) => put_float(out, *number),
        Token::Str(text) => put_str(out, text)?,
        Token::Bytes(bytes) => put_bytes(out, bytes)?,
        Token::Timestamp(time) => put_timestamp(out, *time),
        Token::Array(_) | Token::Map(_) => {}
    }
    Ok(())
}

/// Appends the header of an array.
pub(super) fn put_array_len(out: &mut Vec<u8>, len: usize) -> Result<(), ValueError> {
    match short_len(len, 0x0f) {
        Some(len) => out.push(Marker::FixArray(len).to_u8()),
        None => put_len(out, len, [None, Some(Marker::Array16)], Marker::Array32)?,
    }
    Ok(())
}

/// Appends the header of a map.
pub(super) fn put_map_len(out: &mut Vec<u8>, len: usize) -> Result<(), ValueError> {
    match short_len(len, 0x0f) {
        Some(len) => out.push(Marker::FixMap(len).to_u8()),
        None => put_len(out, len, [None, Some(Marker::Map16)], Marker::Map32)?,
    }
    Ok(())
}

fn put_nil(out: &mut Vec<u8>) {
    out.push(Marker::Null.to_u8());
}

fn put_key(out: &mut Vec<u8>, key: &MapKey) -> Result<(), ValueError> {
    match key {
        MapKey::Int(number) => put_int(out, *number),
        MapKey::Str(text) => put_str(out, text)?,
    }
    Ok(())
}

fn put_bool(out: &mut Vec<u8>, truth: bool) {
    let marker = if truth { Marker::True } else { Marker::False };
    out.push(marker.to_u8());
}

pub(super) fn put_int(out: &mut Vec<u8>, number: Int) {
    match (number.as_u64(), number.as_i64()) {
        (Some(number), _) => put_unsigned(out, number),
        (None, Some(number)) => put_negative(out, number),
        // Unreachable: every integer is one or the other.
        (None, None) => {}
    }
}

fn put_unsigned(out: &mut Vec<u8>, number: u64) {
    if let Ok(byte) = u8::try_from(number) {
        if byte > 0x7f {
            out.push(Marker::U8.to_u8());
        }
        out.push(byte);
    } else if let Ok(short) = u16::try_from(number) {
        put(out, Marker::U16, &short.to_be_bytes());
    } else if let Ok(middle) = u32::try_from(number) {
        put(out, Marker::U32, &middle.to_be_bytes());
    } else {
        put(out, Marker::U64, &number.to_be_bytes());
    }
}

fn put_negative(out: &mut Vec<u8>, number: i64) {
    if let Ok(byte) = i8::try_from(number) {
        if byte < -0x20 {
            out.push(Marker::I8.to_u8());
        }
        out.extend_from_slice(&byte.to_be_bytes());
    } else if let Ok(short) = i16::try_from(number) {
        put(out, Marker::I16, &short.to_be_bytes());
    } else if let Ok(middle) = i32::try_from(number) {
        put(out, Marker::I32, &middle.to_be_bytes());
    } else {
        put(out, Marker::I64, &number.to_be_bytes());
    }
}

fn put_float(out: &mut Vec<u8>, number: f64) {
    match exact_integer(number) {
        Some(integer) => put_int(out, integer),
        None => {
            let bits = if number.is_nan() { CANONICAL_NAN } else { number.to_bits() };
            put(out, Marker::F64, &bits.to_be_bytes());
        }
    }
}

pub(super) fn put_str(out: &mut Vec<u8>, text: &str) -> Result<(), ValueError> {
    match short_len(text.len(), 0x1f) {
        Some(len) => out.push(Marker::FixStr(len).to_u8()),
        None => put_len(out, text.len(), [Some(Marker::Str8), Some(Marker::Str16)], Marker::Str32)?,
    }
    out.extend_from_slice(text.as_bytes());
    Ok(())
}

fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) -> Result<(), ValueError> {
    put_len(out, bytes.len(), [Some(Marker::Bin8), Some(Marker::Bin16)], Marker::Bin32)?;
    out.extend_from_slice(bytes);
    Ok(())
}

fn put_timestamp(out: &mut Vec<u8>, time: Timestamp) {
    let payload = time.payload();
    match payload.len() {
        4 => out.push(Marker::FixExt4.to_u8()),
        8 => out.push(Marker::FixExt8.to_u8()),
        _ => put(out, Marker::Ext8, &[12]),
    }
    out.extend_from_slice(&EXTENSION_TYPE.to_be_bytes());
    out.extend_from_slice(&payload);
}

/// A length that fits into the marker itself.
fn short_len(len: usize, largest: u8) -> Option<u8> {
    u8::try_from(len).ok().filter(|len| *len <= largest)
}

/// Writes the shortest header among those with 1, 2 and 4 bytes of length; arrays and maps have
/// none with 1.
fn put_len(
    out: &mut Vec<u8>,
    len: usize,
    [byte, short]: [Option<Marker>; 2],
    long: Marker,
) -> Result<(), ValueError> {
    if let (Some(marker), Ok(len)) = (byte, u8::try_from(len)) {
        put(out, marker, &[len]);
    } else if let (Some(marker), Ok(len)) = (short, u16::try_from(len)) {
        put(out, marker, &len.to_be_bytes());
    } else {
        let too_large = ValueError::TooLarge { len_bytes: len, max_bytes: u32::MAX };
        put(out, long, &u32::try_from(len).map_err(|_| too_large)?.to_be_bytes());
    }
    Ok(())
}

fn put(out: &mut Vec<u8>, marker: Marker, bytes: &[u8]) {
    out.push(marker.to_u8());
    out.extend_from_slice(bytes);
}
