//! Valid inputs of every decoder.

use rejoin_crdt::document::Acknowledgements;
use rejoin_crdt::document::Document;
use rejoin_crdt::path::{IntoPath, Key, Path, TypeTag};
use rejoin_crdt::value::{Int, Item, MapKey, Timestamp, Value};
use rejoin_crdt::{Coverage, Delta, Fingerprint, KeyRange, Store, wire};
use rejoin_crdt::{ReplicaId, VersionVector};

use crate::state::{
    Built, NEWCOMER, RECEIVER, REPLICAS, World, nothing, pull, pull_range, transact,
};

/// The keys of one subtree and all behind it.
pub(crate) fn shop() -> KeyRange<Key> {
    KeyRange::new(Some("shop".into_path().start()), None)
}

/// Deltas of the world: for the receiver, for a newcomer, of a range, of one change, of a replica
/// that is catching up, and one that is large.
pub(crate) fn deltas(world: &World) -> Built<Vec<Vec<u8>>> {
    let received = world.receiver.store().view().context().clone();
    let range = shop();
    let mut deltas = Vec::new();
    for writer in &world.writers {
        deltas.push(writer.store().delta_since(&received));
        deltas.push(writer.store().delta_in(&received, &range));
        let paths = ["mood", "open", "stock", "gone", "muted", "left", "high"];
        for (start, end) in paths.iter().map(|path| path.into_path().subtree()) {
            let range = KeyRange::new(Some(start), Some(end));
            deltas.push(writer.store().delta_in(&received, &range));
        }
    }
    let mut hydrating = Document::default();
    let [first, second, third] = &world.writers;
    pull_range(&mut hydrating, third, &range)?;
    deltas.push(hydrating.store().delta_since(&nothing()));
    deltas.push(second.store().delta_since(&nothing()));
    deltas.push(first.store().delta_since(hydrating.store().view().context()));
    let mut all = deltas;
    all.extend(one_change_each(world)?);
    if let Some(first) = all.first_mut() {
        first.fingerprint = Some(Fingerprint(*b"sixteen bytes...").to_owned());
        first.horizon = first.parts.first().map(|part| part.base.clone()).unwrap_or_default();
    }
    all.extend(below_the_horizon(&all));
    all.push(large(world)?);
    Ok(all.iter().map(wire::encode_delta).collect())
}

/// Single changes by somebody new, each on top of the receiver's state.
fn one_change_each(world: &World) -> Built<Vec<Delta<Key, Value>>> {
    let mut deltas = Vec::new();
    for step in 0..6 {
        let mut document = world.receiver_again()?;
        let base = document.store().view().context().clone();
        transact(&mut document, NEWCOMER, step, |tx| {
            match step {
                0 => drop(tx.register("short").set(7)?),
                1 => drop(tx.register(("users", 42, "name")).set("v".repeat(98))?),
                2 => drop(tx.counter("clicks").add(1)?),
                3 => drop(tx.counter(("shop", "visits")).reset()?),
                4 => drop(tx.delete("users")?),
                _ => drop(tx.bounded("stock").incr(1)?),
            }
            Ok(())
        })?;
        deltas.push(document.store().delta_since(&base));
    }
    Ok(deltas)
}

/// A store, and deltas for it.
type Removals = (Store<Key, Value>, Vec<Delta<Key, Value>>);

/// A store, and deltas for it that remove elements of a set which it has: one, a few, many of them out of order
/// and beside something else, and such as two writers removed.
pub(crate) fn removals(world: &World) -> Built<Removals> {
    let mut receiver = world.receiver_again()?;
    transact(&mut receiver, RECEIVER, 30, |tx| {
        (0..60).try_for_each(|element| tx.set("gone").add(element).map(drop))
    })?;
    let base = receiver.store().view().context().clone();
    let mut deltas = Vec::new();
    for (count, step) in [(1_u64, 1), (4, 1), (9, 2), (30, 7), (59, 31)] {
        let mut sender = Document::default();
        pull(&mut sender, &receiver)?;
        for (round, writer) in [(31, NEWCOMER), (32, REPLICAS[0])] {
            transact(&mut sender, writer, round, |tx| {
                let mut elements = (0..count).map(|at| at * step % 60);
                elements.try_for_each(|element| tx.set("gone").remove(element).map(drop))?;
                tx.set("gone").remove(60 - round)?;
                if count > 9 {
                    tx.register("kept").set(round)?;
                    tx.counter("clicks").add(1)?;
                }
                Ok(())
            })?;
            deltas.push(sender.store().delta_since(&base));
        }
    }
    Ok((receiver.store().clone(), deltas))
}

