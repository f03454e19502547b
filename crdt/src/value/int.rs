//! An integer of the range that MessagePack and JSON readers share: `i64::MIN..=u64::MAX`.
//!
//! What must always hold: every number of the range has one representation, so derived equality,
//! order and hash are those of the number.

use std::fmt;

use serde::{Serialize, Serializer};

/// An integer in `i64::MIN..=u64::MAX`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Int(Repr);

/// The order of the variants is the order of the numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Repr {
    /// Below zero only.
    Negative(i64),
    NonNegative(u64),
}

impl Int {
    /// The number as the one Rust type that holds the whole range.
    pub fn as_i128(self) -> i128 {
        match self.0 {
            Repr::Negative(number) => number.into(),
            Repr::NonNegative(number) => number.into(),
        }
    }

    /// The number when it is not negative.
    pub fn as_u64(self) -> Option<u64> {
        match self.0 {
            Repr::Negative(_) => None,
            Repr::NonNegative(number) => Some(number),
        }
    }

    /// The number when it is at most `i64::MAX`.
    pub fn as_i64(self) -> Option<i64> {
        match self.0 {
            Repr::Negative(number) => Some(number),
            Repr::NonNegative(number) => i64::try_from(number).ok(),
        }
    }

    /// Splits into a magnitude above zero for a negative number, or the number itself.
    pub(crate) fn sign_and_magnitude(self) -> (bool, u64) {
        match self.0 {
            Repr::Negative(number) => (true, number.unsigned_abs()),
            Repr::NonNegative(number) => (false, number),
        }
    }

    /// The inverse of [`Int::sign_and_magnitude`]; `None` below `i64::MIN` and for a negative zero.
    pub(crate) fn from_sign_and_magnitude(negative: bool, magnitude: u64) -> Option<Self> {
        match (negative, magnitude) {
            (true, 0) => None,
            (true, _) => 0i64.checked_sub_unsigned(magnitude).map(Int::from),
            (false, _) => Some(magnitude.into()),
        }
    }
}

/// An integer was outside `i64::MIN..=u64::MAX`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} is outside the range of 64-bit integers")]
pub struct IntOutOfRange(pub i128);

impl TryFrom<i128> for Int {
    type Error = IntOutOfRange;

    fn try_from(number: i128) -> Result<Self, IntOutOfRange> {
        if let Ok(number) = u64::try_from(number) {
            return Ok(number.into());
        }
        i64::try_from(number).map(Int::from).map_err(|_| IntOutOfRange(number))
    }
}

impl From<u64> for Int {
    fn from(number: u64) -> Self {
        Int(Repr::NonNegative(number))
    }
}

impl From<i64> for Int {
    fn from(number: i64) -> Self {
        match u64::try_from(number) {
            Ok(number) => number.into(),
            Err(_) => Int(Repr::Negative(number)),
        }
    }
}

/// Calls a macro with every primitive integer that converts without loss, beside the type that
/// carries it.
macro_rules! for_each_small_integer {
    ($callback:ident) => {
        $callback!(u8 as u64, u16 as u64, u32 as u64, usize as u64);
        $callback!(i8 as i64, i16 as i64, i32 as i64, isize as i64);
    };
}

macro_rules! int_from {
    ($($small:ty as $wide:ty),*) => {
        $(impl From<$small> for Int {
            fn from(number: $small) -> Self {
                // Lossless: no platform of Rust has a usize above 64 bits.
                Int::from(number as $wide)
            }
        })*
    };
}

for_each_small_integer!(int_from);

impl fmt::Display for Int {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_i128().fmt(out)
    }
}

impl Serialize for Int {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Repr::Negative(number) => serializer.serialize_i64(number),
            Repr::NonNegative(number) => serializer.serialize_u64(number),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_range_ends_at_the_least_signed_and_the_greatest_unsigned_number() {
        let ends = [i128::from(i64::MIN), -1, 0, 1, i128::from(i64::MAX), i128::from(u64::MAX)];
        for number in ends {
            let int = Int::try_from(number).unwrap();
            assert_eq!(int.as_i128(), number);
            let (negative, magnitude) = int.sign_and_magnitude();
            assert_eq!(Int::from_sign_and_magnitude(negative, magnitude), Some(int));
        }
        assert!(Int::try_from(i128::from(i64::MIN) - 1).is_err());
        assert!(Int::try_from(i128::from(u64::MAX) + 1).is_err());
        assert_eq!(Int::from_sign_and_magnitude(true, 0), None);
        assert_eq!(Int::from_sign_and_magnitude(true, (1 << 63) + 1), None);
    }

    quickcheck::quickcheck! {
        fn integers_order_as_numbers(a: i64, b: u64) -> bool {
            Int::from(a).cmp(&Int::from(b)) == i128::from(a).cmp(&i128::from(b))
        }
    }
}
