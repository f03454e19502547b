//! The state that the nodes ought to end in, computed without Rejoin.
//!
//! Every rule for concurrent changes promises the outcome of one order of them: whoever adds or
//! updates wins over a concurrent removal, so removals come first; the later of two writes to a
//! register wins, so writes come by time; increments come in any order. A plain map that applies
//! the changes in that order therefore has the state that every node must have.
//!
//! What must always hold: the changes given to [`Model::merge`] do not remove what their own side
//! added or updated since the link was cut, because that removal would win and the order above
//! would be the wrong one. The story is written so, and `merge` refuses any other.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use anyhow::{Result, bail, ensure};

use crate::path::{Path, shown, words};
use crate::records::{Fields, Records};
use crate::report::quoted;

/// What stands at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    /// A register with text in it.
    Text(String),
    /// A register with a record in it.
    Record(Fields),
    /// The sum of a counter.
    Count(i128),
    /// The elements of a set.
    Set(BTreeSet<String>),
}

/// A change, which can be made to the model and to a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// Writes a register.
    Set { path: Path, value: String },
    /// Writes a register whose record differs from the one before in one column.
    Edit { path: Path, record: Fields, column: String },
    /// Adds to a counter.
    Increment { path: Path, by: i128 },
    /// Adds an element to a set.
    Add { path: Path, element: String },
    /// Removes an element from a set.
    Remove { path: Path, element: String },
    /// Deletes all that stands at or below a path.
    Delete { path: Path },
}

/// A state: what stands where.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Model {
    contents: BTreeMap<Path, Content>,
}

impl Model {
    /// Writes every record to the register `into / key`.
    pub(crate) fn import(&mut self, records: &Records, into: &str) {
        for record in records.iter() {
            let path = words([into, record.key()]);
            self.contents.insert(path, Content::Record(record.fields()));
        }
    }

    /// Makes one change.
    ///
    /// # Errors
    /// When something of another kind stands there; the model is unchanged.
    pub(crate) fn apply(&mut self, change: &Change) -> Result<()> {
        match change {
            Change::Set { path, .. } | Change::Edit { path, .. } => {
                if let Some(value) = change.written() {
                    self.write(path, value)?;
                }
            }
            Change::Increment { path, by } => {
                let content = self.at(path, || Content::Count(0));
                let Content::Count(count) = content else { return Err(clash(path, content)) };
                *count = count.saturating_add(*by);
            }
            Change::Add { path, element } => {
                let content = self.at(path, || Content::Set(BTreeSet::new()));
                let Content::Set(elements) = content else { return Err(clash(path, content)) };
                elements.insert(element.clone());
            }
            Change::Remove { path, element } => {
                let content = self.at(path, || Content::Set(BTreeSet::new()));
                let Content::Set(elements) = content else { return Err(clash(path, content)) };
                elements.remove(element);
                if elements.is_empty() {
                    self.contents.remove(path);
                }
            }
            Change::Delete { path } => self.contents.retain(|at, _| !at.starts_with(path)),
        }
        Ok(())
    }

    fn write(&mut self, path: &Path, value: Content) -> Result<()> {
        match self.at(path, || value.clone()) {
            there @ (Content::Text(_) | Content::Record(_)) => *there = value,
            there => return Err(clash(path, there)),
        }
        Ok(())
    }

    fn at(&mut self, path: &Path, empty: impl FnOnce() -> Content) -> &mut Content {
        self.contents.entry(path.clone()).or_insert_with(empty)
    }

    /// Makes the changes of both sides of a cut, each side in the order of time, with the writes
    /// of `later` after those of `earlier`.
    ///
    /// # Errors
    /// When a side removes what it added or updated itself, or a change does not fit what stands
    /// there.
    pub(crate) fn merge(&mut self, earlier: &[Change], later: &[Change]) -> Result<()> {
        for side in [earlier, later] {
            for (at, removal) in side.iter().enumerate().filter(|(_, c)| c.removes()) {
                let before = side.iter().take(at).filter(|change| !change.removes());
                for change in before {
                    ensure!(!removal.touches(change), "{removal} undoes {change} of the same side");
                }
            }
        }
        let all = || earlier.iter().chain(later);
        for change in all().filter(|c| c.removes()).chain(all().filter(|c| !c.removes())) {
            self.apply(change)?;
        }
        Ok(())
    }

