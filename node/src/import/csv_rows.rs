//! Rows of a CSV file with a header (RFC 4180): strings as they are, an empty field is empty text.
//!
//! What must always hold: a quote that is never closed is found. It would swallow every row after
//! it and could end up as one long, valid field. So a sentinel line that no text can contain is
//! appended to the file: when it does not arrive as a line of its own, a quote swallowed it.

use std::io::{self, Chain, Read};

use csv::{ByteRecord, Reader, ReaderBuilder};
use rejoin_crdt::value::{Item, MapKey};

use super::lines::Lines;
use super::row::{BadRow, Row, key_of_text};
use crate::failure::Failure;

/// A line that is not UTF-8.
const SENTINEL: &[u8] = b"\n\xff\xfe\xff end of file \xff\n";

/// The rows of a CSV file.
pub(crate) struct CsvRows<R: Read> {
    reader: Reader<Lines<Chain<R, &'static [u8]>>>,
    columns: Vec<String>,
    key_column: usize,
    record: ByteRecord,
    ended: bool,
}

impl<R: Read> CsvRows<R> {
    /// Reads the header and looks for the key column in it.
    ///
    /// # Errors
    ///
    /// No header, one that is not UTF-8, a column twice, or no column of that name.
    pub(crate) fn new(source: R, key_column: &str, path: &str) -> Result<Self, Failure> {
        let source = Lines::new(source.chain(SENTINEL));
        let mut reader = ReaderBuilder::new().flexible(true).has_headers(false).from_reader(source);
        let mut record = ByteRecord::new();
        reader.read_byte_record(&mut record).map_err(|cause| Failure::File {
            action: "read",
            path: path.into(),
            cause: io_error(cause),
        })?;
        let wrong = |message: String| Failure::usage(format!("{path}, line 1: {message}"));
        let columns: Option<Vec<String>> =
            record.iter().map(|field| str::from_utf8(field).ok().map(str::to_owned)).collect();
        let columns = columns.ok_or_else(|| wrong("no header, or one that is not UTF-8".into()))?;
        let mut sorted: Vec<&String> = columns.iter().collect();
        sorted.sort();
        if let Some([twice, _]) = sorted.array_windows().find(|[a, b]| a == b) {
            return Err(wrong(format!("two columns are named {twice:?}")));
        }
        match columns.iter().position(|column| column == key_column) {
            Some(key_column) => Ok(Self { reader, columns, key_column, record, ended: false }),
            None => Err(wrong(format!("no column {key_column}; there is {}", columns.join(", ")))),
        }
    }

    /// The next row with the line it begins on; `None` at the end of the file.
    ///
    /// # Errors
    ///
    /// The outer error says that the file cannot be read, the inner one that this row is bad.
    pub(crate) fn next_row(&mut self) -> io::Result<Option<(u64, Result<Row, BadRow>)>> {
        if self.ended || !self.reader.read_byte_record(&mut self.record).map_err(io_error)? {
            return Ok(None);
        }
        let offset = self.record.position().map_or(0, csv::Position::byte);
        let line = self.reader.get_mut().line_of_row_at(offset);
        let last = self.record.iter().next_back().unwrap_or_default();
        if let Some(before) = last.trim_ascii_end().strip_suffix(SENTINEL.trim_ascii()) {
            self.ended = true;
            let is_line_of_its_own = before.is_empty() && self.record.len() == 1;
            return Ok((!is_line_of_its_own).then_some((line, Err(BadRow::OpenQuote))));
        }
        Ok(Some((line, self.row())))
    }

    fn row(&self) -> Result<Row, BadRow> {
        let (found, expected) = (self.record.len(), self.columns.len());
        if found != expected {
            return Err(BadRow::FieldCount { found, expected });
        }
        let mut texts = Vec::with_capacity(expected);
        for field in &self.record {
            texts.push(str::from_utf8(field).map_err(|_| BadRow::NotUtf8)?);
        }
        let key = match texts.get(self.key_column) {
            Some(text) if !text.is_empty() => key_of_text(text),
            _ => return Err(BadRow::NoKey { column: self.key_column_name() }),
        };
        let names = self.columns.iter().map(|column| MapKey::from(column.as_str()));
        let value = Item::Map(names.zip(texts.into_iter().map(Item::from)).collect());
        Ok(Row { key, value })
    }

