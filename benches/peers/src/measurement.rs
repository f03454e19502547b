//! What one peer did in one workload: one line of JSON.

use std::collections::{BTreeMap, BTreeSet};

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
    /// The numbers, by the names that the workload gives them: the medians, where there are several runs.
    pub values: BTreeMap<String, f64>,
    /// The numbers of each run, in the order of the rounds.
    #[serde(default)]
    pub runs: Vec<BTreeMap<String, f64>>,
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

    /// Takes the numbers of a further run.
    pub(crate) fn add_run(&mut self, numbers: BTreeMap<String, f64>) {
        self.runs.push(numbers);
        let names: BTreeSet<&String> = self.runs.iter().flat_map(BTreeMap::keys).collect();
        let middle = |name: &&String| median(self.runs.iter().filter_map(|run| run.get(*name)));
        self.values =
            names.iter().filter_map(|name| Some(((*name).clone(), middle(name)?))).collect();
    }
}

/// The one in the middle; of two, the lesser one.
pub(crate) fn median<'n>(numbers: impl Iterator<Item = &'n f64>) -> Option<f64> {
    let mut numbers: Vec<f64> = numbers.copied().collect();
    numbers.sort_unstable_by(f64::total_cmp);
    numbers.get(numbers.len().checked_sub(1)? / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_the_median_of_its_runs() {
        let mut found = Measurement::default();
        for (ns, bytes) in [(3.0, 5.0), (9.0, 5.0), (4.0, 6.0)] {
            found.add_run([("ns".to_owned(), ns), ("bytes".to_owned(), bytes)].into());
        }
        let values: Vec<(&str, f64)> =
            found.values.iter().map(|(name, value)| (name.as_str(), *value)).collect();
        assert_eq!(values, [("bytes", 5.0), ("ns", 4.0)]);
        assert_eq!((found.runs.len(), median([].iter())), (3, None));
    }
}
