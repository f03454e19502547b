use std::sync::{Arc, Mutex};

use rejoin::{
    End, KeepError, KeyRange, MemoryDisk, MemoryPlace, Replica, StorageError, TransactError,
    WhyNew, WriteError, restore,
};
use rejoin_storage::{FaultPlan, FaultyDisk};

use crate::{exchange, sync};

fn disk() -> FaultyDisk {
    FaultyDisk::new(1, FaultPlan::NONE)
}

fn open(disk: &FaultyDisk, place: &MemoryPlace) -> Replica {
    Replica::builder().open_on(disk.clone(), place.clone()).unwrap()
}

fn set(replica: &Replica, path: &str, value: &str) -> Result<(), TransactError<WriteError>> {
    replica.transact(|tx| tx.register(path).set(value)).map(drop)
}

fn value(replica: &Replica, path: &str) -> Option<String> {
    replica.view().register(path).get().unwrap()
}

/// The process ends at once, without closing anything, and the machine with it.
fn crash(replica: Replica, disk: &FaultyDisk) {
    std::mem::forget(replica);
    disk.crash();
}

#[test]
fn a_replica_goes_on_where_it_was_closed() {
    let (disk, place) = (disk(), MemoryPlace::default());
    let db = open(&disk, &place);
    set(&db, "a", "1").unwrap();
    db.transact(|tx| tx.set("tags").add("vip").map(drop)).unwrap();
    db.transact(|tx| tx.counter(("visits", 1)).add(3)).unwrap();
    db.transact(|tx| tx.delete("visits").map(drop)).unwrap();
    let (context, identity) = (db.context(), db.identity());
    drop(db);
    let db = open(&disk, &place);
    assert_eq!(db.recovery().map(|r| (r.end, r.new_life)), Some((End::Clean, None)));
    assert_eq!((db.context(), db.identity()), (context, identity));
    assert!(db.view().set("tags").contains("vip"));
    assert_eq!(db.view().counter(("visits", 1)).value(), 0);
    set(&db, "a", "2").unwrap();
    assert_eq!(value(&db, "a").as_deref(), Some("2"));
}

#[test]
fn what_was_committed_survives_a_crash_and_no_number_is_used_twice() {
    let (disk, place) = (disk(), MemoryPlace::default());
    let mut peer = Replica::in_memory();
    let mut identity = None;
    for round in 0..20 {
        let db = open(&disk, &place);
        assert!(identity.is_none_or(|id| id == db.identity()), "the life goes on");
        identity = Some(db.identity());
        set(&db, "round", &round.to_string()).unwrap();
        set(&peer, &format!("peer {round}"), "x").unwrap();
        exchange(&db, &peer);
        crash(db, &disk);
        let db = open(&disk, &place);
        assert_eq!(value(&db, "round"), Some(round.to_string()));
        assert_eq!(value(&db, &format!("peer {round}")).as_deref(), Some("x"));
        set(&db, "after", &round.to_string()).unwrap();
        exchange(&db, &peer);
        assert_eq!(value(&peer, "after"), Some(round.to_string()));
        crash(db, &disk);
        if round == 10 {
            peer = Replica::in_memory();
        }
    }
}

#[test]
fn a_change_that_cannot_be_made_durable_is_not_made() {
    let (disk, place) = (disk(), MemoryPlace::default());
    let db = open(&disk, &place);
    set(&db, "a", "durable").unwrap();
    let before = db.context();
    disk.set_plan(FaultPlan { failing_syncs_per_mille: 1_000, ..FaultPlan::NONE });
    let refused = set(&db, "a", "lost").unwrap_err();
    assert!(
        matches!(refused, TransactError::Storage(StorageError::OutcomeUnknown(_))),
        "{refused}"
    );
    let peer = Replica::in_memory();
    set(&peer, "b", "from a peer").unwrap();
    assert!(db.apply(&peer.delta_since(&db.context()).unwrap()).is_err(), "and none after it");
    assert_eq!((value(&db, "a").as_deref(), db.context()), (Some("durable"), before));
}

