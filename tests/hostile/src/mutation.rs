//! Mutations of valid inputs.
//!
//! Blind changes of a nested format mostly break its outermost lengths and test nothing else. So half
//! of the mutations are made inside one MessagePack byte string of the input, whose length is then
//! written anew.

use std::ops::Range;

use fastrand::Rng;

/// Bytes that begin, end or measure something in one of the formats.
const TELLING_BYTES: [u8; 24] = [
    0x00, 0x01, 0x02, 0x03, 0x10, 0x20, 0x28, 0x30, 0x40, 0x50, 0x60, 0x70, 0x7f, 0x80, 0x90, 0x9f,
    0xc0, 0xc1, 0xc4, 0xcb, 0xd6, 0xdc, 0xfe, 0xff,
];

/// The greatest numbers and lengths that the formats can state.
const EXTREMES: [&[u8]; 14] = [
    b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
    b"\xff\xff\xff\xff\xff\xff\xff\xff\x7f",
    b"\xff\xff\xff\xff\x0f",
    b"\xff\xff\xff\x07",
    b"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01",
    b"\xff\x7f",
    b"\xff\xff\xff\xff\xff\xff\xff\xff",
    b"\x7f\xff\xff\xff\xff\xff\xff\xff",
    b"\xff\xff\xff\xff",
    b"\xc6\xff\xff\xff\xff",
    b"\xdb\xff\xff\xff\xff",
    b"\xdd\xff\xff\xff\xff",
    b"\xdf\xff\xff\xff\xff",
    b"\xc9\xff\xff\xff\xff\xff",
];

/// The longest input that is made, so that repeated blocks do not slow the lane down.
const LONGEST_GROWTH: usize = 4_096;

/// Draws mutations; the same seed draws the same ones.
#[derive(Debug)]
pub struct Mutator {
    random: Rng,
}

impl Mutator {
    /// A mutator that starts from `seed`.
    pub fn new(seed: u64) -> Self {
        Self { random: Rng::with_seed(seed) }
    }

    /// One of the inputs; one that is large only now and then.
    pub fn pick<'s>(&mut self, seeds: &'s [Vec<u8>]) -> &'s [u8] {
        const LARGE_BYTES: usize = 2_048;
        let mut seed = self.random.choice(seeds);
        for _ in 0..3 {
            if seed.is_some_and(|seed| seed.len() > LARGE_BYTES) {
                seed = self.random.choice(seeds);
            }
        }
        seed.map_or(&[], Vec::as_slice)
    }

    /// Changes `bytes` in one to four places; `other` is a second input to take pieces from.
    pub fn mutate(&mut self, bytes: &mut Vec<u8>, other: &[u8]) {
        let inside = if self.random.bool() { self.inner(bytes) } else { None };
        match inside {
            Some((header, body)) => {
                let mut inner = bytes.get(body.clone()).unwrap_or_default().to_vec();
                self.mutate_flat(&mut inner, other);
                let framed = byte_string(&inner);
                bytes.splice(header.start..body.end, framed);
            }
            None => self.mutate_flat(bytes, other),
        }
    }

    fn mutate_flat(&mut self, bytes: &mut Vec<u8>, other: &[u8]) {
        for _ in 0..self.random.usize(1..=4) {
            self.change(bytes, other);
        }
    }

    fn change(&mut self, bytes: &mut Vec<u8>, other: &[u8]) {
        let at = self.random.usize(0..=bytes.len());
        match self.random.u8(0..12) {
            0 | 1 => self.replace(bytes, at, |random, byte| byte ^ (1 << random.u8(0..8))),
            2 => self.replace(bytes, at, |random, _| random.u8(..)),
            3 => {
                self.replace(bytes, at, |random, byte| random.choice(TELLING_BYTES).unwrap_or(byte))
            }
            4 => self.replace(bytes, at, |random, byte| {
                byte.wrapping_add(if random.bool() { 1 } else { u8::MAX })
            }),
            5 => {
                let new: Vec<u8> =
                    (0..self.random.usize(1..6)).map(|_| self.random.u8(..)).collect();
                bytes.splice(at..at, new);
            }
            6 => {
                let end = (at + self.random.usize(1..6)).min(bytes.len());
                bytes.drain(at..end);
            }
            7 => bytes.truncate(at),
            8 => {
                let extreme = self.random.choice(EXTREMES).unwrap_or_default();
                let end = if self.random.bool() { at } else { at + extreme.len() };
                bytes.splice(at..end.min(bytes.len()), extreme.iter().copied());
            }
            9 => self.repeat(bytes, at),
            10 => {
                let piece = self.piece(other);
                let end = if self.random.bool() { at } else { at + piece.len() };
                bytes.splice(at..end.min(bytes.len()), piece.iter().copied());
            }
            _ => {
                bytes.truncate(at);
                bytes.extend_from_slice(
                    other.get(self.random.usize(0..=other.len())..).unwrap_or_default(),
                );
            }
        }
    }

    fn replace(&mut self, bytes: &mut [u8], at: usize, new: impl FnOnce(&mut Rng, u8) -> u8) {
        if let Some(byte) = bytes.get_mut(at) {
            *byte = new(&mut self.random, *byte);
        }
    }

    fn repeat(&mut self, bytes: &mut Vec<u8>, at: usize) {
        let end = (at + self.random.usize(1..=64)).min(bytes.len());
        let block = bytes.get(at..end).unwrap_or_default();
        let times = self.random.usize(1..=32).min(LONGEST_GROWTH / block.len().max(1));
        let blocks = block.repeat(times);
        bytes.splice(at..at, blocks);
    }

    fn piece<'o>(&mut self, other: &'o [u8]) -> &'o [u8] {
        let start = self.random.usize(0..=other.len());
        let end = (start + self.random.usize(1..=32)).min(other.len());
        other.get(start..end).unwrap_or_default()
    }

    /// A byte string somewhere in the input: where its header and where its content is.
    fn inner(&mut self, bytes: &[u8]) -> Option<(Range<usize>, Range<usize>)> {
        let found: Vec<_> =
            (0..bytes.len().min(512)).filter_map(|at| byte_string_at(bytes, at)).collect();
        self.random.choice(found)
    }
}

/// The byte string whose header stands at `at`, if one does.
fn byte_string_at(bytes: &[u8], at: usize) -> Option<(Range<usize>, Range<usize>)> {
    let len_bytes = match bytes.get(at)? {
        0xc4 => 1,
        0xc5 => 2,
        0xc6 => 4,
        _ => return None,
    };
    let start = at + 1 + len_bytes;
    let len = bytes.get(at + 1..start)?.iter().fold(0, |len, byte| (len << 8) | usize::from(*byte));
    let end = start.checked_add(len).filter(|end| *end <= bytes.len())?;
    Some((at..start, start..end))
}

/// A byte string with the shortest header.
fn byte_string(content: &[u8]) -> Vec<u8> {
    let mut framed = match (u8::try_from(content.len()), u16::try_from(content.len())) {
        (Ok(len), _) => vec![0xc4, len],
        (_, Ok(len)) => [&[0xc5][..], &len.to_be_bytes()].concat(),
        _ => {
            let len = u32::try_from(content.len()).unwrap_or(u32::MAX);
            [&[0xc6][..], &len.to_be_bytes()].concat()
        }
    };
    framed.extend_from_slice(content);
    framed
}
