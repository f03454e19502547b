//! What the oracle is told, and what it is asked.
//!
//! The oracle names an operation by its position in the history, the engine by a dot; the judge knows
//! both names. What a replica knows can be told in two ways: by what a message covered when it was
//! sent, or by what the replica's own context claims. Either way every reading must follow from it.

use std::rc::Rc;

use rejoin::WrittenOff;
use rejoin_crdt::document::DocumentView;
use rejoin_crdt::path::Key;
use rejoin_crdt::{Commit, Context, Dot, KeyRange, ReplicaId, planted};
use rejoin_oracle::{History, Kind, Op, OpId, Stamp};

use crate::report::{Difference, Symptom};
use crate::site::Site;
use crate::workload::{Place, read, siblings, specs};

/// The history of a world, by both names.
#[derive(Clone)]
pub(crate) struct Judge {
    pub(crate) history: History,
    pub(crate) places: Rc<[Place]>,
    /// The dot of every operation, in the order in which they were issued.
    dots: Vec<(OpId, Dot)>,
    txn: u64,
}

impl Judge {
    pub(crate) fn new(sites: usize, places: impl Into<Rc<[Place]>>) -> Self {
        let places = places.into();
        let history = History::new(sites, specs(&places));
        Self { history, places, dots: Vec::new(), txn: 0 }
    }

    /// A transaction was committed whose operations took the dots after `before`, in order.
    pub(crate) fn wrote(
        &mut self,
        at: usize,
        replica: ReplicaId,
        before: u64,
        ops: &[(usize, Op, u64)],
    ) {
        self.txn += 1;
        let id = u128::from_be_bytes(*replica.as_bytes());
        for (seq, &(place, op, hlc)) in (before + 1..).zip(ops) {
            let op = self.history.apply(at, self.txn, place, op, Stamp { hlc, replica: id, seq });
            self.dots.push((op, Dot::new(replica, seq)));
        }
    }

    /// A conflict was resolved by the dot after `before`, which superseded exactly the dots in `over`.
    pub(crate) fn resolved(
        &mut self,
        at: usize,
        before: Dot,
        (place, value, hlc): (usize, i64, u64),
        over: &[Dot],
    ) {
        self.txn += 1;
        let (replica, seq) = (before.replica, before.seq + 1);
        let over: Vec<OpId> =
            self.dots.iter().filter(|(_, dot)| over.contains(dot)).map(|(op, _)| *op).collect();
        let stamp = Stamp { hlc, replica: u128::from_be_bytes(*replica.as_bytes()), seq };
        let op = self.history.resolve(at, self.txn, place, &over, value, stamp);
        self.dots.push((op, Dot::new(replica, seq)));
    }

    /// A subtree was deleted: by one range tombstone for each range of the commit, or, if it was a
    /// single cell, like that cell. Where a segment holds nothing live, nothing is deleted and nothing
    /// recorded.
    pub(crate) fn deleted(
        &mut self,
        at: usize,
        replica: ReplicaId,
        before: u64,
        commit: &Commit<Key>,
    ) {
        self.txn += 1;
        let mut deletions: Vec<Vec<usize>> =
            commit.ranges.iter().map(|range| self.places_in(std::slice::from_ref(range))).collect();
        if deletions.is_empty() {
            let changed =
                |place: &usize| commit.cells.iter().any(|c| c.key == self.places[*place].key);
            deletions.push((0..self.places.len()).filter(changed).collect());
        }
        for (seq, places) in (before + 1..).zip(deletions) {
            let op = self.history.delete_subtree(at, self.txn, &places);
            self.dots.push((op, Dot::new(replica, seq)));
        }
    }

    /// The positions of the places in some ranges.
    pub(crate) fn places_in(&self, ranges: &[KeyRange<Key>]) -> Vec<usize> {
        let covered = |at: &usize| ranges.iter().any(|r| r.contains(&self.places[*at].key));
        (0..self.places.len()).filter(covered).collect()
    }

    /// A replica has received everything that another one knows in some ranges.
    pub(crate) fn learn(&mut self, from: usize, to: usize, ranges: &[KeyRange<Key>]) {
        self.history.deliver(from, to, &self.places_in(ranges));
    }

    /// A replica knows from now on what its context claims.
    pub(crate) fn believe(&mut self, at: usize, context: &Context<Key>) {
        let claimed = |place: usize, op: OpId| {
            let name = self.dots.binary_search_by(|(id, _)| id.cmp(&op));
            name.is_ok_and(|n| context.at(&self.places[place].key).contains(self.dots[n].1))
        };
        let knowledge = self.history.knowledge_of(claimed);
        self.history.replace(at, knowledge);
    }

