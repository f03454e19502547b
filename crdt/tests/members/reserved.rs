use rejoin_crdt::Context;
use rejoin_crdt::document::{Conflict, members_range};
use rejoin_crdt::path::{Key, KeyError, Path};

use crate::{cluster, site};

#[test]
fn no_path_leads_to_the_members() {
    let (a, _) = cluster();
    let view = a.document.store().view();
    let keys: Vec<_> = view.range(&members_range()).map(|(key, _)| key.clone()).collect();
    assert_eq!(keys.len(), 2);
    for key in keys {
        assert!(key.is_reserved());
        assert_eq!(Path::from_encoded(key.path_bytes()), Err(KeyError::Reserved));
    }
}

#[test]
fn no_listing_shows_the_members() {
    let (mut a, _) = cluster();
    let view = a.document.view();
    assert_eq!(view.prefix(()).count(), 0);
    assert_eq!(view.range(Path::ROOT..Path::from_iter(["z".into()])).count(), 0);
    assert_eq!(view.after(&Key::bound(&[0]), ()).count(), 0);
    assert!(view.get(()).is_none() && !view.map(()).exists() && view.map(()).keys().is_empty());
    assert_eq!(view.conflicts(()).count(), 0);
    a.write(|tx| {
        assert!(!tx.map(())?.read().exists());
        Ok(())
    })
    .unwrap();
}

#[test]
fn no_change_feed_tells_of_the_members() {
    let (mut a, _) = cluster();
    let changes = a.document.changes_since(&Context::default());
    assert!(changes.cells.is_empty() && changes.deleted.is_empty());
    assert_eq!(&changes.upto, a.context());
    a.write(|tx| tx.register("x").set(1)).unwrap();
    assert_eq!(a.document.changes_since(&Context::default()).cells.len(), 1);
}

#[test]
fn whoever_deletes_everything_leaves_the_members() {
    let (mut a, mut b) = cluster();
    a.write(|tx| tx.register(()).set(1)).unwrap();
    a.write(|tx| tx.register("x").set(1)).unwrap();
    assert_eq!(a.write(|tx| tx.delete(())).unwrap(), 2);
    b.pull(&a).unwrap();
    assert_eq!(b.document.view().members().iter().count(), 2);
    assert_eq!(b.document.view().prefix(()).count(), 0);
}

#[test]
fn a_register_at_the_root_does_not_clash_with_the_members() {
    let (mut a, _) = cluster();
    a.write(|tx| tx.register(()).set(1)).unwrap();
    assert_eq!(a.document.view().conflicts(()).count(), 0);
    a.write(|tx| tx.register("x").set(1)).unwrap();
    let view = a.document.view();
    let conflicts: Vec<_> = view.conflicts(()).collect();
    assert!(matches!(conflicts.as_slice(), [Conflict::Types { path, .. }] if path.is_root()));
}

#[test]
fn concurrent_admissions_are_no_conflict_of_the_document() {
    let (mut a, mut b) = cluster();
    let c = site(3);
    a.members(|members| members.admit(c.id, "oslo", None)).unwrap();
    b.members(|members| members.admit(c.id, "rome", None)).unwrap();
    a.pull(&b).unwrap();
    assert_eq!(
        (a.document.view().conflicts(()).count(), a.document.view().contested_count()),
        (0, 0)
    );
}
