//! Peers: whom this node syncs with, and how far apart the two are.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rejoin::Replica;
use rejoin::env::Monotonic;
use rejoin::net::sync::ClusterId;
use rejoin::net::{LinkStatus, Network, State};
use tokio::net::TcpListener;

use crate::api::PeerStatus;

/// The sync group of nodes that were not put into another one.
const DEFAULT_CLUSTER: ClusterId = ClusterId(*b"rejoin default  ");

/// How often it is noted who is equal: the error of "equal until", which people read in seconds.
pub(super) const OBSERVE_EVERY: Duration = Duration::from_secs(1);

/// The links of a node.
#[derive(Debug)]
pub(super) struct Peers {
    network: Network,
    clock: Monotonic,
    /// When each peer was last seen to have the same state. A session forgets that when it ends.
    last_equal_ms: Mutex<BTreeMap<String, u64>>,
    /// Which peers were connected when that was last looked at.
    connected: Mutex<BTreeMap<String, bool>>,
}

impl Peers {
    /// Puts a replica on the network. Must be called inside a tokio runtime.
    pub(super) fn start(replica: Replica, listener: TcpListener, peers: &[SocketAddr]) -> Self {
        let network = Network::new(replica, DEFAULT_CLUSTER);
        network.listen(listener);
        for peer in peers {
            network.connect(peer.to_string());
        }
        Self {
            network,
            clock: Monotonic::start(),
            last_equal_ms: Mutex::default(),
            connected: Mutex::default(),
        }
    }

    /// Retires members that stand still for so long.
    pub(super) fn retire_after(&self, lease: Duration) {
        self.network.retire_after(lease);
    }

    /// Notes who is equal, and tells the log which peers came and went.
    pub(super) fn observe(&self) {
        let peers = self.status();
        let mut connected = lock(&self.connected);
        for peer in &peers {
            let address = &peer.address;
            match (connected.insert(address.clone(), peer.connected), peer.connected) {
                (None | Some(false), true) => tracing::info!("peer {address} is up"),
                (Some(true), false) => {
                    let why = peer.last_end.as_deref().unwrap_or("no reason given");
                    tracing::warn!("peer {address} is down: {why}");
                }
                _ => {}
            }
        }
        connected.retain(|address, up| {
            let is_known = peers.iter().any(|peer| peer.address == *address);
            if *up && !is_known {
                tracing::info!("peer {address} has gone");
            }
            is_known
        });
    }

    /// How every peer is doing, in the order in which they were met.
    pub(super) fn status(&self) -> Vec<PeerStatus> {
        let (links, now_ms) = (self.network.links(), self.clock.now_ms());
        let mut last_equal_ms = lock(&self.last_equal_ms);
        for link in links.iter().filter(|link| is_equal(link)) {
            last_equal_ms.insert(link.address.clone(), now_ms);
        }
        // Peers that connect come from another port each time.
        last_equal_ms.retain(|address, _| links.iter().any(|link| link.address == *address));
        let last = |link: &LinkStatus| last_equal_ms.get(&link.address).copied();
        let peers = links
            .iter()
            .map(|link| describe(link, last(link).map(|last_ms| now_ms.saturating_sub(last_ms))));
        peers.collect()
    }
}

fn is_equal(link: &LinkStatus) -> bool {
    link.session.as_ref().is_some_and(|session| session.is_in_sync)
}

fn describe(link: &LinkStatus, lag_ms: Option<u64>) -> PeerStatus {
    let session = link.session.as_ref();
    let state = match link.state() {
        State::Connecting => "connecting",
        State::Up => "up",
        State::Suspect => "suspect",
        State::Down => "down",
    };
    PeerStatus {
        address: link.address.clone(),
        outbound: link.outbound,
        replica: session.and_then(|session| session.peer).map(|id| id.to_string()),
        state: state.into(),
        connected: matches!(link.state(), State::Up | State::Suspect),
        lacks_dots: session.and_then(|session| session.ahead_dots),
        lag_dots: session.and_then(|session| session.behind_dots),
        lag_ms,
        round_trip_ms: session.and_then(|session| session.round_trip_ms),
        bytes_in: link.received_bytes,
        bytes_out: link.sent_bytes,
        connections: link.connections,
        last_end: link.last_end.clone(),
    }
}

/// Nothing can panic in between and leave something half done behind these locks.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
