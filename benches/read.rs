//! Reading 100 000 rows: one after another, a range of them, and one at a time.
//!
//! The peer does the same with a `BTreeMap` of the same bytes. Both look at the length of each value.

mod rows;
mod table;

use criterion::{Criterion, criterion_group, criterion_main};
use rejoin::document::DocumentView;
use rejoin::{KeyRange, Reading};
use rows::{Floor, Rows};
use table::Table;

const KEYS: u32 = 100_000;
/// How many rows a range has.
const RANGE: u32 = 100;
/// How many ranges, and how many single rows, one run reads.
const RANGES: u32 = 1_000;
const POINTS: u32 = 10_000;

struct Fixture {
    view: DocumentView,
    map: Floor,
    random: fastrand::Rng,
}

impl Fixture {
    fn new() -> Self {
        let rows = Rows::new(KEYS).all();
        let (view, map) = (rows::document(&rows).view(), rows::floor(&rows));
        Self { view, map, random: fastrand::Rng::with_seed(7) }
    }

    /// Where some ranges start and end, in no order.
    fn ranges(&mut self) -> Vec<[String; 2]> {
        let mut start = || self.random.u32(..KEYS - RANGE);
        (0..RANGES).map(|_| start()).map(|at| [at, at + RANGE].map(rows::key)).collect()
    }

    /// Some keys, in no order.
    fn keys(&mut self) -> Vec<String> {
        (0..POINTS).map(|_| rows::key(self.random.u32(..KEYS))).collect()
    }
}

/// The length of a value, so that it is looked at.
fn len(reading: &Reading<'_>) -> usize {
    match reading {
        Reading::Value(value) => value.as_bytes().len(),
        _ => 0,
    }
}

fn iterate(criterion: &mut Criterion) {
    let mut fixture = Fixture::new();
    let mut table = Table::new(criterion, "iteration over 100 000 rows");
    let peer = "BTreeMap::iter";
    table.beside(peer).measure(
        peer,
        KEYS,
        &mut fixture,
        |_| (),
        |fixture, ()| fixture.map.values().map(Vec::len).sum::<usize>(),
    );
    let name = "DocumentView::prefix of everything";
    table.measure(
        name,
        KEYS,
        &mut fixture,
        |_| (),
        |fixture, ()| fixture.view.prefix(()).map(|(_, reading)| len(&reading)).sum::<usize>(),
    );
    table.measure(
        "View::range, the cells",
        KEYS,
        &mut fixture,
        |_| (),
        |fixture, ()| {
            let cells = fixture.view.cells().range(&KeyRange::full());
            let values = cells.filter_map(|(_, cell)| cell.last_by_clock());
            values.map(|sibling| sibling.value.as_bytes().len()).sum::<usize>()
        },
    );
    table.print("per row");
}

fn ranges(criterion: &mut Criterion) {
    let mut fixture = Fixture::new();
    let mut table = Table::new(criterion, "ranges of 100 rows in 100 000");
    let peer = "BTreeMap::range";
    table.beside(peer).measure(
        peer,
        RANGES * RANGE,
        &mut fixture,
        Fixture::ranges,
        |fixture, ranges| {
            let bytes = |range: &[String; 2]| range.each_ref().map(|key| key.as_bytes().to_vec());
            let ranges = ranges.iter().map(bytes);
            let lens = ranges.flat_map(|[start, end]| fixture.map.range(start..end));
            lens.map(|(_, value)| value.len()).sum::<usize>()
        },
    );
    let name = "DocumentView::range";
    table.measure(name, RANGES * RANGE, &mut fixture, Fixture::ranges, |fixture, ranges| {
        let ranges = ranges.iter().map(|[start, end]| start.as_str()..end.as_str());
        let rows = ranges.flat_map(|range| fixture.view.range(range));
        rows.map(|(_, reading)| len(&reading)).sum::<usize>()
    });
    table.print("per row");
}

fn points(criterion: &mut Criterion) {
    let mut fixture = Fixture::new();
    let mut table = Table::new(criterion, "single rows of 100 000");
    let peer = "BTreeMap::get";
    table.beside(peer).measure(peer, POINTS, &mut fixture, Fixture::keys, |fixture, keys| {
        let values = keys.iter().filter_map(|key| fixture.map.get(key.as_bytes()));
        values.map(Vec::len).sum::<usize>()
    });
    let name = "DocumentView::register, its value borrowed";
    table.measure(name, POINTS, &mut fixture, Fixture::keys, |fixture, keys| {
        let winners = keys.iter().filter_map(|key| fixture.view.register(key.as_str()).winner());
        winners.map(|sibling| sibling.value.as_bytes().len()).sum::<usize>()
    });
    table.print("per row");
}

criterion_group! {
    name = benches;
    config = table::config();
    targets = iterate, ranges, points
}
criterion_main!(benches);
