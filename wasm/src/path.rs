//! JavaScript arrays as paths, and back.
//!
//! A component is text, an integer (a number or a `bigint`), a boolean, a `Uint8Array` or
//! `{ uuid: "…" }`, the form that paths have in JSON.

use js_sys::{Array, Reflect, Uint8Array};
use rejoin::Limits;
use rejoin::path::{Component, Path};
use uuid::Uuid;
use wasm_bindgen::prelude::*;

use crate::error::{Refusal, UnfitValue};
use crate::value::{
    bytes_from_js, integer_from_js, integer_to_js, record, text_from_js, unsupported,
};

/// The path of an array that `js/` made of the arguments of a call.
pub(crate) fn path_from_js(path: &JsValue) -> Result<Path, Refusal> {
    let components = path.unchecked_ref::<Array>();
    components.iter().map(|component| component_from_js(&component).map_err(invalid)).collect()
}

/// The array whose elements, as arguments, name the path.
pub(crate) fn path_to_js(path: &Path) -> JsValue {
    path.components().iter().map(component_to_js).collect::<Array>().into()
}

fn component_from_js(value: &JsValue) -> Result<Component, UnfitValue> {
    // Longer ones fit into no key. The engine says so too, but only after a copy.
    let limit_bytes = Limits::default().key_bytes;
    if let Some(text) = text_from_js(value, limit_bytes)? {
        return Ok(text.into());
    }
    if let Some(truth) = value.as_bool() {
        return Ok(truth.into());
    }
    if let Some(bytes) = bytes_from_js(value, limit_bytes)? {
        return Ok(bytes.into());
    }
    if value.is_object() {
        let uuid = Reflect::get(value, &"uuid".into());
        let uuid = uuid.map_err(|exception| UnfitValue::Threw { exception })?;
        let uuid = text_from_js(&uuid, limit_bytes)?.and_then(|text| Uuid::try_parse(&text).ok());
        return uuid.map(Component::Uuid).ok_or_else(|| unsupported(value));
    }
    integer_from_js(value).map(Component::Int)
}

fn component_to_js(component: &Component) -> JsValue {
    match component {
        Component::Bool(truth) => JsValue::from_bool(*truth),
        Component::Int(number) => integer_to_js(number.as_i128()),
        Component::Str(text) => JsValue::from_str(text),
        Component::Bytes(bytes) => Uint8Array::from(bytes.as_slice()).into(),
        Component::Uuid(uuid) => record(&[("uuid", uuid.to_string().into())]),
    }
}

fn invalid(error: UnfitValue) -> Refusal {
    let message = format!("not a component of a path: {error}");
    let refusal = Refusal::new("invalid-path", message);
    match error {
        UnfitValue::Threw { exception } => refusal.caused_by(exception),
        _ => refusal,
    }
}
