//! How cost grows with records, writers and deletions: the tables of `docs/scaling.md`.
//!
//! Single runs that say something about orders of magnitude and ratios, and nothing about
//! milliseconds. Resident memory is read where the system shows it (`/proc/self/statm`).

#![allow(clippy::disallowed_methods, reason = "a benchmark measures time")]

use std::error::Error;
use std::time::Instant;

use rejoin::{Context, Environment, KeyRange, Replica, ReplicaId, WriteError};

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
        "| records | load, s | resident memory per record, B | first fingerprint, s | commit of one write, µs |"
    );
    println!("|---|---|---|---|---|");
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
    Ok(())
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
    let began = Instant::now();
    for row in 0..1_000 {
        replica.transact(|tx| tx.register(("users", row * 97 % records)).set(row))?;
    }
    let commit_us = began.elapsed().as_secs_f64() * 1e3;
    println!("| {records} | {load_s:.2} | {per_record:.0} | {fingerprint_s:.2} | {commit_us:.1} |");
    Ok(())
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
