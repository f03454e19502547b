//! What one peer did in one workload: one line of JSON.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The numbers of one peer in one workload.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Measurement {
    /// The name of the peer.
    pub peer: String,
    /// The name of the workload.
    pub workload: String,
    /// The size, where a series of them shows how cost grows.
    #[serde(default)]
    pub size: Option<u32>,
    /// Whether it ran at the sizes of `--quick`.
    pub quick: bool,
    /// The numbers, by the names that the workload gives them.
    pub values: BTreeMap<String, f64>,
    /// The size that was reached where the time was not enough for all of it.
    pub reached: Option<u32>,
    /// Whether it ran at a tenth of the sizes, because it was not done in time with all of them.
    pub tenth: bool,
    /// Why there are no numbers.
    pub failure: Option<String>,
}

impl Measurement {
    /// Adds a number.
    pub(crate) fn set(&mut self, name: &str, value: f64) {
        self.values.insert(name.to_owned(), value);
    }
}