    /// A subtree was deleted by these dots, each with the places that it concerns.
    pub(crate) fn deleted_by(&mut self, at: usize, deletions: &[(Dot, Vec<usize>)]) {
        self.txn += 1;
        for (dot, places) in deletions {
            let op = self.history.delete_subtree(at, self.txn, places);
            self.dots.push((op, *dot));
        }
    }

    /// Nobody has these changes of `life`, and nobody ever will: on the keys of their ranges they did not happen.
    pub(crate) fn give_up(&mut self, life: ReplicaId, written_off: &WrittenOff) {
        for given_up in &written_off.ranges {
            let places = self.places_in(std::slice::from_ref(&given_up.range));
            let is_gone = |dot: Dot| {
                dot.replica == life && given_up.after < dot.seq && dot.seq <= written_off.upto
            };
            for (op, _) in self.dots.iter().filter(|(_, dot)| is_gone(*dot)) {
                places.iter().for_each(|place| self.history.give_up(*op, *place));
            }
        }
    }

    /// Somebody who has not issued anything yet, with this context.
    pub(crate) fn add(&mut self, context: &Context<Key>) -> usize {
        let at = self.history.add_replica(self.history.nothing());
        self.believe(at, context);
        at
    }

    /// The dots of all operations, with whether a context claims each of them wherever it concerns
    /// something.
    pub(crate) fn claims<'a>(
        &'a self,
        context: &'a Context<Key>,
    ) -> impl Iterator<Item = (Dot, bool)> + 'a {
        let claims = move |op: OpId, dot: Dot| {
            let places = self.history.operations()[op.0].seen.keys();
            places.into_iter().all(|place| context.at(&self.places[*place].key).contains(dot))
        };
        self.dots.iter().map(move |&(op, dot)| (dot, claims(op, dot)))
    }

    /// Compares one replica with the oracle at every place.
    pub(crate) fn compare(&self, at: usize, site: &Site) -> Result<(), Difference> {
        self.compare_view(at, &site.view(), &[])?;
        if !planted::any_planted()
            && let Err(violation) = site.store().verify(Some(site.replica))
        {
            return Err(Symptom::Invariant.says(format!("invariant {violation}")));
        }
        Ok(())
    }

    /// Compares what a reader finds with the oracle at every place outside of some ranges.
    pub(crate) fn compare_view(
        &self,
        at: usize,
        view: &DocumentView,
        without: &[KeyRange<Key>],
    ) -> Result<(), Difference> {
        let is_left_out = |place: &Place| without.iter().any(|range| range.contains(&place.key));
        for (index, place) in self.places.iter().enumerate() {
            if is_left_out(place) {
                continue;
            }
            let expected = self.history.value(at, index);
            let found = read(view, place);
            if found != expected {
                let Place { kind, path, .. } = place;
                let what = format!("{kind:?} {path} reads {found:?}, must be {expected:?}");
                return Err(Symptom::Value.says(what));
            }
            if place.kind == Kind::LwwRegister || place.kind == Kind::MvRegister {
                self.compare_siblings(at, index, view)?;
            }
        }
        if !view.cells().is_hydrating()
            && let Some(torn) = self.history.torn(at)
        {
            return Err(Symptom::Torn.says(format!("a part of a transaction is visible: {torn:?}")));
        }
        Ok(())
    }

    fn compare_siblings(
        &self,
        at: usize,
        index: usize,
        view: &DocumentView,
    ) -> Result<(), Difference> {
        let place = &self.places[index];
        let (found, expected) = (siblings(view, place), self.history.siblings(at, index));
        if found != expected {
            let what = format!("siblings at {}: {found:?}, must be {expected:?}", place.path);
            return Err(Symptom::Siblings.says(what));
        }
        let differ = expected.windows(2).any(|pair| pair[0] != pair[1]);
        if differ != view.conflicts(&place.path).next().is_some() {
            let what = format!("conflicts at {} are not listed as they are", place.path);
            return Err(Symptom::Conflicts.says(what));
        }
        Ok(())
    }
}

/// Invariant I11: equal contexts mean equal fingerprints. Returns whether they were equal.
pub(crate) fn audit(a: &Site, b: &Site) -> Result<bool, Difference> {
    if a.context() != b.context() {
        return Ok(false);
    }
    let (range, left, right) = (KeyRange::full(), a.store().view(), b.store().view());
    if left.fingerprint(&range) != right.fingerprint(&range) {
        return Err(Symptom::Audit.says("I11: equal contexts, different states"));
    }
    Ok(true)
}
