//! Contexts: `wire::decode_context`.

use rejoin_hostile::decoders::Contexts;

#[test]
fn no_mutation_of_a_context_does_harm() {
    let (mut decoder, lane) = Contexts::new().unwrap();
    let tally = lane.run(&mut decoder).unwrap_or_else(|harm| panic!("{harm}"));
    assert!(tally.reached("accepted") * 20 > tally.inputs, "hardly anything was accepted");
}
