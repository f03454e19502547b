//! JavaScript values as document values, and back.
//!
//! What must always hold: nothing is rounded, dropped or replaced silently. What a document value
//! cannot hold is refused, and what JavaScript has no exact value for is handed out in another type:
//! a `bigint`, a `Map` for integer keys, a `Timestamp` for times finer than a `Date`. Which number is
//! an integer is the engine's rule, see [`rejoin::value`].

use std::collections::BTreeMap;

use js_sys::{Array, BigInt, Date, JsString, Map, Reflect, Uint8Array};
use rejoin::value::{DEFAULT_DEPTH, Int, Item, MapKey, Timestamp};
use wasm_bindgen::prelude::*;

use crate::error::UnfitValue;

/// The greatest and the least integer that a JavaScript number holds exactly are ± this.
const LARGEST_EXACT: i128 = 9_007_199_254_740_991;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(catch, js_namespace = Array, js_name = isArray)]
    fn is_array(value: &JsValue) -> Result<bool, JsValue>;

    #[wasm_bindgen(catch, js_namespace = Array, js_name = from)]
    fn array_from(iterable: &JsValue) -> Result<Array, JsValue>;

    #[wasm_bindgen(catch, js_namespace = Object)]
    fn entries(object: &JsValue) -> Result<Array, JsValue>;

    #[wasm_bindgen(catch, js_namespace = Object, js_name = getPrototypeOf)]
    fn prototype_of(object: &JsValue) -> Result<JsValue, JsValue>;

    /// An object that says it is a date may have none of a date's insides.
    type Dated;

    #[wasm_bindgen(catch, method, js_name = getTime)]
    fn time_ms(this: &Dated) -> Result<f64, JsValue>;

    /// Makes own properties, whatever their names: `__proto__` is a name like any other.
    #[wasm_bindgen(js_namespace = Object, js_name = fromEntries)]
    fn object_from_entries(entries: &Array) -> JsValue;
}

#[wasm_bindgen(raw_module = "../js/timestamp.js")]
extern "C" {
    /// A point in time finer than a `Date`, or outside its range.
    #[wasm_bindgen(js_name = Timestamp)]
    type JsTimestamp;

    #[wasm_bindgen(constructor, js_class = "Timestamp")]
    fn new(seconds: &JsValue, nanos: u32) -> JsTimestamp;
}

/// The document value of a JavaScript value of at most `limit_bytes`.
pub(crate) fn item_from_js(value: &JsValue, limit_bytes: usize) -> Result<Item, UnfitValue> {
    Walk { limit_bytes, left_bytes: limit_bytes }.item(value, DEFAULT_DEPTH)
}

/// The JavaScript value of a document value.
pub(crate) fn item_to_js(item: &Item) -> JsValue {
    match item {
        Item::Nil => JsValue::NULL,
        Item::Bool(truth) => JsValue::from_bool(*truth),
        Item::Int(number) => integer_to_js(number.as_i128()),
        Item::Float(number) => JsValue::from_f64(*number),
        Item::Str(text) => JsValue::from_str(text),
        Item::Bytes(bytes) => Uint8Array::from(bytes.as_slice()).into(),
        Item::Array(items) => items.iter().map(item_to_js).collect::<Array>().into(),
        Item::Map(pairs) => map_to_js(pairs),
        Item::Timestamp(time) => time_to_js(*time),
    }
}

/// A number where that is exact, else a `bigint`.
pub(crate) fn integer_to_js(number: i128) -> JsValue {
    if (-LARGEST_EXACT..=LARGEST_EXACT).contains(&number) {
        JsValue::from_f64(number as f64)
    } else {
        BigInt::from(number).into()
    }
}

/// An object with these properties.
pub(crate) fn record(properties: &[(&str, JsValue)]) -> JsValue {
    let entry = |(name, value): &(&str, JsValue)| Array::of2(&JsValue::from_str(name), value);
    object_from_entries(&properties.iter().map(entry).collect())
}

/// The integer that a number without a fraction or a `bigint` stands for. `-0` stands for zero here:
/// it is what negating an amount of zero gives.
pub(crate) fn integer_from_js(value: &JsValue) -> Result<Int, UnfitValue> {
    if value.is_bigint() {
        return bigint(value);
    }
    match value.as_f64().map(|number| Item::from(number + 0.0)) {
        Some(Item::Int(number)) => Ok(number),
        _ => Err(unsupported(value)),
    }
}

