//! The changes of the cut: what both sides write, and the commands that write it.
//!
//! What must always hold: the right side writes after the left one, so that of two writes to one
//! register the right one is the later; and no side removes what it wrote itself during the cut,
//! see `model`.

use anyhow::{Context, Result};
use serde_json::json;

use crate::fleet::Place;
use crate::model::{Change, Content};
use crate::path::{Path, typed, words};
use crate::records::{Record, Records};

/// Where the records go.
pub(crate) const INTO: &str = "records";

/// The changes with the node that each is made at, in the order of time.
#[derive(Debug)]
pub(crate) struct Script {
    /// While all are connected, on the left side.
    pub(crate) before: Vec<(Place, Change)>,
    /// During the cut, first.
    pub(crate) left: Vec<(Place, Change)>,
    /// During the cut, then.
    pub(crate) right: Vec<(Place, Change)>,
    /// Where to look afterwards.
    pub(crate) places: Places,
}

/// Where the two sides of the cut meet.
#[derive(Debug)]
pub(crate) struct Places {
    /// Registers that both sides write, with what the earlier side writes.
    pub(crate) contested: Vec<(Path, Content)>,
    /// All that is worth reading, with the rule for it.
    pub(crate) read: Vec<(Path, &'static str)>,
}

impl Script {
    /// The script for a file of records.
    ///
    /// # Errors
    /// When the file has too few of them.
    pub(crate) fn new(records: &Records) -> Result<Self> {
        let column = records.last_column();
        let contested = record(records, 1)?;
        let contested_path = words([INTO, contested.key()]);
        let deleted = words([INTO, record(records, 6)?.key()]);
        let written = |side: &str| {
            let field = contested.field(column).unwrap_or_default();
            let changed = records.with_field(contested.key(), column, &format!("{field} ({side})"));
            record(&changed, 1).map(|record| edit(record, column))
        };
        let left_edit = written("as a knows it")?;
        let right_edit = written("as c knows it")?;
        let contested = left_edit.written().map(|content| (contested_path.clone(), content));
        let packed = |order: &str| at(&["orders", order, "status"], "packed");
        let before = vec![
            (Place::A, at(&["orders", "1001", "address"], "Quay 7")),
            (Place::A, packed("1001")),
            (Place::A, packed("1002")),
            (Place::B, increment(10)),
            (Place::A, add("checked")),
            (Place::A, add("draft")),
        ];
        let left_status = at(&["orders", "1002", "status"], "shipped");
        let also_contested = left_status.written().map(|c| (status("1002"), c));
        let left = vec![
            (Place::A, left_edit),
            (Place::B, left_status),
            (Place::A, at(&["orders", "1001", "status"], "shipped")),
            (Place::A, increment(5)),
            (Place::B, increment(7)),
            (Place::A, add("checked")),
            (Place::B, add("seen by b")),
        ];
        let right = vec![
            (Place::C, right_edit),
            (Place::C, at(&["orders", "1002", "status"], "cancelled")),
            (Place::C, Change::Delete { path: words(["orders", "1001"]) }),
            (Place::C, Change::Delete { path: deleted.clone() }),
            (Place::C, increment(20)),
            (Place::C, increment(-3)),
            (Place::C, remove("checked")),
            (Place::C, remove("draft")),
            (Place::C, add("seen by c")),
        ];
        let read = vec![
            (contested_path, "the later write is read"),
            (status("1002"), "the later write is read"),
            (status("1001"), "an update survives a concurrent delete ..."),
            (words(["orders", "1001", "address"]), "... which takes the rest"),
            (deleted, "deleted at c alone"),
            (words(["visits"]), "increments add up"),
            (words(["tags"]), "an add wins over a concurrent remove"),
        ];
        let contested = contested.into_iter().chain(also_contested).collect();
        Ok(Self { before, left, right, places: Places { contested, read } })
    }
}

/// The record that stands so many eighths of the way into the file.
///
/// # Errors
/// When there is none.
pub(crate) fn record(records: &Records, eighths: usize) -> Result<Record<'_>> {
    records.at(eighths, 8).context("the file has too few records: give a larger one with --csv")
}

