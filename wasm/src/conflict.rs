//! A conflict as JavaScript sees it.

use js_sys::Array;
use rejoin::path::TypeTag;
use rejoin::value::{Item, Value};
use rejoin::{Candidate, Limits};
use wasm_bindgen::prelude::*;

use crate::error::Refusal;
use crate::path::path_to_js;
use crate::value::{integer_to_js, item_from_js, item_to_js, record};

/// A place where concurrent changes left more than a reader sees, as it was when it was listed.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Conflict {
    conflict: rejoin::Conflict,
}

#[wasm_bindgen]
impl Conflict {
    /// A plain object that says everything about it; `index.d.ts` has its shape.
    pub fn describe(&self) -> JsValue {
        let path = ("path", path_to_js(self.conflict.path()));
        match &self.conflict {
            rejoin::Conflict::Siblings { tag, siblings, .. } => {
                let siblings: Array = siblings.iter().map(candidate).collect();
                record(&[path, ("type", name(*tag).into()), ("siblings", siblings.into())])
            }
            rejoin::Conflict::Types { types, .. } => {
                let types: Array = types.iter().map(|tag| JsValue::from_str(name(*tag))).collect();
                record(&[path, ("types", types.into())])
            }
            _ => record(&[path]),
        }
    }
}

impl Conflict {
    pub(crate) const fn new(conflict: rejoin::Conflict) -> Self {
        Self { conflict }
    }

    pub(crate) fn resolve(
        &self,
        replica: &rejoin::Replica,
        value: &JsValue,
    ) -> Result<(), Refusal> {
        let item = item_from_js(value, Limits::default().value_bytes)?;
        let value = storable(&item)?;
        replica.resolve(&self.conflict, |_| Some(value))?;
        Ok(())
    }
}

fn storable(item: &Item) -> Result<Value, Refusal> {
    Value::from_item(item).map_err(|error| Refusal::new("unsupported-value", error.to_string()))
}

fn candidate(candidate: &Candidate) -> JsValue {
    let value = candidate.value.as_ref().map(|value| item_to_js(&value.to_item()));
    record(&[
        ("replica", candidate.dot.replica.to_string().into()),
        ("seq", integer_to_js(candidate.dot.seq.into())),
        ("time", integer_to_js(candidate.hlc.physical_ms().into())),
        ("deleted", value.is_none().into()),
        ("value", value.unwrap_or(JsValue::UNDEFINED)),
    ])
}

/// The name of a data type; for a path used in several ways a map is anything below it.
const fn name(tag: TypeTag) -> &'static str {
    match tag {
        TypeTag::Register => "register",
        TypeTag::RegisterLwwDelete => "lww-delete-register",
        TypeTag::MvRegister => "mv-register",
        TypeTag::MaxRegister => "max-register",
        TypeTag::MinRegister => "min-register",
        TypeTag::EnableWinsFlag => "flag",
        TypeTag::DisableWinsFlag => "disable-wins-flag",
        TypeTag::Counter => "counter",
        TypeTag::BoundedCounter => "bounded-counter",
        TypeTag::MapMarker => "map",
        TypeTag::SetElement => "set",
        TypeTag::RemoveWinsElement => "remove-wins-set",
        _ => "unknown",
    }
}