/// Some of the deltas as listings, for somebody whose context lies below the horizon.
fn below_the_horizon(deltas: &[Delta<Key, Value>]) -> Vec<Delta<Key, Value>> {
    let listings = [Coverage::Complete, Coverage::Differing].into_iter().cycle();
    let listing = |(delta, coverage): (&Delta<Key, Value>, Coverage)| {
        let mut listing = delta.clone();
        listing.horizon = delta.parts.first().map(|part| part.upto.clone()).unwrap_or_default();
        listing.parts.iter_mut().for_each(|part| part.coverage = coverage);
        listing
    };
    deltas.iter().take(4).zip(listings).map(listing).collect()
}

/// Thousands of cells, and one value of 100 KB.
fn large(world: &World) -> Built<Delta<Key, Value>> {
    let mut document = world.receiver_again()?;
    let base = document.store().view().context().clone();
    transact(&mut document, NEWCOMER, 7, |tx| {
        for row in 0..1_000 {
            tx.register(("rows", row)).set("row")?;
            tx.counter(("counts", row)).add(1)?;
        }
        tx.register("blob").set("b".repeat(20_000))?;
        Ok(())
    })?;
    Ok(document.store().delta_since(&base))
}

/// Contexts of one and of several segments.
pub(crate) fn contexts(world: &World) -> Built<Vec<Vec<u8>>> {
    let mut contexts = vec![wire::encode_context(&nothing())];
    let mut hydrating = Document::default();
    for (writer, name) in world.writers.iter().zip(["mood", "open", "stock"]) {
        let (start, end) = name.into_path().subtree();
        pull_range(&mut hydrating, writer, &KeyRange::new(Some(start), Some(end)))?;
        contexts.push(wire::encode_context(hydrating.store().view().context()));
        contexts.push(wire::encode_context(writer.store().view().context()));
    }
    pull(&mut hydrating, &world.receiver)?;
    contexts.push(wire::encode_context(hydrating.store().view().context()));
    Ok(contexts)
}

/// Tables of nobody, of one member, and of several that have nearly the same.
pub(crate) fn acknowledgements() -> Vec<Vec<u8>> {
    let life = |number: u128| ReplicaId::from_u128(number << 100 | number);
    let seen = |behind: u64| -> VersionVector {
        (1..8_u64).map(|number| (life(u128::from(number)), 1_000 - behind * (number % 3))).collect()
    };
    let table = |members: u64| -> Acknowledgements {
        (0..members).map(|member| (life(u128::from(member) + 1), seen(member))).collect()
    };
    [0, 1, 2, 7].map(|members| wire::encode_acknowledgements(&table(members))).to_vec()
}

/// Version vectors of nobody, of a few and of very many replicas.
pub(crate) fn version_vectors() -> Vec<Vec<u8>> {
    let many = |count: u128| {
        let component =
            |id| (rejoin_crdt::ReplicaId::from_u128((id << 64) | (id * 7)), u64::MAX >> (id % 64));
        wire::encode_version_vector(&(1..=count).map(component).collect())
    };
    [0, 1, 2, 5, 40, 2_000].map(many).into()
}

fn paths() -> Vec<Path> {
    vec![
        Path::ROOT,
        "name".into_path(),
        ("users", 42, "name").into_path(),
        (true, false, -1, i64::MIN).into_path(),
        (u64::MAX, 0, 255, 256).into_path(),
        (&b"\0bytes\0\xff"[..], "te\0xt").into_path(),
        (uuid::Uuid::from_u128(0x0123_4567), "x".repeat(300)).into_path(),
        ("Grüße", "日本", "🚲").into_path(),
        (0..32).map(|n| n.into()).collect(),
    ]
}

/// Paths of every kind of component.
pub(crate) fn encoded_paths() -> Vec<Vec<u8>> {
    paths().iter().map(Path::encoded).collect()
}

