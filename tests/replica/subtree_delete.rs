use rejoin::{Replica, WriteError};

use crate::{exchange, sync};

#[test]
fn deleting_a_map_takes_everything_seen_and_spares_a_concurrent_child() {
    let (a, b) = (Replica::in_memory(), Replica::in_memory());
    a.transact(|tx| {
        let mut ada = tx.map(("users", 42))?;
        ada.register("name").set("Ada")?;
        ada.set("tags").add("vip")?;
        ada.counter("visits").add(7)?;
        Ok::<(), WriteError>(())
    })
    .unwrap();
    sync(&a, &b);
    a.transact(|tx| tx.delete(("users", 42))).unwrap();
    b.transact(|tx| {
        tx.register(("users", 42, "mail")).set("ada@example.org")?;
        tx.counter(("users", 42, "visits")).add(1)
    })
    .unwrap();
    exchange(&a, &b);
    for replica in [&a, &b] {
        let view = replica.view();
        let left: Vec<String> = view
            .prefix("users")
            .map(|(key, reading)| format!("{} {:?}", key.path(), reading.to_item()))
            .collect();
        assert_eq!(left.len(), 2, "{left:?}");
        assert_eq!(view.counter(("users", 42, "visits")).value(), 1);
        assert_eq!(view.register(("users", 42, "name")).value(), None);
        assert!(view.map(("users", 42)).exists());
    }
}

#[test]
fn deleting_costs_one_dot_however_large_the_subtree() {
    let a = Replica::in_memory();
    let rows: Vec<u32> = (0..5_000).collect();
    a.load(rows, |row| (("users", row), row)).unwrap();
    let b = Replica::in_memory();
    sync(&a, &b);
    let before = b.context();
    assert_eq!(a.transact(|tx| tx.delete("users")).unwrap().value, 5_000);
    let delta = a.delta_since(&before).unwrap();
    assert!(delta.len() < 100, "{} bytes", delta.len());
    b.apply(&delta).unwrap();
    assert_eq!(b.view().prefix(()).count(), 0);
    assert_eq!(b.status().cells, 0);
}

#[test]
fn a_subtree_larger_than_any_delta_is_deleted_at_once() {
    let a = Replica::in_memory();
    a.load(0..400_000_u32, |row| (("rows", row), row)).unwrap();
    assert_eq!(a.transact(|tx| tx.delete("rows")).unwrap().value, 400_000);
    assert_eq!(a.status().cells, 0);
}

#[test]
fn an_empty_map_exists_once_it_is_created_until_it_is_deleted() {
    let a = Replica::in_memory();
    a.transact(|tx| tx.map("drafts")?.create()).unwrap();
    assert!(a.view().map("drafts").exists() && a.view().map("drafts").keys().is_empty());
    a.transact(|tx| tx.map("drafts")?.delete()).unwrap();
    assert!(!a.view().map("drafts").exists());
}

#[test]
fn a_subtree_with_a_bounded_counter_is_not_deleted_and_the_error_names_it() {
    let a = Replica::in_memory();
    a.transact(|tx| {
        tx.bounded(("stock", "sku-1")).incr(3)?;
        tx.register(("stock", "note")).set("x")
    })
    .unwrap();
    let error = a.transact(|tx| tx.delete("stock")).unwrap_err();
    assert!(error.to_string().contains("stock/sku-1"), "{error}");
    assert_eq!(a.view().bounded(("stock", "sku-1")).value(), 3);
    assert!(a.view().register(("stock", "note")).value().is_some());
}

#[test]
fn a_map_lists_the_names_below_it_once_and_in_order() {
    let a = Replica::in_memory();
    a.transact(|tx| {
        for user in [3, 1, 2] {
            tx.register(("users", user, "name")).set("x")?;
            tx.set(("users", user, "tags")).add("y")?;
        }
        tx.register("users-of-old").set(1)
    })
    .unwrap();
    let keys: Vec<String> = a
        .view()
        .map("users")
        .keys()
        .into_iter()
        .map(|k| rejoin::path::Path::from_iter([k]).to_string())
        .collect();
    assert_eq!(keys, ["1", "2", "3"]);
}

#[test]
fn thousands_of_deletions_beside_and_below_each_other_reach_a_new_peer() {
    let a = Replica::in_memory();
    a.load(0..3_000, |row| (("rows", row, "a"), row)).unwrap();
    a.load(0..3_000, |row| (("rows", row, "b"), row)).unwrap();
    a.transact(|tx| tx.delete("rows")).unwrap();
    a.load(0..3_000, |row| (("rows", row, "a"), row)).unwrap();
    a.load(0..3_000, |row| (("rows", row, "b"), row)).unwrap();
    for row in 0..3_000 {
        a.transact(|tx| tx.delete(("rows", row))).unwrap();
    }
    let b = Replica::in_memory();
    for delta in a.deltas_since(&b.context()).unwrap() {
        b.apply(&delta).unwrap();
    }
    assert_eq!(b.context(), a.context());
    assert_eq!(b.view().prefix(()).count(), 0);
}

#[test]
fn a_subtree_of_a_single_cell_is_deleted_like_the_cell() {
    let (a, b) = (Replica::in_memory(), Replica::in_memory());
    a.transact(|tx| tx.counter(("jobs", 1)).add(5)).unwrap();
    sync(&a, &b);
    assert_eq!(a.transact(|tx| tx.delete("jobs")).unwrap().value, 1);
    b.transact(|tx| tx.counter(("jobs", 1)).add(2)).unwrap();
    exchange(&a, &b);
    assert_eq!(
        (a.view().counter(("jobs", 1)).value(), b.view().counter(("jobs", 1)).value()),
        (2, 2)
    );
}

/// One removes what another one concurrently writes, then deletes the subtree, with `neighbours` that
/// are alive in it.
fn removed_and_deleted_beside(neighbours: u32) -> (Replica, Replica) {
    let (a, b) = (Replica::in_memory(), Replica::in_memory());
    b.transact(|tx| {
        tx.remove_wins_set(("club", "members")).add("mallory")?;
        tx.disable_wins_flag(("club", "open")).enable()?;
        tx.lww_delete_register(("club", "motto")).set("semper")
    })
    .unwrap();
    a.transact(|tx| {
        tx.remove_wins_set(("club", "members")).remove("mallory")?;
        tx.disable_wins_flag(("club", "open")).disable()?;
        tx.lww_delete_register(("club", "motto")).delete()
    })
    .unwrap();
    a.transact(|tx| (0..neighbours).try_for_each(|n| tx.register(("club", n)).set(n).map(drop)))
        .unwrap();
    a.transact(|tx| tx.delete("club")).unwrap();
    exchange(&a, &b);
    assert_eq!(a.context(), b.context());
    (a, b)
}

#[test]
fn a_deletion_of_several_cells_takes_removals_and_what_they_beat_unseen_shows_everywhere() {
    let (a, b) = removed_and_deleted_beside(2);
    for view in [a.view(), b.view()] {
        assert!(view.remove_wins_set(("club", "members")).contains("mallory"));
        assert!(view.disable_wins_flag(("club", "open")).is_enabled());
        assert!(view.lww_delete_register(("club", "motto")).value().is_some());
    }
}

#[test]
fn a_deletion_of_a_single_cell_leaves_the_removals_beside_it() {
    let (a, b) = removed_and_deleted_beside(1);
    for view in [a.view(), b.view()] {
        assert!(!view.remove_wins_set(("club", "members")).contains("mallory"));
        assert!(!view.disable_wins_flag(("club", "open")).is_enabled());
        assert_eq!(view.register(("club", 0)).value(), None);
    }
}
