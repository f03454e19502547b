//! Runs make a delta dense: a few bytes can stand for a million dots.

use rejoin_crdt::path::{IntoPath, Key, TypeTag};
use rejoin_crdt::value::{EncodeError, Value};
use rejoin_crdt::{
    Coverage, Delta, DeltaCell, Dot, Entry, Hlc, KeyRange, Limits, Part, ReplicaId, VersionVector,
    wire,
};
use rejoin_hostile::peak_of;

const A: ReplicaId = ReplicaId::from_u128(1);

/// A delta of these cells: well-formed, though never valid.
fn of_cells(base: u64, cells: Vec<DeltaCell<Key, Value>>) -> Vec<u8> {
    let vector = |seq| VersionVector::from_iter([(A, seq)]);
    let part = Part {
        range: KeyRange::full(),
        base: vector(base),
        upto: vector(u64::MAX),
        coverage: Coverage::Difference,
        cells,
        range_tombstones: Vec::new(),
    };
    wire::encode_delta(&Delta { parts: vec![part], horizon: vector(0), fingerprint: None })
}

fn entry() -> Result<Entry<Value>, EncodeError> {
    Ok(Entry::Value { hlc: Hlc::new(1, 0), value: Value::from_serialize(&1)? })
}

/// A cell that keeps a run of consecutive dots.
fn with_a_run(dots: u64) -> Result<Vec<u8>, Box<dyn std::error::Error>> {
    let cell = DeltaCell {
        key: Key::new("key".into_path(), TypeTag::Register)?,
        fresh: [(Dot::new(A, dots + 1), entry()?)].into_iter().collect(),
        kept: (1..=dots).map(|seq| Dot::new(A, seq)).collect(),
    };
    Ok(of_cells(dots, vec![cell]))
}

/// A cell of so many fresh dots whose numbers are so far apart.
fn with_fresh_dots(dots: u64, apart: u64) -> Result<Vec<u8>, Box<dyn std::error::Error>> {
    let (key, entry) = (Key::new("key".into_path(), TypeTag::Register)?, entry()?);
    let fresh = (1..=dots).map(|at| (Dot::new(A, at * apart), entry.clone())).collect();
    Ok(of_cells(0, vec![DeltaCell { key, fresh, kept: Vec::new() }]))
}

/// So many cells of one fresh dot.
fn of_small_cells(cells: u64) -> Result<Vec<u8>, Box<dyn std::error::Error>> {
    let cell = |at: u64| {
        let fresh = [(Dot::new(A, at), entry()?)].into_iter().collect();
        Ok(DeltaCell {
            key: Key::new((at,).into_path(), TypeTag::Register)?,
            fresh,
            kept: Vec::new(),
        })
    };
    let cells: Result<_, Box<dyn std::error::Error>> = (1..=cells).map(cell).collect();
    Ok(of_cells(0, cells?))
}

/// One test, because the allocator counts for the whole process.
#[test]
fn dense_deltas_cost_no_more_than_a_staged_delta() {
    fresh_dots_cost_no_more().unwrap();
    a_run_of_a_million_dots_costs_no_more().unwrap();
}

fn fresh_dots_cost_no_more() -> Result<(), Box<dyn std::error::Error>> {
    let limits = Limits::default();
    let allowed = 3 * limits.delta_bytes;
    let mut accepted = 0;
    for count in [1_000, 300_000, 340_000, 347_000, 370_000, 385_000] {
        for (what, bytes) in [
            ("consecutive", with_fresh_dots(count, 1)),
            ("7 apart", with_fresh_dots(count, 7)),
            ("15 apart", with_fresh_dots(count, 15)),
            ("one by one", of_small_cells(count)),
        ] {
            let bytes = bytes?;
            let (result, peak) = peak_of(|| wire::decode_delta(&bytes, &limits));
            println!("{count} fresh dots, {what}: {peak} bytes of memory");
            assert!(peak <= allowed, "{peak} bytes for {count} dots, {what}");
            accepted += usize::from(result.is_ok());
        }
    }
    assert!(accepted >= 16, "{accepted}");
    Ok(())
}

fn a_run_of_a_million_dots_costs_no_more() -> Result<(), Box<dyn std::error::Error>> {
    let limits = Limits::default();
    let allowed = 3 * limits.delta_bytes;
    for dots in [1_000, 100_000, 1_000_000, 1_500_000, 2_000_000] {
        let bytes = with_a_run(dots)?;
        let (result, peak) = peak_of(|| wire::decode_delta(&bytes, &limits));
        println!("{} bytes for {dots} dots take {peak} bytes of memory", bytes.len());
        assert!(peak <= allowed, "{peak} bytes for {dots} dots");
        assert_eq!(result.is_ok(), dots <= 1_500_000);
    }
    Ok(())
}
