//! Keys of 12 bytes in no order, values of 100 bytes that do not compress.

use crate::peer::Row;

/// Keys in an order that is the same in every run and is not theirs.
#[derive(Clone, Debug)]
pub(crate) struct Rows {
    order: Vec<u32>,
    random: fastrand::Rng,
}

impl Rows {
    /// So many keys.
    pub(crate) fn new(count: u32) -> Self {
        let mut order: Vec<u32> = (0..count).collect();
        fastrand::Rng::with_seed(7).shuffle(&mut order);
        Self { order, random: fastrand::Rng::with_seed(u64::from(count)) }
    }

    /// The keys, in batches of at most so many.
    pub(crate) fn batches(&self, size: usize) -> impl Iterator<Item = &[u32]> {
        self.order.chunks(size)
    }

    /// How many keys there are.
    pub(crate) fn len(&self) -> usize {
        self.order.len()
    }

    /// The number of the key at this place of the order.
    pub(crate) fn number(&self, at: usize) -> u32 {
        self.order.get(at).copied().unwrap_or(0)
    }

    /// Keeps the first keys only: those that have been written.
    pub(crate) fn keep(&mut self, keys: u32) {
        self.order.truncate(keys as usize);
    }

    /// Rows with new values for these numbers.
    pub(crate) fn rows(&mut self, numbers: &[u32]) -> Vec<Row> {
        numbers.iter().map(|number| self.row(*number)).collect()
    }

    /// A row with a new value.
    pub(crate) fn row(&mut self, number: u32) -> Row {
        let mut value = vec![0; 100];
        self.random.fill(&mut value);
        Row { key: key(number), value }
    }

    /// So many different keys out of one half of them: half 0 or half 1.
    pub(crate) fn pick(&mut self, count: usize, half: usize) -> Vec<u32> {
        let half_len = self.order.len() / 2;
        let half = self.order.iter().skip(half * half_len).take(half_len).copied();
        self.random.choose_multiple(half, count)
    }
}

/// The key of this number: 12 bytes.
pub(crate) fn key(number: u32) -> String {
    format!("name-{number:07}")
}
