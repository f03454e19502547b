use rejoin_sync::{CloseReason, Config, FrameError, Output, Session, SessionError};

use crate::common::raw::{self, Hello};
use crate::common::{CLUSTER, Net};

/// What a session of an empty replica says to these bytes.
fn refusal(bytes: &[u8]) -> SessionError {
    let net = Net::new(1);
    let store = &net.sites[0].store;
    let revision = store.revision();
    let mut session = Session::new(Config::new(CLUSTER), store, 0);
    let error = session.handle_bytes(bytes, store, 0).unwrap_err();
    assert_eq!(store.revision(), revision);
    let outputs: Vec<_> = std::iter::from_fn(|| session.poll_output()).collect();
    let is_end =
        matches!(outputs.last(), Some(Output::Close(CloseReason::Error(e))) if *e == error);
    assert!(is_end, "the driver is told why");
    error
}

#[test]
fn bytes_of_another_protocol_are_refused_at_once() {
    assert_eq!(refusal(b"GET / HTTP/1.1\r\n"), SessionError::Frame(FrameError::Magic));
}

#[test]
fn another_major_version_is_named() {
    let major = FrameError::Major { theirs: 2, ours: 1 };
    assert_eq!(refusal(b"RJN\x02\x00"), SessionError::Frame(major));
}

#[test]
fn a_stranger_may_send_16_kib() {
    let stream = [raw::prologue(), vec![1, 0x80, 0x80, 0x01], vec![0; 20_000]].concat();
    let (received_bytes, limit_bytes) = (stream.len(), 16 << 10);
    let refused = SessionError::TooMuchBeforeHello { received_bytes, limit_bytes };
    assert_eq!(refusal(&stream), refused);
}

#[test]
fn a_message_before_the_hello_is_refused() {
    let stream = [raw::prologue(), raw::frame(7, &[0x91, 1])].concat();
    assert_eq!(refusal(&stream), SessionError::Unexpected { kind: rejoin_sync::Kind::Ping });
}

#[test]
fn a_second_hello_is_refused() {
    let hello = Hello::default().stream();
    let stream = [&hello[..], &hello[5..]].concat();
    assert_eq!(refusal(&stream), SessionError::Unexpected { kind: rejoin_sync::Kind::Hello });
}

#[test]
fn a_delta_of_noise_is_refused() {
    let noise = raw::frame(3, &[0x92, 0, 0xc4, 3, 1, 2, 3]);
    let stream = [Hello::default().stream(), noise].concat();
    assert!(matches!(refusal(&stream), SessionError::Delta(_)));
}

#[test]
fn a_message_of_the_wrong_shape_is_refused() {
    let stream = [Hello::default().stream(), raw::frame(7, &[0xc0])].concat();
    assert!(matches!(refusal(&stream), SessionError::Message { .. }));
}

#[test]
fn more_deltas_than_were_granted_are_refused() {
    let net = Net::new(1);
    let store = &net.sites[0].store;
    let mut config = Config::new(CLUSTER);
    config.bounds.credit_bytes = 100;
    let mut session = Session::new(config, store, 0);
    let stream = [Hello::default().stream(), raw::frame(3 | 0x40, &[0; 101])].concat();
    let refused = session.handle_bytes(&stream, store, 0);
    assert_eq!(refused, Err(SessionError::CreditExceeded { excess_bytes: 1 }));
}
