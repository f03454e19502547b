//! Replicas that talk by links: what a peer that lies, or that is damaged, can do to others.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test stops at what it does not expect"
)]

mod write_off;

use rejoin::link::{ClusterId, Event, Link, LinkOutput};
use rejoin::path::{IntoPath, Key, TypeTag};
use rejoin::value::Value;
use rejoin::{
    Authority, Context, Coverage, Delta, Limits, MemoryPlace, Part, Replica, VersionVector, wire,
};
use rejoin_storage::FaultPlan;

/// Lets two replicas talk until both are silent, for so many milliseconds. Returns what happened.
fn talk(a: &Replica, b: &Replica, ms: u64) -> Vec<Event> {
    let mut ends = [a, b].map(|replica| Link::new(replica.clone(), ClusterId([7; 16]), 1, 0));
    let mut events = Vec::new();
    for now_ms in (0..=ms).step_by(100) {
        events.extend(exchange(&mut ends, now_ms));
        ends.iter_mut().for_each(|end| end.timeout(now_ms));
    }
    events
}

/// Lets two links talk until both are silent. Returns what happened.
fn exchange(ends: &mut [Link; 2], now_ms: u64) -> Vec<Event> {
    let mut events = Vec::new();
    loop {
        let mut is_silent = true;
        for at in 0..2 {
            while let Some(output) = ends[at].poll(now_ms) {
                is_silent = false;
                match output {
                    LinkOutput::Send(bytes) => ends[1 - at].receive(&bytes, now_ms),
                    LinkOutput::Event(event) => events.push(event),
                    _ => {}
                }
            }
        }
        if is_silent {
            return events;
        }
    }
}

fn set(replica: &Replica, path: &str, value: &str) {
    replica.transact(|tx| tx.register(path).set(value)).unwrap();
}

fn get(replica: &Replica, path: &str) -> Option<String> {
    replica.view().register(path).get().unwrap()
}

/// A delta that says, in good form, that its reader has seen `seq` changes of `victim`, and brings none.
fn claim(victim: &Replica, seq: u64) -> Vec<u8> {
    let part = Part {
        range: rejoin::KeyRange::full(),
        base: VersionVector::new(),
        upto: [(victim.identity(), seq)].into_iter().collect(),
        coverage: Coverage::Difference,
        cells: Vec::new(),
        range_tombstones: Vec::new(),
    };
    let horizon = VersionVector::new();
    wire::encode_delta::<Value>(&Delta { parts: vec![part], horizon, fingerprint: None })
}

#[test]
fn two_that_are_equal_prove_it_when_one_is_asked_to() {
    let (a, b) = (Replica::in_memory(), Replica::in_memory());
    set(&a, "a", "1");
    let mut ends = [&a, &b].map(|replica| Link::new(replica.clone(), ClusterId([7; 16]), 1, 0));
    exchange(&mut ends, 0);
    ends[0].compare(0);
    let proofs = exchange(&mut ends, 0);
    assert_eq!(proofs.iter().filter(|event| matches!(event, Event::Equal { .. })).count(), 2);
}

#[test]
fn a_lie_about_what_others_have_written_is_found_by_audit_and_mended() {
    let (honest, fooled) = (Replica::in_memory(), Replica::in_memory());
    set(&honest, "a", "1");
    set(&honest, "b", "2");
    // The liar tells the one that it has seen both changes, so that it will never ask for them.
    fooled.apply(&claim(&honest, 2)).unwrap();
    assert_eq!(get(&fooled, "a"), None);
    let events = talk(&honest, &fooled, 5_000);
    assert!(events.iter().any(|event| matches!(event, Event::AuditMismatch { .. })));
    assert_eq!(get(&fooled, "a").as_deref(), Some("1"));
    assert_eq!(get(&fooled, "b").as_deref(), Some("2"));
    assert_eq!(
        get(&honest, "a").as_deref(),
        Some("1"),
        "nothing is removed for its absence elsewhere"
    );
}

#[test]
fn a_lie_about_changes_that_were_never_made_costs_an_id_and_no_data() {
    let (honest, fooled) = (Replica::in_memory(), Replica::in_memory());
    set(&honest, "a", "1");
    let old = honest.identity();
    fooled.apply(&claim(&honest, 1_000)).unwrap();
    talk(&honest, &fooled, 2_000);
    assert_eq!(honest.status().given_up, [old], "somebody knows more of this id than it made");
    set(&honest, "b", "under the new id");
    talk(&honest, &fooled, 5_000);
    assert_eq!(get(&fooled, "b").as_deref(), Some("under the new id"));
    assert_eq!(honest.context(), fooled.context());
}

