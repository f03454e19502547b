//! Frames: how messages become one stream of bytes, and come back out of it.
//!
//! ```text
//! stream  = "RJN" major flags frame*
//! frame   = type length body [checksum]
//! type    = 1 byte: bit 7 the receiver may skip it, bit 6 more of this message follows, bits 0-5 kind
//! length  = varint, of the body
//! checksum = the first 4 bytes of BLAKE3(type, body), if bit 0 of the stream's flags is set
//! ```
//!
//! TCP's own checksum lets about one damaged segment in 65 536 through, and damage under a valid dot
//! would be kept for ever, so frames carry a checksum unless the transport authenticates its bytes
//! (TLS, WebRTC). It guards against accidents, not against an adversary.
//!
//! What must always hold: no more is buffered than one frame and its header may take.

use thiserror::Error;

use crate::varint::{self, Varint};

/// The first bytes of every stream.
const MAGIC: [u8; 3] = *b"RJN";
/// The major version of the framing itself; messages have versions of their own, in the hello.
const MAJOR: u8 = 1;
const FLAG_CHECKSUM: u8 = 1;
const PROLOGUE_LEN: usize = 5;
const CHECKSUM_LEN: usize = 4;

const OPTIONAL: u8 = 0x80;
const MORE: u8 = 0x40;
const KIND: u8 = 0x3f;

/// Why a stream of bytes is not a stream of frames. No state was changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum FrameError {
    /// The stream does not begin like one of this protocol.
    #[error("the stream does not begin with the magic bytes of this protocol")]
    Magic,
    /// The framing has another major version.
    #[error("the framing has major version {theirs}, this side speaks {ours}")]
    Major {
        /// The version of the stream.
        theirs: u8,
        /// The version spoken here.
        ours: u8,
    },
    /// Unknown flags in the prologue.
    #[error("the stream has flags {flags:#04x}, of which some are unknown")]
    Flags {
        /// The flags.
        flags: u8,
    },
    /// A length that is no varint in its shortest form.
    #[error("the length of a frame is malformed")]
    Length,
    /// A frame beyond the limit.
    #[error("a frame announces {len_bytes} bytes where at most {limit_bytes} are allowed")]
    TooLarge {
        /// What the frame announces.
        len_bytes: u64,
        /// What it may.
        limit_bytes: usize,
    },
    /// The checksum does not fit.
    #[error("the checksum of a frame of type {kind} does not fit its {len_bytes} bytes")]
    Checksum {
        /// The kind bits of the frame's type.
        kind: u8,
        /// The length of its body.
        len_bytes: usize,
    },
}

/// One frame.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Frame {
    pub(crate) kind: u8,
    pub(crate) optional: bool,
    pub(crate) more: bool,
    pub(crate) body: Vec<u8>,
}

/// The first bytes of a stream.
pub(crate) fn prologue(checksum: bool) -> [u8; PROLOGUE_LEN] {
    let [r, j, n] = MAGIC;
    [r, j, n, MAJOR, if checksum { FLAG_CHECKSUM } else { 0 }]
}

/// Appends one critical frame.
pub(crate) fn put_frame(out: &mut Vec<u8>, kind: u8, more: bool, body: &[u8], checksum: bool) {
    let type_byte = kind | if more { MORE } else { 0 };
    // At once: to grow for the checksum would copy the body.
    out.reserve(1 + varint::MOST_LEN + body.len() + CHECKSUM_LEN);
    out.push(type_byte);
    varint::put(out, body.len() as u64);
    out.extend_from_slice(body);
    if checksum {
        out.extend_from_slice(&checksum_of(type_byte, body));
    }
}

fn checksum_of(type_byte: u8, body: &[u8]) -> [u8; CHECKSUM_LEN] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&[type_byte]).update(body);
    let mut out = [0; CHECKSUM_LEN];
    hasher.finalize_xof().fill(&mut out);
    out
}

/// Takes bytes in any portions and gives back whole frames.
#[derive(Clone, Debug)]
pub(crate) struct FrameReader {
    buffer: Vec<u8>,
    /// What has been read of the buffer.
    at: usize,
    /// Whether frames carry checksums; `None` until the prologue is read.
    checksum: Option<bool>,
    limit_bytes: usize,
}

impl FrameReader {
    /// A reader of frames of at most `limit_bytes`.
    pub(crate) const fn new(limit_bytes: usize) -> Self {
        Self { buffer: Vec::new(), at: 0, checksum: None, limit_bytes }
    }

