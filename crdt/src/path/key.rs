//! Keys: the name of one cell, a path and a data type in bytes that sort.
//!
//! What must always hold: byte order is the order of (components, element, type tag). Bytes from
//! elsewhere become a key only through [`Key::from_bytes`], which accepts exactly what
//! [`Key::new`] and [`Key::element`] make.

use std::borrow::Borrow;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::encoding::{AFTER_RESERVED, Bytes, Part, Parts, RESERVED};
use super::encoding::{element_offset, put_element};
use super::{EncodedPath, IntoPath, Path, TypeTag};
use crate::range::KeyRange;
use crate::value::{
    DEFAULT_DEPTH, KEY_INLINE_BYTES, SharedBytes, ValueError, check_canonical, hex,
};

/// The name of one cell, cheap to clone and ordered by its bytes.
///
/// A range of keys needs ends that are no cells; [`Key::bound`] makes these. On such a position
/// the methods that look inside answer without meaning, and without panic.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Key(SharedBytes<KEY_INLINE_BYTES>);

impl Key {
    /// The cell of a data type at a path.
    ///
    /// # Errors
    ///
    /// [`KeyError::SetWithoutElement`] for the types of set elements, see [`Key::element`].
    pub fn new(path: impl IntoPath, tag: TypeTag) -> Result<Key, KeyError> {
        Key::at(&path.encode(), tag)
    }

    /// The same for a path that is encoded already.
    pub(crate) fn at(path: &EncodedPath, tag: TypeTag) -> Result<Key, KeyError> {
        match tag.is_set_element() {
            true => Err(KeyError::SetWithoutElement),
            false => Ok(Key(SharedBytes::with_last(path.as_bytes(), tag.to_byte()))),
        }
    }

    /// The cell of an element of the set at a path. `element` is the canonical bytes of its value.
    ///
    /// # Errors
    ///
    /// [`KeyError::ElementWithoutSet`] unless `tag` is a type of set elements;
    /// [`KeyError::Element`] when the bytes are not a canonical value.
    pub fn element(path: impl IntoPath, element: &[u8], tag: TypeTag) -> Result<Key, KeyError> {
        let mut bytes = path.encode().into_bytes();
        let at = bytes.len();
        if !tag.is_set_element() {
            return Err(KeyError::ElementWithoutSet { at });
        }
        check_canonical(element, DEFAULT_DEPTH)
            .map_err(|source| KeyError::Element { at, source })?;
        put_element(&mut bytes, element);
        Ok(Key::tagged(bytes, tag))
    }

    /// The cell of a data type at a path among the reserved keys. It is no cell of that path: what the
    /// document keeps for itself lies apart from everything that a path names.
    pub(crate) fn reserved(path: &Path, tag: TypeTag) -> Key {
        let mut bytes = path.encode().into_bytes();
        bytes.insert(0, RESERVED);
        Key::tagged(bytes, tag)
    }

    fn tagged(mut bytes: Bytes, tag: TypeTag) -> Key {
        bytes.push(tag.to_byte());
        Key::bound(&bytes)
    }

    /// The range of the reserved keys: everything before the first key that a path names.
    pub(crate) fn reserved_range() -> KeyRange<Key> {
        KeyRange::new(None, Some(Key::bound(&[AFTER_RESERVED])))
    }

    /// Says whether the document keeps this cell for itself, so that no path leads to it.
    pub fn is_reserved(&self) -> bool {
        self.as_bytes().first() == Some(&RESERVED)
    }

    /// Takes over bytes that are a key within the limits. A set element counts as a component.
    ///
    /// # Errors
    ///
    /// What is wrong with the bytes, and where.
    pub fn from_bytes(
        bytes: &[u8],
        max_key_bytes: u32,
        max_components: u32,
    ) -> Result<Key, KeyError> {
        check_key(bytes, max_key_bytes, max_components)?;
        Ok(Key::bound(bytes))
    }

    /// Checks a key that was made of `components`, an element included, against the limits that
    /// [`Key::from_bytes`] sets elsewhere.
    ///
    /// # Errors
    ///
    /// [`KeyError::TooLong`] or [`KeyError::TooManyComponents`].
    pub(crate) fn check_limits(
        &self,
        components: u32,
        max_key_bytes: u32,
        max_components: u32,
    ) -> Result<(), KeyError> {
        check_len(self.as_bytes().len(), max_key_bytes)?;
        match components <= max_components {
            true => Ok(()),
            false => Err(KeyError::TooManyComponents { max_components }),
        }
    }

    /// A position in key order, not a cell: the end of a range.
    pub fn bound(bytes: &[u8]) -> Key {
        Key(bytes.into())
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_slice()
    }

    /// The data type; `None` only for a position that is not a cell.
    pub fn tag(&self) -> Option<TypeTag> {
        self.as_bytes().last().and_then(|byte| TypeTag::from_byte(*byte))
    }

    /// The path; for an element the path of its set. The path of a reserved key is one among reserved
    /// keys, which leads to another cell.
    pub fn path(&self) -> Path {
        let mut parts = Parts::of_key(self.as_bytes());
        std::iter::from_fn(|| parts.next_part().ok().flatten()?.into_component()).collect()
    }

    /// The canonical bytes of the element, for a cell of a set.
    pub fn element_bytes(&self) -> Option<Vec<u8>> {
        let mut parts = Parts::new(self.as_bytes().get(self.path_len()..)?);
        match parts.next_part() {
            Ok(Some(Part::Element(element))) => Some(element.into_owned()),
            _ => None,
        }
    }

