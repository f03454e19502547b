use rejoin_sync::{Config, Output, Session, SessionError, State};

use crate::common::raw::{self, Hello, OPTIONAL};
use crate::common::{CLUSTER, Net};

#[test]
fn an_unknown_frame_that_is_optional_is_skipped() {
    let net = Net::new(1);
    let store = &net.sites[0].store;
    let mut session = Session::new(Config::new(CLUSTER), store, 0);
    let unknown = raw::frame(50 | OPTIONAL, b"whatever a later version says");
    let ping = raw::frame(7, &[0x91, 42]);
    let stream = [Hello::default().stream(), unknown, ping].concat();
    session.handle_bytes(&stream, store, 0).unwrap();
    let outputs: Vec<_> = std::iter::from_fn(|| session.poll_output()).collect();
    let is_pong = |o: &Output| matches!(o, Output::Send(bytes) if bytes[..2] == [8, 2]);
    assert!(outputs.iter().any(is_pong), "what follows is understood");
}

#[test]
fn an_unknown_frame_that_is_critical_ends_the_session() {
    let net = Net::new(1);
    let store = &net.sites[0].store;
    let mut session = Session::new(Config::new(CLUSTER), store, 0);
    let stream = [Hello::default().stream(), raw::frame(50, b"?")].concat();
    let refused = session.handle_bytes(&stream, store, 0);
    assert_eq!(refused, Err(SessionError::UnknownKind { kind: 50 }));
    assert_eq!(session.status(store).state, State::Down);
    assert_eq!(session.handle_bytes(&[], store, 0), Err(SessionError::Ended));
    assert_eq!(session.poll_deadline(), None);
}

#[test]
fn elements_of_a_later_version_are_ignored() {
    let net = Net::new(1);
    let store = &net.sites[0].store;
    let mut session = Session::new(Config::new(CLUSTER), store, 0);
    let hello = Hello { trailing: 3, ..Hello::default() };
    session.handle_bytes(&hello.stream(), store, 0).unwrap();
    assert_eq!(session.status(store).state, State::Up);
}