#[test]
fn a_store_that_has_lost_a_value_gets_it_back_and_keeps_it_over_a_restart() {
    let (whole, disk) = (Replica::in_memory(), rejoin_storage::FaultyDisk::new(1, NO_FAULTS));
    let place = MemoryPlace::default();
    let open = || Replica::builder().open_on(disk.clone(), place.clone()).unwrap();
    (0..40).for_each(|key| set(&whole, &format!("key {key}"), "value"));
    whole.transact(|tx| tx.register("key 7").delete().map(drop)).unwrap();
    // The state of the whole one without two of its cells: what damage leaves behind.
    let mut state =
        wire::decode_delta(&whole.delta_since(&Context::default()).unwrap(), &Limits::default())
            .unwrap();
    let lost = Key::new("key 3".into_path(), TypeTag::Register).unwrap();
    let removed = Key::new("key 7".into_path(), TypeTag::Register).unwrap();
    state.parts[0].cells.retain(|cell| cell.key != lost && cell.key != removed);
    assert!(
        state.clone().validate(&Limits::default()).unwrap().authorise(&Authority::Full).is_ok()
    );
    let damaged = open();
    damaged.apply(&wire::encode_delta(&state)).unwrap();
    assert_eq!(get(&damaged, "key 3"), None);
    assert_eq!(damaged.context(), whole.context());

    let events = talk(&whole, &damaged, 5_000);
    assert!(events.iter().any(|event| matches!(event, Event::AuditMismatch { .. })));
    assert!(
        matches!(events.last(), Some(Event::Equal { .. } | Event::Repaired { .. })),
        "{events:?}"
    );
    let as_it_was = |replica: &Replica| {
        assert_eq!(get(replica, "key 3").as_deref(), Some("value"));
        assert_eq!(get(replica, "key 7"), None, "what was removed stays removed");
        assert_eq!(get(replica, "key 39").as_deref(), Some("value"));
    };
    as_it_was(&damaged);
    as_it_was(&whole);
    drop(damaged);
    as_it_was(&open());
}

const NO_FAULTS: rejoin_storage::FaultPlan = rejoin_storage::FaultPlan::NONE;

/// A write fails, and nobody knows whether it is on the disk. Then the disk is copied, the machine loses power, and
/// both copies go on: what one of them may have is a number that the other one passes over.
#[test]
fn a_copy_of_a_disk_with_a_write_of_unknown_outcome_and_its_original_become_equal() {
    let mut shown = 0;
    for seed in 0..40 {
        let disk = rejoin_storage::FaultyDisk::new(seed, NO_FAULTS);
        let place = MemoryPlace::default();
        let open = |disk: &rejoin_storage::FaultyDisk, place: &MemoryPlace| {
            disk.set_plan(NO_FAULTS);
            Replica::builder().open_on(disk.clone(), place.clone()).unwrap()
        };
        let (original, peer) = (open(&disk, &place), Replica::in_memory());
        set(&original, "a", "durable");
        talk(&original, &peer, 1_000);
        disk.set_plan(FaultPlan { failing_syncs_per_mille: 1_000, ..NO_FAULTS });
        let failed = original.transact(|tx| tx.register("b").set("of unknown outcome"));
        assert!(failed.is_err());
        let copied = disk.copy(seed + 1_000);
        std::mem::forget(original);
        disk.crash();
        let original = open(&disk, &place);
        let copy = open(&copied, &MemoryPlace::default());
        assert_ne!(original.identity(), copy.identity());
        shown += usize::from(get(&copy, "b").is_some() != get(&original, "b").is_some());
        set(&original, "c", "by the original");
        set(&copy, "d", "by the copy");
        let all = [&original, &copy, &peer];
        let order = [[0, 2], [1, 2], [0, 1]];
        for at in 0..6 {
            let [a, b] = order[(at + usize::from(seed % 2 == 1)) % 3];
            talk(all[a], all[b], 3_000);
        }
        for replica in all {
            let full = rejoin::KeyRange::full();
            let found = |replica: &Replica| replica.view().cells().fingerprint(&full);
            assert_eq!(replica.context(), peer.context(), "seed {seed}");
            assert_eq!(found(replica), found(&peer), "seed {seed}");
            assert_eq!(get(replica, "a").as_deref(), Some("durable"));
            assert_eq!(get(replica, "c").as_deref(), Some("by the original"));
            assert_eq!(get(replica, "d").as_deref(), Some("by the copy"));
        }
    }
    assert!(shown > 5, "only {shown} copies had what the original had lost");
}

