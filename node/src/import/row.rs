//! One record on its way from a file to a register.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use rejoin_crdt::Limits;
use rejoin_crdt::path::{Component, Key, Path, TypeTag};
use rejoin_crdt::value::{Item, MapKey, Value};
use thiserror::Error;

/// A record and its key.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Row {
    /// What names the record among the others.
    pub(crate) key: Component,
    /// The record: a map of its columns, the key column included.
    pub(crate) value: Item,
}

/// Why a row cannot be stored.
#[derive(Clone, Debug, PartialEq, Error)]
#[non_exhaustive]
pub(crate) enum BadRow {
    /// A row of CSV with more or fewer fields than the header.
    #[error("{found} fields instead of {expected}")]
    FieldCount {
        /// How many there are.
        found: usize,
        /// How many the header names.
        expected: usize,
    },
    /// A quoted field that goes on to the end of the file.
    #[error("a quote that is never closed, up to the end of the file")]
    OpenQuote,
    /// Bytes that are no text.
    #[error("text that is not UTF-8")]
    NotUtf8,
    /// A line that is no JSON, or no document value.
    #[error("not JSON: {cause} at column {column}")]
    NotJson {
        /// What the parser said.
        cause: String,
        /// Where in the line.
        column: usize,
    },
    /// A line of JSON that is not an object.
    #[error("not a JSON object")]
    NotAnObject,
    /// A row without the key column, or with nothing in it.
    #[error("no key: {column} is missing or empty")]
    NoKey {
        /// The key column.
        column: String,
    },
    /// A key that cannot be a component of a path.
    #[error("{column} is {kind}, but a key is text, a whole number or a truth value")]
    KeyKind {
        /// The key column.
        column: String,
        /// What it is instead.
        kind: &'static str,
    },
    /// A key for the second time.
    #[error("the key {key} again, first on line {first_line}")]
    RepeatedKey {
        /// The key.
        key: Component,
        /// The line of the row that has it.
        first_line: u64,
    },
    /// A record or key beyond what a cell may hold.
    #[error("{what} of {len_bytes} bytes, at most {max_bytes} are allowed")]
    TooLarge {
        /// Which part.
        what: &'static str,
        /// Its size.
        len_bytes: usize,
        /// The limit.
        max_bytes: usize,
    },
    /// A record with too many arrays and objects inside one another.
    #[error("nested more than {max_depth} levels deep")]
    TooDeep {
        /// The limit.
        max_depth: usize,
    },
}

/// The key that a text of CSV stands for, by the rule of paths as people type them: a whole number
/// in its plain form is a number, so that `rejoin get cities/3040051` finds it; the rest is text.
pub(crate) fn key_of_text(text: &str) -> Component {
    // A sign without digits, or a number beyond 64 bits, is text.
    match text.parse::<i64>().map(Component::from).or_else(|_| text.parse::<u64>().map(Into::into))
    {
        Ok(number) if number.to_string() == text => number,
        _ => text.into(),
    }
}

/// The key in a JSON value; its kind stays what it is.
pub(crate) fn key_of_item(item: Option<&Item>, column: &str) -> Result<Component, BadRow> {
    let column = || column.to_owned();
    let kind = match item {
        None | Some(Item::Nil) => return Err(BadRow::NoKey { column: column() }),
        Some(Item::Str(text)) if text.is_empty() => return Err(BadRow::NoKey { column: column() }),
        Some(Item::Str(text)) => return Ok(text.into()),
        Some(Item::Int(number)) => return Ok((*number).into()),
        Some(Item::Bool(truth)) => return Ok((*truth).into()),
        Some(Item::Bytes(bytes)) => return Ok(Component::Bytes(bytes.clone())),
        Some(Item::Float(_)) => "a number that is not whole",
        Some(Item::Array(_)) => "an array",
        Some(Item::Map(_)) => "an object",
        Some(Item::Timestamp(_)) => "a time",
    };
    Err(BadRow::KeyKind { column: column(), kind })
}

/// The field of a record.
pub(crate) fn field<'a>(record: &'a Item, column: &str) -> Option<&'a Item> {
    match record {
        Item::Map(fields) => fields.get(&MapKey::from(column)),
        _ => None,
    }
}

