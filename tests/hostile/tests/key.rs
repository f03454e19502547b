//! Keys: `Key::from_bytes`.

use rejoin_hostile::decoders::Keys;

#[test]
fn no_mutation_of_a_key_does_harm() {
    let (mut decoder, lane) = Keys::new().unwrap();
    let tally = lane.run(&mut decoder).unwrap_or_else(|harm| panic!("{harm}"));
    assert!(tally.reached("accepted") * 20 > tally.inputs, "hardly anything was accepted");
}
