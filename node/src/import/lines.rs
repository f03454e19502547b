//! Finds the line on which a row begins, by keeping the bytes of the rows that are being read.
//!
//! A CSV parser that reports positions reports where it went on reading: before the rest of a CR LF
//! and before blank lines. Here the bytes decide.
//!
//! What must always hold: the bytes kept are those of one row and of what was read ahead. A row beyond
//! all limits ends the reading with an error, because only a quote that is never closed makes one.

use std::io::{self, Read};

/// Far above any row that could be stored, low enough to keep.
const MAX_ROW_BYTES: usize = 16 << 20;

/// A reader that can say on which line an offset is.
#[derive(Debug)]
pub(super) struct Lines<R> {
    source: R,
    /// What was read from `start` on.
    window: Vec<u8>,
    /// The offset in the file at which the window begins.
    start: u64,
    /// The line there.
    line: u64,
}

impl<R: Read> Lines<R> {
    pub(super) const fn new(source: R) -> Self {
        Self { source, window: Vec::new(), start: 0, line: 1 }
    }

    /// The line of the first byte at or after `offset` that is no line end. Offsets only go forward;
    /// everything before is forgotten.
    pub(super) fn line_of_row_at(&mut self, offset: u64) -> u64 {
        let before = usize::try_from(offset.saturating_sub(self.start)).unwrap_or(usize::MAX);
        let blank = self.window.iter().skip(before).take_while(|byte| is_line_end(**byte)).count();
        let passed = before.saturating_add(blank).min(self.window.len());
        let newlines = self.window.drain(..passed).filter(|byte| *byte == b'\n').count();
        self.line += u64::try_from(newlines).unwrap_or(u64::MAX);
        self.start += u64::try_from(passed).unwrap_or(u64::MAX);
        self.line
    }
}

const fn is_line_end(byte: u8) -> bool {
    matches!(byte, b'\n' | b'\r')
}

impl<R: Read> Read for Lines<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.window.len() > MAX_ROW_BYTES {
            let most = MAX_ROW_BYTES >> 20;
            let line = self.line;
            return Err(io::Error::other(format!(
                "more than {most} MiB in one row after line {line}; is a quote never closed?"
            )));
        }
        let len = self.source.read(buffer)?;
        self.window.extend_from_slice(buffer.get(..len).unwrap_or_default());
        Ok(len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_begins_on_the_line_of_its_first_byte() {
        let text = b"head\r\n\r\n\nrow\nlast";
        let mut lines = Lines::new(text.as_slice());
        io::copy(&mut lines, &mut io::sink()).unwrap();
        assert_eq!(lines.line_of_row_at(0), 1);
        assert_eq!(lines.line_of_row_at(5), 4);
        assert_eq!(lines.line_of_row_at(13), 5);
    }

    #[test]
    fn a_row_without_end_is_an_error_before_it_fills_the_memory() {
        let mut lines = Lines::new(io::repeat(b'x'));
        let error = io::copy(&mut lines, &mut io::sink()).unwrap_err();
        assert!(error.to_string().contains("is a quote never closed?"), "{error}");
    }
}
