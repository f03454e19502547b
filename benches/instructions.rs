//! One operation of the engine, so that its instructions can be counted: `cargo xtask bench instructions`
//! runs this program under callgrind with the operation and without it, and subtracts.
//!
//! `instructions list` prints each operation with the number of items that it deals with;
//! `instructions NAME prepare` makes what the operation needs, `instructions NAME run` also does it.

mod rows;

use std::process::ExitCode;

use rejoin::{Context, Document, Replica};
use rows::{NOW_MS, Rows, granted};

/// Few: callgrind takes fifty times as long as the processor.
const ROWS: u32 = 20_000;
/// One percent of them.
const DIFFERENCE: u32 = ROWS / 100;

struct Operation {
    name: &'static str,
    items: u32,
    /// Prepares, and does the operation if that is asked.
    perform: fn(bool),
}

const OPERATIONS: [Operation; 6] = [
    Operation { name: "load", items: ROWS, perform: load },
    Operation { name: "commit", items: ROWS, perform: commit },
    Operation { name: "overwrite", items: ROWS, perform: overwrite },
    Operation { name: "delta-and-join", items: DIFFERENCE, perform: delta_and_join },
    Operation { name: "save", items: ROWS, perform: save },
    Operation { name: "load-saved", items: ROWS, perform: load_saved },
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match *words {
        ["list"] => {
            OPERATIONS.iter().for_each(|known| println!("{} {}", known.name, known.items));
            ExitCode::SUCCESS
        }
        [name, mode @ ("prepare" | "run")] => {
            match OPERATIONS.iter().find(|known| known.name == name) {
                Some(operation) => (operation.perform)(mode == "run"),
                None => return ExitCode::FAILURE,
            }
            ExitCode::SUCCESS
        }
        _ => {
            eprintln!("usage: instructions list | NAME prepare | NAME run");
            ExitCode::FAILURE
        }
    }
}

/// Ends the program without freeing anything: that is no part of the operation.
fn leave() {
    std::process::exit(0);
}

fn load(is_run: bool) {
    let (all, mut document) = (Rows::new(ROWS).all(), Document::default());
    if is_run {
        rows::write(&mut document, &all);
    }
    leave();
}

fn commit(is_run: bool) {
    let (all, replica) = (Rows::new(ROWS).all(), Replica::in_memory());
    if is_run {
        for row in all.chunks(1) {
            granted(replica.transact(|tx| rows::set(tx, row)));
        }
    }
    leave();
}

fn overwrite(is_run: bool) {
    let mut rows = Rows::new(ROWS);
    let (mut document, again) = (rows::document(&rows.all()), rows.all());
    if is_run {
        rows::write(&mut document, &again);
    }
    leave();
}

fn delta_and_join(is_run: bool) {
    let mut rows = Rows::new(ROWS);
    let (mut left, mut right) = (rows::document(&rows.all()), Document::default());
    granted(right.join(rows::difference(&left, &Context::default()), None, NOW_MS));
    rows::write(&mut left, &rows.take(DIFFERENCE as usize));
    if is_run {
        let delta = rows::difference(&left, right.store().view().context());
        granted(right.join(delta, None, NOW_MS));
    }
    leave();
}

/// A replica with all rows.
fn full() -> Replica {
    let replica = Replica::in_memory();
    let all = Rows::new(ROWS).all();
    granted(replica.transact(|tx| rows::set(tx, &all)));
    replica
}

fn save(is_run: bool) {
    let replica = full();
    if is_run {
        granted(replica.deltas_since(&Context::default()));
    }
    leave();
}

fn load_saved(is_run: bool) {
    let (saved, replica) =
        (granted(full().deltas_since(&Context::default())), Replica::in_memory());
    if is_run {
        for delta in &saved {
            granted(replica.apply(delta));
        }
    }
    leave();
}
