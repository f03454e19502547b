//! Repairs of documents: what a document adds to the engine follows them.

#![allow(clippy::unwrap_used, reason = "a step that is refused shall stop the test")]

use rejoin_crdt::document::{Document, DocumentRepairError, Inadmissible};
use rejoin_crdt::path::{IntoPath, Key, TypeTag};
use rejoin_crdt::value::Value;
use rejoin_crdt::{
    AuthorisedDelta, Authority, Delta, Dot, KeyRange, Limits, Part, RangeTombstone, RepairError,
    ReplicaId, Stability, VersionVector,
};

type State = Part<Key, Value>;

const A: ReplicaId = ReplicaId::from_u128(1);
const B: ReplicaId = ReplicaId::from_u128(2);

fn set(document: &mut Document, replica: ReplicaId, value: &str) {
    let hlc = document.tick(1_000);
    let mut tx = document.transaction(replica, hlc);
    tx.register("title").set(value).unwrap();
    let staged = tx.finish().unwrap();
    document.commit(staged).unwrap();
}

fn authorised(delta: Delta<Key, Value>) -> AuthorisedDelta<Key, Value> {
    delta.validate(&Limits::default()).unwrap().authorise(&Authority::Full).unwrap()
}

fn join(to: &mut Document, from: &Document) {
    let delta = from.store().delta_since(to.store().view().context());
    to.join(authorised(delta), None, 1_000).unwrap();
}

/// Two documents of equal context with a conflict between two writers.
fn conflicting() -> [Document; 2] {
    let [mut a, mut b] = [Document::default(), Document::default()];
    set(&mut a, A, "one");
    set(&mut b, B, "another");
    join(&mut a, &b);
    join(&mut b, &a);
    [a, b]
}

/// The document as it is after some damage.
fn damaged(document: &Document, damage: impl FnOnce(&mut State)) -> Document {
    let mut state = document.store().delta_since(&Default::default());
    damage(state.parts.first_mut().unwrap());
    let mut damaged = Document::default();
    damaged.restore(authorised(state), 1_000).unwrap();
    damaged
}

fn title() -> Key {
    Key::new("title".into_path(), TypeTag::Register).unwrap()
}

#[test]
fn a_conflict_that_comes_back_is_listed_again() {
    let [whole, b] = conflicting();
    let mut hurt = damaged(&b, |state| {
        state.cells.first_mut().unwrap().fresh.pop();
    });
    assert_eq!((whole.view().contested_count(), hurt.view().contested_count()), (1, 0));
    let testimony = whole.store().testimony(&[title()]);
    let repaired = hurt.repair(authorised(testimony.cells), None, 1_000).unwrap();
    assert_eq!((repaired.restored, repaired.removed, repaired.commit.cells.len()), (1, 0, 1));
    assert_eq!(hurt.view().contested_count(), 1);
    hurt.store().verify(Some(B)).unwrap();
    let again = authorised(whole.store().testimony(&[title()]).cells);
    assert!(hurt.repair(again, None, 1_000).unwrap().is_empty(), "a repair is idempotent");
}

#[test]
fn a_testimony_under_another_context_is_refused_and_changes_nothing() {
    let [mut a, mut b] = conflicting();
    let early = a.store().testimony(&[title()]).cells;
    set(&mut b, B, "later");
    let revision = b.store().revision();
    let refused = b.repair(authorised(early), None, 1_000);
    assert_eq!(refused, Err(DocumentRepairError::Store(RepairError::ContextMoved)));
    let delta = a.store().delta_since(&Default::default());
    let refused = a.repair(authorised(delta), None, 1_000);
    assert_eq!(refused, Err(DocumentRepairError::Store(RepairError::NotWhole { part: 0 })));
    assert_eq!(b.store().revision(), revision);
}

#[test]
fn a_repair_that_reaches_into_the_member_list_is_refused() {
    let [mut a, b] = conflicting();
    let mut forged = b.store().testimony(&[]).cells;
    let (dot, seen) = (Dot::new(A, 1), [(B, 1)].into_iter().collect());
    let tombstone = RangeTombstone { dot, range: KeyRange::full(), seen };
    forged.parts.first_mut().unwrap().range_tombstones.push(tombstone);
    let refused = a.repair(authorised(forged), None, 1_000);
    let deleted = Inadmissible::MembersDeleted { replica: A, seq: 1 };
    assert_eq!(refused, Err(DocumentRepairError::Inadmissible(deleted)));
    assert_eq!(a.view().contested_count(), 1);
}

#[test]
fn a_suspect_document_collects_nothing() {
    let [mut a, _] = conflicting();
    let hlc = a.tick(1_000);
    let mut tx = a.transaction(A, hlc);
    tx.register("title").delete().unwrap();
    let staged = tx.finish().unwrap();
    a.commit(staged).unwrap();
    let seen = a.store().view().context().floor();
    let stability = Stability::new([(A, seen)], VersionVector::new());
    a.set_suspect(true);
    assert!(a.collect(&stability).is_empty());
    a.set_suspect(false);
    assert_eq!(a.collect(&stability).tombstones, 1);
}
