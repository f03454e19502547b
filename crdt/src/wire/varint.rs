//! Numbers in as many bytes as they need, and the reader that everything else reads through.
//!
//! A varint is LEB128: seven bits per byte, least significant first, the top bit set on all bytes but
//! the last. The last byte is zero only when it is the only one, so every number has one form.
//!
//! A difference is taken modulo 2⁶⁴ and zigzagged (0, −1, 1, −2, … become 0, 1, 2, 3, …). Modulo,
//! because then every pair of numbers has exactly one difference and reading cannot overflow.
//!
//! Source: DWARF Debugging Information Format 5, 2017, section 7.6 (LEB128); zigzag from Protocol
//! Buffers, *Encoding*.

use super::error::DecodeError;

/// The bytes not read yet, and where they stand in the whole input.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'a> {
    rest: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, at: 0 }
    }

    /// The offset of the next byte in the whole input.
    pub(super) const fn at(&self) -> usize {
        self.at
    }

    /// The number of bytes not read yet.
    pub(super) const fn remaining(&self) -> usize {
        self.rest.len()
    }

    pub(super) fn byte(&mut self) -> Result<u8, DecodeError> {
        let (first, rest) =
            self.rest.split_first().ok_or(DecodeError::Truncated { at: self.at })?;
        self.rest = rest;
        self.at += 1;
        Ok(*first)
    }

    pub(super) fn bytes(&mut self, len: usize) -> Result<&'a [u8], DecodeError> {
        let (taken, rest) =
            self.rest.split_at_checked(len).ok_or(DecodeError::Truncated { at: self.at })?;
        self.rest = rest;
        self.at += len;
        Ok(taken)
    }

    /// A reader of the next `len` bytes, which are skipped here.
    pub(super) fn section(&mut self, len: usize) -> Result<Self, DecodeError> {
        let at = self.at;
        Ok(Self { rest: self.bytes(len)?, at })
    }

    /// Refuses bytes that nobody read.
    pub(super) const fn end(self) -> Result<(), DecodeError> {
        if self.rest.is_empty() { Ok(()) } else { Err(DecodeError::TrailingBytes { at: self.at }) }
    }

    pub(super) fn varint(&mut self) -> Result<u64, DecodeError> {
        let at = self.at;
        let mut number = 0_u64;
        for shift in (0..u64::BITS).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            number |= bits << shift;
            if number >> shift != bits {
                return Err(DecodeError::NumberTooLarge { at });
            }
            if byte & 0x80 == 0 {
                let overlong = byte == 0 && shift > 0;
                return if overlong { Err(DecodeError::NotCanonical { at }) } else { Ok(number) };
            }
        }
        Err(DecodeError::NumberTooLarge { at })
    }

    /// Reads a count of things that take at least `least_bytes` each of the bytes that follow.
    pub(super) fn count(&mut self, least_bytes: usize) -> Result<usize, DecodeError> {
        let at = self.at;
        let found = self.varint()?;
        let limit = self.rest.len() / least_bytes.max(1);
        match usize::try_from(found) {
            Ok(count) if count <= limit => Ok(count),
            _ => Err(DecodeError::TooMany { at, found, limit: wide(limit) }),
        }
    }
}

pub(super) fn put_varint(out: &mut Vec<u8>, mut number: u64) {
    loop {
        let [low, ..] = number.to_le_bytes();
        number >>= 7;
        if number == 0 {
            return out.push(low);
        }
        out.push(low | 0x80);
    }
}

/// The bytes of a number as a varint.
pub(super) const fn varint_len(number: u64) -> usize {
    // Seven bits each; zero takes a byte, too.
    (64 - (number | 1).leading_zeros()).div_ceil(7) as usize
}

/// The zigzag form of `to - from`.
pub(super) const fn difference(to: u64, from: u64) -> u64 {
    let difference = to.wrapping_sub(from);
    if difference >> 63 == 0 { difference << 1 } else { !(difference << 1) }
}

/// The number that lies a zigzag `difference` behind `from`.
pub(super) const fn add_difference(from: u64, difference: u64) -> u64 {
    let half = difference >> 1;
    from.wrapping_add(if difference & 1 == 0 { half } else { !half })
}

/// A length in memory as a number on the wire.
pub(super) fn wide(len: usize) -> u64 {
    // No platform has lengths of more than 64 bits.
    u64::try_from(len).unwrap_or(u64::MAX)
}

/// Writes a length or a count.
pub(super) fn put_count(out: &mut Vec<u8>, count: usize) {
    put_varint(out, wide(count));
}

#[cfg(test)]
mod tests {
    use super::*;

    const NUMBERS: [u64; 9] = [0, 1, 127, 128, 300, 1 << 32, i64::MAX as u64, 1 << 63, u64::MAX];

    #[test]
    fn every_number_has_one_form_and_comes_back() {
        for number in NUMBERS {
            let mut bytes = Vec::new();
            put_varint(&mut bytes, number);
            let mut reader = Reader::new(&bytes);
            assert_eq!((reader.varint(), reader.remaining()), (Ok(number), 0));
            assert!(bytes.len() <= 10);
            assert_eq!(bytes.len(), varint_len(number));
        }
    }

    #[test]
    fn a_longer_form_of_a_number_is_refused() {
        let read = |bytes: &[u8]| Reader::new(bytes).varint();
        assert_eq!(read(&[0x80, 0]), Err(DecodeError::NotCanonical { at: 0 }));
        assert_eq!(read(&[0xff, 0x80, 0]), Err(DecodeError::NotCanonical { at: 0 }));
        assert_eq!(read(&[0xff; 11]), Err(DecodeError::NumberTooLarge { at: 0 }));
        let mut more_than_64_bits = [0xff; 10];
        more_than_64_bits[9] = 2;
        assert_eq!(read(&more_than_64_bits), Err(DecodeError::NumberTooLarge { at: 0 }));
        assert_eq!(read(&[0x80]), Err(DecodeError::Truncated { at: 1 }));
    }

    #[test]
    fn small_differences_are_small_numbers_in_both_directions() {
        assert_eq!([difference(7, 7), difference(6, 7), difference(8, 7)], [0, 1, 2]);
        for from in NUMBERS {
            for to in NUMBERS {
                assert_eq!(add_difference(from, difference(to, from)), to);
            }
        }
    }
}
