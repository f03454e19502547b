//! The same operations give the same bytes in Rust and in JavaScript.
//!
//! Both run `script.json` and compare with `expected.json`: here through the crate `rejoin`, in
//! `same_bytes.test.mjs` through the package. Nothing writes `expected.json`: whoever changes the
//! wire format on purpose copies what a failing run reports.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a script that cannot be run shall stop the test"
)]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rejoin::path::{Component, Path};
use rejoin::value::{Int, Item, MapKey, Timestamp};
use rejoin::{Environment, KeyRange, Replica, ReplicaId, Tx, WriteError, wire};
use serde_json::{Value as Json, json};

const SCRIPT: &str = include_str!("script.json");
const EXPECTED: &str = include_str!("expected.json");

#[derive(Debug)]
struct Scripted {
    replica: ReplicaId,
    now_ms: Arc<AtomicU64>,
}

impl Environment for Scripted {
    fn now_ms(&self) -> u64 {
        self.now_ms.load(Ordering::Relaxed)
    }

    fn new_replica_id(&self) -> ReplicaId {
        self.replica
    }
}

#[test]
fn the_script_gives_the_bytes_of_the_fixture() {
    let script: Json = serde_json::from_str(SCRIPT).unwrap();
    let expected: Json = serde_json::from_str(EXPECTED).unwrap();
    let found = run(&script);
    assert_eq!(found, expected, "found:\n{found:#}");
}

/// Runs all steps: the delta of each, and where every replica stands in the end.
fn run(script: &Json) -> Json {
    let now_ms = Arc::new(AtomicU64::new(0));
    let ids = script["replicas"].as_object().unwrap();
    let replica = |id: &Json| {
        let replica = ReplicaId::from_bytes(bytes(id).try_into().unwrap());
        let env = Scripted { replica, now_ms: now_ms.clone() };
        Replica::builder().env(env).try_in_memory().unwrap()
    };
    let replicas: BTreeMap<&str, Replica> =
        ids.iter().map(|(name, id)| (name.as_str(), replica(id))).collect();
    let mut deltas = Vec::new();
    for step in script["steps"].as_array().unwrap() {
        now_ms.store(step["at"].as_u64().unwrap(), Ordering::Relaxed);
        let replica = &replicas[step["on"].as_str().unwrap()];
        let before = replica.context();
        if let Some(operations) = step["do"].as_array() {
            replica.transact(|tx| operations.iter().try_for_each(|o| perform(tx, o))).unwrap();
            deltas.push(hex(&replica.delta_since(&before).unwrap()));
        } else {
            let delta = replicas[step["from"].as_str().unwrap()].delta_since(&before).unwrap();
            replica.apply(&delta).unwrap();
            deltas.push(hex(&delta));
        }
    }
    let ends = replicas.iter().map(|(name, replica)| {
        let fingerprint = replica.view().cells().fingerprint(&KeyRange::full()).to_string();
        let context = hex(&wire::encode_context(&replica.context()));
        ((*name).to_owned(), json!({ "context": context, "fingerprint": fingerprint }))
    });
    let ends = Json::Object(ends.collect());
    json!({ "deltas": deltas, "ends": ends })
}

fn perform(tx: &mut Tx<'_>, operation: &Json) -> Result<(), WriteError> {
    let path: Path = operation[1].as_array().unwrap().iter().map(component).collect();
    let argument = item(&operation[2]);
    match operation[0].as_str().unwrap() {
        "register.set" => tx.register(path).set(argument).map(drop),
        "register.delete" => tx.register(path).delete().map(drop),
        "set.add" => tx.set(path).add(argument).map(drop),
        "set.remove" => tx.set(path).remove(argument).map(drop),
        "counter.add" => {
            let Item::Int(amount) = argument else { panic!("{argument} is no amount") };
            tx.counter(path).add(amount.as_i64().unwrap()).map(drop)
        }
        "map.create" => tx.map(path)?.create().map(drop),
        "map.delete" => tx.map(path)?.delete().map(drop),
        other => panic!("no operation {other}"),
    }
}

fn component(json: &Json) -> Component {
    match item(json) {
        Item::Bool(truth) => truth.into(),
        Item::Int(number) => number.into(),
        Item::Str(text) => text.into(),
        Item::Bytes(bytes) => bytes.into(),
        other => panic!("{other} is no component"),
    }
}

/// JSON, with objects of one member for what it lacks: `$int`, `$float`, `$bytes` and `$time`.
fn item(json: &Json) -> Item {
    match json {
        Json::Null => Item::Nil,
        Json::Bool(truth) => (*truth).into(),
        Json::Number(number) => number.as_f64().unwrap().into(),
        Json::String(text) => text.as_str().into(),
        Json::Array(items) => Item::Array(items.iter().map(item).collect()),
        Json::Object(members) => match members.iter().next() {
            Some((name, json)) if name.starts_with('$') => special(name, json),
            _ => {
                let pairs = members.iter().map(|(key, json)| (MapKey::from(&**key), item(json)));
                Item::Map(pairs.collect())
            }
        },
    }
}

fn special(name: &str, json: &Json) -> Item {
    match name {
        "$int" => {
            let number: i128 = json.as_str().unwrap().parse().unwrap();
            Item::Int(Int::try_from(number).unwrap())
        }
        "$float" => json.as_str().unwrap().parse::<f64>().unwrap().into(),
        "$bytes" => Item::Bytes(bytes(json)),
        "$time" => {
            let nanos = u32::try_from(json[1].as_u64().unwrap()).unwrap();
            Item::Timestamp(Timestamp::new(json[0].as_i64().unwrap(), nanos).unwrap())
        }
        _ => panic!("no special value {name}"),
    }
}

fn bytes(hex: &Json) -> Vec<u8> {
    let digits = hex.as_str().unwrap().as_bytes();
    let pairs = digits.chunks(2).map(|pair| std::str::from_utf8(pair).unwrap());
    pairs.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
