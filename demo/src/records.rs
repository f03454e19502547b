//! The records of a CSV file as the demo itself reads them, without Rejoin.
//!
//! What must always hold: the key column names every record once, so that "record" means the same
//! thing here and in a node.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};

/// The records of one file, in its order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Records {
    columns: Vec<String>,
    key: usize,
    rows: Vec<Vec<String>>,
}

/// One record, with its fields in the order of the columns.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Record<'a> {
    records: &'a Records,
    fields: &'a [String],
}

/// A record by itself: its fields by column, the key column among them.
pub(crate) type Fields = BTreeMap<String, String>;

/// How many records the story needs to have one for each of its scenes.
pub(crate) const MIN_RECORDS: usize = 8;

impl Records {
    /// Reads `file`, whose column `key` names the records.
    ///
    /// # Errors
    /// When it cannot be read, has no such column, repeats a key, or is too small for the story.
    pub(crate) fn read(file: &Path, key: &str) -> Result<Self> {
        let shown = file.display();
        let mut reader = csv::Reader::from_path(file)
            .with_context(|| format!("cannot read {shown}: give a CSV file with --csv"))?;
        let columns: Vec<String> = reader
            .headers()
            .with_context(|| format!("{shown} does not begin with column titles"))?
            .iter()
            .map(str::to_owned)
            .collect();
        let Some(at) = columns.iter().position(|column| column == key) else {
            bail!("{shown} has no column `{key}`: choose --key among {}", columns.join(", "));
        };
        let mut rows = Vec::new();
        for row in reader.records() {
            let row = row.with_context(|| format!("{shown} is not a well-formed CSV file"))?;
            rows.push(row.iter().map(str::to_owned).collect());
        }
        let records = Self { columns, key: at, rows };
        records.check().with_context(|| format!("{shown} does not suit the demo"))?;
        Ok(records)
    }

    fn check(&self) -> Result<()> {
        ensure!(
            self.rows.len() >= MIN_RECORDS,
            "it has {} records and the story needs {MIN_RECORDS}: give a larger file with --csv",
            self.rows.len()
        );
        ensure!(self.columns.len() >= 2, "it needs a column beside its key column");
        let titles: BTreeSet<&String> = self.columns.iter().collect();
        ensure!(titles.len() == self.columns.len(), "two of its columns have the same title");
        let mut keys = BTreeSet::new();
        for record in self.iter() {
            let key = record.key();
            ensure!(!key.is_empty(), "a record has an empty key: choose another --key");
            ensure!(keys.insert(key), "the key `{key}` names two records: choose another --key");
        }
        Ok(())
    }

    /// Writes the records as a CSV file.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(crate) fn write(&self, file: &Path) -> Result<()> {
        let cannot = || format!("cannot write {}", file.display());
        let mut writer = csv::Writer::from_path(file).with_context(cannot)?;
        writer.write_record(&self.columns).with_context(cannot)?;
        for row in &self.rows {
            writer.write_record(row).with_context(cannot)?;
        }
        writer.flush().with_context(cannot)
    }

    /// How many records there are.
    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    /// The records in the order of the file.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Record<'_>> {
        self.rows.iter().map(|fields| Record { records: self, fields })
    }

    /// The record that stands `numerator / denominator` of the way into the file.
    pub(crate) fn at(&self, numerator: usize, denominator: usize) -> Option<Record<'_>> {
        let index = self.rows.len().checked_mul(numerator)?.checked_div(denominator)?;
        self.rows.get(index).map(|fields| Record { records: self, fields })
    }

    /// The last column that is not the key.
    pub(crate) fn last_column(&self) -> &str {
        let mut columns = self.columns.iter().enumerate().rev();
        columns.find(|&(index, _)| index != self.key).map_or("", |(_, column)| column)
    }

    /// The same records with one field changed.
    pub(crate) fn with_field(&self, key: &str, column: &str, value: &str) -> Self {
        let mut changed = self.clone();
        let Some(index) = self.columns.iter().position(|title| title == column) else {
            return changed;
        };
        for row in &mut changed.rows {
            let named = row.get(self.key).is_some_and(|field| field == key);
            if named && let Some(field) = row.get_mut(index) {
                value.clone_into(field);
            }
        }
        changed
    }
}

