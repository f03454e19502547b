//! The frames of a stream, as far as it has the form of one.

/// The letters, the version and the flags.
const PROLOGUE_BYTES: usize = 5;

/// What a frame may end with.
const CHECKSUM_BYTES: usize = 4;

/// The frames of a stream that begins with its prologue.
#[derive(Debug)]
pub(crate) struct Frames<'a> {
    rest: &'a [u8],
    checksum_bytes: usize,
}

impl<'a> Frames<'a> {
    /// `None` if there is no prologue.
    pub(crate) fn of(stream: &'a [u8]) -> Option<Self> {
        let (prologue, rest) = stream.split_at_checked(PROLOGUE_BYTES)?;
        let has_checksums = prologue.last() != Some(&0);
        Some(Self { rest, checksum_bytes: if has_checksums { CHECKSUM_BYTES } else { 0 } })
    }
}

impl<'a> Iterator for Frames<'a> {
    /// The type byte, the body, and how many bytes of the stream come after the frame.
    type Item = (u8, &'a [u8], usize);

    fn next(&mut self) -> Option<Self::Item> {
        let (kind, rest) = self.rest.split_first()?;
        let header = rest.iter().take(9).position(|byte| byte & 0x80 == 0)? + 1;
        let digits = rest.get(..header)?.iter().rev();
        let len = digits.fold(0, |len, byte| (len << 7) | usize::from(byte & 0x7f));
        let body = rest.get(header..)?.get(..len)?;
        self.rest = rest.get(header + len + self.checksum_bytes..)?;
        Some((*kind, body, self.rest.len()))
    }
}

/// Puts frames together to a stream without checksums.
pub(crate) fn stream(frames: impl IntoIterator<Item = (u8, Vec<u8>)>) -> Vec<u8> {
    let mut stream = b"RJN\x01\x00".to_vec();
    frames.into_iter().for_each(|(kind, body)| stream.extend(frame(kind, &body)));
    stream
}

/// A frame without a checksum.
pub(crate) fn frame(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut frame = vec![kind];
    put_varint(&mut frame, body.len());
    frame.extend_from_slice(body);
    frame
}

fn put_varint(out: &mut Vec<u8>, mut number: usize) {
    while number > 0x7f {
        out.extend(u8::try_from(number & 0x7f).map(|low| low | 0x80));
        number >>= 7;
    }
    out.extend(u8::try_from(number));
}