    /// From the next frame on another limit holds.
    pub(crate) const fn limit_frames(&mut self, limit_bytes: usize) {
        self.limit_bytes = limit_bytes;
    }

    /// Takes the next bytes of the stream. The caller asks for frames until there is none, so what
    /// stays here is less than one frame.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.buffer.drain(..self.at);
        self.at = 0;
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole frame; `None` if more bytes are needed.
    pub(crate) fn next(&mut self) -> Result<Option<Frame>, FrameError> {
        let Some(checksum) = self.read_prologue()? else { return Ok(None) };
        let unread = self.buffer.get(self.at..).unwrap_or_default();
        let Some((&type_byte, rest)) = unread.split_first() else { return Ok(None) };
        let (len, header) = match varint::read(rest) {
            Varint::Number(len, header) => (len, header),
            Varint::Incomplete => return Ok(None),
            Varint::Malformed => return Err(FrameError::Length),
        };
        let limit_bytes = self.limit_bytes;
        let too_large = FrameError::TooLarge { len_bytes: len, limit_bytes };
        let len = usize::try_from(len).map_err(|_| too_large)?;
        if len > limit_bytes {
            return Err(too_large);
        }
        let sum_len = if checksum { CHECKSUM_LEN } else { 0 };
        let Some(framed) = rest.get(header..header + len + sum_len) else { return Ok(None) };
        let (body, sum) = framed.split_at(len);
        let kind = type_byte & KIND;
        if checksum && sum != checksum_of(type_byte, body) {
            return Err(FrameError::Checksum { kind, len_bytes: len });
        }
        let (optional, more) = (type_byte & OPTIONAL != 0, type_byte & MORE != 0);
        let frame = Frame { kind, optional, more, body: body.to_vec() };
        self.at += 1 + header + len + sum_len;
        Ok(Some(frame))
    }

    fn read_prologue(&mut self) -> Result<Option<bool>, FrameError> {
        if self.checksum.is_some() {
            return Ok(self.checksum);
        }
        let known = self.buffer.len().min(MAGIC.len());
        if self.buffer.get(..known) != MAGIC.get(..known) {
            return Err(FrameError::Magic);
        }
        let Some(&[_, _, _, major, flags]) = self.buffer.get(..PROLOGUE_LEN) else {
            return Ok(None);
        };
        if major != MAJOR {
            return Err(FrameError::Major { theirs: major, ours: MAJOR });
        }
        if flags & !FLAG_CHECKSUM != 0 {
            return Err(FrameError::Flags { flags });
        }
        self.at = PROLOGUE_LEN;
        self.checksum = Some(flags & FLAG_CHECKSUM != 0);
        Ok(self.checksum)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(checksum: bool) -> Vec<u8> {
        let mut bytes = prologue(checksum).to_vec();
        put_frame(&mut bytes, 3, true, b"first", checksum);
        put_frame(&mut bytes, 3, false, &[7; 300], checksum);
        bytes
    }

    #[test]
    fn frames_come_out_however_the_bytes_are_split() {
        for checksum in [false, true] {
            let bytes = stream(checksum);
            for step in [1, 2, 7, bytes.len()] {
                let mut reader = FrameReader::new(1_000);
                let mut frames = Vec::new();
                for portion in bytes.chunks(step) {
                    reader.push(portion);
                    while let Some(frame) = reader.next().unwrap() {
                        frames.push((frame.kind, frame.more, frame.body.len()));
                    }
                }
                assert_eq!(frames, [(3, true, 5), (3, false, 300)]);
            }
        }
    }

    #[test]
    fn a_damaged_byte_is_noticed() {
        let mut bytes = stream(true);
        bytes[8] ^= 1;
        let mut reader = FrameReader::new(1_000);
        reader.push(&bytes);
        assert_eq!(reader.next(), Err(FrameError::Checksum { kind: 3, len_bytes: 5 }));
    }

    #[test]
    fn a_frame_beyond_the_limit_is_refused_before_it_arrives() {
        let mut bytes = prologue(false).to_vec();
        bytes.push(3);
        varint::put(&mut bytes, 1_001);
        let mut reader = FrameReader::new(1_000);
        reader.push(&bytes);
        let refused = FrameError::TooLarge { len_bytes: 1_001, limit_bytes: 1_000 };
        assert_eq!(reader.next(), Err(refused));
    }
}
