//! Deltas through a queue of files that loses, repeats and reorders: nothing is applied twice, a gap
//! is refused, and one delta since the own context heals it.
//!
//! `cargo run --example deltas_by_queue`

use std::error::Error;
use std::fs;
use std::path::Path;

use rejoin::{DeltaOf, JoinDeltaError, JoinError, OrSet, ReplicaId};

type Tags = OrSet<String>;

fn main() -> Result<(), Box<dyn Error>> {
    let queue = std::env::temp_dir().join(format!("deltas-by-queue-{}", std::process::id()));
    fs::create_dir_all(&queue)?;
    let outcome = story(&queue);
    fs::remove_dir_all(&queue)?;
    outcome
}

fn story(queue: &Path) -> Result<(), Box<dyn Error>> {
    let mut author = Tags::new(ReplicaId::from_u128(1));
    let mut reader = Tags::new(ReplicaId::from_u128(2));

    // Every change becomes a message, a file of bytes. The queue keeps no order and no promises.
    for (number, tag) in ["red", "green", "blue", "black"].into_iter().enumerate() {
        post(queue, number, &author.add(tag))?;
    }
    // Message 1, "green", is lost.
    fs::remove_file(queue.join("1"))?;

    // The others arrive out of order, and one of them twice.
    for number in [2, 0, 0, 3] {
        match reader.join(&fetch(queue, number)?) {
            Ok(()) => println!("message {number}: joined, {} tags", reader.len()),
            Err(gap @ JoinDeltaError::Join(JoinError::Gap { .. })) => {
                println!("message {number}: refused, {gap}")
            }
            Err(error) => return Err(error.into()),
        }
    }
    // Only what builds on nothing else could be joined, once; the refused ones left no trace.
    assert_eq!(reader.iter().collect::<Vec<_>>(), ["red"]);

    // The reader tells the author its context: a few bytes. The answer is exactly what is missing.
    let context = rmp_serde::to_vec(reader.context())?;
    println!("the reader's context is {} bytes", context.len());
    let missing = author.delta_since(&rmp_serde::from_slice(&context)?);
    assert_eq!(missing.cell_count(), 3);
    post(queue, 4, &missing)?;
    reader.join(&fetch(queue, 4)?)?;
    println!("message 4: joined, {} tags", reader.len());
    assert_eq!(reader, author);

    // Stragglers do no harm.
    reader.join(&fetch(queue, 3)?)?;
    assert_eq!(reader, author);
    Ok(())
}

fn post(queue: &Path, number: usize, delta: &DeltaOf<Tags>) -> Result<(), Box<dyn Error>> {
    Ok(fs::write(queue.join(number.to_string()), rmp_serde::to_vec(delta)?)?)
}

fn fetch(queue: &Path, number: usize) -> Result<DeltaOf<Tags>, Box<dyn Error>> {
    Ok(rmp_serde::from_slice(&fs::read(queue.join(number.to_string()))?)?)
}