    fn key_column_name(&self) -> String {
        self.columns.get(self.key_column).cloned().unwrap_or_default()
    }
}

fn io_error(cause: csv::Error) -> io::Error {
    match cause.into_kind() {
        csv::ErrorKind::Io(cause) => cause,
        // Rows of any length and any bytes are read, so there is no other kind.
        other => io::Error::other(format!("{other:?}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &[u8]) -> Vec<(u64, Result<Row, BadRow>)> {
        let mut rows = CsvRows::new(text, "id", "file.csv").unwrap();
        std::iter::from_fn(|| rows.next_row().unwrap()).collect()
    }

    fn row(id: &str, note: &str) -> Result<Row, BadRow> {
        let fields = [("id", id), ("note", note)];
        let value = Item::Map(fields.map(|(k, v)| (k.into(), v.into())).into());
        Ok(Row { key: key_of_text(id), value })
    }

    #[test]
    fn quoted_fields_hold_commas_quotes_and_line_ends_and_lines_are_counted() {
        let text = b"id,note\n1,\"a, b\"\n2,\"say \"\"hi\"\"\nthere\"\nx,\n3,plain\r\n";
        let expected = [
            (2, row("1", "a, b")),
            (3, row("2", "say \"hi\"\nthere")),
            (5, row("x", "")),
            (6, row("3", "plain")),
        ];
        assert_eq!(rows(text), expected);
    }

    #[test]
    fn a_file_may_end_without_a_line_end_or_with_empty_lines() {
        assert_eq!(rows(b"id,note\n1,a"), [(2, row("1", "a"))]);
        assert_eq!(rows(b"id,note\n1,\"a\""), [(2, row("1", "a"))]);
        assert_eq!(rows(b"id,note\r\n1,a\r\n\r\n"), [(2, row("1", "a"))]);
        assert_eq!(rows(b"id,note\n\n\n1,\"a\r\n\"\n"), [(4, row("1", "a\r\n"))]);
        assert_eq!(rows(b"id,note\n"), []);
        assert_eq!(rows(b"id,note"), []);
    }

    #[test]
    fn a_byte_order_mark_is_no_part_of_the_first_column() {
        assert_eq!(rows(b"\xef\xbb\xbfid,note\n1,a\n"), [(2, row("1", "a"))]);
    }

    #[test]
    fn bad_rows_are_told_apart_and_the_rest_goes_on() {
        let text = b"id,note\n1\n1,a,b\n2,\xff\n,a\n3,ok\n";
        let expected = [
            (2, Err(BadRow::FieldCount { found: 1, expected: 2 })),
            (3, Err(BadRow::FieldCount { found: 3, expected: 2 })),
            (4, Err(BadRow::NotUtf8)),
            (5, Err(BadRow::NoKey { column: "id".into() })),
            (6, row("3", "ok")),
        ];
        assert_eq!(rows(text), expected);
    }

    #[test]
    fn a_quote_that_is_never_closed_is_reported_where_its_row_begins() {
        for tail in ["2,\"b\n3,c\n", "2,\"b", "2,\"b\n\n", "\"2,b\n"] {
            let text = format!("id,note\n1,a\n{tail}");
            let expected = [(2, row("1", "a")), (3, Err(BadRow::OpenQuote))];
            assert_eq!(rows(text.as_bytes()), expected, "{tail:?}");
        }
    }

    #[test]
    fn a_header_must_name_the_key_once_and_no_column_twice() {
        let message = |text: &[u8]| match CsvRows::new(text, "id", "f.csv") {
            Err(failure) => failure.to_string(),
            Ok(_) => String::new(),
        };
        assert_eq!(message(b"a,b\n1,2\n"), "f.csv, line 1: no column id; there is a, b");
        assert_eq!(message(b"id,a,a\n"), "f.csv, line 1: two columns are named \"a\"");
        assert_eq!(message(b""), "f.csv, line 1: no header, or one that is not UTF-8");
    }
}