/// Text of at most `limit_bytes`; `None` for a value that is no text.
pub(crate) fn text_from_js(
    value: &JsValue,
    limit_bytes: usize,
) -> Result<Option<String>, UnfitValue> {
    let Some(text) = value.dyn_ref::<JsString>() else { return Ok(None) };
    // Before it is copied; each UTF-16 unit takes a byte of UTF-8 at least.
    if usize::try_from(text.length()).is_ok_and(|len| len > limit_bytes) {
        return Err(UnfitValue::TooLarge { limit_bytes });
    }
    let copy = String::from(text);
    // The conversion puts a replacement character where it finds half a pair.
    if copy.contains(char::REPLACEMENT_CHARACTER) && JsValue::from_str(&copy) != *value {
        return Err(UnfitValue::LoneSurrogate);
    }
    Ok(Some(copy))
}

/// Bytes, at most `limit_bytes`; `None` for a value that is no `Uint8Array`.
pub(crate) fn bytes_from_js(
    value: &JsValue,
    limit_bytes: usize,
) -> Result<Option<Vec<u8>>, UnfitValue> {
    let Some(bytes) = value.dyn_ref::<Uint8Array>() else { return Ok(None) };
    let len_bytes = length(bytes)?;
    if len_bytes > limit_bytes as f64 {
        return Err(UnfitValue::TooLarge { limit_bytes });
    }
    Ok(Some(bytes.to_vec()))
}

pub(crate) fn unsupported(value: &JsValue) -> UnfitValue {
    let kind = if value.as_f64().is_some() {
        "number without an exact integer".to_owned()
    } else {
        value.js_typeof().as_string().unwrap_or_default()
    };
    UnfitValue::Unsupported { kind }
}

/// A walk through a value. It stops where the value cannot be stored any more, so that neither a
/// cycle nor one long text in a thousand places takes the memory of the page.
struct Walk {
    limit_bytes: usize,
    left_bytes: usize,
}

impl Walk {
    fn item(&mut self, value: &JsValue, depth: u32) -> Result<Item, UnfitValue> {
        self.take(1)?;
        if let Some(text) = text_from_js(value, self.left_bytes)? {
            self.take(text.len())?;
            return Ok(Item::Str(text));
        }
        if let Some(number) = value.as_f64() {
            return Ok(number.into());
        }
        if let Some(truth) = value.as_bool() {
            return Ok(truth.into());
        }
        if value.is_null() {
            return Ok(Item::Nil);
        }
        if value.is_bigint() {
            return bigint(value).map(Item::Int);
        }
        if !value.is_object() {
            return Err(unsupported(value));
        }
        self.object(value, depth)
    }

    fn object(&mut self, value: &JsValue, depth: u32) -> Result<Item, UnfitValue> {
        if let Some(bytes) = bytes_from_js(value, self.left_bytes)? {
            self.take(bytes.len())?;
            return Ok(Item::Bytes(bytes));
        }
        if value.is_instance_of::<Date>() {
            let ms = value.unchecked_ref::<Dated>().time_ms().map_err(threw)?;
            return time_from_ms(ms).map(Item::Timestamp).ok_or(UnfitValue::InvalidDate);
        }
        if value.is_instance_of::<JsTimestamp>() {
            return time_from_parts(value)?.map(Item::Timestamp).ok_or(UnfitValue::InvalidDate);
        }
        let depth = depth.checked_sub(1).ok_or(UnfitValue::TooDeep)?;
        if is_array(value).map_err(threw)? {
            return self.array(value, depth);
        }
        if value.is_instance_of::<Map>() {
            return self.pairs(&array_from(value).map_err(threw)?, depth);
        }
        if is_plain(value)? {
            return self.pairs(&entries(value).map_err(threw)?, depth);
        }
        Err(unsupported(value))
    }

    fn array(&mut self, array: &JsValue, depth: u32) -> Result<Item, UnfitValue> {
        let len = length(array)?;
        let mut items = Vec::new();
        // Counted up to the length, not allocated for it: a sparse array only states one.
        while (items.len() as f64) < len {
            let index = JsValue::from_f64(items.len() as f64);
            items.push(self.item(&Reflect::get(array, &index).map_err(threw)?, depth)?);
        }
        Ok(Item::Array(items))
    }

