use rejoin_crdt::ReplicaId;
use rejoin_sync::{Config, Origin, Output, Session};

use crate::common::{CLUSTER, Site};

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn sent(session: &mut Session) -> Vec<u8> {
    let outputs = std::iter::from_fn(|| session.poll_output());
    let bytes = outputs.map(|output| match output {
        Output::Send(bytes) => bytes,
        _ => Vec::new(),
    });
    bytes.collect::<Vec<_>>().concat()
}

/// What is said after a delta has come and was applied.
fn applied(bytes: &[u8], session: &mut Session, site: &mut Site) -> Vec<u8> {
    session.handle_bytes(bytes, &site.store, 0).unwrap();
    let mut outputs = std::iter::from_fn(|| session.poll_output());
    let delta = outputs.find_map(|output| match output {
        Output::Apply(delta) => Some(delta),
        _ => None,
    });
    site.store.join(delta.unwrap(), site.id).unwrap();
    session.delta_applied(&site.store, 0);
    sent(session)
}

/// `docs/protocol.md` shows these bytes; whoever changes them changes the protocol.
#[test]
fn the_example_of_the_protocol_page_is_what_is_sent() {
    let mut writer = Site::new(1);
    writer.write(42, "milk");
    let mut reader = Site::new(2);
    let mut config = Config::new(CLUSTER);
    config.checksum = false;
    let mut right = Session::new(config.clone(), &reader.store, 0);
    config.replica = writer.id;
    let mut left = Session::new(config, &writer.store, 0);
    let mut lines = Vec::new();
    let greeting = sent(&mut left);
    lines.push(format!("A: {}", hex(&greeting)));
    let answer = sent(&mut right);
    lines.push(format!("B: {}", hex(&answer)));
    right.handle_bytes(&greeting, &reader.store, 0).unwrap();
    left.handle_bytes(&answer, &writer.store, 0).unwrap();
    let pull = sent(&mut right);
    lines.push(format!("B: {}", hex(&pull)));
    left.handle_bytes(&pull, &writer.store, 0).unwrap();
    let answer = sent(&mut left);
    lines.push(format!("A: {}", hex(&answer)));
    let ack = applied(&answer, &mut right, &mut reader);
    lines.push(format!("B: {}", hex(&ack)));
    left.handle_bytes(&ack, &writer.store, 0).unwrap();
    writer.write(42, "tea");
    left.store_changed(&writer.store, Origin::Local { replica: ReplicaId::from_u128(1) }, 0);
    let push = sent(&mut left);
    lines.push(format!("A: {}", hex(&push)));
    lines.push(format!("B: {}", hex(&applied(&push, &mut right, &mut reader))));
    let page = include_str!("../../docs/protocol.md");
    let shown = page.lines().filter(|line| line.starts_with("A: ") || line.starts_with("B: "));
    let shown: Vec<_> = shown.map(|line| line.split("  #").next().unwrap().trim_end()).collect();
    assert_eq!(shown, lines);
}
