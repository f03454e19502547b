//! Things sorted by their dots.

use std::collections::BTreeMap;

use smallvec::SmallVec;

use crate::dot::Dot;
use crate::replica::ReplicaId;

/// Dots whose numbers are further apart are sorted by comparing them.
const PLACES_PER_DOT: usize = 8;

/// No dot.
const NOBODY: u32 = u32::MAX;

/// Things that have dots, which come in any order. One of them, as most commits have, takes no allocation.
#[derive(Debug)]
pub(crate) struct ByDot<T> {
    dots: SmallVec<[Dot; 1]>,
    /// Each until it is taken out.
    things: SmallVec<[Option<T>; 1]>,
}

impl<T> Default for ByDot<T> {
    fn default() -> Self {
        Self { dots: SmallVec::new(), things: SmallVec::new() }
    }
}

impl<T> ByDot<T> {
    pub(crate) fn with_capacity(count: usize) -> Self {
        Self { dots: SmallVec::with_capacity(count), things: SmallVec::with_capacity(count) }
    }

    pub(crate) fn push(&mut self, dot: Dot, thing: T) {
        self.dots.push(dot);
        self.things.push(Some(thing));
    }

    /// All of them, in the order of their dots; what shares a dot stays in the order in which it came.
    pub(crate) fn in_order(self) -> impl Iterator<Item = (Dot, T)> {
        let Self { dots, mut things } = self;
        let order = (!dots.is_sorted()).then(|| order_of(&dots));
        (0..dots.len()).filter_map(move |place| {
            let at = order.as_ref().map_or(Some(place), |order| order.get(place).copied())?;
            Some((*dots.get(at)?, things.get_mut(at)?.take()?))
        })
    }
}

/// The positions of these dots, in the order of the dots; of equal ones the first comes first.
pub(crate) fn order_of(dots: &[Dot]) -> Vec<usize> {
    let seq = |at: usize| dots.get(at).map_or(0, |dot| dot.seq);
    let mut replica = dots.iter().map(|dot| dot.replica);
    let first = replica.next();
    if replica.all(|other| Some(other) == first) {
        return in_order((0..dots.len()).collect(), seq);
    }
    let mut replicas: BTreeMap<ReplicaId, Vec<usize>> = BTreeMap::new();
    // Mostly the next dot is of the same replica.
    let mut rest = dots.iter().enumerate().peekable();
    while let Some((_, Dot { replica, .. })) = rest.peek().copied() {
        let of_replica = replicas.entry(*replica).or_default();
        let same = || rest.next_if(|(_, dot)| dot.replica == *replica).map(|(at, _)| at);
        of_replica.extend(std::iter::from_fn(same));
    }
    replicas.into_values().flat_map(|positions| in_order(positions, seq)).collect()
}

/// Sorts positions by the number that stands there.
fn in_order(positions: Vec<usize>, seq: impl Fn(usize) -> u64) -> Vec<usize> {
    let mut positions = placed(positions, &seq);
    // A single look, where they are in order already.
    positions.sort_by_key(|at| seq(*at));
    positions
}

/// The dots of a transaction are consecutive, and those of a large delta lie close together: each number says where
/// its position belongs. Others are left as they are.
fn placed(positions: Vec<usize>, seq: &impl Fn(usize) -> u64) -> Vec<usize> {
    let numbers = || positions.iter().map(|at| seq(*at));
    let (least, most) = (numbers().min().unwrap_or(0), numbers().max().unwrap_or(0));
    let spread = usize::try_from(most - least).unwrap_or(usize::MAX);
    if spread / PLACES_PER_DOT >= positions.len() || u32::try_from(positions.len()).is_err() {
        return positions;
    }
    let mut places = vec![NOBODY; spread + 1];
    // Several may share a number.
    let mut sharing = Vec::new();
    for (at, number) in (0..NOBODY).zip(numbers()) {
        let place = usize::try_from(number - least).ok();
        match place.and_then(|place| places.get_mut(place)) {
            Some(place) if *place == NOBODY => *place = at,
            _ => sharing.push(at),
        }
    }
    let order = places.into_iter().filter(|at| *at != NOBODY).chain(sharing);
    let order = order.filter_map(|at| positions.get(usize::try_from(at).ok()?).copied());
    order.collect()
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
        by_dot.in_order().eq(model)
    }

    #[test]
    fn things_come_in_the_order_of_their_dots_and_those_of_one_dot_as_they_came() {
        let property = is_a_stable_sort as fn(Vec<(u8, u8, bool)>) -> bool;
        quickcheck::QuickCheck::new().tests(5_000).quickcheck(property);
    }
}
