//! Streams of a peer: `Session::handle_bytes`, and the store behind the session.

use rejoin_hostile::Scene;
use rejoin_hostile::decoders::Sessions;
use rejoin_sync::Kind;

#[test]
fn no_mutation_of_a_stream_does_harm_to_the_session_that_hears_it() {
    let mut heard = Kind::ALL.map(|kind| (kind, 0));
    for scene in Scene::ALL {
        let (mut decoder, lane) = Sessions::new(scene).unwrap();
        let tally = lane.run(&mut decoder).unwrap_or_else(|harm| panic!("{harm}"));
        for stage in ["listened to", "applied"] {
            let reached = tally.reached(stage);
            assert!(reached * 1_000 > tally.inputs, "{scene:?}: hardly anything was {stage}");
        }
        heard.iter_mut().for_each(|(kind, inputs)| *inputs += decoder.heard(*kind));
    }
    for (kind, inputs) in heard {
        println!("{inputs:>8} inputs with a {kind:?} were taken");
        assert!(inputs > 100, "{kind:?} was hardly heard");
    }
}
