//! Components: the typed steps of a path.
//!
//! What must always hold: the derived order is the order of the encodings, so the variants stand
//! in the order of their tags.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, MapAccess, Visitor};
use serde::ser::{Serialize, Serializer};
use uuid::Uuid;

use crate::value::{Int, hex, unhex};

/// One step of a path.
///
/// The total order: `false`, `true`, integers as numbers, text by UTF-8 bytes, bytes
/// lexicographically, UUIDs by their bytes. Serde formats see the plain value, and
/// `{"bytes": "00ff"}` and `{"uuid": "…"}` for what JSON lacks.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Component {
    /// True or false.
    Bool(bool),
    /// A whole number of 64 bits.
    Int(Int),
    /// Text.
    Str(String),
    /// Bytes.
    Bytes(Vec<u8>),
    /// A UUID.
    Uuid(Uuid),
}

macro_rules! component_from {
    ($($kind:ty => $variant:ident),* $(,)?) => {
        $(impl From<$kind> for Component {
            fn from(part: $kind) -> Self {
                Component::$variant(part.into())
            }
        })*
    };
}

component_from! {
    bool => Bool,
    Int => Int,
    u8 => Int, u16 => Int, u32 => Int, u64 => Int, usize => Int,
    i8 => Int, i16 => Int, i32 => Int, i64 => Int, isize => Int,
    &str => Str,
    String => Str,
    &String => Str,
    &[u8] => Bytes,
    Vec<u8> => Bytes,
    Uuid => Uuid,
}

impl<const N: usize> From<&[u8; N]> for Component {
    fn from(bytes: &[u8; N]) -> Self {
        Component::Bytes(bytes.to_vec())
    }
}

impl Serialize for Component {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Component::Bool(truth) => serializer.serialize_bool(*truth),
            Component::Int(number) => number.serialize(serializer),
            Component::Str(text) => serializer.serialize_str(text),
            Component::Bytes(bytes) => serializer.collect_map([("bytes", hex(bytes))]),
            Component::Uuid(uuid) => serializer.collect_map([("uuid", uuid.to_string())]),
        }
    }
}

impl<'de> Deserialize<'de> for Component {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ComponentVisitor)
    }
}

struct ComponentVisitor;

impl<'de> Visitor<'de> for ComponentVisitor {
    type Value = Component;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("true, false, an integer, text, {\"bytes\": hex} or {\"uuid\": text}")
    }

    fn visit_bool<E: de::Error>(self, truth: bool) -> Result<Component, E> {
        Ok(truth.into())
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Component, E> {
        Ok(number.into())
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Component, E> {
        Ok(number.into())
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Component, E> {
        Ok(text.into())
    }

    fn visit_string<E: de::Error>(self, text: String) -> Result<Component, E> {
        Ok(text.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Component, A::Error> {
        let no_entry = || de::Error::custom("an object without \"bytes\" or \"uuid\"");
        let (kind, text) = map.next_entry::<Kind, String>()?.ok_or_else(no_entry)?;
        let component = match kind {
            Kind::Bytes => unhex(&text).map(Component::Bytes),
            Kind::Uuid => canonical_uuid(&text).map(Component::Uuid),
        };
        if map.next_key::<Kind>()?.is_some() {
            return Err(de::Error::custom("an object with two members"));
        }
        component.ok_or_else(|| de::Error::custom("not lower-case hexadecimal"))
    }
}

#[derive(serde::Deserialize)]
#[serde(field_identifier, rename_all = "lowercase")]
enum Kind {
    Bytes,
    Uuid,
}

/// A UUID in the one form it is printed in: lower case with hyphens.
pub(super) fn canonical_uuid(text: &str) -> Option<Uuid> {
    Uuid::try_parse(text).ok().filter(|uuid| uuid.to_string() == text)
}
