use rejoin_sync::{Config, Kind, Output, Session};

use crate::common::raw::{Hello, current_without_fingerprint};
use crate::common::{CLUSTER, Net};

/// Answers every question that the session sends, and says how many there were.
fn answer_all(session: &mut Session, net: &Net, now_ms: u64) -> usize {
    let store = &net.sites[0].store;
    // A session that asks at once would never come to an end.
    for questions in 0..50 {
        let mut is_asked = false;
        while let Some(output) = session.poll_output() {
            // Frames without checksums begin with their kind.
            is_asked |=
                matches!(&output, Output::Send(bytes) if bytes[0] == Kind::Current.number());
        }
        if !is_asked {
            return questions;
        }
        session.handle_bytes(&current_without_fingerprint(), store, now_ms).unwrap();
    }
    50
}

#[test]
fn a_peer_that_never_compares_is_asked_once_in_the_audit_time() {
    let net = Net::new(1);
    let store = &net.sites[0].store;
    let mut config = Config::new(CLUSTER);
    config.checksum = false;
    let audit_ms = config.times.audit_ms;
    let mut session = Session::new(config, store, 0);
    session.handle_bytes(&Hello::default().stream(), store, 0).unwrap();
    let mut questions = answer_all(&mut session, &net, 0);
    assert_eq!(questions, 1);
    for now_ms in (0..4 * audit_ms).step_by(1_000) {
        // Some sign of life, so that the session does not end: an answer that nobody asked for.
        session.handle_bytes(&current_without_fingerprint(), store, now_ms).unwrap();
        session.handle_timeout(store, now_ms);
        questions += answer_all(&mut session, &net, now_ms);
    }
    assert!((3..=4).contains(&questions), "{questions} questions in four times the audit time");
}
