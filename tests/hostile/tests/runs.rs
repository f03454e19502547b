//! Runs make a delta dense: a few bytes can stand for a million dots.

use rejoin_crdt::path::{IntoPath, Key, TypeTag};
use rejoin_crdt::value::Value;
use rejoin_crdt::{
    Coverage, Delta, DeltaCell, Dot, Entry, Hlc, KeyRange, Limits, Part, ReplicaId, VersionVector,
    wire,
};
use rejoin_hostile::peak_of;

const A: ReplicaId = ReplicaId::from_u128(1);

/// A cell that keeps a run of consecutive dots: well-formed, though never valid.
fn with_a_run(dots: u64) -> Result<Vec<u8>, Box<dyn std::error::Error>> {
    let entry = Entry::Value { hlc: Hlc::new(1, 0), value: Value::from_serialize(&1)? };
    let cell = DeltaCell {
        key: Key::new("key".into_path(), TypeTag::Register)?,
        fresh: [(Dot::new(A, dots + 1), entry)].into_iter().collect(),
        kept: (1..=dots).map(|seq| Dot::new(A, seq)).collect(),
    };
    let vector = |seq| VersionVector::from_iter([(A, seq)]);
    let part = Part {
        range: KeyRange::full(),
        base: vector(dots),
        upto: vector(dots + 1),
        coverage: Coverage::Difference,
        cells: vec![cell],
        range_tombstones: Vec::new(),
    };
    let delta = Delta { parts: vec![part], horizon: vector(0), fingerprint: None };
    Ok(wire::encode_delta(&delta))
}

#[test]
fn a_run_of_a_million_dots_costs_no_more_than_a_staged_delta() {
    let limits = Limits::default();
    let allowed = 3 * limits.delta_bytes;
    for dots in [1_000, 100_000, 1_000_000, 1_500_000, 2_000_000] {
        let bytes = with_a_run(dots).unwrap();
        let (result, peak) = peak_of(|| wire::decode_delta(&bytes, &limits));
        println!("{} bytes for {dots} dots take {peak} bytes of memory", bytes.len());
        assert!(peak <= allowed, "{peak} bytes for {dots} dots");
        assert_eq!(result.is_ok(), dots <= 1_500_000);
    }
}
