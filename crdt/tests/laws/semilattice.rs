//! Join is a least upper bound: idempotent, commutative, associative.

use crate::history::{History, merged, require};
use crate::mix;
use crate::subject::Subject;

pub(crate) fn laws<S: Subject>(history: History) -> Result<(), String> {
    let outcome = history.run::<S>()?;
    let [x, y, z] = [&outcome.replicas[0], &outcome.replicas[1], &outcome.replicas[2]];
    let xy = merged(x, y)?;
    let yz = merged(y, z)?;
    let all = merged(&xy, z)?;
    mix::count::<S>(&all.state());
    require("x ∨ x = x", &merged(x, x)?, x)?;
    require("x ∨ (x ∨ y) = x ∨ y", &merged(x, &xy)?, &xy)?;
    require("x ∨ y = y ∨ x", &xy, &merged(y, x)?)?;
    require("(x ∨ y) ∨ z = x ∨ (y ∨ z)", &all, &merged(x, &yz)?)
}