    /// Places a content, as a reader of an export does.
    ///
    /// # Errors
    /// When the path has a content already.
    pub(crate) fn place(&mut self, path: Path, content: Content) -> Result<()> {
        if let Some(there) = self.contents.get(&path) {
            bail!("{} stands twice: {there} and {content}", shown(&path));
        }
        self.contents.insert(path, content);
        Ok(())
    }

    /// Places an element of a set, as a reader of an export does.
    ///
    /// # Errors
    /// When the element is in the set already, or the path has something else.
    pub(crate) fn place_element(&mut self, path: Path, element: String) -> Result<()> {
        let content = self.at(&path, || Content::Set(BTreeSet::new()));
        let Content::Set(elements) = content else { return Err(clash(&path, content)) };
        ensure!(elements.insert(element), "an element of {} stands twice", shown(&path));
        Ok(())
    }

    /// What stands at a path.
    pub(crate) fn content(&self, path: &Path) -> Option<&Content> {
        self.contents.get(path)
    }

    /// How many paths have contents.
    pub(crate) fn len(&self) -> usize {
        self.contents.len()
    }

    /// Where `other` differs from what this model expects, in words.
    pub(crate) fn differences(&self, other: &Self) -> Vec<String> {
        let mut differences = Vec::new();
        for (path, expected) in &self.contents {
            match other.contents.get(path) {
                Some(found) if found == expected => {}
                Some(found) => {
                    differences.push(format!("{}: {found} instead of {expected}", shown(path)));
                }
                None => differences.push(format!("{}: nothing instead of {expected}", shown(path))),
            }
        }
        for (path, found) in &other.contents {
            if !self.contents.contains_key(path) {
                differences.push(format!("{}: {found} instead of nothing", shown(path)));
            }
        }
        differences
    }
}

impl Change {
    /// What the change writes to a register, if it does.
    pub(crate) fn written(&self) -> Option<Content> {
        match self {
            Self::Set { value, .. } => Some(Content::Text(value.clone())),
            Self::Edit { record, .. } => Some(Content::Record(record.clone())),
            _ => None,
        }
    }

    fn removes(&self) -> bool {
        matches!(self, Self::Remove { .. } | Self::Delete { .. })
    }

    /// Whether this removal takes away what `other` wrote.
    fn touches(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Remove { path, element }, Self::Add { path: added_to, element: added }) => {
                path == added_to && element == added
            }
            (
                Self::Delete { path },
                Self::Set { path: at, .. }
                | Self::Edit { path: at, .. }
                | Self::Increment { path: at, .. }
                | Self::Add { path: at, .. },
            ) => at.starts_with(path),
            _ => false,
        }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Set { path, value } => write!(f, "{} = {}", shown(path), quoted(value)),
            Self::Edit { path, record, column } => {
                let field = record.get(column).map_or("", String::as_str);
                write!(f, "{} {column} = {}", shown(path), quoted(field))
            }
            Self::Increment { path, by } => write!(f, "{} {by:+}", shown(path)),
            Self::Add { path, element } => write!(f, "{} add {}", shown(path), quoted(element)),
            Self::Remove { path, element } => {
                write!(f, "{} remove {}", shown(path), quoted(element))
            }
            Self::Delete { path } => write!(f, "{} delete", shown(path)),
        }
    }
}

impl fmt::Display for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(&quoted(text)),
            Self::Record(record) => {
                let fields: Vec<String> =
                    record.iter().map(|(column, field)| format!("{column}: {field}")).collect();
                f.write_str(&quoted(&fields.join(", ")))
            }
            Self::Count(count) => write!(f, "{count}"),
            Self::Set(elements) => {
                let elements: Vec<String> = elements.iter().map(|e| quoted(e)).collect();
                write!(f, "{{{}}}", elements.join(", "))
            }
        }
    }
}

