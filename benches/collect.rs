//! Collection: a set of which half was removed forgets the removals that both members have.
//!
//! What must hold: it costs the removals that there are to look at, not the set. The peer
//! removes the same names from a `BTreeSet`, which forgets everything at once.

mod rows;
mod table;

use std::collections::BTreeSet;

use criterion::{Criterion, criterion_group, criterion_main};
use rejoin::{Document, ReplicaId, Stability, VersionVector, WriteError};
use rows::{AUTHOR, NOW_MS, Rows, granted};
use table::Table;

const ELEMENTS: u32 = 100_000;
const REMOVED: u32 = ELEMENTS / 2;
/// The member beside the author.
const OTHER: ReplicaId = ReplicaId::from_u128(2);
const PEER: &str = "BTreeSet::remove";

/// Adds these names to the set, or removes them, in one transaction.
fn change(document: &mut Document, names: &[String], is_added: bool) {
    let hlc = document.tick(NOW_MS);
    let mut tx = document.transaction(AUTHOR, hlc);
    let mut set = tx.set("names");
    let changed = names.iter().try_for_each(|name| {
        if is_added {
            set.add(name)?;
        } else {
            set.remove(name)?;
        }
        Ok::<_, WriteError>(())
    });
    granted(changed);
    let staged = granted(tx.finish());
    granted(document.commit(staged));
}

/// A set of which half was removed, and what both members have of it. The other member has seen so many
/// changes of the author.
fn half_removed(names: &[String], seen_by_other: impl Fn(u64) -> u64) -> (Document, Stability) {
    let mut document = Document::default();
    change(&mut document, names, true);
    change(&mut document, names.get(..REMOVED as usize).unwrap_or(names), false);
    let seen = |seq| [(AUTHOR, seq)].into_iter().collect();
    let last = document.store().last_seq(AUTHOR);
    let members = [(AUTHOR, seen(last)), (OTHER, seen(seen_by_other(last)))];
    (document, Stability::new(members, VersionVector::new()))
}

fn collect(criterion: &mut Criterion) {
    let mut names: Vec<String> = Rows::new(ELEMENTS).all().into_iter().map(|row| row.key).collect();
    let mut table = Table::new(criterion, "collection of 50 000 removals");
    table.beside(PEER).measure(
        PEER,
        REMOVED,
        &mut names,
        |names| names.iter().cloned().collect::<BTreeSet<_>>(),
        |names, mut set| {
            let removed = names.iter().take(REMOVED as usize).filter(|name| set.remove(*name));
            (removed.count(), set)
        },
    );
    table.measure(
        "Document::collect, both members have all",
        REMOVED,
        &mut names,
        |names| half_removed(names, |last| last),
        |_, (mut document, stability)| {
            let collected = document.collect(&stability);
            assert_eq!(collected.tombstones, REMOVED as usize, "every removal is ripe");
            (collected, document)
        },
    );
    let mut behind = half_removed(&names, |last| last - u64::from(REMOVED));
    table.measure(
        "Document::collect, a member has no removal yet",
        REMOVED,
        &mut behind,
        |_| (),
        |(document, stability), ()| {
            let collected = document.collect(stability);
            assert!(collected.is_empty(), "a removal was forgotten that a member does not have");
        },
    );
    table.print("per removal");
}

criterion_group! {
    name = benches;
    config = table::config();
    targets = collect
}
criterion_main!(benches);
