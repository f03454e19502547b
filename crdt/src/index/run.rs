//! A run: the rows of 256 neighbouring numbers.

/// Rows in no order; several keys may share a number.
///
/// What comes goes to the end and what goes is replaced by the last one, so that nothing else moves: a first sync
/// brings a few rows to each of many runs, again and again. To look through the lower parts of 256 numbers takes
/// as long as to search among them.
///
/// Two vectors, so that a row costs a byte beside its key.
#[derive(Clone, Debug)]
pub(super) struct Run<K> {
    /// The lower parts of the numbers.
    lows: Vec<u8>,
    keys: Vec<K>,
    /// A bit for each number that has a row.
    named: [u64; 4],
}

impl<K> Default for Run<K> {
    fn default() -> Self {
        Self { lows: Vec::new(), keys: Vec::new(), named: [0; 4] }
    }
}

impl<K> Run<K> {
    pub(super) const fn len(&self) -> usize {
        self.keys.len()
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    pub(super) fn rows(&self) -> impl Iterator<Item = (u8, &K)> {
        self.lows.iter().copied().zip(&self.keys)
    }

    /// The keys of the numbers from `from` to `to`, both included.
    pub(super) fn keys(&self, from: u8, to: u8) -> impl Iterator<Item = &K> {
        self.rows().filter(move |(low, _)| (from..=to).contains(low)).map(|(_, key)| key)
    }

    /// How many keys the numbers from `from` to `to` have.
    pub(super) fn count(&self, from: u8, to: u8) -> usize {
        if (from, to) == (0, u8::MAX) { self.len() } else { self.keys(from, to).count() }
    }

    /// The keys of one number.
    pub(super) fn at(&self, low: u8) -> impl Iterator<Item = &K> {
        self.places(low).filter_map(|at| self.keys.get(at))
    }

    /// Where the rows of a number are.
    fn places(&self, low: u8) -> impl Iterator<Item = usize> {
        let mut next = if self.is_named(low) { 0 } else { self.lows.len() };
        std::iter::from_fn(move || {
            let at = next + position(self.lows.get(next..)?, low)?;
            next = at + 1;
            Some(at)
        })
    }

    fn is_named(&self, low: u8) -> bool {
        self.named.get(usize::from(low / 64)).is_some_and(|word| word >> (low % 64) & 1 == 1)
    }

    fn name(&mut self, low: u8, is_named: bool) {
        if let Some(word) = self.named.get_mut(usize::from(low / 64)) {
            let bit = 1 << (low % 64);
            *word = if is_named { *word | bit } else { *word & !bit };
        }
    }
}

impl<K: PartialEq> Run<K> {
    /// Adds a row, if it is not there.
    pub(super) fn insert(&mut self, low: u8, key: K) {
        if !self.at(low).any(|other| *other == key) {
            self.lows.push(low);
            self.keys.push(key);
            self.name(low, true);
        }
    }

    pub(super) fn remove(&mut self, low: u8, key: &K) {
        let Some(at) = self.places(low).find(|at| self.keys.get(*at) == Some(key)) else { return };
        self.lows.swap_remove(at);
        self.keys.swap_remove(at);
        // Where no key shares its number, there are no more keys than numbers.
        let numbers = self.named.iter().map(|word| word.count_ones() as usize).sum();
        let is_named = self.keys.len() >= numbers && self.lows.contains(&low);
        self.name(low, is_named);
        // What is written over again and again leaves few rows in each of many runs.
        if self.keys.len() < self.keys.capacity() / 4 * 3 {
            self.lows.shrink_to_fit();
            self.keys.shrink_to_fit();
        }
    }
}

/// Where `low` is first, eight at a time. Source: `haszero` of Anderson, *Bit Twiddling Hacks*.
fn position(lows: &[u8], low: u8) -> Option<usize> {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    let (words, rest) = lows.as_chunks::<8>();
    for (at, word) in words.iter().enumerate() {
        let differing = u64::from_le_bytes(*word) ^ u64::from_le_bytes([low; 8]);
        let zeros = differing.wrapping_sub(ONES) & !differing & ONES << 7;
        if zeros != 0 {
            return word.iter().position(|other| *other == low).map(|inside| at * 8 + inside);
        }
    }
    let inside = rest.iter().position(|other| *other == low)?;
    Some(words.len() * 8 + inside)
}
