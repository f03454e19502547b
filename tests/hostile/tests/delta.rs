//! Deltas: `wire::decode_delta`, `Delta::validate`, `Store::join`.

use rejoin_hostile::decoders::Deltas;

#[test]
fn no_mutation_of_a_delta_does_harm_to_the_store_that_gets_it() {
    let (mut decoder, lane) = Deltas::new().unwrap();
    let tally = lane.run(&mut decoder).unwrap_or_else(|harm| panic!("{harm}"));
    for stage in ["not valid", "refused by the store", "joined without effect", "joined"] {
        assert!(tally.reached(stage) * 100 > tally.inputs, "hardly anything was {stage}");
    }
}
