//! What a node says its state is, read into the demo's own model.
//!
//! `rejoin export / --format jsonl` prints one line per value, in key order:
//! `{"path":["records","Au","name"],"type":"lww","value":"Gold"}`.

use std::collections::BTreeSet;

use anyhow::{Context, Result, anyhow, bail};
use serde_json::Value;

use crate::model::{Content, Model, Path};

/// Reads a whole export.
///
/// # Errors
/// When a line is not of the documented form, or of a type that the story does not use.
pub(crate) fn read(export: &str) -> Result<Model> {
    let mut model = Model::default();
    for (index, line) in export.lines().enumerate() {
        let number = index.saturating_add(1);
        let (path, content) =
            read_line(line).with_context(|| format!("line {number} of the export is `{line}`"))?;
        model.place(path, content)?;
    }
    Ok(model)
}

fn read_line(line: &str) -> Result<(Path, Content)> {
    let line: Value = serde_json::from_str(line)?;
    let field = |name: &str| line.get(name).with_context(|| format!("`{name}` is missing"));
    let components = field("path")?.as_array().context("`path` is no array")?;
    let path = components.iter().map(component).collect::<Result<Path>>()?;
    let value = field("value")?;
    let content = match field("type")?.as_str() {
        Some("register" | "lww") => Content::Text(text(value)?),
        Some("counter") => Content::Count(count(value)?),
        Some("set") => Content::Set(elements(value)?),
        _ => bail!("the story writes no such type"),
    };
    Ok((path, content))
}

fn component(value: &Value) -> Result<String> {
    text(value)
}

fn text(value: &Value) -> Result<String> {
    value.as_str().map(str::to_owned).ok_or_else(|| anyhow!("`{value}` is no text"))
}

fn count(value: &Value) -> Result<i128> {
    value.as_i128().with_context(|| format!("`{value}` is no whole number"))
}

fn elements(value: &Value) -> Result<BTreeSet<String>> {
    value.as_array().context("a set is an array")?.iter().map(text).collect()
}
