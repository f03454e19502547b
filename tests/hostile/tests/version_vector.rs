//! Version vectors: `wire::decode_version_vector`.

use rejoin_hostile::decoders::VersionVectors;

#[test]
fn no_mutation_of_a_version_vector_does_harm() {
    let (mut decoder, lane) = VersionVectors::new();
    let tally = lane.run(&mut decoder).unwrap_or_else(|harm| panic!("{harm}"));
    assert!(tally.reached("accepted") * 20 > tally.inputs, "hardly anything was accepted");
}
