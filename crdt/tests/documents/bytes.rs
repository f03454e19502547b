//! Equal states give equal bytes, whoever says them, how often, and however it has come to them.

use rejoin_crdt::document::DocumentStore;
use rejoin_crdt::path::{IntoPath, Key};
use rejoin_crdt::{Context, KeyRange, wire};

use crate::{Random, Site, hold, pair};

const NOW_MS: u64 = 1_000;

/// One local change.
fn change(site: &mut Site, random: &mut Random) {
    let (group, name) = (random.below(3), random.below(3));
    let (changed, _) = site.change(NOW_MS, |tx| match random.below(6) {
        0 => tx.delete(group).map(drop),
        1 => tx.counter((group, "count")).reset().map(drop),
        2 => tx.counter((group, "count")).add(1).map(drop),
        3 => tx.set((group, "set")).add(name).map(drop),
        4 => tx.register((group, name)).delete().map(drop),
        _ => tx.register((group, name)).set(name).map(drop),
    });
    changed.unwrap();
}

/// A range of whole groups.
fn range(random: &mut Random) -> KeyRange<Key> {
    let bound = |group: usize| Some(group.into_path().start());
    match random.below(3) {
        0 => KeyRange::new(None, bound(1)),
        1 => KeyRange::new(bound(1), bound(2)),
        _ => KeyRange::full(),
    }
}

/// Everything that a replica says of its state.
fn said(store: &DocumentStore) -> [Vec<u8>; 4] {
    let context = store.view().context();
    let state = store.delta_since(&Context::default());
    [
        wire::encode_delta(&state),
        wire::encode_delta_after(&state, &context.floor()),
        wire::encode_context(context),
        wire::encode_version_vector(&context.floor()),
    ]
}

/// Says whose bytes differ from those of an equal replica. Counts the pairs that were compared.
pub(crate) fn run(seed: u64) -> Result<usize, String> {
    let mut random = Random(seed);
    let mut sites: Vec<Site> = (0..2 + random.below(4)).map(Site::new).collect();
    let mut reached = 0;
    for _ in 0..40 {
        if random.below(2) == 0 {
            let at = random.below(sites.len());
            change(&mut sites[at], &mut random);
            continue;
        }
        let (from, to) = pair(&sites, &mut random);
        let range = range(&mut random);
        let [from, to] = sites.get_disjoint_mut([from, to]).unwrap();
        let base = to.document.store().view().context();
        to.take(from.document.store().delta_in(base, &range), NOW_MS);
        let [from, to] = [from, to].map(|site| site.document.store());
        if from.view().context() != to.view().context() {
            continue;
        }
        reached += 1;
        let [left, right] = [from, to].map(said);
        let forms = ["state", "state after a reference", "context", "version vector"];
        if let Some(at) = (0..forms.len()).find(|at| left[*at] != right[*at]) {
            let (form, len_bytes) = (forms[at], left[at].len());
            return Err(format!("two forms of a {form} of {len_bytes} bytes"));
        }
    }
    Ok(reached)
}

#[test]
fn equal_states_give_equal_bytes() {
    hold(run, 500);
}
