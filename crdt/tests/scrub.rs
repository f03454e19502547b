//! What was damaged in memory is not written over.
#![cfg(feature = "planted")]
#![allow(clippy::unwrap_used, reason = "a test stops at what it does not expect")]

use rejoin_crdt::document::{Document, Tx, WriteError};
use rejoin_crdt::path::{IntoPath, Key, TypeTag};
use rejoin_crdt::{Context, Entry, Hlc, KeyRange, ReplicaId};

fn transact(
    document: &mut Document,
    change: impl FnOnce(&mut Tx<'_>) -> Result<(), WriteError>,
) -> Result<(), WriteError> {
    let mut tx = document.transaction(ReplicaId::from_u128(1), Hlc::new(1, 0));
    change(&mut tx)?;
    let staged = tx.finish().unwrap();
    document.commit(staged).unwrap();
    Ok(())
}

#[test]
fn a_damaged_range_is_neither_written_nor_deleted_and_the_rest_is() {
    let mut document = Document::default();
    let write = |tx: &mut Tx<'_>, shop: &str| {
        (0..200_u64).try_for_each(|row| tx.register((shop, row)).set(row).map(drop))
    };
    transact(&mut document, |tx| write(tx, "berlin")).unwrap();
    transact(&mut document, |tx| write(tx, "lima")).unwrap();
    document.store().view().fingerprint(&KeyRange::full());
    let key = |row: u64| Key::new(("berlin", row).into_path(), TypeTag::Register).unwrap();
    let stamp = |entry: &mut Entry<_>| {
        if let Entry::Value { hlc, .. } = entry {
            *hlc = Hlc::new(77, 0);
        }
    };
    assert!(document.damage(&key(5), stamp));
    assert_eq!(document.scrub(None, usize::MAX).damaged.len(), 1);
    let refused = |result| matches!(result, Err(WriteError::Quarantined { .. }));
    assert!(refused(transact(&mut document, |tx| tx.register(("berlin", 5)).set(6).map(drop))));
    assert!(refused(transact(&mut document, |tx| tx.delete("berlin").map(drop))));
    assert!(refused(transact(&mut document, |tx| tx.delete(()).map(drop))));
    transact(&mut document, |tx| tx.delete("lima").map(drop)).unwrap();
    transact(&mut document, |tx| tx.register("new").set(1).map(drop)).unwrap();
    assert!(document.store().withholds(&Context::default()));
    let reach = document.store().delta_while(&Context::default(), |cells| cells.len()).reach();
    let apart = document.store().quarantine()[0].clone();
    let told = (0..60).filter(|row| !reach.at(&key(*row)).is_empty());
    assert!(told.eq((0..60).filter(|row| !apart.contains(&key(*row)))));
    assert!(!document.store().withholds(&reach.joined(document.store().view().context())));
    document.set_suspect(false);
    transact(&mut document, |tx| tx.register(("berlin", 5)).set(6).map(drop)).unwrap();
}
