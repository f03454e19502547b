use rejoin_crdt::{ReplicaId, VersionVector};
use rejoin_sync::document::Context;
use rejoin_sync::{CloseReason, Config, Session, SessionError, State};

use crate::common::raw::Hello;
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
