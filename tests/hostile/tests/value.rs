//! Values: `Value::from_bytes`.

use rejoin_hostile::decoders::Values;

#[test]
fn no_mutation_of_a_value_does_harm() {
    let (mut decoder, lane) = Values::new().unwrap();
    let tally = lane.run(&mut decoder).unwrap_or_else(|harm| panic!("{harm}"));
    assert!(tally.reached("accepted") * 20 > tally.inputs, "hardly anything was accepted");
}
