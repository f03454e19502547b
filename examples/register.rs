//! Two people edit the same field offline; one write is shown, the other is not lost.
//!
//! `cargo run --example register`

use std::error::Error;

use rejoin::{LwwRegister, ReplicaId};

fn main() -> Result<(), Box<dyn Error>> {
    let mut phone = LwwRegister::<String>::new(ReplicaId::from_u128(1));
    let mut laptop = LwwRegister::<String>::new(ReplicaId::from_u128(2));

    // Offline: neither has seen what the other writes.
    let from_phone = phone.set("Meet at 9", 1_000);
    let from_laptop = laptop.set("Meet at 10", 2_000);

    // Back online. Deltas may arrive in any order, and more than once.
    phone.join(&from_laptop)?;
    phone.join(&from_laptop)?;
    laptop.join(&from_phone)?;
    assert_eq!(phone, laptop);
    println!("shown on both:  {:?}", phone.get());
    assert_eq!(phone.get().map(String::as_str), Some("Meet at 10"));

    for lost in laptop.conflicts() {
        println!("written by {}:  {:?}, earlier by its clock", lost.dot.replica, lost.value);
    }
    assert_eq!(laptop.conflicts().count(), 1);

    // Writing over both settles it. The laptop's clock is far behind, and that does not matter: this
    // write has seen the others.
    let settled = laptop.set("Meet at 9:30", 50);
    phone.join(&settled)?;
    assert_eq!(phone.get().map(String::as_str), Some("Meet at 9:30"));
    assert_eq!(phone.conflicts().count(), 0);
    println!("after settling: {:?}, no conflicts", phone.get());
    Ok(())
}
