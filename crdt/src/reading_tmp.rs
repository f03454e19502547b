//! temporary
use crate::planted::{Bug, planted};
use crate::*;
impl<'a, V> CellRef<'a, V> {
    /// x
    pub fn last_by_clock(self) -> Option<Sibling<'a, V>> {
        self.values().max_by_key(|s| (s.hlc, s.dot))
    }
    /// x
    pub fn last_by_clock_or_deleted(self) -> Option<Sibling<'a, V>> {
        let t = self
            .entries()
            .filter(|(_, e)| e.is_tombstone())
            .filter_map(|(d, e)| Some((e.hlc()?, d)))
            .max();
        self.last_by_clock().filter(|s| t.is_none_or(|t| t < (s.hlc, s.dot)))
    }
    /// x
    pub fn count(self) -> i128 {
        let r = self.cell.merged_reset();
        self.entries()
            .filter_map(|(d, e)| match e {
                Entry::Slot(s) => {
                    let (i, x) = s.remainder(d.seq, r.of(d.replica));
                    Some(i128::from(i) - i128::from(x))
                }
                _ => None,
            })
            .sum()
    }
}
impl<'a, V: Ord> CellRef<'a, V> {
    /// x
    pub fn maximum(self) -> Option<&'a V> {
        self.values().map(|s| s.value).max()
    }
    /// x
    pub fn minimum(self) -> Option<&'a V> {
        self.values().map(|s| s.value).min()
    }
}
impl<K: CellKey, V: CellValue + Ord> Transaction<'_, K, V> {
    /// x
    pub fn write_maximum(&mut self, key: &K, value: V) -> Dot {
        let v = self
            .cell(key)
            .and_then(CellRef::maximum)
            .filter(|_| !planted(Bug::MaximumGoesBack))
            .map_or(value.clone(), |m| value.clone().max(m.clone()));
        self.write(key, v)
    }
    /// x
    pub fn write_minimum(&mut self, key: &K, value: V) -> Dot {
        let v = self
            .cell(key)
            .and_then(CellRef::minimum)
            .map_or(value.clone(), |m| value.clone().min(m.clone()));
        self.write(key, v)
    }
}
