use rejoin_sync::{Config, Output, Session};

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

/// `docs/protocol.md` shows these bytes; whoever changes them changes the protocol.
#[test]
fn the_example_of_the_protocol_page_is_what_is_sent() {
    let mut writer = Site::new(1);
    writer.write(42, "milk");
    let reader = Site::new(2);
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
    lines.push(format!("A: {}", hex(&sent(&mut left))));
    let page = include_str!("../../docs/protocol.md");
    let shown = page.lines().filter(|line| line.starts_with("A: ") || line.starts_with("B: "));
    let shown: Vec<_> = shown.map(|line| line.split("  #").next().unwrap().trim_end()).collect();
    assert_eq!(shown, lines);
}