/// One member has forgotten a removal, and another one has not, when a late write of a retired member arrives that
/// the removal beats. As long as anybody remembers it, it does so everywhere.
#[test]
fn a_removal_that_anybody_remembers_beats_a_late_write_everywhere() {
    let has = |replica: &Replica| replica.view().remove_wins_set("allowed").contains("mallory");
    for apart in [false, true] {
        let [berlin, lima, oslo] = std::array::from_fn(|_| Replica::in_memory());
        berlin.found_cluster("berlin").unwrap();
        berlin.admit(lima.identity(), "lima", None).unwrap();
        berlin.admit(oslo.identity(), "oslo", None).unwrap();
        berlin.transact(|tx| tx.remove_wins_set("allowed").add("mallory")).unwrap();
        talk(&berlin, &lima, 1_000);
        talk(&berlin, &oslo, 1_000);
        berlin.retire_member(oslo.identity()).unwrap();
        berlin.transact(|tx| tx.remove_wins_set("allowed").remove("mallory")).unwrap();
        talk(&berlin, &lima, 1_000);
        berlin.learn_acknowledgements(&lima.acknowledgements());
        assert_eq!(berlin.collect().unwrap().tombstones, 1);

        oslo.transact(|tx| tx.remove_wins_set("allowed").add("mallory")).unwrap();
        let late = oslo.delta_since(&lima.context()).unwrap();
        lima.apply(&late).unwrap();
        assert!(!has(&lima));
        if apart {
            berlin.apply(&late).unwrap();
            assert!(has(&berlin), "nobody here remembers");
        }
        talk(&berlin, &lima, 5_000);
        talk(&berlin, &oslo, 5_000);
        for replica in [&berlin, &lima, &oslo] {
            let full = rejoin::KeyRange::full();
            let print = |replica: &Replica| replica.view().cells().fingerprint(&full);
            assert_eq!(replica.context(), berlin.context());
            assert_eq!(print(replica), print(&berlin));
            assert!(!has(replica), "apart: {apart}");
            assert!(!replica.status().suspect);
        }
        assert_eq!(lima.status().late_writes, 1);
    }
}

#[test]
fn a_replica_that_only_reads_draws_no_id() {
    let (writer, disk) = (Replica::in_memory(), rejoin_storage::FaultyDisk::new(1, NO_FAULTS));
    let place = MemoryPlace::default();
    let open = || Replica::builder().open_on(disk.clone(), place.clone()).unwrap();
    set(&writer, "a", "1");
    let reader = open();
    talk(&writer, &reader, 5_000);
    assert_eq!(get(&reader, "a").as_deref(), Some("1"));
    assert_eq!(reader.status().replica, None);
    drop(reader);
    let reader = open();
    assert_eq!(reader.status().replica, None, "nor is there one on disk");
    // It may begin to write in the middle of a session.
    let mut ends = [&writer, &reader].map(|r| Link::new(r.clone(), ClusterId([7; 16]), 1, 0));
    exchange(&mut ends, 0);
    set(&reader, "b", "2");
    ends[1].changed(rejoin::Origin::Local, 1);
    exchange(&mut ends, 1);
    assert_eq!(get(&writer, "b").as_deref(), Some("2"));
    assert_eq!(writer.status().writers, 2);
    assert!(reader.status().replica.is_some());
}

#[test]
fn links_that_break_in_the_middle_of_a_transaction_bring_it_in_parts() {
    let (here, there) = (Replica::in_memory(), Replica::in_memory());
    let value = "v".repeat(1_000);
    here.transact(|tx| {
        (0..2_000_u64).try_for_each(|row| tx.register(("row", row)).set(&value).map(drop))
    })
    .unwrap();
    let mut connections = 0;
    while there.context() != here.context() && connections < 50 {
        connections += 1;
        let mut ends = [&here, &there].map(|r| Link::new(r.clone(), ClusterId([7; 16]), 1, 0));
        let mut room_bytes = 300_000_usize;
        while room_bytes > 0 && there.context() != here.context() {
            for at in 0..2 {
                if let Some(LinkOutput::Send(bytes)) = ends[at].poll(0) {
                    let len_bytes = bytes.len().min(room_bytes);
                    ends[1 - at].receive(&bytes[..len_bytes], 0);
                    room_bytes -= len_bytes;
                }
            }
        }
    }
    assert_eq!(there.context(), here.context(), "after {connections} connections");
    assert!(connections <= 12, "{connections} connections of 300 kB for 2 MB");
}
