use rejoin_crdt::document::{DocumentJoinError, Inadmissible};
use rejoin_crdt::{JoinError, ReplicaId};
use rejoin_sync::{CloseReason, Event, Refusal, SessionError};

use crate::common::Net;

#[test]
fn a_delta_that_the_store_finds_too_early_is_asked_for_again() {
    let mut net = Net::new(2);
    let link = net.connect(0, 1);
    let gap = JoinError::Gap { replica: ReplicaId::from_u128(1), needed: 1, have: 0 };
    net.end(link, 1).refusal = Some(Refusal::from(gap));
    net.write(0, 1, "value");
    net.assert_converged();
    assert_eq!(net.end(link, 1).count(|e| matches!(e, Event::BaseRefused { .. })), 1);
}

#[test]
fn a_store_that_fails_ends_the_session() {
    let mut net = Net::new(2);
    let link = net.connect(0, 1);
    net.end(link, 1).refusal = Some(Refusal::Storage);
    net.write(0, 1, "value");
    assert_eq!(net.end(link, 1).closed, Some(CloseReason::Error(SessionError::Store)));
    let code = CloseReason::Error(SessionError::ByPeer { code: 25, a: 0, b: 0 });
    assert_eq!(net.end(link, 0).closed, Some(code));
}

#[test]
fn a_document_whose_members_forbid_a_delta_ends_the_session_and_says_why() {
    let mut net = Net::new(2);
    let link = net.connect(0, 1);
    let why = Inadmissible::NotAdmitted { replica: ReplicaId::from_u128(1), seq: 1 };
    net.end(link, 1).refusal = Some(Refusal::from(DocumentJoinError::from(why)));
    net.write(0, 1, "value");
    let reason = CloseReason::Error(SessionError::Inadmissible(why));
    assert_eq!(net.end(link, 1).closed, Some(reason));
    let code = CloseReason::Error(SessionError::ByPeer { code: 29, a: 0, b: 0 });
    assert_eq!(net.end(link, 0).closed, Some(code));
}
