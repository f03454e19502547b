//! A shopping list where an addition survives a concurrent removal, and a guest list where it does not.
//!
//! `cargo run --example set`

use std::error::Error;

use rejoin::{OrSet, RemoveWinsSet, ReplicaId};

fn main() -> Result<(), Box<dyn Error>> {
    let (ada, bob) = (ReplicaId::from_u128(1), ReplicaId::from_u128(2));

    let mut adas_list = OrSet::<String>::new(ada);
    for item in ["bread", "milk", "tea"] {
        adas_list.add(item);
    }
    let mut bobs_list = OrSet::<String>::new(bob);
    bobs_list.join(&adas_list.state())?;

    // Ada has bought milk, and Bob, who does not know, notes that there is none left.
    let bought = adas_list.remove("milk");
    let wanted = bobs_list.add("milk");
    adas_list.join(&wanted)?;
    bobs_list.join(&bought)?;
    println!("shopping list: {:?}", adas_list.iter().collect::<Vec<_>>());
    assert_eq!(adas_list, bobs_list);
    assert!(adas_list.contains("milk"));

    // The same for a guest list, where a ban must hold.
    let mut adas_guests = RemoveWinsSet::<String>::new(ada);
    let mut bobs_guests = RemoveWinsSet::<String>::new(bob);
    bobs_guests.join(&adas_guests.add("mallory"))?;
    let banned = adas_guests.remove("mallory");
    let invited = bobs_guests.add("mallory");
    adas_guests.join(&invited)?;
    bobs_guests.join(&banned)?;
    println!("guest list:    {:?}", adas_guests.iter().collect::<Vec<_>>());
    assert_eq!(adas_guests, bobs_guests);
    assert!(adas_guests.is_empty());
    Ok(())
}
