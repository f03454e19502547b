//! Every input that ever did harm, again.

use std::path::Path;

use rejoin_hostile::decoders::{
    AcknowledgementTables, Contexts, Deltas, KeylessDeltas, Keys, Messagepack, Paths,
    ReferencedDeltas, Sessions, Values, VersionVectors,
};
use rejoin_hostile::{Decoder, Lane, Scene};

/// The decoder of a file is the beginning of its name, up to a dot.
fn replay<D: Decoder>(files: &mut Vec<(String, Vec<u8>)>, mut decoder: D) {
    let prefix = format!("{}.", decoder.name());
    files.retain(|(name, bytes)| {
        if name.starts_with(&prefix) {
            let harm = Lane::replay(&mut decoder, bytes).err();
            assert!(harm.is_none(), "{name}: {harm:?}");
        }
        !name.starts_with(&prefix)
    });
}

#[test]
fn no_input_of_the_corpus_does_harm_again() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../corpus");
    let mut files = Vec::new();
    for entry in folder.read_dir().unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if name.ends_with(".bin") {
            files.push((name, std::fs::read(path).unwrap()));
        }
    }
    files.sort();
    assert!(!files.is_empty());
    replay(&mut files, Deltas::new().unwrap().0);
    replay(&mut files, Contexts::new().unwrap().0);
    replay(&mut files, VersionVectors::new().0);
    replay(&mut files, AcknowledgementTables::new().0);
    replay(&mut files, ReferencedDeltas::new().unwrap().0);
    replay(&mut files, KeylessDeltas::new().unwrap().0);
    replay(&mut files, Keys::new().unwrap().0);
    replay(&mut files, Paths::new().0);
    replay(&mut files, Values::new().unwrap().0);
    replay(&mut files, Messagepack::new().unwrap().0);
    for scene in Scene::ALL {
        replay(&mut files, Sessions::new(scene).unwrap().0);
    }
    let unknown: Vec<_> = files.iter().map(|(name, _)| name).collect();
    assert!(unknown.is_empty(), "no decoder takes {unknown:?}");
}
