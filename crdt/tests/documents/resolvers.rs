//! Resolvers show a value and store none: who holds which dots, and what is in conflict, is the same as
//! without them.

use std::collections::{BTreeMap, BTreeSet};

use rejoin_crdt::Dot;
use rejoin_crdt::document::{Conflict, Resolver};
use rejoin_crdt::value::{Item, Value};

use crate::{Random, Site, exchange, hold, pair};

const PLACES: usize = 3;

/// Every write: what, where, and which writes its author had seen there.
type Writes = BTreeMap<Dot, Write>;

struct Write {
    place: usize,
    value: Value,
    seen: BTreeSet<Dot>,
}

/// All arrays one after another, in the order of dots.
fn concatenation() -> Resolver {
    Resolver::new("concatenation", |siblings| {
        let mut all = Vec::new();
        for sibling in siblings {
            let Item::Array(elements) = sibling.value.to_item() else { return None };
            all.extend(elements);
        }
        Value::from_item(&Item::Array(all)).ok()
    })
}

/// Somebody attaches a resolver of arrays, for everything or a part, somebody none.
fn site(number: usize, random: &mut Random) -> Site {
    let mut site = Site::new(number);
    let resolver = if random.below(2) == 0 { Resolver::union() } else { concatenation() };
    match random.below(4) {
        0 => {}
        1 => site.document.attach_resolver(("records", 1), resolver),
        _ => site.document.attach_resolver("records", resolver),
    }
    site
}

/// The writes to a place that nobody known has seen, sorted by dot.
fn live(writes: &Writes, known: &BTreeSet<Dot>, place: usize) -> Vec<(Dot, Value)> {
    let there = || known.iter().filter(|dot| writes[dot].place == place);
    let is_over = |dot: &Dot| there().any(|later| writes[later].seen.contains(dot));
    there().filter(|dot| !is_over(dot)).map(|dot| (*dot, writes[dot].value.clone())).collect()
}

/// Compares a replica with what it must hold. Returns how many conflicts there are.
fn judge(site: &Site, writes: &Writes, known: &BTreeSet<Dot>) -> Result<usize, String> {
    let view = site.document.view();
    let mut conflicts = 0;
    for place in 0..PLACES {
        let expected = live(writes, known, place);
        let siblings = view.register(("records", place)).siblings();
        let held: Vec<_> = siblings.iter().map(|s| (s.dot, s.value.clone())).collect();
        if held != expected {
            return Err(format!("{place} holds {held:?}, must be {expected:?}"));
        }
        let candidates: Vec<_> = view
            .conflicts(("records", place))
            .flat_map(|conflict| match conflict {
                Conflict::Siblings { siblings, .. } => siblings,
                _ => Vec::new(),
            })
            .map(|candidate| (candidate.dot, candidate.value.unwrap()))
            .collect();
        let is_contested = expected.iter().any(|(_, value)| *value != expected[0].1);
        let expected = if is_contested { expected } else { Vec::new() };
        if candidates != expected {
            return Err(format!("{place} lists {candidates:?}, must be {expected:?}"));
        }
        conflicts += usize::from(is_contested);
    }
    Ok(conflicts)
}

/// Says where a replica holds or lists something else than was written. Counts conflicts.
pub(crate) fn run(seed: u64) -> Result<usize, String> {
    let mut random = Random(seed);
    let mut sites: Vec<Site> =
        (0..2 + random.below(3)).map(|number| site(number, &mut random)).collect();
    let mut known = vec![BTreeSet::new(); sites.len()];
    let mut writes = Writes::new();
    let mut reached = 0;
    for step in 0..40 {
        let now_ms = 1_000 + step;
        let at = if random.below(2) == 0 {
            let (from, to) = pair(&sites, &mut random);
            exchange(&mut sites, from, to, now_ms);
            let more = known[from].clone();
            known[to].extend(more);
            to
        } else {
            let (at, place) = (random.below(sites.len()), random.below(PLACES));
            let value = Value::from_serialize(&[random.below(4), random.below(4)]).unwrap();
            let seen = known[at].iter().filter(|dot| writes[dot].place == place).copied();
            let seen = seen.collect();
            let (dot, _) = sites[at]
                .change(now_ms, |tx| tx.register(("records", place)).set_value(value.clone()));
            let dot = dot.unwrap();
            writes.insert(dot, Write { place, value, seen });
            known[at].insert(dot);
            at
        };
        reached += judge(&sites[at], &writes, &known[at])?;
    }
    Ok(reached)
}

#[test]
fn what_a_resolver_shows_is_stored_nowhere() {
    hold(run, 1_000);
}
