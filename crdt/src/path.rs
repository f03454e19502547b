//! Paths: where a value lives in a document, and the byte keys of the cells that store it.
//!
//! A [`Path`] is a sequence of typed components, `("users", 42, "name")`. A [`Key`] is a path in an
//! order-preserving byte encoding with one last byte, the [`TypeTag`], so that the same path used
//! as two data types is two cells and neither is lost.
//!
//! What must always hold:
//!
//! - keys order as (components, type tag) do: what a path holds itself sorts before everything
//!   below it, and everything below it is one contiguous range;
//! - every path and every key has exactly one encoding;
//! - the reserved keys sort before everything else, and no path leads to them.
//!
//! The encoding follows the tuple layer of FoundationDB (`design/tuple.md` in its repository). It
//! is written down in `path/encoding.rs`, the reasons in `docs/decisions/0003-key-encoding.md`.

mod clash;
mod component;
mod encoding;
mod key;
mod tag;
mod text;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::planted::{Bug, planted};
use crate::value::Int;

pub use clash::clash;
pub use component::Component;
pub use key::{Key, KeyError};
pub use tag::TypeTag;
pub use text::PathParseError;

use encoding::{AFTER_ELEMENTS, AFTER_OWN_CELLS, AFTER_RESERVED, AFTER_SUBTREE, ELEMENT};
use encoding::{Parts, RESERVED};

/// A sequence of components; the empty one is the root.
///
/// Paths order component by component, a path before everything below it. Text for command lines
/// is described at its `FromStr`; with serde a path is a sequence, in JSON `["users", 42]`.
///
/// ```
/// use rejoin_crdt::path::{IntoPath, Path};
///
/// let name = ("users", 42, "name").into_path();
/// assert!(name.starts_with(&("users", 42).into_path()));
/// assert_eq!(name.to_string(), "users/42/name");
/// assert_eq!("users/42/name".parse::<Path>()?, name);
/// # Ok::<(), rejoin_crdt::path::PathParseError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Path(Vec<Component>);

impl Path {
    /// The path without components, above all others.
    pub const ROOT: Path = Path(Vec::new());

    /// The components, from the root downwards.
    pub fn components(&self) -> &[Component] {
        &self.0
    }

    /// Says whether this is the path without components.
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// Appends one component.
    pub fn push(&mut self, component: impl Into<Component>) {
        self.0.push(component.into());
    }

    /// The path one component shorter; `None` at the root.
    pub fn parent(&self) -> Option<Path> {
        self.0.split_last().map(|(_, parent)| Path(parent.to_vec()))
    }

    /// Says whether this path is `ancestor` or lies below it.
    pub fn starts_with(&self, ancestor: &Path) -> bool {
        self.0.starts_with(&ancestor.0)
    }

    /// Appends the encoding of all components, which has no type tag and is no key yet.
    pub fn encode_into(&self, out: &mut Vec<u8>) {
        self.0.iter().for_each(|component| encoding::put_component(out, component));
    }

    /// The encoding of all components, see [`Path::encode_into`].
    pub fn encoded(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.encode_into(&mut bytes);
        bytes
    }

    /// Reads what [`Path::encode_into`] wrote, for example the part of a key that [`clash`] names.
    ///
    /// # Errors
    ///
    /// What is wrong with the bytes, and where; also when they go on after the path.
    pub fn from_encoded(bytes: &[u8]) -> Result<Path, KeyError> {
        if bytes.first() == Some(&RESERVED) {
            return Err(KeyError::Reserved);
        }
        let mut parts = Parts::new(bytes);
        let mut path = Path::ROOT;
        while let Some(part) = parts.next_part()? {
            let at = parts.at();
            path.0.push(part.into_component().ok_or(KeyError::MisplacedElement { at })?);
        }
        match parts.at() {
            at if at == bytes.len() => Ok(path),
            at => Err(KeyError::TrailingBytes { at }),
        }
    }

    /// The first position in key order of this path: everything at or below it follows. The root begins
    /// behind the reserved keys, which lie below no path.
    pub fn start(&self) -> Key {
        if self.is_root() { Key::bound(&[AFTER_RESERVED]) } else { Key::bound(&self.encoded()) }
    }

    /// The range, end exclusive, of all cells of this path and of everything below it.
    pub fn subtree(&self) -> (Key, Key) {
        if planted(Bug::SubtreeByBytes)
            && let Some(Component::Str(_) | Component::Bytes(_)) = self.0.last()
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
        let mut bytes = self.encoded();
        bytes.pop();
        let start = Key::bound(&bytes);
        bytes.push(AFTER_SUBTREE);
        (start, Key::bound(&bytes))
    }

    fn position_at(&self, next_byte: u8) -> Key {
        let mut bytes = self.encoded();
        bytes.push(next_byte);
        Key::bound(&bytes)
    }
}

impl FromIterator<Component> for Path {
    fn from_iter<I: IntoIterator<Item = Component>>(components: I) -> Self {
        Path(components.into_iter().collect())
    }
}

/// What can be written where a path is expected: a component, a tuple of up to six of them, a
/// slice, a path, and `()` for the root. Tuples may contain paths: `(&user, "name")`.
pub trait IntoPath: Sized {
    /// Appends the components of this to a path.
    fn append_to(self, path: &mut Path);

    /// This as a path.
    fn into_path(self) -> Path {
        let mut path = Path::ROOT;
        self.append_to(&mut path);
        path
    }
}

macro_rules! component_into_path {
    ($($kind:ty),*) => {
        $(impl IntoPath for $kind {
            fn append_to(self, path: &mut Path) {
                path.push(self);
            }
        })*
    };
}

component_into_path!(Component, Int, bool, &str, String, &String, &[u8], Vec<u8>, Uuid);
component_into_path!(u8, u16, u32, u64, usize, i8, i16, i32, i64, isize);

impl<const N: usize> IntoPath for &[u8; N] {
    fn append_to(self, path: &mut Path) {
        path.push(self.as_slice());
    }
}

impl IntoPath for Path {
    fn append_to(self, path: &mut Path) {
        path.0.extend(self.0);
    }
}

impl IntoPath for &Path {
    fn append_to(self, path: &mut Path) {
        path.0.extend_from_slice(&self.0);
    }
}

impl IntoPath for &[Component] {
    fn append_to(self, path: &mut Path) {
        path.0.extend_from_slice(self);
    }
}

impl IntoPath for Vec<Component> {
    fn append_to(self, path: &mut Path) {
        path.0.extend(self);
    }
}

impl<const N: usize> IntoPath for [Component; N] {
    fn append_to(self, path: &mut Path) {
        path.0.extend(self);
    }
}

impl<const N: usize> IntoPath for &[Component; N] {
    fn append_to(self, path: &mut Path) {
        path.0.extend_from_slice(self);
    }
}

impl IntoPath for () {
    fn append_to(self, _: &mut Path) {}
}

macro_rules! tuple_into_path {
    ($($part:ident),+) => {
        impl<$($part: IntoPath),+> IntoPath for ($($part,)+) {
            fn append_to(self, path: &mut Path) {
                #[allow(non_snake_case, reason = "each value is named for its type parameter")]
                let ($($part,)+) = self;
                $($part.append_to(path);)+
            }
        }
    };
}

tuple_into_path!(A);
tuple_into_path!(A, B);
tuple_into_path!(A, B, C);
tuple_into_path!(A, B, C, D);
tuple_into_path!(A, B, C, D, E);
tuple_into_path!(A, B, C, D, E, F);

#[cfg(test)]
mod tests;