/// The change that writes a record of which one column is new.
pub(crate) fn edit(record: Record<'_>, column: &str) -> Change {
    let path = words([INTO, record.key()]);
    Change::Edit { path, record: record.fields(), column: column.to_owned() }
}

/// The changes without their places.
pub(crate) fn changes(made: &[(Place, Change)]) -> Vec<Change> {
    made.iter().map(|(_, change)| change.clone()).collect()
}

/// The arguments with which a user of `rejoin` makes a change. Values are typed as JSON, which
/// leaves no doubt whether `42` is meant as text.
pub(crate) fn command(change: &Change) -> Vec<String> {
    let (name, path, argument) = match change {
        Change::Set { path, value } => ("set", path, Some(json!(value).to_string())),
        Change::Edit { path, record, .. } => ("set", path, Some(json!(record).to_string())),
        Change::Increment { path, by } => ("incr", path, Some(by.to_string())),
        Change::Add { path, element } => ("add", path, Some(json!(element).to_string())),
        Change::Remove { path, element } => ("remove", path, Some(json!(element).to_string())),
        Change::Delete { path } => ("delete", path, None),
    };
    [name.to_owned(), typed(path)].into_iter().chain(argument).collect()
}

fn at(path: &[&str], value: &str) -> Change {
    Change::Set { path: words(path.iter().copied()), value: value.to_owned() }
}

fn status(order: &str) -> Path {
    words(["orders", order, "status"])
}

fn increment(by: i128) -> Change {
    Change::Increment { path: words(["visits"]), by }
}

fn add(element: &str) -> Change {
    Change::Add { path: words(["tags"]), element: element.to_owned() }
}

fn remove(element: &str) -> Change {
    Change::Remove { path: words(["tags"]), element: element.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Model;

    fn elements() -> Records {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/data/elements.csv");
        Records::read(std::path::Path::new(file), "symbol").unwrap()
    }

    #[test]
    fn the_script_comes_out_as_its_rules_say() {
        let script = Script::new(&elements()).unwrap();
        let mut model = Model::default();
        model.import(&elements(), INTO);
        model.merge(&changes(&script.before), &[]).unwrap();
        model.merge(&changes(&script.left), &changes(&script.right)).unwrap();
        let readings: Vec<String> = script.places.read[1..]
            .iter()
            .map(|(path, _)| model.content(path).map_or("-".into(), ToString::to_string))
            .collect();
        let tags = "{\"checked\", \"seen by b\", \"seen by c\"}";
        assert_eq!(readings, ["\"cancelled\"", "\"shipped\"", "-", "-", "39", tags]);
        assert_eq!(script.places.contested.len(), 2);
        for (path, lost) in &script.places.contested {
            assert_ne!(model.content(path), Some(lost));
        }
    }

    #[test]
    fn a_change_is_typed_so_that_its_kinds_are_beyond_doubt() {
        let set = Change::Set { path: words(["orders", "7", "note"]), value: "42".into() };
        assert_eq!(command(&set), ["set", "\"orders\"/7/\"note\"", "\"42\""]);
        assert_eq!(command(&increment(-3)), ["incr", "\"visits\"", "-3"]);
        let delete = Change::Delete { path: words(["a/b"]) };
        assert_eq!(command(&delete), ["delete", "\"a/b\""]);
        let records = elements();
        let edit = edit(record(&records, 0).unwrap(), "name_origin");
        assert_eq!(
            command(&edit)[2],
            r#"{"group":"1","name":"Hydrogen","name_origin":"Greek \"hydor\" and \"genes\", water-forming","number":"1","period":"1","symbol":"H"}"#
        );
    }
}
