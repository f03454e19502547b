//! Replicas over TCP: the adapter between sessions, which know no socket, and tokio.
//!
//! A [`Network`] joins a replica with its peers. It listens, it keeps connections to given addresses
//! alive, and it says how every link is doing. It decides nothing about data: bytes go into a
//! [session](rejoin_sync::Session), and what the session asks for is done.
//!
//! The transport is plain TCP and proves nobody's identity: use it on loopback or inside a tunnel.

mod backoff;
mod driver;
mod lease;
mod upkeep;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rejoin_sync::{CloseReason, ClusterId, Session};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::{AbortHandle, JoinSet};

use crate::Replica;
use crate::env::Monotonic;

pub use rejoin_sync::{self as sync, Kind, State, Traffic};

/// The pause after a connection that could not be accepted, so that a full table of files is not
/// asked in a tight loop.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A replica on the network.
///
/// Dropping the last handle closes every link.
#[derive(Clone, Debug)]
pub struct Network {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    replica: Replica,
    cluster: ClusterId,
    clock: Monotonic,
    links: Mutex<BTreeMap<u64, Arc<Link>>>,
    next: AtomicU64,
    tasks: Mutex<JoinSet<()>>,
    /// Set once the first task runs.
    is_kept_up: AtomicBool,
    /// After which time a member that does not move is retired; never, unless asked for.
    lease: Mutex<Option<Duration>>,
}

/// One link to a peer, over as many connections as it takes.
#[derive(Debug)]
pub(crate) struct Link {
    number: u64,
    address: String,
    /// Whether this side opened it, and opens it again.
    outbound: bool,
    /// Tells the driver that its session has something to do.
    wake: Arc<Notify>,
    state: Mutex<LinkState>,
}

#[derive(Debug, Default)]
struct LinkState {
    session: Option<Session>,
    connections: u64,
    last_end: Option<String>,
    mismatches: u64,
    earlier_sent_bytes: u64,
    earlier_received_bytes: u64,
}

/// How a link is doing.
#[derive(Clone, PartialEq, Debug)]
pub struct LinkStatus {
    /// The address of the peer.
    pub address: String,
    /// Whether this side opened the link.
    pub outbound: bool,
    /// The session of the moment; `None` between two connections.
    pub session: Option<rejoin_sync::Status>,
    /// How many connections there were, the present one included.
    pub connections: u64,
    /// Why the last connection ended or could not be made.
    pub last_end: Option<String>,
    /// How often both sides had equal contexts and different states: a bug or damage, on one side or
    /// the other.
    pub mismatches: u64,
    /// The bytes sent over all connections of this link.
    pub sent_bytes: u64,
    /// The bytes received over all connections of this link.
    pub received_bytes: u64,
}

impl LinkStatus {
    /// Whether the peer can be talked to, as seen from here.
    pub fn state(&self) -> State {
        self.session.as_ref().map_or(State::Down, |session| session.state)
    }
}

impl Network {
    /// Puts a replica on the network. Peers of another cluster are refused. A replica that only reads needs no
    /// id for that.
    pub fn new(replica: Replica, cluster: ClusterId) -> Self {
        let shared = Shared {
            replica,
            cluster,
            clock: Monotonic::start(),
            links: Mutex::default(),
            next: AtomicU64::new(1),
            tasks: Mutex::default(),
            is_kept_up: AtomicBool::new(false),
            lease: Mutex::default(),
        };
        Self { shared: Arc::new(shared) }
    }

    /// Accepts peers on a listening socket, for as long as the network lives. Must be called inside
    /// a tokio runtime.
    pub fn listen(&self, listener: TcpListener) -> AbortHandle {
        let shared = Arc::downgrade(&self.shared);
        self.spawn(async move {
            loop {
                let accepted = listener.accept().await;
                let Some(shared) = shared.upgrade() else { return };
                match accepted {
                    Ok((stream, address)) => accept(&shared, stream, address),
                    // Too many open files, or a peer that is gone already: the next one may do.
                    Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
                }
            }
        })
    }

    /// Keeps a connection to `address` alive, for as long as the network lives: tries again after
    /// growing, random pauses. Must be called inside a tokio runtime. Aborting it closes the connection;
    /// the link stays listed, as down.
    pub fn connect(&self, address: impl Into<String>) -> AbortHandle {
        let link = self.shared.add_link(address.into(), true);
        let shared = Arc::downgrade(&self.shared);
        self.spawn(driver::keep_connected(shared, link))
    }

    /// Retires members by itself: one that is behind and has acknowledged nothing new for `lease`. Without
    /// this a member that is gone keeps deletions remembered until an operator retires it.
    pub fn retire_after(&self, lease: Duration) {
        *lock(&self.shared.lease) = Some(lease);
    }

    /// How every link is doing, in the order in which they were made.
    pub fn links(&self) -> Vec<LinkStatus> {
        let links: Vec<_> = lock(&self.shared.links).values().cloned().collect();
        links.iter().map(|link| link.status(&self.shared.replica)).collect()
    }

    /// The replica.
    pub fn replica(&self) -> &Replica {
        &self.shared.replica
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) -> AbortHandle {
        let mut tasks = lock(&self.shared.tasks);
        if !self.shared.is_kept_up.swap(true, Ordering::Relaxed) {
            tasks.spawn(upkeep::keep_up(Arc::downgrade(&self.shared)));
        }
        tasks.spawn(task)
    }
}

fn accept(shared: &Arc<Shared>, stream: TcpStream, address: SocketAddr) {
    let link = shared.add_link(address.to_string(), false);
    let weak = Arc::downgrade(shared);
    let mut tasks = lock(&shared.tasks);
    while tasks.try_join_next().is_some() {}
    tasks.spawn(async move {
        driver::serve(weak.clone(), link.clone(), stream).await;
        // The peer comes back under another port: what is left of this link is of no use.
        if let Some(shared) = weak.upgrade() {
            lock(&shared.links).remove(&link.number);
        }
    });
}

impl Shared {
    fn add_link(&self, address: String, outbound: bool) -> Arc<Link> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let (wake, state) = (Arc::default(), Mutex::default());
        let link = Arc::new(Link { number, address, outbound, wake, state });
        let mut links = lock(&self.links);
        links.insert(number, link.clone());
        link
    }
}

impl Link {
    fn status(&self, replica: &Replica) -> LinkStatus {
        let document = replica.shared.document();
        let state = lock(&self.state);
        let session = state.session.as_ref().map(|session| session.status(document.store()));
        let (sent, received) =
            session.as_ref().map_or((0, 0), |s| (s.sent.total(), s.received.total()));
        LinkStatus {
            address: self.address.clone(),
            outbound: self.outbound,
            session,
            connections: state.connections,
            last_end: state.last_end.clone(),
            mismatches: state.mismatches,
            sent_bytes: state.earlier_sent_bytes + sent,
            received_bytes: state.earlier_received_bytes + received,
        }
    }

    /// Notes that the connection has ended, and keeps its figures.
    fn ended(&self, replica: &Replica, why: String) {
        let document = replica.shared.document();
        let mut state = lock(&self.state);
        if let Some(session) = state.session.take() {
            replica.shared.note_break(&session);
            let status = session.status(document.store());
            state.earlier_sent_bytes += status.sent.total();
            state.earlier_received_bytes += status.received.total();
        }
        state.last_end = Some(why);
    }
}

/// What to tell an operator about the end of a session.
fn describe(reason: &CloseReason) -> String {
    match reason {
        CloseReason::Error(error) => error.to_string(),
        other => format!("{other:?}"),
    }
}

/// A panic elsewhere leaves nothing half done behind these locks.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
