//! Things sorted by their dots.

use std::collections::BTreeMap;

use crate::dot::{Dot, Seq};
use crate::replica::ReplicaId;

/// Rows whose numbers are further apart are sorted by comparing them.
const PLACES_PER_ROW: usize = 16;

/// No row.
const NOBODY: u32 = u32::MAX;

/// Things that have dots, which come in any order.
#[derive(Debug)]
pub(crate) struct ByDot<T> {
    replicas: BTreeMap<ReplicaId, Vec<(Seq, T)>>,
}

impl<T> Default for ByDot<T> {
    fn default() -> Self {
        Self { replicas: BTreeMap::new() }
    }
}

impl<T> ByDot<T> {
    pub(crate) fn push(&mut self, dot: Dot, thing: T) {
        self.replicas.entry(dot.replica).or_default().push((dot.seq, thing));
    }

    /// Each replica with what has its dots, in the order of the dots; what shares a dot stays in the order in which it came.
    pub(crate) fn in_order(self) -> impl Iterator<Item = (ReplicaId, Vec<(Seq, T)>)> {
        self.replicas.into_iter().map(|(replica, rows)| (replica, in_order(rows)))
    }
}

fn in_order<T>(rows: Vec<(Seq, T)>) -> Vec<(Seq, T)> {
    let mut rows = placed(rows);
    // A single look, where they are in order already.
    rows.sort_by_key(|row| row.0);
    rows
}

/// The dots of a transaction are consecutive, and those of a large delta lie close together: the number of each row
/// says where it belongs. Others are left as they are.
fn placed<T>(rows: Vec<(Seq, T)>) -> Vec<(Seq, T)> {
    let numbers = || rows.iter().map(|row| row.0);
    let (least, most) = (numbers().min().unwrap_or(0), numbers().max().unwrap_or(0));
    let spread = usize::try_from(most - least).unwrap_or(usize::MAX);
    if spread / PLACES_PER_ROW >= rows.len() || u32::try_from(rows.len()).is_err() {
        return rows;
    }
    let mut places = vec![NOBODY; spread + 1];
    // Several rows may share a number.
    let mut sharing = Vec::new();
    for (row, number) in (0..NOBODY).zip(numbers()) {
        let place = usize::try_from(number - least).ok();
        match place.and_then(|place| places.get_mut(place)) {
            Some(place) if *place == NOBODY => *place = row,
            _ => sharing.push(row),
        }
    }
    let mut rows: Vec<_> = rows.into_iter().map(Some).collect();
    let order = places.into_iter().filter(|row| *row != NOBODY).chain(sharing);
    let order = order.filter_map(|row| usize::try_from(row).ok());
    order.filter_map(|row| rows.get_mut(row).and_then(Option::take)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_a_stable_sort(numbers: Vec<(u8, u8, bool)>) -> bool {
        let mut by_dot = ByDot::default();
        let mut model = Vec::new();
        for (at, (replica, seq, is_far)) in numbers.into_iter().enumerate() {
            let far = if is_far { 1 << 40 } else { 0 };
            let seq = u64::from(seq % 32) + u64::from(replica / 128) * far;
            let dot = Dot::new(ReplicaId::from_u128(u128::from(replica % 3)), seq);
            by_dot.push(dot, at);
            model.push((dot, at));
        }
        model.sort_by_key(|(dot, _)| *dot);
        let found = by_dot.in_order().flat_map(|(replica, rows)| {
            rows.into_iter().map(move |(seq, at)| (Dot::new(replica, seq), at))
        });
        found.eq(model)
    }

    #[test]
    fn things_come_in_the_order_of_their_dots_and_those_of_one_dot_as_they_came() {
        let property = is_a_stable_sort as fn(Vec<(u8, u8, bool)>) -> bool;
        quickcheck::QuickCheck::new().tests(5_000).quickcheck(property);
    }
}
