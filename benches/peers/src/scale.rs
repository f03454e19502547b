//! How large workloads are, and how long a peer may take for one.

/// The sizes of one run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scale {
    /// Keys of loads, cold joins, saves.
    pub keys: u32,
    /// Keys of the larger measurement of memory.
    pub many_keys: u32,
    /// Keys of everything that syncs.
    pub base_keys: u32,
    /// Overwrites, and increments of the one counter.
    pub changes: u32,
    /// Replica ids.
    pub ids: u32,
    /// Counters of the workload with many.
    pub counters: u32,
    /// How often small things are repeated; the best counts.
    pub repeats: u32,
    /// How long repeating goes on where it is not done for the sake of what takes long.
    pub repeat_s: f64,
    /// How long that goes on, and what a peer may take to change things; then it stops at the size that it has reached.
    pub budget_s: f64,
}

/// The sizes that the goals name.
pub(crate) const FULL: Scale = Scale {
    keys: 1_000_000,
    many_keys: 3_000_000,
    base_keys: 100_000,
    changes: 1_000_000,
    ids: 1_000,
    counters: 10_000,
    repeats: 100,
    repeat_s: 5.0,
    budget_s: 60.0,
};

/// A first impression in minutes.
pub(crate) const QUICK: Scale = Scale {
    keys: 100_000,
    many_keys: 200_000,
    base_keys: 50_000,
    changes: 200_000,
    ids: 1_000,
    counters: 2_000,
    repeats: 7,
    repeat_s: 0.8,
    budget_s: 2.0,
};

impl Scale {
    /// A tenth of everything but the time and the ids, for peers that do not get through in time.
    pub(crate) const fn tenth(self) -> Self {
        Self {
            keys: self.keys / 10,
            many_keys: self.many_keys / 10,
            base_keys: self.base_keys / 10,
            changes: self.changes / 10,
            counters: self.counters / 10,
            ..self
        }
    }
}

/// The rows of one transaction.
pub(crate) const BATCH: usize = 10_000;
