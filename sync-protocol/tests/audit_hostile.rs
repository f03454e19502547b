use rejoin_crdt::{Authority, Coverage, wire};
use rejoin_sync::document::{Delta, Store};
use rejoin_sync::{Config, Kind, MessageError, Output, Session, SessionError};
use rmp::encode::{write_array_len, write_bin, write_nil};

use crate::common::raw::{self, Hello};
use crate::common::{CLUSTER, Site, register};

const PROBE: u8 = 18;
const DIFFER: u8 = 20;
const TESTIMONY: u8 = 21;

/// A message of parts that are bytes or nothing.
fn message(kind: u8, parts: &[Option<&[u8]>]) -> Vec<u8> {
    let mut body = Vec::new();
    write_array_len(&mut body, u32::try_from(parts.len()).unwrap()).unwrap();
    for part in parts {
        match part {
            Some(bytes) => write_bin(&mut body, bytes).unwrap(),
            None => write_nil(&mut body).unwrap(),
        }
    }
    raw::frame(kind, &body)
}

/// A probe whose only range holds one cell that nobody has.
fn probe(nonce: u8) -> Vec<u8> {
    let items = [&[4, 16][..], &[7; 16]].concat();
    message(PROBE, &[Some(&[nonce; 16]), Some(&items)])
}

fn testimony(nonce: u8, delta: &Delta) -> Vec<u8> {
    message(TESTIMONY, &[Some(&[nonce; 16]), Some(&wire::encode_delta(delta)), None])
}

fn site() -> Site {
    let mut site = Site::new(1);
    (0..3).for_each(|key| site.write(key, "value"));
    site
}

/// What a session of a site says to these messages, and the bytes and repairs it has put out.
fn hear(messages: &[Vec<u8>]) -> (Result<(), SessionError>, Vec<u8>, usize) {
    let site = site();
    let mut session = Session::new(Config::new(CLUSTER), &site.store, 0);
    let stream = [Hello::default().stream(), messages.concat()].concat();
    let result = session.handle_bytes(&stream, &site.store, 0);
    let (mut sent, mut repairs) = (Vec::new(), 0);
    while let Some(output) = session.poll_output() {
        match output {
            Output::Send(bytes) => sent.extend(bytes),
            Output::Repair { .. } => repairs += 1,
            _ => {}
        }
    }
    (result, sent, repairs)
}

fn refusal(messages: &[Vec<u8>]) -> SessionError {
    let (result, _, repairs) = hear(messages);
    assert_eq!(repairs, 0, "what ends a session changes nothing");
    result.unwrap_err()
}

/// What the peer could truthfully say of these registers.
fn told(keys: std::ops::Range<u32>) -> Delta {
    let keys: Vec<_> = keys.map(register).collect();
    site().store.testimony(&keys).cells
}

#[test]
fn a_message_of_an_audit_that_is_not_under_way_ends_the_session() {
    for (kind, number) in [(Kind::Finding, 19), (Kind::Differ, 20), (Kind::Testimony, 21)] {
        let parts: [Option<&[u8]>; 3] = [Some(&[1; 16]), Some(&[]), Some(&[])];
        let parts = if number == 19 { &parts[..2] } else { &parts };
        assert_eq!(refusal(&[message(number, parts)]), SessionError::Audit { kind });
    }
    assert_eq!(refusal(&[raw::frame(22, b"\x91\x05")]), SessionError::UnaskedAnswer { id: 5 });
}

#[test]
fn malformed_messages_of_an_audit_end_the_session() {
    let probe = |items: &[u8]| message(PROBE, &[Some(&[1; 16]), Some(items)]);
    let malformed = SessionError::Audit { kind: Kind::Probe };
    assert_eq!(refusal(&[probe(&[4, 15])]), malformed);
    assert_eq!(refusal(&[probe(&[9])]), malformed);
    let short = message(PROBE, &[Some(&[1; 15]), Some(&[])]);
    let error = MessageError::Element { element: 0 };
    assert_eq!(refusal(&[short]), SessionError::Message { kind: Kind::Probe, error });
    let differ = message(DIFFER, &[Some(&[1; 16]), None, None]);
    assert_eq!(refusal(&[differ]), SessionError::Audit { kind: Kind::Differ });
}

#[test]
fn a_message_of_an_audit_has_a_limit() {
    let huge = vec![0; 1 << 20];
    let frames: Vec<_> = (0..4).map(|_| raw::frame(TESTIMONY | 0x40, &huge)).collect();
    let refused = refusal(&frames);
    let is_limit = matches!(refused, SessionError::MessageTooLarge { kind: Kind::Testimony, .. });
    assert!(is_limit, "{refused:?}");
}

