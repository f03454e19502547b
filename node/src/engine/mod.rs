//! The replica of this node: the only part of the program that talks to the library.
//!
//! What must always hold: whoever gets an answer from [`Engine::transact`] finds its change committed,
//! or an error and nothing changed. Every reading comes from one consistent view.

mod changes;
mod conflict;
mod kind;
mod member;
mod peer;
mod read;
mod refusal;
mod token;

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rejoin::path::Path;
use rejoin::value::Item;
use rejoin::{KeepError, KeyRange, Replica, Stalled, Tx, WriteError};
use tokio::net::TcpListener;

use crate::api::{Op, Problem, Status, Transacted, Waiting};

use peer::Peers;

pub(crate) use changes::Watch;
pub(crate) use read::Page;
pub(crate) use refusal::bad_request;

/// A replica with a name.
#[derive(Debug)]
pub(crate) struct Engine {
    replica: Replica,
    peers: Peers,
    name: String,
    sync_address: SocketAddr,
    /// Held while a change commits, so that the numbers it took can be told from those around it.
    writing: Mutex<()>,
}

impl Engine {
    /// A node of `replica` that accepts peers at `listener` and keeps connections to `peers` alive. Must
    /// be called inside a tokio runtime.
    ///
    /// # Errors
    ///
    /// The listener has no address.
    pub(crate) fn start(
        name: String,
        replica: Replica,
        listener: TcpListener,
        peers: &[SocketAddr],
    ) -> io::Result<Self> {
        let sync_address = listener.local_addr()?;
        let peers = Peers::start(replica.clone(), listener, peers);
        Ok(Self { replica, peers, name, sync_address, writing: Mutex::default() })
    }

    /// Retires members that are behind and acknowledge nothing new for so long.
    pub(crate) fn retire_after(&self, lease: Duration) {
        self.peers.retire_after(lease);
    }

    /// Ends the log of the replica cleanly, if it has one.
    ///
    /// # Errors
    ///
    /// It could not be written; the next start finds a crash and loses nothing.
    pub(crate) fn close(&self) -> Result<(), KeepError> {
        self.replica.close()
    }

    /// Looks at the peers once a second. Never completes.
    pub(crate) async fn observe_peers(self: Arc<Self>) {
        let mut ticks = tokio::time::interval(peer::OBSERVE_EVERY);
        loop {
            ticks.tick().await;
            self.peers.observe();
        }
    }

    /// Makes all changes in one transaction.
    ///
    /// # Errors
    ///
    /// Which operation was refused and why; nothing was changed.
    pub(crate) fn transact(&self, ops: &[Op]) -> Result<Transacted, Problem> {
        self.commit(|tx| {
            let mut written = 0;
            for (at, op) in ops.iter().enumerate() {
                let done = apply(tx, op).map_err(|error| refusal::of_write(at, op, &error))?;
                written += usize::from(done);
            }
            Ok((written, ops.len() - written))
        })
    }

    /// Commits a change that says how many operations wrote something and how many had nothing to do.
    fn commit(
        &self,
        change: impl FnOnce(&mut Tx<'_>) -> Result<(usize, usize), Problem>,
    ) -> Result<Transacted, Problem> {
        let _alone = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.replica.context().floor();
        let committed = self.replica.transact(change).map_err(refusal::of_transaction)?;
        let (written, unchanged) = committed.value;
        Ok(Transacted {
            seq_from: committed.last.map(|last| before.seq(last.replica) + 1),
            seq_to: committed.last.map(|last| last.seq),
            written,
            unchanged,
            token: token::write(&committed.token),
        })
    }

    /// The whole state, for a backup.
    ///
    /// # Errors
    ///
    /// A part of the state is damaged, or larger than a record may be.
    pub(crate) fn snapshot(&self) -> Result<Vec<u8>, Problem> {
        self.replica.snapshot().map_err(|error| {
            Problem::new(500, "no_snapshot", "There is no snapshot now", error.to_string())
        })
    }

    /// How the node is.
    pub(crate) fn status(&self) -> Status {
        let (view, status) = (self.replica.view(), self.replica.status());
        let (first, end) = Path::ROOT.subtree();
        Status {
            name: self.name.clone(),
            replica: status.replica.map(|id| id.to_string()),
            version: env!("CARGO_PKG_VERSION").into(),
            sync_address: self.sync_address.to_string(),
            durable: self.replica.recovery().is_some(),
            cells: view.cells().live_count(&KeyRange::new(Some(first), Some(end))),
            fingerprint: view.cells().fingerprint(&KeyRange::full()).to_string(),
            token: token::write(view.cells().context()),
            conflicts: u64::try_from(view.conflicts(Path::ROOT).count()).unwrap_or(u64::MAX),
            hydrating: status.hydrating,
            unfinished: status.unfinished.iter().map(ToString::to_string).collect(),
            waits_for: self.replica.stalled().into_iter().map(waiting).collect(),
            given_up: status.given_up.iter().map(ToString::to_string).collect(),
            crowded: status.crowded,
            suspect: status.suspect,
            quarantined: status.quarantined,
            late_writes: status.late_writes,
            clock_suspects: status.suspect_stamps,
            peers: self.peers.status(),
        }
    }
}

fn waiting(Stalled { member, behind }: Stalled) -> Waiting {
    Waiting { life: member.life.to_string(), site: member.site, behind }
}

/// Makes one change; says whether there was anything to do.
fn apply(tx: &mut Tx<'_>, op: &Op) -> Result<bool, WriteError> {
    let wrote = match op {
        Op::Set { path, value } => tx.register(path).set(value).map(|_| true),
        Op::Ensure { path, value } => tx.register(path).ensure(value),
        Op::Delete { path } => tx.delete(path).map(|cells| cells > 0),
        Op::Incr { path, by } => tx.counter(path).add(*by).map(|_| true),
        Op::BoundedIncr { path, by } => tx.bounded(path).incr(*by).map(|_| true),
        Op::BoundedDecr { path, by } => tx.bounded(path).decr(*by).map(|_| true),
        Op::Add { path, value } => tx.set(path).add(value).map(|_| true),
        Op::Remove { path, value } => tx.set(path).remove(value),
    }?;
    Ok(wrote)
}

/// A component of a path as a value.
fn component_item(component: &rejoin::path::Component) -> Item {
    use rejoin::path::Component;
    match component {
        Component::Bool(truth) => Item::Bool(*truth),
        Component::Int(number) => Item::Int(*number),
        Component::Str(text) => Item::from(text.as_str()),
        Component::Bytes(bytes) => Item::Bytes(bytes.clone()),
        Component::Uuid(uuid) => Item::Str(uuid.to_string()),
    }
}
