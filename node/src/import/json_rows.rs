//! Rows of a JSON Lines file: one object per line, blank lines between them allowed.
//!
//! What must always hold: a line is read into memory only up to the length that the largest record
//! can have, however long it is in the file.

use std::io::{self, BufRead, Read};

use rejoin_crdt::Limits;
use rejoin_crdt::value::Item;

use super::row::{BadRow, Row, field, key_of_item};

/// JSON may write one byte of a value as the six of `\u0000`, and may be indented; beyond eight times
/// the limit nothing fits.
const LINE_PER_VALUE_BYTE: usize = 8;

/// The rows of a JSON Lines file.
pub(crate) struct JsonRows<R> {
    source: R,
    key_column: String,
    line: u64,
    max_line_bytes: usize,
    buffer: Vec<u8>,
}

impl<R: BufRead> JsonRows<R> {
    /// The rows of `source`, each named by its member `key_column`.
    pub(crate) fn new(source: R, key_column: &str) -> Self {
        let max_line_bytes = Limits::default().value_bytes.saturating_mul(LINE_PER_VALUE_BYTE);
        let key_column = key_column.into();
        Self { source, key_column, line: 0, max_line_bytes, buffer: Vec::new() }
    }

    /// The next row with its line; `None` at the end of the file.
    ///
    /// # Errors
    ///
    /// The outer error says that the file cannot be read, the inner one that this row is bad.
    pub(crate) fn next_row(&mut self) -> io::Result<Option<(u64, Result<Row, BadRow>)>> {
        loop {
            self.buffer.clear();
            let most = u64::try_from(self.max_line_bytes).unwrap_or(u64::MAX);
            let len = self.source.by_ref().take(most).read_until(b'\n', &mut self.buffer)?;
            if len == 0 {
                return Ok(None);
            }
            self.line += 1;
            if len == self.max_line_bytes && self.buffer.last() != Some(&b'\n') {
                let max_bytes = Limits::default().value_bytes;
                let len_bytes = len.saturating_add(self.skip_line()?);
                let bad = BadRow::TooLarge { what: "a line", len_bytes, max_bytes };
                return Ok(Some((self.line, Err(bad))));
            }
            if !self.buffer.trim_ascii().is_empty() {
                return Ok(Some((self.line, self.row())));
            }
        }
    }

    fn row(&self) -> Result<Row, BadRow> {
        let text = str::from_utf8(&self.buffer).map_err(|_| BadRow::NotUtf8)?;
        let text = text.strip_prefix('\u{feff}').filter(|_| self.line == 1).unwrap_or(text);
        let value: Item = serde_json::from_str(text).map_err(|cause| BadRow::NotJson {
            column: cause.column(),
            // The parser counts lines within what it was given, which is always one.
            cause: cause.to_string().split(" at line ").next().unwrap_or_default().into(),
        })?;
        if !matches!(value, Item::Map(_)) {
            return Err(BadRow::NotAnObject);
        }
        let key = key_of_item(field(&value, &self.key_column), &self.key_column)?;
        Ok(Row { key, value })
    }

    /// Passes over the rest of a line; says how long it was.
    fn skip_line(&mut self) -> io::Result<usize> {
        let mut skipped = 0_usize;
        loop {
            let buffer = self.source.fill_buf()?;
            let end = buffer.iter().position(|byte| *byte == b'\n');
            let len = end.map_or(buffer.len(), |end| end + 1);
            self.source.consume(len);
            skipped = skipped.saturating_add(len);
            if end.is_some() || len == 0 {
                return Ok(skipped);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &[u8]) -> Vec<(u64, Result<Row, BadRow>)> {
        let mut rows = JsonRows::new(text, "id");
        std::iter::from_fn(|| rows.next_row().unwrap()).collect()
    }

    fn reason(text: &str) -> String {
        match rows(text.as_bytes()).pop() {
            Some((_, Err(bad))) => bad.to_string(),
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn each_line_is_a_record_with_the_types_of_json() {
        let found = rows(b"{\"id\":1,\"tags\":[\"a\"]}\n\n{\"id\":\"x\",\"n\":null}");
        let lines: Vec<u64> = found.iter().map(|(line, _)| *line).collect();
        assert_eq!(lines, [1, 3]);
        let keys: Vec<_> = found.into_iter().map(|(_, row)| row.unwrap().key).collect();
        assert_eq!(keys, [1.into(), "x".into()]);
    }

    #[test]
    fn bad_lines_say_what_is_wrong_with_them() {
        assert_eq!(reason("{\"id\":1,}"), "not JSON: trailing comma at column 9");
        assert_eq!(reason("[1]"), "not a JSON object");
        assert_eq!(reason("{\"a\":1}"), "no key: id is missing or empty");
        assert!(reason("{\"id\":1,\"id\":2}").contains("same key twice"));
        assert_eq!(rows(b"{\"id\":\"\xff\"}\n"), [(1, Err(BadRow::NotUtf8))]);
    }

    #[test]
    fn a_line_beyond_all_limits_is_passed_over_without_being_kept() {
        let long = format!("{{\"id\":1,\"x\":\"{}\"}}\n{{\"id\":2}}\n", "x".repeat(3 << 20));
        let found = rows(long.as_bytes());
        assert!(matches!(found[0], (1, Err(BadRow::TooLarge { what: "a line", .. }))));
        assert!(matches!(found[1], (2, Ok(_))));
    }
}
