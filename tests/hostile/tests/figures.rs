//! How many inputs all lanes try in every run.

use rejoin_hostile::Scene;
use rejoin_hostile::decoders::{
    AcknowledgementTables, Contexts, Deltas, KeylessDeltas, Keys, Messagepack, Paths,
    ReferencedDeltas, Sessions, Values, VersionVectors,
};

#[test]
fn every_decoder_gets_a_million_mutations_and_all_of_them_twenty() {
    let per_lane = rejoin_hostile::Lane::new(Vec::new()).mutations;
    let sessions = Scene::ALL.map(|scene| Sessions::new(scene).unwrap().1.inputs());
    let decoders = [
        ("delta", Deltas::new().unwrap().1.inputs()),
        ("referenced delta", ReferencedDeltas::new().unwrap().1.inputs()),
        ("delta without keys", KeylessDeltas::new().unwrap().1.inputs()),
        ("context", Contexts::new().unwrap().1.inputs()),
        ("version vector", VersionVectors::new().1.inputs()),
        ("acknowledgements", AcknowledgementTables::new().1.inputs()),
        ("key", Keys::new().unwrap().1.inputs()),
        ("path", Paths::new().1.inputs()),
        ("value", Values::new().unwrap().1.inputs()),
        ("MessagePack", Messagepack::new().unwrap().1.inputs()),
        ("session", sessions.into_iter().sum()),
    ];
    for (decoder, inputs) in decoders {
        println!("{inputs:>10} {decoder}");
        assert!(inputs >= per_lane, "{decoder}");
    }
    let total: u64 = decoders.iter().map(|(_, inputs)| inputs).sum();
    println!("{total:>10} in all");
    assert!(total >= 20 * per_lane);
}
