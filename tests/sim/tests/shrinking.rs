//! A failing history is made small, and what is left out changes nothing else.

#![allow(clippy::unwrap_used, reason = "a test stops at what it does not expect")]

use rejoin_crdt::planted::{Bug, plant};
use rejoin_sim::{Fault, Lane, Replay, Shape, shrink};

/// The first history of a lane that finds a bug, and what it has shrunk to.
fn found(bug: Bug, lane: Lane) -> (Replay, Replay) {
    plant(Some(bug));
    let mut histories = (0..).map(|seed| Replay::new(lane, seed, &Shape::SMALL));
    let shrunk = histories.find_map(|replay| {
        let failure = replay.run().err()?;
        let small = shrink(&replay, &failure);
        let again = small.run().map(drop).unwrap_err();
        assert_eq!(again.symptom, failure.symptom);
        Some((replay, small))
    });
    plant(None);
    shrunk.unwrap()
}

#[test]
fn a_history_shrinks_to_the_few_steps_that_matter() {
    use Lane::{Collecting, Deltas, Sessions};
    for (bug, most_steps) in [
        (Bug::OneRemovalPerCell, &[(Deltas, 12), (Sessions, 20), (Collecting, 12)][..]),
        (Bug::MaximumGoesBack, &[(Deltas, 4), (Sessions, 4), (Collecting, 4)]),
        (Bug::DropLastWriterWinsLosers, &[(Deltas, 6), (Sessions, 6), (Collecting, 6)]),
        (Bug::RangeTombstoneWithoutResets, &[(Deltas, 15), (Sessions, 15), (Collecting, 15)]),
        (Bug::TombstoneDroppedWhenAllAcknowledged, &[(Collecting, 4)]),
        (Bug::ResetCollectedWithoutItsOwner, &[(Collecting, 12)]),
    ] {
        for &(lane, most_steps) in most_steps {
            let (whole, small) = found(bug, lane);
            let steps = small.kept();
            println!("{bug:?} in {}: {} steps\n{small}", lane.name(), steps.len());
            assert!(steps.len() <= most_steps, "{bug:?}: {steps:?}");
            assert!(small.run().is_ok(), "{bug:?} is not what fails");
            assert!(whole.run().is_ok(), "{bug:?} is not what failed");
        }
    }
}

#[test]
fn no_step_of_a_shrunk_history_can_be_left_out() {
    for lane in Lane::ALL {
        let (_, small) = found(Bug::OneRemovalPerCell, lane);
        plant(Some(Bug::OneRemovalPerCell));
        let symptom = |replay: &Replay| replay.run().err().map(|failure| failure.symptom);
        let whole = symptom(&small);
        let unneeded = small.kept().into_iter().find(|step| {
            let mut smaller = small.clone();
            smaller.without.insert(*step);
            symptom(&smaller) == whole
        });
        plant(None);
        assert_eq!(unneeded, None, "{}", lane.name());
    }
}

#[test]
fn a_step_that_is_left_out_changes_no_other_step() {
    // What a whole replica may write depends on whether it was admitted before, so not in that lane.
    for lane in Lane::ALL.into_iter().filter(|lane| *lane != Lane::Faults) {
        // Whether a write settles a conflict, and whether a retired replica would have written, depends
        // on what was before; so only histories without them are sums of their steps.
        let independent = |seed| {
            let mut replay = Replay::new(lane, seed, &Shape::SMALL);
            replay.calm = Fault::ALL.into();
            let tally = replay.run().unwrap();
            let dependent = tally.resolutions + tally.late_resolutions + tally.retired;
            (dependent == 0).then_some((replay, tally.operations))
        };
        for (replay, operations) in (0..).filter_map(independent).take(20) {
            let alone = replay.kept().into_iter().map(|step| {
                let mut one = replay.clone();
                one.without = replay.kept().into_iter().filter(|other| *other != step).collect();
                one.run().unwrap().operations
            });
            assert_eq!(alone.sum::<u64>(), operations, "{} {}", lane.name(), replay.seed);
        }
    }
}

#[test]
fn a_fault_that_is_switched_off_does_not_happen() {
    for lane in Lane::ALL {
        let mut faults = [0; 2];
        for seed in 0..100 {
            let mut replay = Replay::new(lane, seed, &Shape::SMALL);
            for faults in &mut faults {
                let t = replay.run().unwrap();
                *faults += t.dropped + t.duplicated + t.partial + t.partitions + t.reloads;
                replay.calm = Fault::ALL.into();
            }
        }
        let [with, without] = faults;
        assert!(with >= 100 && without == 0, "{}: {with}, {without}", lane.name());
    }
}