    /// An object or map by its entries. A subclass of `Map` may answer with anything.
    fn pairs(&mut self, entries: &Array, depth: u32) -> Result<Item, UnfitValue> {
        let mut pairs = BTreeMap::new();
        for entry in entries.iter() {
            let key = self.key(&Reflect::get_u32(&entry, 0).map_err(threw)?)?;
            let value = Reflect::get_u32(&entry, 1).map_err(threw)?;
            pairs.insert(key, self.item(&value, depth)?);
        }
        Ok(Item::Map(pairs))
    }

    fn key(&mut self, key: &JsValue) -> Result<MapKey, UnfitValue> {
        let Some(text) = text_from_js(key, self.left_bytes)? else {
            return integer_from_js(key).map(MapKey::Int);
        };
        self.take(text.len())?;
        Ok(MapKey::Str(text))
    }

    fn take(&mut self, len_bytes: usize) -> Result<(), UnfitValue> {
        let too_large = UnfitValue::TooLarge { limit_bytes: self.limit_bytes };
        self.left_bytes = self.left_bytes.checked_sub(len_bytes).ok_or(too_large)?;
        Ok(())
    }
}

fn threw(exception: JsValue) -> UnfitValue {
    UnfitValue::Threw { exception }
}

fn length(value: &JsValue) -> Result<f64, UnfitValue> {
    let length = Reflect::get(value, &"length".into()).map_err(threw)?;
    length.as_f64().ok_or_else(|| unsupported(value))
}

fn bigint(value: &JsValue) -> Result<Int, UnfitValue> {
    let number = i128::try_from(value.clone()).map_err(|_| UnfitValue::IntOutOfRange)?;
    Int::try_from(number).map_err(|_| UnfitValue::IntOutOfRange)
}

/// An object literal, also of another frame: its prototype is none, or one that has none.
fn is_plain(value: &JsValue) -> Result<bool, UnfitValue> {
    let prototype = prototype_of(value).map_err(threw)?;
    Ok(prototype.is_null() || prototype_of(&prototype).map_err(threw)?.is_null())
}

/// An object if all keys are text, else a `Map`, whose keys keep their type.
fn map_to_js(pairs: &BTreeMap<MapKey, Item>) -> JsValue {
    let all_text = pairs.keys().all(|key| matches!(key, MapKey::Str(_)));
    let entries = pairs.iter().map(|(key, item)| {
        let key = match key {
            MapKey::Str(text) => JsValue::from_str(text),
            MapKey::Int(number) => integer_to_js(number.as_i128()),
        };
        (key, item_to_js(item))
    });
    if all_text {
        let entries = entries.map(|(key, item)| Array::of2(&key, &item));
        return object_from_entries(&entries.collect());
    }
    let map = Map::new();
    for (key, item) in entries {
        map.set(&key, &item);
    }
    map.into()
}

fn time_from_ms(ms: f64) -> Option<Timestamp> {
    let Item::Int(ms) = Item::from(ms) else { return None };
    let ms = ms.as_i64()?;
    let nanos = u32::try_from(ms.rem_euclid(1_000)).ok()? * 1_000_000;
    Timestamp::new(ms.div_euclid(1_000), nanos)
}

fn time_from_parts(value: &JsValue) -> Result<Option<Timestamp>, UnfitValue> {
    let part = |name: &str| {
        let part = Reflect::get(value, &name.into()).map_err(threw)?;
        integer_from_js(&part)
    };
    let (seconds, nanos) = (part("seconds")?.as_i64(), part("nanos")?.as_u64());
    let nanos = nanos.and_then(|nanos| u32::try_from(nanos).ok());
    Ok(seconds.zip(nanos).and_then(|(seconds, nanos)| Timestamp::new(seconds, nanos)))
}

/// A `Date` if that is the same time: whole milliseconds, within 100 million days of 1970.
fn time_to_js(time: Timestamp) -> JsValue {
    const LATEST_MS: i128 = 8_640_000_000_000_000;
    let ms = i128::from(time.seconds()) * 1_000 + i128::from(time.nanos() / 1_000_000);
    if time.nanos().is_multiple_of(1_000_000) && (-LATEST_MS..=LATEST_MS).contains(&ms) {
        return Date::new(&integer_to_js(ms)).into();
    }
    JsTimestamp::new(&integer_to_js(time.seconds().into()), time.nanos()).into()
}
