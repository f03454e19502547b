//! The laws of the join, on whole documents.
//!
//! A case is three replicas after a short, unkind history. Their states must form a semilattice under
//! join, and a delta must do what the state it stands for would do, however it is cut and in whatever
//! order the pieces come. Equal means equal canonical bytes.

use std::collections::{BTreeMap, BTreeSet};

use rejoin_crdt::path::Key;
use rejoin_crdt::value::Value;
use rejoin_crdt::{CellRef, Coverage, Delta, Dot, Entry, KeyRange};

use crate::World;
use crate::site::Site;

/// What the cases were made of, to assert that they were worth checking.
#[derive(Clone, Copy, Debug, Default)]
pub struct Mix {
    /// Cases.
    pub cases: u64,
    /// Cases with concurrent siblings.
    pub siblings: u64,
    /// Cases with tombstones.
    pub tombstones: u64,
    /// Cases with range tombstones.
    pub range_tombstones: u64,
    /// Cases in which a replica was hydrating.
    pub hydrating: u64,
}

impl World {
    /// Checks every law on the first three replicas of this world as they are now.
    ///
    /// # Errors
    /// Names the law that does not hold.
    pub fn check_laws(&mut self, mix: &mut Mix) -> Result<(), String> {
        let [a, b, c] = self.first_three();
        mix.note(&[a, b, c]);
        let (ab, ba) = (joined(a, b)?, joined(b, a)?);
        same("join is commutative", &ab, &ba)?;
        same("join is idempotent", &joined(a, a)?, a)?;
        same("join is associative", &joined(&ab, c)?, &joined(a, &joined(b, c)?)?)?;

        let delta = a.delta(b.context(), &KeyRange::full());
        same("a delta does what the whole state does", &with(b, delta.clone())?, &ba)?;
        same("a delta may come twice", &with(&with(b, delta.clone())?, delta)?, &ba)?;
        let late = a.delta(c.context(), &KeyRange::full());
        if let Ok(twice) = with(&ba, late) {
            same("a redundant delta changes nothing", &twice, &ba)?;
        }

        let listing = a.listing(b.context(), Coverage::Complete, &[]);
        same("a listing does what the whole state does", &with(b, listing)?, &ba)?;
        let differing = a.listing(b.context(), Coverage::Differing, &differing_keys(a, b));
        same("so does a listing of the cells that differ", &with(b, differing)?, &ba)?;

        let cut = self.three_ranges();
        let [a, b, _] = self.first_three();
        let pieces = cut.map(|range| a.delta(b.context(), &range));
        let [first, second, third] = pieces;
        let forwards =
            [&first, &second, &third].into_iter().try_fold(copy(b)?, |b, p| with(&b, p.clone()))?;
        let backwards =
            [&third, &first, &second].into_iter().try_fold(copy(b)?, |b, p| with(&b, p.clone()))?;
        same("a delta may be cut by keys", &forwards, &ba)?;
        same("the pieces may come in any order", &backwards, &ba)
    }
}

impl Mix {
    fn note(&mut self, sites: &[&Site]) {
        let states: Vec<_> = sites.iter().map(|site| site.state()).collect();
        let parts = || states.iter().flat_map(|state| &state.parts);
        let cells = || parts().flat_map(|part| &part.cells);
        let is_tombstone = |entry: &Entry<Value>| matches!(entry, Entry::Tombstone(_));
        self.cases += 1;
        self.siblings += u64::from(cells().any(|cell| cell.fresh.len() > 1));
        self.tombstones +=
            u64::from(cells().any(|cell| cell.fresh.iter().any(|(_, e)| is_tombstone(e))));
        self.range_tombstones += u64::from(parts().any(|part| !part.range_tombstones.is_empty()));
        self.hydrating += u64::from(sites.iter().any(|site| site.context().uniform().is_none()));
    }
}

/// The keys at which two replicas do not hold the same dots.
fn differing_keys(a: &Site, b: &Site) -> Vec<Key> {
    let cells = |site: &Site| {
        let view = site.store().view();
        let dots = |cell: CellRef<'_, Value>| cell.entries().map(|(dot, _)| dot).collect();
        let all = view.range(&KeyRange::full()).map(|(key, cell)| (key.clone(), dots(cell)));
        all.collect::<BTreeMap<Key, Vec<Dot>>>()
    };
    let (a, b) = (cells(a), cells(b));
    let keys: BTreeSet<&Key> = a.keys().chain(b.keys()).collect();
    keys.into_iter().filter(|key| a.get(*key) != b.get(*key)).cloned().collect()
}

fn copy(site: &Site) -> Result<Site, String> {
    let mut copy = Site::reader();
    copy.take(site.state()).map_err(|refused| format!("an own state was refused: {refused:?}"))?;
    Ok(copy)
}

/// What `site` is after it has taken `delta`.
fn with(site: &Site, delta: Delta<Key, Value>) -> Result<Site, String> {
    let mut result = copy(site)?;
    result.take(delta).map_err(|refused| format!("an honest delta was refused: {refused:?}"))?;
    Ok(result)
}

fn joined(a: &Site, b: &Site) -> Result<Site, String> {
    with(a, b.state())
}

fn same(law: &str, left: &Site, right: &Site) -> Result<(), String> {
    if left.state() != right.state() || left.context() != right.context() {
        return Err(format!("{law}: {:?} is not {:?}", left.state(), right.state()));
    }
    Ok(())
}
