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
mod encoded;
mod encoding;
mod key;
mod tag;
mod text;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::value::Int;

pub use clash::clash;
pub use component::Component;
pub use encoded::EncodedPath;
pub use key::{Key, KeyError};
pub use tag::TypeTag;
pub use text::PathParseError;

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

    /// The encoding of all components, which has no type tag and is no key yet.
    pub fn encoded(&self) -> Vec<u8> {
        self.encode().as_bytes().to_vec()
    }

    /// Reads what [`Path::encoded`] wrote, for example the part of a key that [`clash`] names.
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

    /// See [`EncodedPath::start`].
    pub fn start(&self) -> Key {
        self.encode().start()
    }

    /// See [`EncodedPath::subtree`].
    pub fn subtree(&self) -> (Key, Key) {
        self.encode().subtree()
    }

    /// See [`EncodedPath::own_cells`].
    pub fn own_cells(&self) -> (Key, Key) {
        self.encode().own_cells()
    }

    /// See [`EncodedPath::elements`].
    pub fn elements(&self) -> (Key, Key) {
        self.encode().elements()
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
    fn append_to(self, path: &mut EncodedPath);

    /// This as an encoded path.
    fn encode(self) -> EncodedPath {
        let mut path = EncodedPath::default();
        self.append_to(&mut path);
        path
    }

    /// This as a path.
    fn into_path(self) -> Path {
        self.encode().decode()
    }
}

/// Text and bytes are encoded from where they are; everything else is a component without a copy.
macro_rules! component_into_path {
    ($($kind:ty => $push:ident),* $(,)?) => {
        $(impl IntoPath for $kind {
            fn append_to(self, path: &mut EncodedPath) {
                path.$push(&self.into());
            }
        })*
    };
}

component_into_path! {
    Component => push,
    Int => push, bool => push, Uuid => push,
    u8 => push, u16 => push, u32 => push, u64 => push, usize => push,
    i8 => push, i16 => push, i32 => push, i64 => push, isize => push,
}

macro_rules! content_into_path {
    ($($kind:ty => $push:ident),* $(,)?) => {
        $(impl IntoPath for $kind {
            fn append_to(self, path: &mut EncodedPath) {
                path.$push(self.as_ref());
            }
        })*
    };
}

content_into_path! {
    &str => push_text, String => push_text, &String => push_text,
    &[u8] => push_bytes, Vec<u8> => push_bytes,
}

impl<const N: usize> IntoPath for &[u8; N] {
    fn append_to(self, path: &mut EncodedPath) {
        path.push_bytes(self);
    }
}

impl IntoPath for &EncodedPath {
    fn append_to(self, path: &mut EncodedPath) {
        path.extend(self);
    }
}

impl IntoPath for &[Component] {
    fn append_to(self, path: &mut EncodedPath) {
        self.iter().for_each(|component| path.push(component));
    }
}

macro_rules! components_into_path {
    ($([$($generic:tt)*] $kind:ty),* $(,)?) => {
        $(impl<$($generic)*> IntoPath for $kind {
            fn append_to(self, path: &mut EncodedPath) {
                self.as_slice().append_to(path);
            }
        })*
    };
}

components_into_path! {
    [] Vec<Component>,
    [const N: usize] [Component; N],
    [const N: usize] &[Component; N],
}

impl IntoPath for Path {
    fn append_to(self, path: &mut EncodedPath) {
        self.components().append_to(path);
    }
}

impl IntoPath for &Path {
    fn append_to(self, path: &mut EncodedPath) {
        self.components().append_to(path);
    }
}

impl IntoPath for () {
    fn append_to(self, _: &mut EncodedPath) {}
}

macro_rules! tuple_into_path {
    ($($part:ident),+) => {
        impl<$($part: IntoPath),+> IntoPath for ($($part,)+) {
            fn append_to(self, path: &mut EncodedPath) {
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
