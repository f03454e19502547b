//! The laws of the join on whole documents, ten thousand cases each.

use rejoin_crdt::planted::{Bug, plant};
use rejoin_sim::{Mix, Shape, World};

const CASES: u64 = 10_000;

fn check(seed: u64, mix: &mut Mix) -> Result<(), String> {
    let shape = Shape { sites: 3, steps: 40, groups: 2, places_per_group: 3 };
    let mut world = World::new(seed, &shape);
    for _ in 0..shape.steps {
        world.step().map_err(|failure| failure.to_string())?;
    }
    world.check_laws(mix)
}

#[test]
fn documents_form_a_semilattice_and_deltas_stand_for_states() {
    let mut mix = Mix::default();
    for seed in 0..CASES {
        if let Err(broken) = check(seed, &mut mix) {
            panic!("seed {seed}: {broken}");
        }
    }
    println!("{mix:#?}");
    assert!(mix.siblings * 100 >= mix.cases * 30, "too few cases with concurrent siblings");
    assert!(mix.tombstones * 100 >= mix.cases * 20, "too few cases with tombstones");
    assert!(mix.range_tombstones * 100 >= mix.cases * 10, "too few cases with range tombstones");
    assert!(mix.hydrating >= 100, "too few cases with a hydrating replica");
}

#[test]
fn the_laws_notice_a_join_that_drops_what_lost() {
    for bug in [Bug::DropLastWriterWinsLosers, Bug::OneRemovalPerCell, Bug::RangeTombstoneUnclipped]
    {
        plant(Some(bug));
        let noticed = (0..CASES).any(|seed| check(seed, &mut Mix::default()).is_err());
        plant(None);
        assert!(noticed, "{bug:?}");
    }
}