impl<'a> Record<'a> {
    /// The value of the key column.
    pub(crate) fn key(self) -> &'a str {
        self.fields.get(self.records.key).map_or("", String::as_str)
    }

    /// Every column with its value.
    pub(crate) fn fields(self) -> Fields {
        self.records.columns.iter().cloned().zip(self.fields.iter().cloned()).collect()
    }

    /// The value of one column.
    pub(crate) fn field(self, column: &str) -> Option<&'a str> {
        let index = self.records.columns.iter().position(|title| title == column)?;
        self.fields.get(index).map(String::as_str)
    }

    /// What its titles and values take, without quotes or separators: the smallest size one could
    /// give it.
    pub(crate) fn len_bytes(self) -> usize {
        self.records.columns.iter().chain(self.fields).map(String::len).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ELEMENTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/data/elements.csv");

    fn elements() -> Records {
        Records::read(Path::new(ELEMENTS), "symbol").unwrap()
    }

    fn refusal(text: &str, key: &str) -> String {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("records.csv");
        std::fs::write(&file, text).unwrap();
        format!("{:#}", Records::read(&file, key).unwrap_err())
    }

    #[test]
    fn the_bundled_records_have_what_makes_csv_files_hard() {
        let elements = elements();
        assert_eq!(elements.len(), 100);
        let gold = elements.iter().find(|record| record.key() == "Au").unwrap();
        assert_eq!(
            gold.field("name_origin"),
            Some("Old English \"gold\"\nSymbol: Latin \"aurum\"")
        );
        let cerium = elements.iter().find(|record| record.key() == "Ce").unwrap();
        assert_eq!(cerium.field("group"), Some(""));
        assert_eq!(cerium.field("name_origin"), Some("Ceres, the first asteroid found"));
        assert_eq!(cerium.fields().len(), 6);
    }

    #[test]
    fn the_bundled_elements_are_numbered_without_a_gap() {
        let numbers: Vec<String> =
            elements().iter().filter_map(|r| r.field("number").map(str::to_owned)).collect();
        let expected: Vec<String> = (1..=100).map(|n| n.to_string()).collect();
        assert_eq!(numbers, expected);
    }

    #[test]
    fn records_that_were_written_read_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("copy.csv");
        elements().write(&file).unwrap();
        assert_eq!(Records::read(&file, "symbol").unwrap(), elements());
    }

    #[test]
    fn changing_a_field_changes_that_field_alone() {
        let before = elements();
        let middle = before.at(1, 2).unwrap();
        let after = before.with_field(middle.key(), before.last_column(), "changed");
        let differing: Vec<(String, String)> = before
            .iter()
            .zip(after.iter())
            .flat_map(|(old, new)| old.fields().into_iter().zip(new.fields()))
            .filter(|(old, new)| old != new)
            .map(|(_, new)| new)
            .collect();
        assert_eq!(differing, [("name_origin".to_owned(), "changed".to_owned())]);
    }

    #[test]
    fn a_record_is_as_long_as_its_titles_and_values() {
        let helium = elements();
        let helium = helium.iter().nth(1).unwrap();
        let titles = "numbersymbolnamegroupperiodname_origin";
        let values = "2HeHelium181Greek \"helios\", the Sun";
        assert_eq!(helium.len_bytes(), titles.len() + values.len());
    }

    #[test]
    fn the_last_column_is_never_the_key() {
        let by_origin = Records { key: 5, ..elements() };
        assert_eq!(by_origin.last_column(), "period");
    }

    #[test]
    fn a_file_that_does_not_suit_says_what_to_do() {
        assert!(refusal("a,b\n1,2\n", "c").contains("choose --key among a, b"));
        assert!(refusal("a,b\n1,2\n", "a").contains("give a larger file"));
        assert!(refusal("a\n1\n2\n3\n4\n5\n6\n7\n8\n", "a").contains("needs a column beside"));
        let repeated = format!("a,b\n{}", "1,2\n".repeat(8));
        assert!(refusal(&repeated, "a").contains("the key `1` names two records"));
    }
}
