use rejoin_crdt::{ReplicaId, VersionVector};
use rejoin_sync::document::Context;
use rejoin_sync::{CloseReason, Config, FrameError, Session, SessionError, State};

use crate::common::raw::{self, Hello, frame};
use crate::common::{CLUSTER, Net};

const OWN: ReplicaId = ReplicaId::from_u128(1);

fn refusal(hello: &Hello) -> Option<SessionError> {
    let net = Net::new(1);
    let mut config = Config::new(CLUSTER);
    config.replica = Some(OWN);
    let store = &net.sites[0].store;
    Session::new(config, store, 0).handle_bytes(&hello.stream(), store, 0).err()
}

#[test]
fn a_peer_of_another_cluster_is_refused() {
    assert_eq!(
        refusal(&Hello { cluster: [8; 16], ..Hello::default() }),
        Some(SessionError::Cluster)
    );
}

#[test]
fn a_peer_without_a_common_version_is_refused() {
    let refused = SessionError::Version { least: 2, greatest: 9 };
    assert_eq!(refusal(&Hello { versions: (2, 9), ..Hello::default() }), Some(refused));
    assert_eq!(refusal(&Hello { versions: (1, 9), ..Hello::default() }), None);
}

#[test]
fn a_peer_with_the_own_id_is_refused() {
    let hello = Hello { replica: Some(*OWN.as_bytes()), ..Hello::default() };
    assert_eq!(refusal(&hello), Some(SessionError::SameReplica { replica: OWN }));
}

#[test]
fn a_peer_that_knows_own_changes_that_were_never_made_is_refused() {
    let vector: VersionVector = [(OWN, 5)].into_iter().collect();
    let hello = Hello { context: Context::from(vector), ..Hello::default() };
    assert_eq!(refusal(&hello), Some(SessionError::UnknownOwnDots { claimed: 5, issued: 0 }));
}

#[test]
fn a_large_hello_is_taken_whatever_limit_holds_for_later_frames() {
    let net = Net::new(1);
    let store = &net.sites[0].store;
    let mut config = Config::new(CLUSTER);
    config.limits.frame_bytes = 2 << 10;
    let vector: VersionVector = (10..300).map(|id| (ReplicaId::from_u128(id), 1)).collect();
    let stream = Hello { context: Context::from(vector), ..Hello::default() }.stream();
    assert!(stream.len() > 2 * config.limits.frame_bytes);
    let mut session = Session::new(config, store, 0);
    assert_eq!(session.handle_bytes(&stream, store, 0), Ok(()));
    let later = frame(raw::DELTA, &vec![0; (2 << 10) + 1]);
    let refused = FrameError::TooLarge { len_bytes: (2 << 10) + 1, limit_bytes: 2 << 10 };
    assert_eq!(session.handle_bytes(&later, store, 0), Err(refused.into()));
}

#[test]
fn a_hello_beyond_what_a_stranger_may_send_is_refused_by_its_announced_length() {
    let net = Net::new(1);
    let store = &net.sites[0].store;
    let config = Config::new(CLUSTER);
    let limit_bytes = config.limits.unauthenticated_bytes;
    let hello = frame(raw::HELLO, &vec![0; limit_bytes + 1]);
    let stream = [&raw::prologue()[..], &hello[..4]].concat();
    let refused = FrameError::TooLarge { len_bytes: limit_bytes as u64 + 1, limit_bytes };
    let result = Session::new(config, store, 0).handle_bytes(&stream, store, 0);
    assert_eq!(result, Err(refused.into()));
}

#[test]
fn the_refused_peer_is_told_why() {
    let mut net = Net::new(2);
    let link = net.connect_with(0, 1, |side, config| {
        if side == 1 {
            config.cluster.0[0] = 1;
        }
    });
    assert!(matches!(net.end(link, 0).closed, Some(CloseReason::Error(SessionError::Cluster))));
    let closed = net.end(link, 1).closed.clone();
    assert!(matches!(
        closed,
        Some(CloseReason::Error(SessionError::Cluster | SessionError::ByPeer { .. }))
    ));
}

#[test]
fn a_peer_that_says_nothing_is_given_up() {
    let net = Net::new(1);
    let store = &net.sites[0].store;
    let mut session = Session::new(Config::new(CLUSTER), store, 100);
    assert_eq!(session.poll_deadline(), Some(10_100));
    session.handle_timeout(store, 10_100);
    assert_eq!(session.status(store).state, State::Down);
}
