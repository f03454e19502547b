//! Paths whose names begin like each other, and set apart by nothing but where a component ends.

use std::collections::BTreeMap;

use rejoin_crdt::path::{Component, Path};

use crate::{Random, Site, hold};

/// Text and bytes that are beginnings of each other, also past a zero byte, and numbers whose bytes are.
fn component(random: &mut Random) -> Component {
    let texts = ["", "a", "ab", "abc", "b", "a\0", "a\0b"];
    match random.below(9) {
        0 => Component::from(1),
        1 => Component::from(256),
        2 => Component::from(b"a"),
        3 => Component::from(b"a\0"),
        _ => Component::from(texts[random.below(texts.len())]),
    }
}

fn path(random: &mut Random, least: usize) -> Path {
    (0..least + random.below(3)).map(|_| component(random)).collect()
}

/// Whether a path is `ancestor` or goes on where that ends, component by component.
fn is_within(path: &Path, ancestor: &Path) -> bool {
    let (path, ancestor) = (path.components(), ancestor.components());
    path.len() >= ancestor.len() && path.iter().zip(ancestor).all(|(a, b)| a == b)
}

/// Says which subtree was listed or deleted wrongly. Counts the places that were deleted.
pub(crate) fn run(seed: u64) -> Result<usize, String> {
    let mut random = Random(seed);
    let mut site = Site::new(0);
    let mut model: BTreeMap<Path, usize> = BTreeMap::new();
    let mut reached = 0;
    for step in 0..60 {
        let now_ms = 1_000 + step as u64;
        if random.below(4) > 0 {
            let place = path(&mut random, 1);
            site.change(now_ms, |tx| tx.register(&place).set(step)).0.unwrap();
            model.insert(place, step);
        } else {
            let ancestor = path(&mut random, 1);
            let deleted = site.change(now_ms, |tx| tx.delete(&ancestor)).0.unwrap();
            let before = model.len();
            model.retain(|place, _| !is_within(place, &ancestor));
            reached += before - model.len();
            if deleted != before - model.len() {
                return Err(format!("{deleted} places were deleted below {ancestor}"));
            }
        }
        for ancestor in [Path::ROOT, path(&mut random, 1)] {
            let view = site.document.view();
            let found: Vec<Path> = view.prefix(&ancestor).map(|(key, _)| key.path()).collect();
            let below = model.keys().filter(|place| is_within(place, &ancestor));
            if !found.iter().eq(below) {
                return Err(format!("{found:?} were found below {ancestor}"));
            }
        }
    }
    Ok(reached)
}

#[test]
fn a_subtree_ends_where_its_last_component_does() {
    hold(run, 2_000);
}
