//! A map of contacts, each a map of fields: what conflicts, what does not, and what survives a
//! removal.
//!
//! `cargo run --example nested_map`

use std::error::Error;

use rejoin::{LwwRegister, OrMap, ReplicaId};

/// Contacts by name, each with fields by name.
type Contacts = OrMap<String, OrMap<String, LwwRegister<String>>>;

fn main() -> Result<(), Box<dyn Error>> {
    let mut phone = Contacts::new(ReplicaId::from_u128(1));
    phone.update_at(1_000, "ada", |ada| {
        ada.update("mail", |mail| mail.set("ada@example.org"));
        ada.update("city", |city| city.set("London"));
    });
    phone.update_at(1_000, "bob", |bob| bob.update("mail", |mail| mail.set("bob@example.org")));
    let mut laptop = phone.with_replica(ReplicaId::from_u128(2));

    // Offline. Both change Ada's city; the phone deletes Bob while the laptop adds his city.
    phone.update_at(2_000, "ada", |ada| ada.update("city", |city| city.set("Paris")));
    phone.remove("bob");
    laptop.update_at(3_000, "ada", |ada| ada.update("city", |city| city.set("Turin")));
    laptop.update_at(3_000, "bob", |bob| bob.update("city", |city| city.set("Oslo")));

    let from_phone = phone.delta_since(laptop.context());
    let from_laptop = laptop.delta_since(phone.context());
    phone.join(&from_laptop)?;
    laptop.join(&from_phone)?;
    assert_eq!(phone, laptop);

    println!("on both:");
    show(&phone);
    assert_eq!(city(&phone, "ada"), Some(("Turin", vec!["Paris"])));
    // What the deletion had seen of Bob is gone; the city it had not seen is there, alone.
    assert_eq!(city(&phone, "bob"), Some(("Oslo", vec![])));
    assert!(phone.get("bob").is_some_and(|bob| !bob.contains_key("mail")));

    // Settling the conflict: a write that has seen both.
    let settled = phone.update_at(4_000, "ada", |ada| ada.update("city", |city| city.set("Paris")));
    laptop.join(&settled)?;
    println!("settled:");
    show(&laptop);
    assert_eq!(city(&laptop, "ada"), Some(("Paris", vec![])));
    Ok(())
}

/// The city of a contact, and the ones that lost against it.
fn city<'a>(contacts: &'a Contacts, name: &str) -> Option<(&'a str, Vec<&'a str>)> {
    let city = contacts.get(name)?.get("city")?;
    Some((city.get()?, city.conflicts().map(|lost| lost.value.as_str()).collect()))
}

fn show(contacts: &Contacts) {
    for (name, fields) in contacts.iter() {
        for (field, register) in fields.iter() {
            let lost: Vec<_> = register.conflicts().map(|lost| lost.value).collect();
            let shown = register.get().map_or("", String::as_str);
            println!("  {name}.{field} = {shown}, conflicts {lost:?}");
        }
    }
}
