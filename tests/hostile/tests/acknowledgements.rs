//! What members have acknowledged: `wire::decode_acknowledgements`.

use rejoin_hostile::decoders::AcknowledgementTables;

#[test]
fn no_mutation_of_acknowledgements_does_harm() {
    let (mut decoder, lane) = AcknowledgementTables::new();
    let tally = lane.run(&mut decoder).unwrap_or_else(|harm| panic!("{harm}"));
    assert!(tally.reached("accepted") * 50 > tally.inputs, "hardly anything was accepted");
}
