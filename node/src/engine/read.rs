//! Reading: what is at a path, and everything below it in key order.

use std::io;

use rejoin::path::{Component, Key, Path, TypeTag};
use rejoin::value::Item;
use rejoin::{DocumentView, Limits};
use serde::Serialize;

use super::{Engine, component_item, kind, token};
use crate::api::{Found, Problem};
use crate::engine::bad_request;

/// Names and elements that one answer lists: a screenful for people, a bound for the node.
const MAX_LISTED: usize = 10_000;

impl Engine {
    /// What is at a path; `None` if nothing is. A map is the list of the names in it, a set the list
    /// of its elements.
    pub(crate) fn get(&self, path: &Path) -> Option<Found> {
        let view = self.replica.view();
        let types = types(&view, path);
        let shown = *types.first()?;
        let (items, siblings) = match shown {
            TypeTag::MapMarker => (names(&view, path), 1),
            TypeTag::SetElement => (listed(view.set(path).iter().map(|v| v.to_item())), 1),
            TypeTag::RemoveWinsElement => {
                (listed(view.remove_wins_set(path).iter().map(|v| v.to_item())), 1)
            }
            _ => {
                let (tag, reading) = view.get(path)?;
                return Some(Found {
                    path: path.clone(),
                    kind: kind::name(tag).into(),
                    value: reading.to_item(),
                    siblings: siblings(&view, path, tag),
                    types: types.into_iter().map(|tag| kind::name(tag).into()).collect(),
                    more: false,
                });
            }
        };
        let (items, more) = items;
        Some(Found {
            path: path.clone(),
            kind: kind::name(shown).into(),
            value: Item::Array(items),
            siblings,
            types: types.into_iter().map(|tag| kind::name(tag).into()).collect(),
            more,
        })
    }

    /// Everything at and below a path, one line per cell.
    ///
    /// # Errors
    ///
    /// The cursor does not come from an earlier page.
    pub(crate) fn export(&self, page: Page) -> Result<Export, Problem> {
        let after = match &page.after {
            Some(text) => Some(cursor(text).ok_or_else(|| bad_request("not a cursor"))?),
            None => None,
        };
        let limit = page.limit.unwrap_or(usize::MAX);
        Ok(Export { view: self.replica.view(), path: page.path, after, limit })
    }
}

/// A part of an export.
#[derive(Debug)]
pub(crate) struct Page {
    /// The path at and below which to read.
    pub(crate) path: Path,
    /// Where the page before ended.
    pub(crate) after: Option<String>,
    /// The greatest number of lines.
    pub(crate) limit: Option<usize>,
}

/// An export that has not been written yet.
#[derive(Debug)]
pub(crate) struct Export {
    view: DocumentView,
    path: Path,
    after: Option<Key>,
    limit: usize,
}

#[derive(Serialize)]
struct Line<'a> {
    path: &'a Path,
    #[serde(rename = "type")]
    kind: &'a str,
    value: &'a Item,
}

#[derive(Serialize)]
struct Next {
    next: String,
}

impl Export {
    /// Writes the lines; after a page that the limit cut short, one more with the cursor `next`.
    pub(crate) fn write(&self, out: &mut impl io::Write) -> io::Result<()> {
        let mut cells: Box<dyn Iterator<Item = _>> = match &self.after {
            Some(key) => Box::new(self.view.after(key, &self.path)),
            None => Box::new(self.view.prefix(&self.path)),
        };
        let mut last = None;
        for (key, reading) in cells.by_ref().take(self.limit) {
            let Some(tag) = key.tag() else { continue };
            let (path, value) = (key.path(), reading.to_item());
            let line = Line { path: &path, kind: kind::name(tag), value: &value };
            serde_json::to_writer(&mut *out, &line)?;
            out.write_all(b"\n")?;
            last = Some(key);
        }
        if let (Some(last), Some(_)) = (last, cells.next()) {
            serde_json::to_writer(&mut *out, &Next { next: token::hex(last.as_bytes()) })?;
            out.write_all(b"\n")?;
        }
        Ok(())
    }
}

fn cursor(text: &str) -> Option<Key> {
    let limits = Limits::default();
    let (bytes, components) = (limits.key_bytes, limits.key_components);
    let key = token::unhex(text)?;
    Key::from_bytes(&key, u32::try_from(bytes).ok()?, u32::try_from(components).ok()?).ok()
}

/// The types that are live at a path, in the order in which a reader shows them.
fn types(view: &DocumentView, path: &Path) -> Vec<TypeTag> {
    let own = |key: &Key| key.element_bytes().is_none() && key.path() == *path;
    let mut cells = view.prefix(path).skip_while(|(key, _)| own(key));
    let below =
        cells.next().is_some_and(|(key, _)| key.element_bytes().is_none() || key.path() != *path);
    let mut types: Vec<TypeTag> = view
        .prefix(path)
        .take_while(|(key, _)| own(key))
        .filter_map(|(key, _)| key.tag())
        .collect();
    if below && !types.contains(&TypeTag::MapMarker) {
        types.push(TypeTag::MapMarker);
    }
    if view.set(path).iter().next().is_some() {
        types.push(TypeTag::SetElement);
    }
    if view.remove_wins_set(path).iter().next().is_some() {
        types.push(TypeTag::RemoveWinsElement);
    }
    types
}

/// How many concurrent values the register at a path has; 1 for every other type.
fn siblings(view: &DocumentView, path: &Path, tag: TypeTag) -> usize {
    match tag {
        TypeTag::Register => view.register(path).siblings().len(),
        TypeTag::RegisterLwwDelete => view.lww_delete_register(path).siblings().len(),
        TypeTag::MvRegister => view.mv_register(path).values().len(),
        _ => 1,
    }
}

/// The first items and whether there are more.
fn listed(items: impl Iterator<Item = Item>) -> (Vec<Item>, bool) {
    let mut items: Vec<Item> = items.take(MAX_LISTED + 1).collect();
    let more = items.len() > MAX_LISTED;
    items.truncate(MAX_LISTED);
    (items, more)
}

/// The names directly below a path. Goes from name to name, however much is below each.
fn names(view: &DocumentView, path: &Path) -> (Vec<Item>, bool) {
    let depth = path.components().len();
    let mut from = path.own_cells().1;
    listed(std::iter::from_fn(move || {
        let (key, _) = view.after(&from, path).next()?;
        let name: Component = key.path().components().get(depth)?.clone();
        let mut child = path.clone();
        child.push(name.clone());
        from = child.subtree().1;
        Some(component_item(&name))
    }))
}
