//! Ten concert tickets, two box offices, no connection, and never an eleventh ticket sold.
//!
//! `cargo run --example escrow`

use std::error::Error;

use rejoin::{BoundedCounter, ReplicaId};

fn main() -> Result<(), Box<dyn Error>> {
    let (north, south) = (ReplicaId::from_u128(1), ReplicaId::from_u128(2));
    let mut at_north = BoundedCounter::new(north);
    let mut at_south = BoundedCounter::new(south);

    // Ten tickets come in at the north office, which sends rights for four of them south.
    at_north.increment(10)?;
    at_north.transfer(south, 4)?;
    at_south.join(&at_north.state())?;
    println!(
        "10 tickets: north may sell {}, south {}",
        at_north.rights(north),
        at_south.rights(south)
    );

    // The line is cut. Both sell as long as their rights last.
    let sold_north = sell_all(&mut at_north);
    let sold_south = sell_all(&mut at_south);
    println!("cut off:    north sold {sold_north}, south sold {sold_south}");
    assert_eq!((sold_north, sold_south), (6, 4));

    // The line is back.
    let from_north = at_north.delta_since(at_south.context());
    let from_south = at_south.delta_since(at_north.context());
    at_north.join(&from_south)?;
    at_south.join(&from_north)?;
    assert_eq!((at_north.value(), at_south.value()), (0, 0));
    println!("connected:  {} left at both", at_north.value());

    // Two returns come in at the north. The south may not sell them before it has the rights, and the
    // refusal says whom to ask.
    at_north.increment(2)?;
    at_south.join(&at_north.delta_since(at_south.context()))?;
    let Err(shortfall) = at_south.decrement(1) else {
        return Err("the south office has no rights to sell".into());
    };
    println!("refused:    {shortfall}: {:?}", shortfall.holders);
    assert_eq!((shortfall.missing, shortfall.holders.as_slice()), (1, &[(north, 2)][..]));
    at_south.join(&at_north.transfer(south, shortfall.missing)?)?;
    at_south.decrement(1)?;
    assert_eq!(at_south.value(), 1);
    println!("sold:       {} left", at_south.value());
    Ok(())
}

fn sell_all(office: &mut BoundedCounter) -> u32 {
    let mut sold = 0;
    while office.decrement(1).is_ok() {
        sold += 1;
    }
    sold
}
