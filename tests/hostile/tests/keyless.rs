//! Deltas in which removals lack their keys: `wire::decode_keyless`.

use rejoin_hostile::decoders::KeylessDeltas;

#[test]
fn no_mutation_of_a_delta_without_keys_does_harm() {
    let (mut decoder, lane) = KeylessDeltas::new().unwrap();
    let tally = lane.run(&mut decoder).unwrap_or_else(|harm| panic!("{harm}"));
    for stage in ["keys not found", "not valid", "refused by the store", "joined"] {
        assert!(tally.reached(stage) * 1_000 > tally.inputs, "hardly anything was {stage}");
    }
}
