//! How cost grows with records, writers and deletions: the tables of `docs/scaling.md`.
//!
//! Single runs that say something about orders of magnitude and ratios, and nothing about
//! milliseconds. Resident memory is read where the system shows it (`/proc/self/statm`).

#![allow(clippy::disallowed_methods, reason = "a benchmark measures time")]

use std::error::Error;
use std::time::Instant;

use rejoin::link::{ClusterId, Config, Link, LinkOutput};
use rejoin::path::{IntoPath, Key, TypeTag};
use rejoin::value::Value;
use rejoin::{
    Context, Coverage, Delta, DeltaCell, Dot, Entry, Environment, Hlc, KeyRange, Limits, Part,
    Replica, ReplicaId, VersionVector, WriteError, wire,
};

/// The clock stands still and ids count up: nothing here depends on time or chance.
#[derive(Debug)]
struct Writer(u32);

impl Environment for Writer {
    fn now_ms(&self) -> u64 {
        1_700_000_000_000
    }

    fn new_replica_id(&self) -> ReplicaId {
        ReplicaId::from_u128(u128::from(self.0) + 1)
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    println!(
        "| records | load, s | resident memory per record, B | first fingerprint, s | scrub of all, s | commit of one write, µs |"
    );
    println!("|---|---|---|---|---|---|");
    for records in [100_000, 1_000_000] {
        load(records)?;
    }
    println!(
        "\n| writers | context, B | delta of one changed record, B | context + commit + delta, µs |"
    );
    println!("|---|---|---|---|");
    for writers in [10, 1_000, 10_000] {
        one_change(writers)?;
    }
    println!(
        "\n| subtrees deleted one by one | writers | time, s | range tombstones in a first delta |"
    );
    println!("|---|---|---|---|");
    for (subtrees, writers) in [(1_000, 1), (4_000, 1), (2_000, 10), (2_000, 1_000)] {
        deletions(subtrees, writers)?;
    }
    println!(
        "\n| lives that wrote once and ended | hello, B | sync when nothing differs: bytes both ways | time, ms | memory of a context, kB | commit of one write, µs |"
    );
    println!("|---|---|---|---|---|---|");
    for lives in [1_000, 10_000, 100_000] {
        ended_lives(lives)?;
    }
    Ok(())
}

/// Two replicas that know the same lives, each of which wrote one register and nothing since.
fn ended_lives(lives: u32) -> Result<(), Box<dyn Error>> {
    // More lives than the default limit allows: the question is what they cost.
    let limits = Limits { version_vector_entries: 1 << 20, ..Limits::default() };
    let delta = wire::encode_delta(&one_write_each(lives)?);
    let replica = |number| {
        let built = Replica::builder().env(Writer(number)).limits(limits).try_in_memory();
        built.ok_or("a replica with an environment is always built")
    };
    let (a, b) = (replica(1_000_001)?, replica(1_000_002)?);
    a.apply(&delta)?;
    b.apply(&delta)?;
    // By calculation: what earlier tables have freed is used again, so resident memory shows nothing.
    let memory_kb = a.context().floor().len() * size_of::<(ReplicaId, u64)>() / 1_000;
    let began = Instant::now();
    let config = Config { limits, ..Config::new(ClusterId([7; 16])) };
    let mut ends = [&a, &b].map(|replica| Link::with(replica.clone(), config.clone(), 0));
    let (mut hello_bytes, mut total) = (0, 0);
    loop {
        let sent = ends.each_mut().map(|end| end.poll(0));
        if sent.iter().all(Option::is_none) {
            break;
        }
        for (at, output) in sent.into_iter().enumerate() {
            if let (Some(LinkOutput::Send(bytes)), Some(other)) = (output, ends.get_mut(1 - at)) {
                hello_bytes = if hello_bytes == 0 { bytes.len() } else { hello_bytes };
                total += bytes.len();
                other.receive(&bytes, 0);
            }
        }
    }
    let sync_ms = began.elapsed().as_secs_f64() * 1e3;
    let in_sync = ends.iter().all(|end| end.status().is_in_sync);
    let began = Instant::now();
    for round in 0..20 {
        a.transact(|tx| tx.register("x").set(round))?;
    }
    let commit_us = began.elapsed().as_secs_f64() * 1e6 / 20.0;
    let total = if in_sync { total.to_string() } else { "not in sync".to_owned() };
    println!("| {lives} | {hello_bytes} | {total} | {sync_ms:.1} | {memory_kb} | {commit_us:.0} |");
    Ok(())
}

fn one_write_each(lives: u32) -> Result<Delta<Key, Value>, Box<dyn Error>> {
    let id = |number: u32| ReplicaId::from_u128(u128::from(number) << 64 | 1);
    let mut cells = Vec::new();
    for number in 0..lives {
        let entry = Entry::Value { hlc: Hlc::new(1, 0), value: Value::from_serialize(&number)? };
        let fresh = [(Dot::new(id(number), 1), entry)].into_iter().collect();
        let key = Key::new(("written", number).into_path(), TypeTag::Register)?;
        cells.push(DeltaCell { key, fresh, kept: Vec::new() });
    }
    cells.sort_by(|a, b| a.key.cmp(&b.key));
    let part = Part {
        range: KeyRange::full(),
        base: VersionVector::new(),
        upto: (0..lives).map(|number| (id(number), 1)).collect(),
        coverage: Coverage::Difference,
        cells,
        range_tombstones: Vec::new(),
    };
    Ok(Delta { parts: vec![part], horizon: VersionVector::new(), fingerprint: None })
}

fn load(records: u32) -> Result<(), Box<dyn Error>> {
    let replica = replica(0)?;
    let text = "v".repeat(100);
    let before = resident_bytes();
    let began = Instant::now();
    replica.load(0..records, |row| (("users", row), &text))?;
    let load_s = began.elapsed().as_secs_f64();
    let per_record = (resident_bytes() - before) / f64::from(records);
    let began = Instant::now();
    replica.view().cells().fingerprint(&KeyRange::full());
    let fingerprint_s = began.elapsed().as_secs_f64();
    let scrub_s = scrub(&replica);
    let began = Instant::now();
    for row in 0..1_000 {
        replica.transact(|tx| tx.register(("users", row * 97 % records)).set(row))?;
    }
    let commit_us = began.elapsed().as_secs_f64() * 1e3;
    println!(
        "| {records} | {load_s:.2} | {per_record:.0} | {fingerprint_s:.2} | {scrub_s:.2} | {commit_us:.1} |"
    );
    Ok(())
}

/// How long it takes to compare all cells with their sums, in the steps in which a network does it.
fn scrub(replica: &Replica) -> f64 {
    let began = Instant::now();
    let mut from = None;
    loop {
        from = replica.scrub(from.as_ref(), 200).next;
        if from.is_none() {
            return began.elapsed().as_secs_f64();
        }
    }
}

fn one_change(writers: u32) -> Result<(), Box<dyn Error>> {
    let replica = written_by(writers)?;
    let began = Instant::now();
    let rounds = 20;
    let mut len_bytes = 0;
    for round in 0..rounds {
        let base = replica.context();
        replica.transact(|tx| tx.register(("writers", 0)).set(round))?;
        len_bytes = replica.delta_since(&base)?.len();
    }
    let each_us = began.elapsed().as_secs_f64() * 1e6 / f64::from(rounds);
    let context_bytes = rejoin::wire::encode_context(&replica.context()).len();
    println!("| {writers} | {context_bytes} | {len_bytes} | {each_us:.0} |");
    Ok(())
}

fn deletions(subtrees: u32, writers: u32) -> Result<(), Box<dyn Error>> {
    let replica = written_by(writers)?;
    replica.transact(|tx| {
        for subtree in 0..subtrees {
            tx.register(("rows", subtree, "a")).set(1)?;
            tx.register(("rows", subtree, "b")).set(2)?;
        }
        Ok::<(), WriteError>(())
    })?;
    let began = Instant::now();
    for subtree in 0..subtrees {
        replica.transact(|tx| tx.delete(("rows", subtree)))?;
    }
    let time_s = began.elapsed().as_secs_f64();
    let changes = replica.changes_since(&Context::default());
    println!("| {subtrees} | {writers} | {time_s:.2} | {} |", changes.deleted.len());
    Ok(())
}

fn replica(number: u32) -> Result<Replica, Box<dyn Error>> {
    let built = Replica::builder().env(Writer(number)).try_in_memory();
    built.ok_or_else(|| "a replica with an environment is always built".into())
}

/// A replica that knows one register of each of so many writers.
fn written_by(writers: u32) -> Result<Replica, Box<dyn Error>> {
    let main = replica(0)?;
    for number in 1..writers {
        let writer = replica(number)?;
        writer.transact(|tx| tx.register(("writers", number)).set(number))?;
        main.apply(&writer.delta_since(&Context::default())?)?;
    }
    main.transact(|tx| tx.register(("writers", 0)).set(0))?;
    Ok(main)
}

/// The resident memory of this process; 0 where the system does not show it.
fn resident_bytes() -> f64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: f64 = statm.split(' ').nth(1).and_then(|pages| pages.parse().ok()).unwrap_or(0.0);
    pages * 4_096.0
}
