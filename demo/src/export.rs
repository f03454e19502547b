//! What a node says its state and its conflicts are, read into the demo's own terms.
//!
//! `rejoin export / --format jsonl` prints one line per register, counter and element of a set, in
//! key order: `{"path":["records","Au"],"type":"register","value":{"name":"Gold"}}`.

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::model::{Content, Model};
use crate::path::{self, Path, whole_number};
use crate::records::Fields;

/// One of several concurrent values of a register.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sibling {
    /// What was written; `None` for a removal.
    pub(crate) value: Option<Content>,
    /// Whether readers see this one.
    pub(crate) shown: bool,
}

/// A path with several concurrent values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Conflict {
    /// Where.
    pub(crate) path: Path,
    /// The values, the latest last.
    pub(crate) siblings: Vec<Sibling>,
}

impl Conflict {
    /// Whether `value` is here and is not what readers see.
    pub(crate) fn has_lost(&self, value: &Content) -> bool {
        self.siblings.iter().any(|s| !s.shown && s.value.as_ref() == Some(value))
    }
}

/// Reads a whole export.
///
/// # Errors
/// When a line is not of the documented form, or of a type that the story does not use.
pub(crate) fn state(export: &str) -> Result<Model> {
    let mut model = Model::default();
    for (index, line) in export.lines().enumerate() {
        let number = index.saturating_add(1);
        let read = read_line(line, &mut model);
        read.with_context(|| format!("line {number} of the export is `{line}`"))?;
    }
    Ok(model)
}

/// Reads the answer of `rejoin conflicts --json`.
///
/// # Errors
/// When it is not of the documented form.
pub(crate) fn conflicts(answer: &str) -> Result<Vec<Conflict>> {
    let answer: Value = serde_json::from_str(answer)?;
    let conflicts = field(&answer, "conflicts")?.as_array().context("`conflicts` is no array")?;
    conflicts.iter().map(conflict).collect()
}

fn read_line(line: &str, model: &mut Model) -> Result<()> {
    let line: Value = serde_json::from_str(line)?;
    let (path, value) = (path::of_json(field(&line, "path")?)?, field(&line, "value")?);
    match field(&line, "type")?.as_str() {
        Some("register") => model.place(path, register(value)?),
        Some("counter") => {
            let count = whole_number(value).with_context(|| format!("`{value}` is no count"))?;
            model.place(path, Content::Count(count))
        }
        Some("set") => model.place_element(path, text(value)?),
        _ => bail!("the story writes nothing of this type"),
    }
}

fn conflict(conflict: &Value) -> Result<Conflict> {
    let siblings = field(conflict, "siblings")?.as_array().context("`siblings` is no array")?;
    let siblings = siblings.iter().map(|sibling| {
        let value = sibling.get("value").filter(|value| !value.is_null());
        let shown = field(sibling, "shown")?.as_bool().context("`shown` is no truth value")?;
        Ok(Sibling { value: value.map(register).transpose()?, shown })
    });
    let path = path::of_json(field(conflict, "path")?)?;
    Ok(Conflict { path, siblings: siblings.collect::<Result<_>>()? })
}

fn field<'a>(object: &'a Value, name: &str) -> Result<&'a Value> {
    object.get(name).with_context(|| format!("`{name}` is missing"))
}

fn register(value: &Value) -> Result<Content> {
    let Some(record) = value.as_object() else { return Ok(Content::Text(text(value)?)) };
    let fields = record.iter().map(|(column, field)| Ok((column.clone(), text(field)?)));
    Ok(Content::Record(fields.collect::<Result<Fields>>()?))
}

fn text(value: &Value) -> Result<String> {
    value.as_str().map(str::to_owned).with_context(|| format!("`{value}` is no text"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::path::words;

    #[test]
    fn every_type_of_the_story_is_read() {
        let export = concat!(
            r#"{"path":["records","Au"],"type":"register","value":{"group":"","name":"Gold"}}"#,
            "\n",
            r#"{"path":["orders",7,"status"],"type":"register","value":"sent"}"#,
            "\n",
            r#"{"path":["tags"],"type":"set","value":"a"}"#,
            "\n",
            r#"{"path":["tags"],"type":"set","value":"b"}"#,
            "\n",
            r#"{"path":["visits"],"type":"counter","value":-3}"#,
            "\n",
        );
        let state = state(export).unwrap();
        let shown = |at: &[&str]| state.content(&words(at.iter().copied())).unwrap().to_string();
        assert_eq!(state.len(), 4);
        assert_eq!(shown(&["records", "Au"]), "\"group: , name: Gold\"");
        assert_eq!(shown(&["orders", "7", "status"]), "\"sent\"");
        assert_eq!(shown(&["tags"]), "{\"a\", \"b\"}");
        assert_eq!(shown(&["visits"]), "-3");
    }

    #[test]
    fn a_line_that_does_not_belong_is_named() {
        let line = r#"{"path":["x"],"type":"flag","value":true}"#;
        assert!(state(line).unwrap_err().to_string().contains("line 1"));
        let twice = r#"{"path":["x"],"type":"counter","value":1}"#;
        let twice = state(&format!("{twice}\n{twice}")).unwrap_err();
        assert!(format!("{twice:#}").contains("stands twice"));
    }

    #[test]
    fn conflicts_are_read_with_what_readers_see() {
        let answer = r#"{"conflicts":[{"path":["r"],"type":"register","types":["register"],
            "siblings":[{"replica":"0a","seq":1,"time_ms":5,"value":"x","shown":false},
            {"replica":"0b","seq":1,"time_ms":9,"shown":true}]}],"more":false}"#;
        let siblings = vec![
            Sibling { value: Some(Content::Text("x".into())), shown: false },
            Sibling { value: None, shown: true },
        ];
        let expected = Conflict { path: words(["r"]), siblings };
        assert_eq!(conflicts(answer).unwrap(), [expected]);
    }
}