    /// The encoding of [`Key::path`], without decoding it; with the first byte of a reserved key.
    pub fn path_bytes(&self) -> &[u8] {
        self.as_bytes().get(..self.path_len()).unwrap_or_default()
    }

    /// How many bytes of the key are its path; the rest is element and type tag.
    pub(super) fn path_len(&self) -> usize {
        let bytes = self.as_bytes();
        let tag_at = bytes.len().saturating_sub(1);
        match self.tag() {
            Some(tag) if tag.is_set_element() => element_offset(bytes).unwrap_or(tag_at),
            _ => tag_at,
        }
    }
}

fn check_len(len_bytes: usize, max_bytes: u32) -> Result<(), KeyError> {
    match u32::try_from(len_bytes) {
        Ok(len) if len <= max_bytes => Ok(()),
        _ => Err(KeyError::TooLong { len_bytes, max_bytes }),
    }
}

fn check_key(bytes: &[u8], max_key_bytes: u32, max_components: u32) -> Result<(), KeyError> {
    check_len(bytes.len(), max_key_bytes)?;
    let mut parts = Parts::of_key(bytes);
    let mut count = 0;
    let mut element_at = None;
    loop {
        let at = parts.at();
        let Some(part) = parts.next_part()? else { break };
        if let Some(at) = element_at {
            return Err(KeyError::MisplacedElement { at });
        }
        if count == max_components {
            return Err(KeyError::TooManyComponents { max_components });
        }
        count += 1;
        if matches!(part, Part::Element(_)) {
            element_at = Some(at);
        }
    }
    let at = parts.at();
    match bytes.get(at..).unwrap_or_default() {
        [] => Err(KeyError::Truncated { at }),
        [byte] => match (TypeTag::from_byte(*byte), element_at) {
            (None, _) => Err(KeyError::UnknownType { byte: *byte }),
            (Some(tag), None) if tag.is_set_element() => Err(KeyError::SetWithoutElement),
            (Some(tag), Some(at)) if !tag.is_set_element() => {
                Err(KeyError::ElementWithoutSet { at })
            }
            _ => Ok(()),
        },
        _ => Err(KeyError::TrailingBytes { at: at + 1 }),
    }
}

impl Borrow<[u8]> for Key {
    fn borrow(&self) -> &[u8] {
        self.as_bytes()
    }
}

/// Prints the path and the type, or the bytes of a position that is not a cell.
impl fmt::Debug for Key {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.tag() {
            Some(tag) if check_key(self.as_bytes(), u32::MAX, u32::MAX).is_ok() => {
                let reserved = if self.is_reserved() { "reserved " } else { "" };
                write!(out, "Key({reserved}{}", self.path())?;
                if let Some(element) = self.element_bytes() {
                    write!(out, " h'{}'", hex(&element))?;
                }
                write!(out, " {tag:?})")
            }
            _ => write!(out, "Key(h'{}')", hex(self.as_bytes())),
        }
    }
}

/// Why bytes are not a key. `at` is the offset of the part that is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The key is longer than allowed.
    #[error("a key of {len_bytes} bytes, at most {max_bytes} are allowed")]
    TooLong {
        /// The length found.
        len_bytes: usize,
        /// The length allowed.
        max_bytes: u32,
    },
    /// The path has more components than allowed.
    #[error("a key of more than {max_components} components")]
    TooManyComponents {
        /// The number allowed.
        max_components: u32,
    },
    /// The key ends inside a component or without a type tag.
    #[error("a key cut short at byte {at}")]
    Truncated {
        /// Where the incomplete part begins.
        at: usize,
    },
    /// Bytes follow the type tag, or the end of a path.
    #[error("bytes after the end of a key at byte {at}")]
    TrailingBytes {
        /// Where the first of them stands.
        at: usize,
    },
    /// A component begins with a byte that no component begins with.
    #[error("no component begins with {first:#04x}, at byte {at}")]
    UnknownComponent {
        /// The byte found.
        first: u8,
        /// Where it stands.
        at: usize,
    },
    /// The last byte is not a type tag in use.
    #[error("{byte:#04x} is not a data type")]
    UnknownType {
        /// The byte found.
        byte: u8,
    },
    /// An integer with a leading zero byte.
    #[error("an integer that is not in its shortest form at byte {at}")]
    NotShortest {
        /// Where its digits begin.
        at: usize,
    },
    /// An integer below `i64::MIN`.
    #[error("an integer below the range at byte {at}")]
    IntOutOfRange {
        /// Where its digits begin.
        at: usize,
    },
    /// Text that is not UTF-8.
    #[error("text that is not UTF-8 at byte {at}")]
    InvalidUtf8 {
        /// Where the text begins.
        at: usize,
    },
    /// The first byte of the reserved keys, to which no path leads.
    #[error("a path that begins like the reserved keys")]
    Reserved,
    /// A set element that is not the last component, or stands in a path.
    #[error("a set element inside a path, before byte {at}")]
    MisplacedElement {
        /// A place in or after the element.
        at: usize,
    },
    /// A set element whose bytes are not a canonical value.
    #[error("a set element that is not a canonical value at byte {at}")]
    Element {
        /// Where the element begins in the key.
        at: usize,
        /// What is wrong with the value; offsets count within it.
        source: ValueError,
    },
    /// A set element with a data type that is not a set.
    #[error("a set element at byte {at}, but the data type is not a set")]
    ElementWithoutSet {
        /// Where the element begins.
        at: usize,
    },
    /// A data type of set elements without an element.
    #[error("the data type is a set, but the key has no element")]
    SetWithoutElement,
}
