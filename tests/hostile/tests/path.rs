//! Paths: `Path::from_encoded`.

use rejoin_hostile::decoders::Paths;

#[test]
fn no_mutation_of_a_path_does_harm() {
    let (mut decoder, lane) = Paths::new();
    let tally = lane.run(&mut decoder).unwrap_or_else(|harm| panic!("{harm}"));
    assert!(tally.reached("accepted") * 20 > tally.inputs, "hardly anything was accepted");
}