/// Checks rows against the limits and against the keys of all rows before.
#[derive(Debug)]
pub(crate) struct Judge {
    into: Path,
    limits: Limits,
    seen: HashMap<Component, u64>,
}

impl Judge {
    /// A judge of rows that will stand below `into`.
    pub(crate) fn new(into: Path) -> Self {
        Self { into, limits: Limits::default(), seen: HashMap::new() }
    }

    /// The path of a row, if nothing keeps it from being stored.
    pub(crate) fn admit(&mut self, row: &Row, line: u64) -> Result<Path, BadRow> {
        self.check_value(&row.value)?;
        let mut path = self.into.clone();
        path.push(row.key.clone());
        let key_bytes = Key::new(&path, TypeTag::Register).map_or(0, |key| key.as_bytes().len());
        check_len("a path", key_bytes, self.limits.key_bytes)?;
        match self.seen.entry(row.key.clone()) {
            Entry::Vacant(place) => place.insert(line),
            Entry::Occupied(first) => {
                let (key, first_line) = (row.key.clone(), *first.get());
                return Err(BadRow::RepeatedKey { key, first_line });
            }
        };
        Ok(path)
    }

    fn check_value(&self, record: &Item) -> Result<(), BadRow> {
        let max_depth = self.limits.value_depth;
        let value = Value::from_item(record).map_err(|_| BadRow::TooDeep { max_depth })?;
        check_len("a record", value.as_bytes().len(), self.limits.value_bytes)
    }
}

fn check_len(what: &'static str, len_bytes: usize, max_bytes: usize) -> Result<(), BadRow> {
    match len_bytes <= max_bytes {
        true => Ok(()),
        false => Err(BadRow::TooLarge { what, len_bytes, max_bytes }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_key_is_a_number_exactly_when_a_typed_path_would_say_so() {
        for text in ["0", "42", "-7", "18446744073709551615", "-9223372036854775808"] {
            assert!(matches!(key_of_text(text), Component::Int(_)), "{text}");
            assert_eq!(text.parse(), Ok([key_of_text(text)].into_iter().collect::<Path>()));
        }
        for text in ["042", "+1", "-0", "1.0", "", "18446744073709551616", " 1", "4 2", "x"] {
            assert_eq!(key_of_text(text), Component::from(text));
        }
    }

    #[test]
    fn the_second_row_with_a_key_is_refused_and_names_the_first() {
        let mut judge = Judge::new(Path::ROOT);
        let row = Row { key: 7.into(), value: Item::Nil };
        assert_eq!(judge.admit(&row, 2).unwrap().to_string(), "7");
        let again = judge.admit(&row, 9).unwrap_err();
        assert_eq!(again.to_string(), "the key 7 again, first on line 2");
    }

    #[test]
    fn rows_beyond_the_limits_are_refused() {
        let mut judge = Judge::new(Path::ROOT);
        let wide = Row { key: 1.into(), value: Item::Str("x".repeat(300 << 10)) };
        assert!(matches!(judge.admit(&wide, 1), Err(BadRow::TooLarge { what: "a record", .. })));
        let long = Row { key: "k".repeat(2_000).into(), value: Item::Nil };
        assert!(matches!(judge.admit(&long, 1), Err(BadRow::TooLarge { what: "a path", .. })));
        let deep = (0..40).fold(Item::Nil, |inner, _| Item::Array(vec![inner]));
        let deep = Row { key: 1.into(), value: deep };
        assert_eq!(judge.admit(&deep, 1), Err(BadRow::TooDeep { max_depth: 32 }));
    }

    #[test]
    fn a_json_key_keeps_its_kind() {
        let key = |item: Item| key_of_item(Some(&item), "id");
        assert_eq!(key("42".into()), Ok("42".into()));
        assert_eq!(key(42.0.into()), Ok(42.into()));
        assert!(matches!(key(0.5.into()), Err(BadRow::KeyKind { .. })));
        assert!(matches!(key("".into()), Err(BadRow::NoKey { .. })));
        assert!(matches!(key_of_item(None, "id"), Err(BadRow::NoKey { .. })));
    }
}