/// Keys of every data type.
pub(crate) fn keys() -> Built<Vec<Vec<u8>>> {
    let mut keys = Vec::new();
    for path in paths().iter().filter(|path| path.components().len() < 32) {
        for tag in TypeTag::ALL {
            let key = if tag.is_set_element() {
                let elements = items().into_iter().filter(|item| *item != Item::Nil);
                let item = elements.into_iter().nth(keys.len() % 9).unwrap_or_default();
                let element = Value::from_item(&item).map_err(|error| error.to_string())?;
                Key::element(path, element.as_bytes(), tag)
            } else {
                Key::new(path, tag)
            };
            keys.push(key.map_err(|error| error.to_string())?.as_bytes().to_vec());
        }
    }
    keys.retain(|key| key.len() <= 1_024);
    Ok(keys)
}

fn items() -> Vec<Item> {
    let int = |number: i64| Item::Int(Int::from(number));
    let map = |pairs: Vec<(MapKey, Item)>| Item::Map(pairs.into_iter().collect());
    let mut nested = Item::Nil;
    for level in 0..31 {
        nested = match level % 2 {
            0 => Item::Array(vec![nested]),
            _ => map(vec![(MapKey::Int(Int::from(level)), nested)]),
        };
    }
    let time = |seconds, nanoseconds| {
        Timestamp::new(seconds, nanoseconds).map_or(Item::Nil, Item::Timestamp)
    };
    vec![
        Item::Nil,
        Item::Bool(true),
        int(0),
        int(-1),
        int(i64::MIN),
        int(70_000),
        Item::from(1.5),
        Item::from(f64::NAN),
        Item::Str("Ada".into()),
        Item::Str("long text ".repeat(30)),
        Item::Bytes(vec![0, 1, 2, 255]),
        time(5, 0),
        time(5, 6),
        time(-5, 999_999_999),
        Item::Array((0..20).map(int).collect()),
        map(vec![
            (MapKey::Str("a".into()), Item::Array(vec![Item::Nil, Item::Bool(false), int(200)])),
            (MapKey::Str("bb".into()), Item::Str(String::new())),
            (MapKey::Int(Int::from(300)), map(vec![])),
        ]),
        nested,
        Item::Array((0..3_000).map(|n| if n % 3 == 0 { int(n) } else { Item::Nil }).collect()),
    ]
}

/// Values in canonical form.
pub(crate) fn values() -> Built<Vec<Vec<u8>>> {
    let values = items().into_iter().map(|item| Value::from_item(&item));
    values.map(|value| Ok(value.map_err(|error| error.to_string())?.as_bytes().to_vec())).collect()
}

/// The canonical values, and MessagePack as other languages may write it.
pub(crate) fn messagepack() -> Built<Vec<Vec<u8>>> {
    let mut all = values()?;
    let loose: [&[u8]; 10] = [
        b"\xca\x3f\x80\x00\x00",
        b"\xcb\x40\x00\x00\x00\x00\x00\x00\x00",
        b"\xcb\x7f\xf0\x00\x00\x00\x00\x00\x01",
        b"\xcf\x00\x00\x00\x00\x00\x00\x00\x07",
        b"\xd3\xff\xff\xff\xff\xff\xff\xff\xff",
        b"\xdb\x00\x00\x00\x03abc",
        b"\xdd\x00\x00\x00\x02\xcd\x00\x01\xc0",
        b"\x83\xa1b\x01\xa1a\x02\x07\xca\x3f\x00\x00\x00",
        b"\xdf\x00\x00\x00\x02\xa2zz\xde\x00\x01\x01\x02\xa1z\xc6\x00\x00\x00\x01x",
        b"\xc7\x0c\xff\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x05",
    ];
    all.extend(loose.map(<[u8]>::to_vec));
    // A long array that is not canonical, so that it has to be taken apart and written anew.
    all.push([&b"\xdc\x0f\xa0\xcc\x01"[..], &[0xc0].repeat(3_999)].concat());
    let pairs =
        (0..1_000_u16).rev().flat_map(|key| [&[0xcd][..], &key.to_be_bytes(), &[0xc0]].concat());
    all.push(b"\xde\x03\xe8".iter().copied().chain(pairs).collect());
    Ok(all)
}
