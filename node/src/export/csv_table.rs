//! Records as CSV: one row per record, one column per field.
//!
//! What must always hold: text is written as it is, so that an imported CSV comes out with the same
//! fields; any other value is written as JSON; a field that a record lacks is empty.

use std::collections::BTreeSet;
use std::io::Write;

use rejoin_crdt::value::{Item, MapKey};

use crate::failure::Failure;
use crate::text;

/// The fields of a record; `None` for a value that is no record.
pub(crate) fn columns_of(value: &Item) -> Option<impl Iterator<Item = String> + '_> {
    match value {
        Item::Map(fields) => Some(fields.keys().map(column_name)),
        _ => None,
    }
}

/// Writes records under a header.
pub(crate) struct CsvTable<W: Write> {
    writer: csv::Writer<W>,
    columns: Vec<String>,
}

impl<W: Write> CsvTable<W> {
    /// A table of these columns; writes the header, if there is any column.
    pub(crate) fn new(out: W, columns: Vec<String>) -> Result<Self, Failure> {
        let mut writer = csv::Writer::from_writer(out);
        if !columns.is_empty() {
            writer.write_record(&columns).map_err(broken)?;
        }
        Ok(Self { writer, columns })
    }

    /// Writes a record; says whether the table has a column for each of its fields.
    pub(crate) fn write(&mut self, record: &Item) -> Result<bool, Failure> {
        let Item::Map(fields) = record else { return Ok(false) };
        let mut found = BTreeSet::new();
        for column in &self.columns {
            let key = fields.keys().find(|key| column_name(key) == *column);
            let text = match key.and_then(|key| fields.get(key)) {
                Some(Item::Str(text)) => text.clone(),
                Some(value) => text::json(value),
                None => String::new(),
            };
            found.extend(key);
            self.writer.write_field(text).map_err(broken)?;
        }
        self.writer.write_record(None::<&[u8]>).map_err(broken)?;
        Ok(found.len() == fields.len())
    }

    /// Writes what is still buffered.
    pub(crate) fn finish(mut self) -> Result<(), Failure> {
        Ok(self.writer.flush()?)
    }
}

fn column_name(key: &MapKey) -> String {
    match key {
        MapKey::Str(text) => text.clone(),
        MapKey::Int(number) => number.to_string(),
    }
}

fn broken(cause: csv::Error) -> Failure {
    Failure::Output(match cause.into_kind() {
        csv::ErrorKind::Io(cause) => cause,
        // Every row has as many fields as the header, so there is no other kind.
        other => std::io::Error::other(format!("{other:?}")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_written_as_it_is_and_everything_else_as_json() {
        let record: Item =
            serde_json::from_str(r#"{"a":"x, \"y\"\nz","b":[1,null],"d":"","extra":1}"#).unwrap();
        let mut out = Vec::new();
        let columns = ["a", "b", "c", "d"].map(String::from).to_vec();
        let mut table = CsvTable::new(&mut out, columns).unwrap();
        assert!(!table.write(&record).unwrap(), "a field has no column");
        table.finish().unwrap();
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text, "a,b,c,d\n\"x, \"\"y\"\"\nz\",\"[1,null]\",,\n");
    }
}
