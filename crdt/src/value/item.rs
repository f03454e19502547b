//! A document value taken apart: the tree that canonical bytes stand for.
//!
//! What must always hold: a map has one entry per key and iterates in the order of its canonical
//! bytes, because [`MapKey`] orders by its encoding.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt;

use serde::{Serialize, Serializer};

use super::hex::hex;
use super::{Int, Timestamp, Value};

/// A document value as a tree, for readers that do not know its shape beforehand.
///
/// With serde it reads and writes ordinary JSON and any other self-describing format. What JSON
/// cannot say has these forms, each an object with one member:
///
/// | item | in formats for people |
/// |---|---|
/// | bytes | `{"$bytes": "00ff"}`, lower-case hexadecimal |
/// | timestamp | `{"$time": [seconds, nanoseconds]}` |
/// | not a number, infinities | `{"$float": "NaN"}`, `"inf"`, `"-inf"` |
/// | map with an integer key | `{"$map": [[key, value], …]}` |
///
/// A map that looks like one of these gets one more `$` before its key and loses it on reading.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Item {
    /// Nothing; the unit value and the absent option.
    #[default]
    Nil,
    /// True or false.
    Bool(bool),
    /// A whole number of 64 bits.
    Int(Int),
    /// A number that is not whole, or too large to be exact. Canonical bytes write a float within
    /// ±(2⁵³ − 1) without a fraction as an integer; [`Item::from`] an `f64` does the same.
    Float(f64),
    /// Text.
    Str(String),
    /// Bytes.
    Bytes(Vec<u8>),
    /// A sequence.
    Array(Vec<Item>),
    /// Pairs of a key and a value, in the order of the encoded keys.
    Map(BTreeMap<MapKey, Item>),
    /// A point in time.
    Timestamp(Timestamp),
}

/// The key of a map inside a document value: text or an integer.
///
/// Ordered by its canonical MessagePack bytes: integers from 0 to 127, then text by length and
/// bytes, with the longer integers between and after.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum MapKey {
    /// An integer key.
    Int(Int),
    /// A text key.
    Str(String),
}

impl From<f64> for Item {
    fn from(number: f64) -> Self {
        exact_integer(number).map_or(Item::Float(number), Item::Int)
    }
}

impl From<bool> for Item {
    fn from(truth: bool) -> Self {
        Item::Bool(truth)
    }
}

impl From<&str> for Item {
    fn from(text: &str) -> Self {
        Item::Str(text.into())
    }
}

impl<T: Into<Int>> From<T> for MapKey {
    fn from(number: T) -> Self {
        MapKey::Int(number.into())
    }
}

impl From<&str> for MapKey {
    fn from(text: &str) -> Self {
        MapKey::Str(text.into())
    }
}

impl From<&Value> for Item {
    fn from(value: &Value) -> Self {
        value.to_item()
    }
}

impl MapKey {
    /// The first canonical byte. It differs between kinds and grows with the size of the encoding.
    fn lead(&self) -> u8 {
        match self {
            MapKey::Int(number) => int_lead(*number),
            MapKey::Str(text) => match text.len() {
                0..=0x1f => 0xa0,
                0x20..=0xff => 0xd9,
                0x100..=0xffff => 0xda,
                _ => 0xdb,
            },
        }
    }
}

fn int_lead(number: Int) -> u8 {
    match (number.as_u64(), number.as_i64()) {
        (Some(..=0x7f), _) => 0,
        (Some(..=0xff), _) => 0xcc,
        (Some(..=0xffff), _) => 0xcd,
        (Some(..=0xffff_ffff), _) => 0xce,
        (Some(_), _) => 0xcf,
        (None, Some(-0x20..)) => 0xe0,
        (None, Some(-0x80..)) => 0xd0,
        (None, Some(-0x8000..)) => 0xd1,
        (None, Some(-0x8000_0000..)) => 0xd2,
        (None, _) => 0xd3,
    }
}

