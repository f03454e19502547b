//! Three servers count requests; one of them starts the count over.
//!
//! `cargo run --example counter`

use std::error::Error;

use rejoin::{ReplicaId, ResettableCounter};

fn main() -> Result<(), Box<dyn Error>> {
    let mut servers: Vec<_> =
        (1..=3).map(|id| ResettableCounter::new(ReplicaId::from_u128(id))).collect();

    for (server, requests) in servers.iter_mut().zip([10, 20, 30]) {
        server.increment(requests)?;
    }
    exchange(&mut servers)?;
    println!("counted together: {}", show(&servers));
    assert!(servers.iter().all(|server| server.value() == 60));

    // The first server resets while the others go on counting.
    if let [first, others @ ..] = servers.as_mut_slice() {
        first.reset();
        for other in others {
            other.increment(1)?;
        }
    }
    println!("before exchange:  {}", show(&servers));
    exchange(&mut servers)?;
    // The reset cancelled the 60 it had seen, and nothing that it had not.
    println!("after exchange:   {}", show(&servers));
    assert!(servers.iter().all(|server| server.value() == 2));
    Ok(())
}

/// Everybody joins everybody's state; joining again what is known changes nothing.
fn exchange(servers: &mut [ResettableCounter]) -> Result<(), Box<dyn Error>> {
    let states: Vec<_> = servers.iter().map(ResettableCounter::state).collect();
    for server in servers {
        for state in &states {
            server.join(state)?;
        }
    }
    Ok(())
}

fn show(servers: &[ResettableCounter]) -> String {
    let values: Vec<_> = servers.iter().map(|server| server.value().to_string()).collect();
    values.join(", ")
}