fn clash(path: &Path, there: &Content) -> anyhow::Error {
    anyhow::anyhow!("{} has {there}, which is of another kind", shown(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> Path {
        words(text.split('/'))
    }

    fn set(at: &str, value: &str) -> Change {
        Change::Set { path: path(at), value: value.into() }
    }

    fn increment(at: &str, by: i128) -> Change {
        Change::Increment { path: path(at), by }
    }

    fn add(at: &str, element: &str) -> Change {
        Change::Add { path: path(at), element: element.into() }
    }

    fn remove(at: &str, element: &str) -> Change {
        Change::Remove { path: path(at), element: element.into() }
    }

    fn delete(at: &str) -> Change {
        Change::Delete { path: path(at) }
    }

    fn model(changes: &[Change]) -> Model {
        let mut model = Model::default();
        for change in changes {
            model.apply(change).unwrap();
        }
        model
    }

    fn shown_at(model: &Model, at: &str) -> Option<String> {
        model.content(&path(at)).map(ToString::to_string)
    }

    #[test]
    fn an_import_writes_whole_records_empty_fields_included() {
        let elements = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/data/elements.csv");
        let records = Records::read(std::path::Path::new(elements), "symbol").unwrap();
        let mut model = Model::default();
        model.import(&records, "records");
        assert_eq!(model.len(), 100);
        let Some(Content::Record(gold)) = model.content(&path("records/Au")) else { panic!() };
        assert_eq!(gold.get("name").unwrap(), "Gold");
        assert_eq!(gold.get("symbol").unwrap(), "Au");
        let Some(Content::Record(uranium)) = model.content(&path("records/U")) else { panic!() };
        assert_eq!(uranium.get("group").unwrap(), "");
    }

    #[test]
    fn the_later_of_two_writes_is_read() {
        let mut model = model(&[set("r/x", "old")]);
        model.merge(&[set("r/x", "first")], &[set("r/x", "second")]).unwrap();
        assert_eq!(shown_at(&model, "r/x").unwrap(), "\"second\"");
    }

    #[test]
    fn increments_of_both_sides_add_up() {
        let mut model = model(&[increment("n", 10)]);
        model.merge(&[increment("n", 5), increment("n", 5)], &[increment("n", -2)]).unwrap();
        assert_eq!(shown_at(&model, "n").unwrap(), "18");
    }

    #[test]
    fn an_add_wins_over_a_concurrent_remove_and_a_lone_remove_removes() {
        let mut model = model(&[add("s", "kept"), add("s", "gone")]);
        let theirs = [remove("s", "kept"), remove("s", "gone"), add("s", "new")];
        model.merge(&[add("s", "kept")], &theirs).unwrap();
        assert_eq!(shown_at(&model, "s").unwrap(), "{\"kept\", \"new\"}");
    }

    #[test]
    fn an_update_survives_a_concurrent_delete_of_its_subtree_alone() {
        let mut model = model(&[set("r/x/a", "1"), set("r/x/b", "2"), set("r/y/a", "3")]);
        model.merge(&[set("r/x/a", "4")], &[delete("r/x")]).unwrap();
        assert_eq!(model, self::model(&[set("r/x/a", "4"), set("r/y/a", "3")]));
    }

    #[test]
    fn a_delete_does_not_reach_a_name_that_only_begins_the_same() {
        let mut model = model(&[set("r/x", "1"), set("r/xy", "2")]);
        model.apply(&delete("r/x")).unwrap();
        assert_eq!(model, self::model(&[set("r/xy", "2")]));
    }

    #[test]
    fn a_side_that_undoes_its_own_change_is_refused() {
        let mut model = model(&[add("s", "e")]);
        let undone = model.merge(&[], &[add("s", "e"), remove("s", "e")]).unwrap_err();
        assert!(undone.to_string().contains("of the same side"), "{undone}");
        let undone = model.merge(&[set("r/x/a", "1"), delete("r/x")], &[]).unwrap_err();
        assert!(undone.to_string().contains("of the same side"), "{undone}");
    }

    #[test]
    fn a_set_without_elements_is_nothing() {
        let mut model = model(&[add("s", "e")]);
        model.apply(&remove("s", "e")).unwrap();
        assert_eq!(model, Model::default());
    }

    #[test]
    fn a_change_of_another_kind_is_refused() {
        let mut model = model(&[set("x", "1")]);
        assert!(model.apply(&increment("x", 1)).is_err());
        assert_eq!(shown_at(&model, "x").unwrap(), "\"1\"");
    }

    #[test]
    fn differences_name_the_path_and_both_readings() {
        let expected = model(&[set("a", "1"), increment("n", 2)]);
        let found = model(&[set("a", "9"), add("s", "e")]);
        let differences = expected.differences(&found);
        assert_eq!(
            differences,
            [
                "a: \"9\" instead of \"1\"",
                "n: nothing instead of 2",
                "s: {\"e\"} instead of nothing"
            ]
        );
        assert!(expected.differences(&expected).is_empty());
    }
}