#[test]
fn a_full_disk_refuses_a_change_and_takes_the_next_that_fits() {
    let (disk, place) = (disk(), MemoryPlace::default());
    let db = open(&disk, &place);
    set(&db, "a", "1").unwrap();
    disk.set_plan(FaultPlan { capacity_bytes: 4_000, ..FaultPlan::NONE });
    let refused = set(&db, "big", &"x".repeat(5_000)).unwrap_err();
    assert!(matches!(refused, TransactError::Storage(StorageError::NotWritten(_))), "{refused}");
    assert_eq!(value(&db, "big"), None);
    set(&db, "small", "fits").unwrap();
    crash(db, &disk);
    assert_eq!(value(&open(&disk, &place), "small").as_deref(), Some("fits"));
}

#[test]
fn what_is_forgotten_on_a_full_disk_is_remembered_again_after_a_restart() {
    let (disk, place) = (disk(), MemoryPlace::default());
    let db = open(&disk, &place);
    db.found_cluster("here").unwrap();
    set(&db, "a", "1").unwrap();
    db.transact(|tx| tx.register("a").delete().map(drop)).unwrap();
    disk.set_plan(FaultPlan { capacity_bytes: 1, ..FaultPlan::NONE });
    let refused = db.collect().unwrap_err();
    assert!(matches!(refused, KeepError::Storage(StorageError::NotWritten(_))), "{refused}");
    disk.set_plan(FaultPlan::NONE);
    set(&db, "b", "there is room again").unwrap();
    let fingerprint = |db: &Replica| db.view().cells().fingerprint(&KeyRange::full());
    let (context, before) = (db.context(), fingerprint(&db));
    crash(db, &disk);
    let db = open(&disk, &place);
    assert_eq!((db.context(), fingerprint(&db)), (context, before));
    assert_eq!((value(&db, "a"), value(&db, "b").is_some()), (None, true));
    assert_eq!(db.collect().unwrap().tombstones, 1);
}

#[test]
fn a_long_log_is_replaced_by_the_state() {
    let (disk, place) = (disk(), MemoryPlace::default());
    let db = open(&disk, &place);
    for round in 0..3_000 {
        set(&db, "same", &format!("{round:0300}")).unwrap();
    }
    drop(db);
    let db = open(&disk, &place);
    assert!(db.recovery().unwrap().records < 3_000, "{:?}", db.recovery());
    assert_eq!(value(&db, "same"), Some(format!("{:0300}", 2_999)));
}

#[test]
fn a_restored_snapshot_goes_on_under_a_new_id_and_loses_nothing_of_others() {
    let (disk, place) = (disk(), MemoryPlace::default());
    let (db, peer) = (open(&disk, &place), Replica::in_memory());
    set(&db, "a", "before the backup").unwrap();
    let backup = db.snapshot().unwrap();
    set(&db, "a", "after the backup").unwrap();
    exchange(&db, &peer);
    let old = db.identity();
    drop(db);

    let mut empty = MemoryDisk::default();
    restore(&mut empty, &backup).unwrap();
    let db = Replica::builder().open_on(empty, place).unwrap();
    assert_eq!(db.recovery().unwrap().new_life, Some(WhyNew::Restored));
    assert_eq!(value(&db, "a").as_deref(), Some("before the backup"));
    set(&db, "b", "by the restored one").unwrap();
    assert_ne!(db.identity(), old);
    exchange(&db, &peer);
    for replica in [&db, &peer] {
        assert_eq!(value(replica, "a").as_deref(), Some("after the backup"));
        assert_eq!(value(replica, "b").as_deref(), Some("by the restored one"));
    }
}

#[test]
fn a_copy_of_the_files_of_a_running_replica_becomes_somebody_else() {
    let (disk, place) = (disk(), MemoryPlace::default());
    let db = open(&disk, &place);
    set(&db, "a", "1").unwrap();
    let copy = disk.copy(2);
    let clone = open(&copy, &MemoryPlace::default());
    assert_eq!(clone.recovery().unwrap().new_life, Some(WhyNew::TokenMissing));
    set(&db, "x", "by the original").unwrap();
    set(&clone, "y", "by the clone").unwrap();
    assert_ne!(db.identity(), clone.identity());
    exchange(&db, &clone);
    for replica in [&db, &clone] {
        assert_eq!(value(replica, "x").as_deref(), Some("by the original"));
        assert_eq!(value(replica, "y").as_deref(), Some("by the clone"));
    }
}

