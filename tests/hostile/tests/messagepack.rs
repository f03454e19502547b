//! MessagePack of any form: `Value::from_messagepack`.

use rejoin_hostile::decoders::Messagepack;

#[test]
fn no_mutation_of_a_messagepack_does_harm() {
    let (mut decoder, lane) = Messagepack::new().unwrap();
    let tally = lane.run(&mut decoder).unwrap_or_else(|harm| panic!("{harm}"));
    assert!(tally.reached("accepted") * 20 > tally.inputs, "hardly anything was accepted");
}
