//! Blocks of numbers that are not alike: each takes the bits of the greatest, or is a varint.
//!
//! A block has 128 numbers, the last one of a group what is left. It begins with a byte, its *width*:
//!
//! - 1 to 64: its numbers follow in so many bits each, least significant first, the last byte filled up with
//!   zeros;
//! - 0: varints follow.
//!
//! A block of fewer than eight numbers has no width: they are varints.
//!
//! There is one form: the width is that of the greatest number, and bits are used where they take fewer bytes.
//! Whoever reads checks this.

use smallvec::SmallVec;

use super::error::DecodeError;
use super::varint::{Reader, put_varint, varint_len, wide};

/// Numbers in a block: a single great one makes few others long, and the width costs little.
const BLOCK: usize = 128;

/// Below, a width costs more than it saves.
const LEAST_WITH_WIDTH: usize = 8;

/// Blocks under construction; holds what is written, and one block of numbers.
#[derive(Debug, Default)]
pub(super) struct BlockWriter {
    bytes: Vec<u8>,
    /// Of a small delta, columns have one number or two.
    numbers: SmallVec<[u64; 2]>,
    count: u64,
}

impl BlockWriter {
    pub(super) fn push(&mut self, number: u64) {
        if self.numbers.len() == BLOCK {
            put_block(&mut self.bytes, &self.numbers);
            self.numbers.clear();
        }
        self.numbers.push(number);
        self.count += 1;
    }

    /// How many numbers there are.
    pub(super) const fn count(&self) -> u64 {
        self.count
    }

    /// Appends all blocks.
    pub(super) fn finish(mut self, out: &mut Vec<u8>) {
        out.append(&mut self.bytes);
        put_block(out, &self.numbers);
    }
}

fn put_block(out: &mut Vec<u8>, numbers: &[u64]) {
    let mut measure = Measure::default();
    numbers.iter().for_each(|number| measure.add(*number));
    let width = measure.width();
    if numbers.len() >= LEAST_WITH_WIDTH {
        out.push(width);
    }
    match width {
        0 => numbers.iter().for_each(|number| put_varint(out, *number)),
        _ => pack(out, numbers, width),
    }
}

fn pack(out: &mut Vec<u8>, numbers: &[u64], width: u8) {
    let (mut bits, mut filled) = (0_u128, 0);
    for number in numbers {
        bits |= u128::from(*number) << filled;
        filled += u32::from(width);
        while filled >= 8 {
            out.push(lowest_byte(bits));
            bits >>= 8;
            filled -= 8;
        }
    }
    if filled > 0 {
        out.push(lowest_byte(bits));
    }
}

const fn lowest_byte(bits: u128) -> u8 {
    let [low, ..] = bits.to_le_bytes();
    low
}

fn packed_bytes(count: usize, width: u8) -> usize {
    (count * usize::from(width)).div_ceil(8)
}

/// What decides how the numbers of a block are written.
#[derive(Debug, Default)]
struct Measure {
    /// Every bit that any of them has.
    bits: u64,
    count: usize,
    varints_bytes: usize,
}

impl Measure {
    fn add(&mut self, number: u64) {
        self.bits |= number;
        self.count += 1;
        self.varints_bytes += varint_len(number);
    }

    /// The bits for each of them; 0 for varints.
    fn width(&self) -> u8 {
        let [width, ..] = (u64::BITS - self.bits.leading_zeros()).to_le_bytes();
        let gains = packed_bytes(self.count, width) < self.varints_bytes;
        if self.count >= LEAST_WITH_WIDTH && gains { width } else { 0 }
    }
}

/// A block to be read from front to back.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Block<'a> {
    /// The numbers that follow as varints.
    varints: u64,
    packed: Packed<'a>,
}

impl<'a> Block<'a> {
    /// Begins the next block of a group that has `left` numbers left, at the least one. Returns how many it has. What
    /// `is_checked` is not measured again.
    pub(super) fn begin(
        reader: &mut Reader<'a>,
        left: u64,
        is_checked: bool,
    ) -> Result<(Self, u64), DecodeError> {
        let count = usize::try_from(left).unwrap_or(BLOCK).min(BLOCK);
        let not_canonical = DecodeError::NotCanonical { at: reader.at() };
        let width = if count < LEAST_WITH_WIDTH { 0 } else { reader.byte()? };
        if u32::from(width) > u64::BITS {
            return Err(not_canonical);
        }
        let (mut block, ahead) = (Self::default(), *reader);
        if width == 0 {
            block.varints = wide(count);
        } else {
            let bytes = reader.bytes(packed_bytes(count, width))?;
            block.packed = Packed { bytes, width: width.into(), left: count, bit: 0 };
        }
        if is_checked || block.is_canonical(ahead, width)? {
            Ok((block, wide(count)))
        } else {
            Err(not_canonical)
        }
    }

    /// Whether its numbers, the varints of `ahead` or the packed ones, would be written as they stand there.
    fn is_canonical(&self, mut ahead: Reader<'a>, width: u8) -> Result<bool, DecodeError> {
        let mut measure = Measure::default();
        for _ in 0..self.varints {
            measure.add(ahead.varint()?);
        }
        self.packed.for_each(|number| measure.add(number));
        Ok(measure.width() == width && self.packed.is_filled_up_with_zeros())
    }

