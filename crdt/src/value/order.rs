//! The order of document values, for registers that keep the greatest or the least one.
//!
//! Kinds first (nothing, truth, numbers, text, bytes, arrays, maps, time), then numbers by size and
//! times by time, everything else by its canonical bytes. The order is total and agrees with
//! equality, so that every replica picks the same extreme.

use std::cmp::Ordering;

use super::{Int, Item, Value};

impl Ord for Value {
    fn cmp(&self, other: &Self) -> Ordering {
        let (a, b) = (self.to_item(), other.to_item());
        let by_kind = rank(&a).cmp(&rank(&b));
        by_kind
            .then_with(|| match (&a, &b) {
                (Item::Timestamp(a), Item::Timestamp(b)) => {
                    (a.seconds(), a.nanos()).cmp(&(b.seconds(), b.nanos()))
                }
                _ => by_number(&a, &b),
            })
            .then_with(|| self.as_bytes().cmp(other.as_bytes()))
    }
}

impl PartialOrd for Value {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

const fn rank(item: &Item) -> u8 {
    match item {
        Item::Nil => 0,
        Item::Bool(_) => 1,
        Item::Int(_) | Item::Float(_) => 2,
        Item::Str(_) => 3,
        Item::Bytes(_) => 4,
        Item::Array(_) => 5,
        Item::Map(_) => 6,
        Item::Timestamp(_) => 7,
    }
}

/// Numbers by size, with "not a number" above all; equal where either is no number.
fn by_number(a: &Item, b: &Item) -> Ordering {
    match (a, b) {
        (Item::Int(a), Item::Int(b)) => a.cmp(b),
        (Item::Float(a), Item::Float(b)) => a.total_cmp(b),
        (Item::Int(a), Item::Float(b)) => int_and_float(*a, *b),
        (Item::Float(a), Item::Int(b)) => int_and_float(*b, *a).reverse(),
        _ => Ordering::Equal,
    }
}

/// Exact: a float beyond the integers decides by itself, any other one by its whole part, and then by
/// its fraction.
#[allow(
    clippy::cast_possible_truncation,
    reason = "a float within 2^65 has a whole part that an i128 holds"
)]
fn int_and_float(int: Int, float: f64) -> Ordering {
    const BEYOND: f64 = 36_893_488_147_419_103_232.0; // 2^65
    if float.is_nan() || float >= BEYOND {
        return Ordering::Less;
    }
    if float <= -BEYOND {
        return Ordering::Greater;
    }
    let whole = float.trunc() as i128;
    int.as_i128().cmp(&whole).then_with(|| 0.0_f64.total_cmp(&(float.fract() + 0.0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn float(number: f64) -> Value {
        Value::from_serialize(&number).unwrap()
    }

    #[test]
    fn numbers_compare_by_size_across_their_encodings() {
        let ordered = [
            float(f64::NEG_INFINITY),
            float(-1e300),
            float(f64::from(i32::MIN)),
            float(-1.5),
            float(-1.0),
            float(-0.5),
            float(0.0),
            float(0.5),
            float(1.0),
            float(200.0),
            float(200.25),
            Value::from_serialize(&u64::MAX).unwrap(),
            float(1e300),
            float(f64::INFINITY),
            float(f64::NAN),
        ];
        for pair in ordered.windows(2) {
            assert!(pair[0] < pair[1], "{} must be below {}", pair[0], pair[1]);
        }
    }

    #[test]
    fn kinds_never_mix_and_text_sorts_by_its_bytes() {
        let text = |t: &str| Value::from_serialize(t).unwrap();
        assert!(float(1e9) < text("") && text("a") < text("b"));
        assert!(Value::from_serialize(&true).unwrap() < float(-1.0));
    }
}
