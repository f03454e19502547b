//! Items through serde: ordinary JSON in and out, and a way to say what JSON cannot.
//!
//! What must always hold: reading back what was written gives the same item, and an ordinary JSON
//! text keeps its meaning. The forms and their escape are described at [`Item`].

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, Serializer};

use super::hex::{hex, unhex};
use super::timestamp::ExtensionVisitor;
use super::{Int, Item, MapKey, Timestamp};

impl Serialize for Item {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let for_people = serializer.is_human_readable();
        match self {
            Item::Nil => serializer.serialize_unit(),
            Item::Bool(truth) => serializer.serialize_bool(*truth),
            Item::Int(number) => number.serialize(serializer),
            Item::Float(number) if for_people && !number.is_finite() => {
                serializer.collect_map([("$float", number.to_string())])
            }
            Item::Float(number) => serializer.serialize_f64(*number),
            Item::Str(text) => serializer.serialize_str(text),
            Item::Bytes(bytes) if for_people => serializer.collect_map([("$bytes", hex(bytes))]),
            Item::Bytes(bytes) => serializer.serialize_bytes(bytes),
            Item::Array(items) => serializer.collect_seq(items),
            Item::Map(pairs) if for_people => serialize_map_for_people(pairs, serializer),
            Item::Map(pairs) => serializer.collect_map(pairs),
            Item::Timestamp(time) => time.serialize(serializer),
        }
    }
}

fn serialize_map_for_people<S: Serializer>(
    pairs: &BTreeMap<MapKey, Item>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    if pairs.keys().any(|key| matches!(key, MapKey::Int(_))) {
        let mut map = serializer.serialize_map(Some(1))?;
        map.serialize_entry("$map", &pairs.iter().collect::<Vec<_>>())?;
        return map.end();
    }
    match single_text_key(pairs) {
        Some((key, item)) if special_form(key).is_some() => {
            serializer.collect_map([(format!("${key}"), item)])
        }
        _ => serializer.collect_map(pairs),
    }
}

fn single_text_key(pairs: &BTreeMap<MapKey, Item>) -> Option<(&str, &Item)> {
    match pairs.first_key_value() {
        Some((MapKey::Str(key), item)) if pairs.len() == 1 => Some((key, item)),
        _ => None,
    }
}

/// The key without one `$`, when it names a special form or an escaped one.
fn special_form(key: &str) -> Option<&str> {
    let name = key.trim_start_matches('$');
    let special = matches!(name, "bytes" | "time" | "float" | "map");
    key.strip_prefix('$').filter(|_| special)
}

impl<'de> Deserialize<'de> for Item {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let for_people = deserializer.is_human_readable();
        deserializer.deserialize_any(ItemVisitor { for_people })
    }
}

struct ItemVisitor {
    for_people: bool,
}

impl<'de> Visitor<'de> for ItemVisitor {
    type Value = Item;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a document value")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Item, E> {
        Ok(Item::Nil)
    }

    fn visit_none<E: de::Error>(self) -> Result<Item, E> {
        Ok(Item::Nil)
    }

    fn visit_some<D: Deserializer<'de>>(self, inner: D) -> Result<Item, D::Error> {
        Item::deserialize(inner)
    }

    fn visit_bool<E: de::Error>(self, truth: bool) -> Result<Item, E> {
        Ok(Item::Bool(truth))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Item, E> {
        Ok(Item::Int(number.into()))
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Item, E> {
        Ok(Item::Int(number.into()))
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<Item, E> {
        Ok(Item::from(number))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Item, E> {
        Ok(Item::from(text))
    }

    fn visit_string<E: de::Error>(self, text: String) -> Result<Item, E> {
        Ok(Item::Str(text))
    }

    fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<Item, E> {
        Ok(Item::Bytes(bytes.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Item, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Item::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Item, A::Error> {
        let mut pairs = BTreeMap::new();
        while let Some((key, item)) = map.next_entry::<MapKey, Item>()? {
            insert_once(&mut pairs, key, item)?;
        }
        if self.for_people { unescape(pairs) } else { Ok(Item::Map(pairs)) }
    }

    /// MessagePack extensions arrive this way.
    fn visit_newtype_struct<D: Deserializer<'de>>(self, inner: D) -> Result<Item, D::Error> {
        ExtensionVisitor.visit_newtype_struct(inner).map(Item::Timestamp)
    }
}

/// Turns a map that is a special form into the item it stands for.
fn unescape<E: de::Error>(pairs: BTreeMap<MapKey, Item>) -> Result<Item, E> {
    let Some((name, item)) =
        single_text_key(&pairs).and_then(|(key, item)| Some((special_form(key)?, item)))
    else {
        return Ok(Item::Map(pairs));
    };
    let read = match (name, item) {
        ("bytes", Item::Str(text)) => unhex(text).map(Item::Bytes),
        ("float", Item::Str(text)) => not_finite(text).map(Item::Float),
        ("time", Item::Array(parts)) => time(parts).map(Item::Timestamp),
        ("map", Item::Array(entries)) => return map(entries),
        ("bytes" | "float" | "time" | "map", _) => None,
        (escaped, item) => Some(Item::Map([(MapKey::from(escaped), item.clone())].into())),
    };
    read.ok_or_else(|| E::custom(format_args!("not the form of ${name}")))
}

fn not_finite(text: &str) -> Option<f64> {
    match text {
        "NaN" => Some(f64::NAN),
        "inf" => Some(f64::INFINITY),
        "-inf" => Some(f64::NEG_INFINITY),
        _ => None,
    }
}

fn time(parts: &[Item]) -> Option<Timestamp> {
    match parts {
        [Item::Int(seconds), Item::Int(nanos)] => {
            Timestamp::new(seconds.as_i64()?, u32::try_from(nanos.as_u64()?).ok()?)
        }
        _ => None,
    }
}

fn map<E: de::Error>(entries: &[Item]) -> Result<Item, E> {
    let mut pairs = BTreeMap::new();
    for entry in entries {
        let (key, item) = match entry {
            Item::Array(entry) => match entry.as_slice() {
                [Item::Int(key), item] => (MapKey::Int(*key), item),
                [Item::Str(key), item] => (MapKey::from(key.as_str()), item),
                _ => return Err(E::custom("not the form of $map")),
            },
            _ => return Err(E::custom("not the form of $map")),
        };
        insert_once(&mut pairs, key, item.clone())?;
    }
    Ok(Item::Map(pairs))
}

fn insert_once<E: de::Error>(
    pairs: &mut BTreeMap<MapKey, Item>,
    key: MapKey,
    item: Item,
) -> Result<(), E> {
    match pairs.insert(key, item) {
        None => Ok(()),
        Some(_) => Err(E::custom("a map with the same key twice")),
    }
}

impl<'de> Deserialize<'de> for MapKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(MapKeyVisitor)
    }
}

struct MapKeyVisitor;

impl Visitor<'_> for MapKeyVisitor {
    type Value = MapKey;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("text or an integer")
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<MapKey, E> {
        Ok(MapKey::Int(number.into()))
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<MapKey, E> {
        Ok(MapKey::Int(Int::from(number)))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<MapKey, E> {
        Ok(MapKey::from(text))
    }
}
