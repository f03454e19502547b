//! Deltas after a reference: `wire::decode_delta_after`.

use rejoin_hostile::decoders::ReferencedDeltas;

#[test]
fn no_mutation_of_a_delta_with_a_reference_does_harm() {
    let (mut decoder, lane) = ReferencedDeltas::new().unwrap();
    let tally = lane.run(&mut decoder).unwrap_or_else(|harm| panic!("{harm}"));
    for stage in ["not valid", "valid"] {
        assert!(tally.reached(stage) * 100 > tally.inputs, "hardly anything was {stage}");
    }
}