    /// Whether no number is left.
    pub(super) const fn is_empty(&self) -> bool {
        self.varints == 0 && self.packed.left == 0
    }

    /// The next number. Those of a width were read from `reader` when the block began.
    pub(super) fn next(&mut self, reader: &mut Reader<'a>) -> Result<u64, DecodeError> {
        if let Some(number) = self.packed.next() {
            return Ok(number);
        }
        self.varints = self.varints.saturating_sub(1);
        reader.varint()
    }
}

/// Numbers of one width.
#[derive(Clone, Copy, Debug, Default)]
struct Packed<'a> {
    bytes: &'a [u8],
    width: usize,
    left: usize,
    /// Where the next one begins.
    bit: usize,
}

impl Packed<'_> {
    /// Whether the bits behind the last number are zeros. Nothing was taken out yet.
    fn is_filled_up_with_zeros(&self) -> bool {
        let unused = self.bytes.len() * 8 - self.left * self.width;
        self.bytes.last().is_none_or(|last| last.leading_zeros() as usize >= unused)
    }
}

impl Iterator for Packed<'_> {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        self.left = self.left.checked_sub(1)?;
        let (from, shift) = (self.bytes.get(self.bit / 8..)?, self.bit % 8);
        // Eight bytes and the beginning of a ninth hold a number, wherever it begins.
        let low = match from.first_chunk() {
            Some(bytes) => u64::from_le_bytes(*bytes),
            None => from.iter().rev().fold(0, |low, byte| low << 8 | u64::from(*byte)),
        };
        let ninth = from.get(8).map_or(0, |byte| u64::from(*byte));
        let high = if shift == 0 { 0 } else { ninth << (64 - shift) };
        self.bit += self.width;
        Some((low >> shift | high) & (u64::MAX >> (64 - self.width)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(numbers: &[u64]) -> Vec<u8> {
        let (mut writer, mut out) = (BlockWriter::default(), Vec::new());
        numbers.iter().for_each(|number| writer.push(*number));
        writer.finish(&mut out);
        out
    }

    fn read(bytes: &[u8], count: u64) -> Result<Vec<u64>, DecodeError> {
        let (mut reader, mut left, mut numbers) = (Reader::new(bytes), count, Vec::new());
        while left > 0 {
            let (mut block, len) = Block::begin(&mut reader, left, false)?;
            while !block.is_empty() {
                numbers.push(block.next(&mut reader)?);
            }
            left -= len;
        }
        reader.end()?;
        Ok(numbers)
    }

    #[test]
    fn the_forms_are_those_of_the_format_page() {
        assert_eq!(written(&[300, 1]), [0xac, 2, 1]);
        assert_eq!(written(&[0, 1, 2, 3, 4, 5, 6, 7]), [3, 0b1000_1000, 0b1100_0110, 0b1111_1010]);
        // A single great one: varints are shorter.
        assert_eq!(written(&[1, 2, 3, 4, 5, 6, 7, 1 << 40])[..3], [0, 1, 2]);
    }

    #[test]
    fn numbers_of_every_width_come_back_from_every_place() {
        for width in 1..=64_usize {
            for count in [1, 7, 8, 9, 127, 128, 129, 300] {
                let greatest = u64::MAX >> (64 - width);
                let numbers: Vec<u64> = (0..count)
                    .map(|at: u64| {
                        greatest - at.wrapping_mul(0x9e37_79b9_7f4a_7c15) % greatest.max(2) / 2
                    })
                    .collect();
                let bytes = written(&numbers);
                assert_eq!(read(&bytes, count).as_ref(), Ok(&numbers), "{width} bits");
                assert!(bytes.len() <= (numbers.len() * width).div_ceil(8) + 3 + 7 * 10);
            }
        }
    }

    #[test]
    fn two_byte_strings_of_the_same_numbers_are_not_both_accepted() {
        // Three bytes behind each width: whatever is accepted is what its numbers are written as.
        let mut accepted = 0;
        for width in 0..=255 {
            for bits in (0..1_u32 << 16).step_by(37) {
                let [a, b, ..] = bits.to_le_bytes();
                for tail in [&[][..], &[a], &[a, b], &[1, 2, 3, 4, 5, 6, a, b]] {
                    let bytes = [&[width], tail].concat();
                    if let Ok(numbers) = read(&bytes, 8) {
                        assert_eq!(written(&numbers), bytes);
                        accepted += 1;
                    }
                }
            }
        }
        assert!(accepted > 1_000);
    }

    #[test]
    fn what_could_be_narrower_or_shorter_or_has_something_behind_it_is_refused() {
        let refused = Err(DecodeError::NotCanonical { at: 0 });
        assert_eq!(read(&[2, 0b01_01_01_00, 1], 8), refused, "one bit would do");
        assert_eq!(read(&[0, 1, 0, 1, 0, 1, 0, 1, 0], 8), refused, "bits would be shorter");
        assert_eq!(read(&[65; 100], 8), refused, "there are no such numbers");
        let mut behind = written(&[1, 0, 1, 0, 1, 0, 1, 0, 1]);
        assert_eq!(behind.len(), 3);
        behind[2] |= 2;
        assert_eq!(read(&behind, 9), refused, "a bit behind the last number");
        assert_eq!(read(&[3, 0, 0], 8), Err(DecodeError::Truncated { at: 1 }));
    }
}