#[test]
fn a_testimony_that_was_asked_for_is_handed_out_and_answered() {
    let (result, sent, repairs) = hear(&[probe(1), testimony(1, &told(0..3))]);
    assert_eq!((result, repairs), (Ok(()), 1));
    // Frames have checksums here: the type, the length, the array, the nonce.
    let answers = sent.windows(2).filter(|bytes| bytes[0] == TESTIMONY).count();
    assert!(answers > 0, "the own side is told");
}

#[test]
fn a_testimony_is_taken_once_and_of_the_audit_under_way_only() {
    let unasked = SessionError::Audit { kind: Kind::Testimony };
    let once = testimony(1, &told(0..3));
    let (result, _, repairs) = hear(&[probe(1), once.clone(), once]);
    assert_eq!((result, repairs), (Err(unasked.clone()), 1));
    assert_eq!(refusal(&[probe(1), testimony(2, &told(0..3))]), unasked);
    assert_eq!(refusal(&[probe(1), probe(2)]), SessionError::Audit { kind: Kind::Probe });
}

#[test]
fn a_testimony_of_more_cells_than_were_asked_for_is_refused() {
    let refused = refusal(&[probe(1), testimony(1, &told(0..9))]);
    assert_eq!(refused, SessionError::Audit { kind: Kind::Testimony });
}

#[test]
fn a_testimony_that_is_none_is_refused() {
    let noise = message(TESTIMONY, &[Some(&[1; 16]), Some(&[1, 2, 3]), None]);
    assert!(matches!(refusal(&[probe(1), noise]), SessionError::Delta(_)));
    let mut listing = told(0..3);
    listing.parts[0].coverage = Coverage::Complete;
    let refused = refusal(&[probe(1), testimony(1, &listing)]);
    assert_eq!(refused, SessionError::Audit { kind: Kind::Testimony });
    let mut beyond = told(0..3);
    beyond.parts[0].upto = Default::default();
    let refused = refusal(&[probe(1), testimony(1, &beyond)]);
    assert!(matches!(refused, SessionError::Invalid(_)), "{refused:?}");
}

#[test]
fn a_testimony_under_another_context_changes_nothing() {
    let mut other = site();
    other.write(9, "later");
    let keys: Vec<_> = (0..3).map(register).collect();
    let moved = other.store.testimony(&keys).cells;
    let (result, _, repairs) = hear(&[probe(1), testimony(1, &moved), probe(2)]);
    assert_eq!((result, repairs), (Ok(()), 0), "the exchange is over, and another one may begin");
    let mut store = other.store.clone();
    let valid = told(0..3).validate(&rejoin_crdt::Limits::default()).unwrap();
    let late = valid.authorise(&Authority::Full).unwrap();
    let before: u64 = store.revision();
    assert_eq!(store.repair(late, None), Err(rejoin_crdt::RepairError::ContextMoved));
    assert_eq!(store.revision(), before);
}

#[test]
fn an_audit_does_not_go_down_for_ever() {
    let items = [&[0, 5][..], &[7; 16]].concat();
    let step = message(PROBE, &[Some(&[1; 16]), Some(&items)]);
    let (result, ..) = hear(&vec![step.clone(); 32]);
    assert_eq!(result, Ok(()));
    assert_eq!(refusal(&vec![step; 33]), SessionError::Audit { kind: Kind::Probe });
}

#[test]
fn who_may_not_write_everything_is_told_nothing_and_not_believed() {
    let store: Store = site().store;
    let mut config = Config::new(CLUSTER);
    config.checksum = false;
    config.authority = Authority::Ranges(Vec::new());
    let mut session = Session::new(config, &store, 0);
    session.handle_bytes(&[Hello::default().stream(), probe(1)].concat(), &store, 0).unwrap();
    let nothing = message(DIFFER, &[Some(&[1; 16]), None, None]);
    let outputs = std::iter::from_fn(|| session.poll_output());
    let sent = outputs.filter(|o| matches!(o, Output::Send(bytes) if *bytes == nothing)).count();
    assert_eq!(sent, 1);
}

#[test]
fn the_bytes_on_the_protocol_page_are_these_messages() {
    let page = include_str!("../../docs/protocol.md");
    let line = |name: &str| {
        let line = page.lines().find(|line| line.ends_with(&format!("  # {name}"))).unwrap();
        line.split('#').next().unwrap().replace(' ', "")
    };
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    assert_eq!(line("probe"), hex(&probe(1)));
    assert_eq!(line("differ"), hex(&message(DIFFER, &[Some(&[1; 16]), None, None])));
    assert_eq!(line("later"), hex(&raw::frame(22, b"\x91\x05")));
}