impl Ord for MapKey {
    fn cmp(&self, other: &Self) -> Ordering {
        self.lead().cmp(&other.lead()).then_with(|| match (self, other) {
            // Equal leads have the same sign and width, where bytes order as numbers do.
            (MapKey::Int(a), MapKey::Int(b)) => a.cmp(b),
            (MapKey::Str(a), MapKey::Str(b)) => a.len().cmp(&b.len()).then_with(|| a.cmp(b)),
            // Unreachable: the leads of integers and of text are disjoint.
            (MapKey::Int(_), MapKey::Str(_)) => Ordering::Less,
            (MapKey::Str(_), MapKey::Int(_)) => Ordering::Greater,
        })
    }
}

impl PartialOrd for MapKey {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Serialize for MapKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            MapKey::Int(number) => number.serialize(serializer),
            MapKey::Str(text) => serializer.serialize_str(text),
        }
    }
}

/// Prints for people: JSON, with `h'00ff'` for bytes and `time(s, ns)` for timestamps.
impl fmt::Display for Item {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Item::Nil => out.write_str("null"),
            Item::Bool(truth) => truth.fmt(out),
            Item::Int(number) => number.fmt(out),
            Item::Float(number) => write!(out, "{number:?}"),
            Item::Str(text) => write!(out, "{text:?}"),
            Item::Bytes(bytes) => write!(out, "h'{}'", hex(bytes)),
            Item::Array(items) => separated(out, '[', items, ']', |out, item| item.fmt(out)),
            Item::Map(pairs) => {
                separated(out, '{', pairs, '}', |out, (key, item)| write!(out, "{key}: {item}"))
            }
            Item::Timestamp(time) => time.fmt(out),
        }
    }
}

impl fmt::Display for MapKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            MapKey::Int(number) => number.fmt(out),
            MapKey::Str(text) => write!(out, "{text:?}"),
        }
    }
}

fn separated<T>(
    out: &mut fmt::Formatter<'_>,
    open: char,
    parts: impl IntoIterator<Item = T>,
    close: char,
    print: impl Fn(&mut fmt::Formatter<'_>, T) -> fmt::Result,
) -> fmt::Result {
    write!(out, "{open}")?;
    for (index, part) in parts.into_iter().enumerate() {
        if index > 0 {
            out.write_str(", ")?;
        }
        print(out, part)?;
    }
    write!(out, "{close}")
}

/// The integer that a float stands for: whole, exact in JavaScript (±(2⁵³ − 1)) and not −0.
pub(super) fn exact_integer(number: f64) -> Option<Int> {
    const LARGEST_EXACT: f64 = 9_007_199_254_740_991.0;
    let negative_zero = number == 0.0 && number.is_sign_negative();
    if number.abs() > LARGEST_EXACT || number.fract() != 0.0 || negative_zero {
        return None;
    }
    #[allow(clippy::cast_possible_truncation, reason = "whole and within 53 bits, checked above")]
    let integer = number as i64;
    Some(integer.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_float_is_an_integer_exactly_where_javascript_says_so() {
        for whole in [0.0, 1.0, -1.0, 9_007_199_254_740_991.0, -9_007_199_254_740_991.0] {
            assert!(matches!(Item::from(whole), Item::Int(_)), "{whole}");
        }
        let others =
            [-0.0, 0.5, 9_007_199_254_740_992.0, 1e300, f64::NAN, f64::INFINITY, f64::MIN_POSITIVE];
        for other in others {
            assert!(matches!(Item::from(other), Item::Float(_)), "{other}");
        }
    }

    #[test]
    fn an_item_prints_like_json() {
        let pairs = [
            (MapKey::from("a"), Item::from("say \"hi\"")),
            (MapKey::from(7), Item::Array(vec![Item::Nil, true.into(), 1.5.into(), 2.0.into()])),
            (MapKey::from("b"), Item::Bytes(vec![0, 255])),
            (MapKey::from("t"), Item::Timestamp(Timestamp::new(5, 6).unwrap())),
        ];
        let text = Item::Map(pairs.into()).to_string();
        assert_eq!(
            text,
            r#"{7: [null, true, 1.5, 2], "a": "say \"hi\"", "b": h'00ff', "t": time(5, 6)}"#
        );
    }
}
