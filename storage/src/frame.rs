//! The bytes of a slot: a header, then frames, each sealed by a checksum over all before it.
//!
//! What must hold: a frame checks out only directly behind the bytes that it was written behind. Its
//! checksum takes in the checksum before it, down to the header with the generation, so that a
//! leftover of an older log, a frame that landed elsewhere and a frame whose predecessor is gone are
//! all refused. The idea is that of hash chains (Haber and Stornetta, *How to Time-Stamp a Digital
//! Document*, 1991, section 5.1). The layout is in `docs/storage-format.md`.

/// The greatest payload of one frame: four times the greatest delta that a peer may send as one commit.
pub const MAX_RECORD_BYTES: usize = 64 << 20;

/// The format that this code writes, and the newest one that it reads.
pub(crate) const FORMAT: u32 = 1;

pub(crate) const HEADER_BYTES: usize = 36;
pub(crate) const START_BYTES: usize = 13;
pub(crate) const CHECK_BYTES: usize = 16;

/// The bytes of a frame without payload.
pub(crate) const FRAME_BYTES: usize = START_BYTES + CHECK_BYTES;

/// As in PNG: the line end shows when a transfer has translated line ends.
const MAGIC: [u8; 8] = *b"rejoin\r\n";

/// Separates these hashes from every other use of BLAKE3.
const HASH_KEY: &[u8; blake3::KEY_LEN] = b"rejoin: storage checksum, form 1";

/// A checksum.
pub(crate) type Check = [u8; CHECK_BYTES];

/// What a frame holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    /// Bytes of the layer above.
    Record,
    /// Token and reservation.
    Life,
    /// The end of a checkpoint: the slot counts.
    Seal,
    /// A clean end.
    Close,
}

impl Kind {
    const fn byte(self) -> u8 {
        match self {
            Self::Record => 1,
            Self::Life => 2,
            Self::Seal => 3,
            Self::Close => 4,
        }
    }

    const fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            1 => Some(Self::Record),
            2 => Some(Self::Life),
            3 => Some(Self::Seal),
            4 => Some(Self::Close),
            _ => None,
        }
    }
}

/// Where the next frame of a slot goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Position {
    pub(crate) offset: u64,
    pub(crate) number: u64,
    /// The checksum directly before it.
    pub(crate) check: Check,
}

impl Position {
    /// Behind a header.
    pub(crate) const fn first(check: Check) -> Self {
        Self { offset: HEADER_BYTES as u64, number: 0, check }
    }

    /// Behind a frame of this payload length and checksum.
    pub(crate) const fn after(self, payload_bytes: usize, check: Check) -> Self {
        let frame_bytes = (FRAME_BYTES + payload_bytes) as u64;
        Self {
            offset: self.offset.saturating_add(frame_bytes),
            number: self.number.saturating_add(1),
            check,
        }
    }
}

/// The header of a slot.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Header {
    pub(crate) format: u32,
    pub(crate) generation: u64,
    pub(crate) check: Check,
}

impl Header {
    /// The header of this generation in the present format.
    pub(crate) fn new(generation: u64) -> Self {
        Self { format: FORMAT, generation, check: header_check(FORMAT, generation) }
    }

    pub(crate) fn to_bytes(self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        let parts: [&[u8]; 4] =
            [&MAGIC, &self.format.to_le_bytes(), &self.generation.to_le_bytes(), &self.check];
        for (to, from) in bytes.iter_mut().zip(parts.into_iter().flatten()) {
            *to = *from;
        }
        bytes
    }

    /// The header at the beginning of `bytes`, if it checks out; of any format.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let rest = bytes.strip_prefix(&MAGIC)?;
        let (format, rest) = rest.split_first_chunk()?;
        let (generation, rest) = rest.split_first_chunk()?;
        let (check, _) = rest.split_first_chunk()?;
        let (format, generation) = (u32::from_le_bytes(*format), u64::from_le_bytes(*generation));
        (*check == header_check(format, generation)).then_some(Self {
            format,
            generation,
            check: *check,
        })
    }
}

/// The first bytes of a frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Start {
    pub(crate) payload_bytes: u32,
    pub(crate) kind: Kind,
    pub(crate) number: u64,
}

impl Start {
    fn to_bytes(self) -> [u8; START_BYTES] {
        let mut bytes = [0; START_BYTES];
        let parts: [&[u8]; 3] =
            [&self.payload_bytes.to_le_bytes(), &[self.kind.byte()], &self.number.to_le_bytes()];
        for (to, from) in bytes.iter_mut().zip(parts.into_iter().flatten()) {
            *to = *from;
        }
        bytes
    }

    /// The start of a frame, if it is one within the limits.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (payload_bytes, rest) = bytes.split_first_chunk()?;
        let ([kind], rest) = rest.split_first_chunk()?;
        let (number, _) = rest.split_first_chunk()?;
        let payload_bytes = u32::from_le_bytes(*payload_bytes);
        (payload_bytes as usize <= MAX_RECORD_BYTES).then_some(())?;
        let kind = Kind::from_byte(*kind)?;
        Some(Self { payload_bytes, kind, number: u64::from_le_bytes(*number) })
    }

    /// The checksum of the frame with this payload behind a frame with the checksum `before`.
    pub(crate) fn check(self, before: &Check, payload: &[u8]) -> Check {
        checksum(&[before, &self.to_bytes(), payload])
    }
}

/// A frame as bytes, and the position behind it; `None` if the payload is over the limit.
pub(crate) fn encode(at: Position, kind: Kind, payload: &[u8]) -> Option<(Vec<u8>, Position)> {
    (payload.len() <= MAX_RECORD_BYTES).then_some(())?;
    let payload_bytes = u32::try_from(payload.len()).ok()?;
    let start = Start { payload_bytes, kind, number: at.number };
    let check = start.check(&at.check, payload);
    let bytes = [&start.to_bytes(), payload, &check].concat();
    Some((bytes, at.after(payload.len(), check)))
}

fn header_check(format: u32, generation: u64) -> Check {
    checksum(&[&MAGIC, &format.to_le_bytes(), &generation.to_le_bytes()])
}

fn checksum(parts: &[&[u8]]) -> Check {
    let mut hasher = blake3::Hasher::new_keyed(HASH_KEY);
    for part in parts {
        hasher.update(part);
    }
    let mut check = [0; CHECK_BYTES];
    hasher.finalize_xof().fill(&mut check);
    check
}
