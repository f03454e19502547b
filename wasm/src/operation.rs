//! One call of a handle: what it asks of a view or of a transaction.

use js_sys::Array;
use rejoin::document::{Counter, Map, Register, Set};
use rejoin::path::Path;
use rejoin::value::Item;
use rejoin::{DocumentView, Limits, Tx};
use wasm_bindgen::prelude::*;

use crate::error::Refusal;
use crate::path::{path_from_js, path_to_js};
use crate::value::{integer_from_js, integer_to_js, item_from_js, item_to_js};

/// What a handle can be asked. Those that change something need a transaction.
#[wasm_bindgen]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Operation {
    /// The value that a register shows.
    RegisterGet,
    /// Writes a value over everything that is seen.
    RegisterSet,
    /// Deletes everything that is seen.
    RegisterDelete,
    /// Whether a set contains an element.
    SetHas,
    /// The elements of a set.
    SetValues,
    /// Adds an element.
    SetAdd,
    /// Removes an element.
    SetRemove,
    /// The total of a counter.
    CounterValue,
    /// Adds to a counter.
    CounterAdd,
    /// Whether a map exists.
    MapExists,
    /// The names directly below a map.
    MapKeys,
    /// Makes a map exist while it is empty.
    MapCreate,
    /// Deletes a map and everything below it.
    MapDelete,
}

/// Asks a view.
pub(crate) fn ask(
    view: &DocumentView,
    operation: Operation,
    path: &JsValue,
    argument: &JsValue,
) -> Result<JsValue, Refusal> {
    let path = path_from_js(path)?;
    match operation {
        Operation::RegisterGet => Ok(shown(&view.register(path))),
        Operation::SetHas => Ok(contains(&view.set(path), &item(argument)?)),
        Operation::SetValues => Ok(elements(&view.set(path))),
        Operation::CounterValue => Ok(total(&view.counter(path))),
        Operation::MapExists => Ok(view.map(path).exists().into()),
        Operation::MapKeys => Ok(names(&view.map(path))),
        _ => Err(Refusal::new("read-only", "only a transaction can change something")),
    }
}

/// Asks a transaction or changes it. After a refusal the transaction is as it was.
pub(crate) fn change(
    tx: &mut Tx<'_>,
    operation: Operation,
    path: &JsValue,
    argument: &JsValue,
) -> Result<JsValue, Refusal> {
    let path = path_from_js(path)?;
    match operation {
        Operation::RegisterGet => Ok(shown(&tx.register(path).read())),
        Operation::SetHas => Ok(contains(&tx.set(path).read(), &item(argument)?)),
        Operation::SetValues => Ok(elements(&tx.set(path).read())),
        Operation::CounterValue => Ok(total(&tx.counter(path).read())),
        Operation::MapExists => Ok(tx.map(path)?.read().exists().into()),
        Operation::MapKeys => Ok(names(&tx.map(path)?.read())),
        Operation::RegisterSet => done(tx.register(path).set(item(argument)?)?),
        Operation::RegisterDelete => Ok(tx.register(path).delete()?.into()),
        Operation::SetAdd => done(tx.set(path).add(item(argument)?)?),
        Operation::SetRemove => Ok(tx.set(path).remove(item(argument)?)?.into()),
        Operation::CounterAdd => done(tx.counter(path).add(amount(argument)?)?),
        Operation::MapCreate => done(tx.map(path)?.create()?),
        Operation::MapDelete => delete(tx, path),
    }
}

/// The dot of a change is of no use to a program that sees contexts as bytes.
#[allow(clippy::unnecessary_wraps, reason = "the value of an arm of `change`")]
fn done(_: rejoin::Dot) -> Result<JsValue, Refusal> {
    Ok(JsValue::UNDEFINED)
}

fn delete(tx: &mut Tx<'_>, path: Path) -> Result<JsValue, Refusal> {
    let cleared = tx.delete(path)?;
    Ok(JsValue::from_bool(cleared > 0))
}

fn shown(register: &Register<'_>) -> JsValue {
    register.value().map_or(JsValue::UNDEFINED, |value| item_to_js(&value.to_item()))
}

fn contains(set: &Set<'_>, element: &Item) -> JsValue {
    set.contains(element).into()
}

fn elements(set: &Set<'_>) -> JsValue {
    set.iter().map(|element| item_to_js(&element.to_item())).collect::<Array>().into()
}

fn total(counter: &Counter<'_>) -> JsValue {
    integer_to_js(counter.value())
}

fn names(map: &Map<'_>) -> JsValue {
    path_to_js(&map.keys().into_iter().collect())
}

fn item(value: &JsValue) -> Result<Item, Refusal> {
    Ok(item_from_js(value, Limits::default().value_bytes)?)
}

fn amount(value: &JsValue) -> Result<i64, Refusal> {
    let refusal = || Refusal::new("invalid-amount", "an amount is an integer of 64 bits");
    integer_from_js(value).ok().and_then(|amount| amount.as_i64()).ok_or_else(refusal)
}
