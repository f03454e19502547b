//! Paths as bytes: what a handle carries, so that naming a cell allocates nothing.

use super::encoding::{self, AFTER_ELEMENTS, AFTER_OWN_CELLS, AFTER_RESERVED, AFTER_SUBTREE};
use super::encoding::{ELEMENT, Parts};
use super::{Component, Key, Path};
use crate::planted::{Bug, planted};

/// The encoding of a path, without a type tag: the beginning of all keys at and below it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EncodedPath {
    bytes: encoding::Bytes,
    /// How many components there are.
    components: u32,
}

impl EncodedPath {
    /// Appends one component.
    pub fn push(&mut self, component: &Component) {
        encoding::put_component(&mut self.bytes, component);
        self.components += 1;
    }

    pub(super) fn push_text(&mut self, text: &str) {
        encoding::put_text(&mut self.bytes, text);
        self.components += 1;
    }

    pub(super) fn push_bytes(&mut self, bytes: &[u8]) {
        encoding::put_bytes(&mut self.bytes, bytes);
        self.components += 1;
    }

    pub(super) fn extend(&mut self, other: &Self) {
        self.bytes.extend_from_slice(&other.bytes);
        self.components += other.components;
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// How many components there are.
    pub(crate) const fn component_count(&self) -> u32 {
        self.components
    }

    /// The path.
    pub fn decode(&self) -> Path {
        let mut parts = Parts::new(&self.bytes);
        // Everything in here was put there as a component.
        std::iter::from_fn(|| parts.next_part().ok().flatten()?.into_component()).collect()
    }

    /// The first position in key order of this path: everything at or below it follows. The root begins
    /// behind the reserved keys, which lie below no path.
    pub fn start(&self) -> Key {
        if self.bytes.is_empty() { Key::bound(&[AFTER_RESERVED]) } else { Key::bound(&self.bytes) }
    }

    /// The range, end exclusive, of all cells of this path and of everything below it.
    pub fn subtree(&self) -> (Key, Key) {
        if planted(Bug::SubtreeByBytes)
            && let Some(Component::Str(_) | Component::Bytes(_)) = self.decode().components().last()
        {
            return self.without_terminator();
        }
        (self.start(), self.position_at(AFTER_SUBTREE))
    }

    /// The range, end exclusive, of the cells that this path holds itself.
    pub fn own_cells(&self) -> (Key, Key) {
        (self.start(), self.position_at(AFTER_OWN_CELLS))
    }

    /// The range, end exclusive, of the elements of the set at this path.
    pub fn elements(&self) -> (Key, Key) {
        (self.position_at(ELEMENT), self.position_at(AFTER_ELEMENTS))
    }

    /// The range of the keys that begin like this path, whose last component may go on.
    fn without_terminator(&self) -> (Key, Key) {
        let mut bytes = self.bytes.clone();
        bytes.pop();
        let start = Key::bound(&bytes);
        bytes.push(AFTER_SUBTREE);
        (start, Key::bound(&bytes))
    }

    fn position_at(&self, next_byte: u8) -> Key {
        let mut bytes = self.bytes.clone();
        bytes.push(next_byte);
        Key::bound(&bytes)
    }

    /// The bytes, to become a key.
    pub(super) fn into_bytes(self) -> encoding::Bytes {
        self.bytes
    }
}
