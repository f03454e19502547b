//! Streams of a peer: `Session::handle_bytes`, and the store behind the session.

use rejoin_hostile::decoders::Sessions;

#[test]
fn no_mutation_of_a_stream_does_harm_to_the_session_that_hears_it() {
    let (mut decoder, lane) = Sessions::new().unwrap();
    let tally = lane.run(&mut decoder).unwrap_or_else(|harm| panic!("{harm}"));
    for stage in ["listened to", "applied"] {
        assert!(tally.reached(stage) * 100 > tally.inputs, "hardly anything was {stage}");
    }
}