#[test]
fn damage_costs_the_life_and_what_was_lost_comes_back_from_a_peer() {
    for seed in 0..60 {
        let disk = FaultyDisk::new(seed, FaultPlan::NONE);
        let (place, peer) = (MemoryPlace::default(), Replica::in_memory());
        let db = open(&disk, &place);
        let old = db.identity();
        for key in 0..20 {
            set(&db, &format!("key {key}"), "value").unwrap();
        }
        sync(&db, &peer);
        drop(db);
        disk.flip_bit();
        let db = open(&disk, &place);
        assert!(db.recovery().unwrap().new_life.is_some(), "{:?}", db.recovery());
        set(&db, "new", "life").unwrap();
        assert_ne!(db.identity(), old);
        exchange(&db, &peer);
        assert_eq!(db.context(), peer.context());
        assert_eq!(value(&db, "key 19").as_deref(), Some("value"));
        assert_eq!(value(&peer, "key 19").as_deref(), Some("value"));
    }
}

#[test]
fn a_copy_that_nobody_noticed_shows_when_both_meet_and_gets_a_new_id() {
    let (disk, place) = (disk(), MemoryPlace::default());
    let db = open(&disk, &place);
    set(&db, "a", "1").unwrap();
    // The disk with the place of its token, as an image of the whole machine holds them.
    let (image, image_place) = (disk.copy(2), MemoryPlace::default());
    let token = rejoin_storage::TokenPlace::read(&place).unwrap().unwrap();
    rejoin_storage::TokenPlace::write(&mut image_place.clone(), token).unwrap();
    let peer = Replica::in_memory();
    set(&db, "b", "written after the image").unwrap();
    exchange(&db, &peer);
    crash(db, &disk);

    let db = open(&image, &image_place);
    let old = db.identity();
    assert_eq!(db.recovery().unwrap().new_life, None, "no byte differs");
    let refused = db.apply(&peer.delta_since(&db.context()).unwrap());
    assert!(refused.is_err(), "the peer knows more of this life than it made");
    assert_eq!(db.status().given_up, [old]);
    db.apply(&peer.delta_since(&db.context()).unwrap()).unwrap();
    set(&db, "c", "under the new id").unwrap();
    assert_ne!(db.identity(), old);
    exchange(&db, &peer);
    assert_eq!(value(&peer, "c").as_deref(), Some("under the new id"));
    assert_eq!(value(&db, "b").as_deref(), Some("written after the image"));
    crash(db, &image);
    let db = open(&image, &image_place);
    assert_ne!(db.identity(), old, "the new id is durable");
}

#[test]
fn an_id_that_was_told_before_the_first_write_is_the_same_after_a_crash() {
    let (disk, place) = (disk(), MemoryPlace::default());
    let db = open(&disk, &place);
    let told = db.identity();
    crash(db, &disk);
    let db = open(&disk, &place);
    assert_eq!(db.identity(), told);
    set(&db, "a", "1").unwrap();
    assert_eq!(db.identity(), told);
}

#[test]
fn a_change_that_is_taken_back_still_tells_of_the_numbers_that_a_crash_left_unused() {
    let (disk, place) = (disk(), MemoryPlace::default());
    let db = open(&disk, &place);
    set(&db, "a", "1").unwrap();
    crash(db, &disk);
    let db = open(&disk, &place);
    let told = Arc::new(Mutex::new(Vec::new()));
    let _observer = db.observe({
        let (told, db) = (Arc::clone(&told), db.clone());
        move |_| told.lock().unwrap().push(db.context())
    });
    let before = db.context();
    let taken_back = db.transact(|_| Err::<(), _>("on second thoughts"));
    assert!(matches!(taken_back, Err(TransactError::Aborted("on second thoughts"))));
    // Peers have to hear of it, or they and this replica would wait for each other.
    assert_ne!(db.context(), before);
    assert_eq!(*told.lock().unwrap(), [db.context()]);
    db.transact(|_| Err::<(), _>("again")).unwrap_err();
    assert_eq!(told.lock().unwrap().len(), 1, "nothing was left to tell");
}
