//! What a part of a delta says of the cells that it does not list.

use serde::{Deserialize, Serialize};

/// Which cells of its range a part lists, and so what it says of the others.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub enum Coverage {
    /// Every cell with a dot outside `base`; the others are as `base` has them. Slots and rows inside
    /// `base` are not named: they are unchanged.
    #[default]
    Difference,
    /// Every cell, with the names of all its dots; the sender holds nothing else in the range.
    Complete,
    /// Every cell with a dot outside `base`, and every cell in which the two sides differ, with the names
    /// of all its dots; in the others both were found to hold the same dots inside `base`. What the
    /// receiver has got beyond `base` meanwhile and the sender has seen and does not list, is gone.
    Differing,
}

impl Coverage {
    #[allow(clippy::trivially_copy_pass_by_ref, reason = "the form that serde asks for")]
    pub(crate) fn is_difference(&self) -> bool {
        *self == Self::Difference
    }
}
