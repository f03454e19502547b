//! The loop around one session: bytes in, bytes out, deltas into the replica.
//!
//! What must always hold: nothing here waits for the right to write on a thread of the runtime. An
//! application may hold it for long, and one thread may serve every link. So deltas are joined on a
//! thread that may block, one after another, and the session goes on meanwhile.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use rejoin_sync::{CloseReason, Config, Event, Output, Refusal, Session};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::task::{JoinError, JoinHandle};

use super::backoff::Backoff;
use super::{Link, Shared, describe, lock};
use crate::env;
use crate::path::Key;
use crate::repair::RepairRefused;
use crate::value::Value;
use crate::{
    Applied, ApplyError, DocumentStore, Fingerprint, Origin, Repaired, Replica, ReplicaId,
};

/// How much is read at once.
const READ_BYTES: usize = 64 << 10;

/// How long opening a connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long the last words of a session may take to leave.
const FAREWELL_TIMEOUT: Duration = Duration::from_secs(1);

const LOCAL: u8 = 1;
const ELSEWHERE: u8 = 2;

/// Opens the connection of a link again and again.
pub(super) async fn keep_connected(shared: Weak<Shared>, link: Arc<Link>) {
    let Some(mut backoff) = shared.upgrade().map(|s| Backoff::new(s.clock.now_ms())) else {
        return;
    };
    loop {
        let attempt =
            tokio::time::timeout(CONNECT_TIMEOUT, TcpStream::connect(&link.address)).await;
        let Some(began_ms) = shared.upgrade().map(|s| s.clock.now_ms()) else { return };
        match attempt {
            Ok(Ok(stream)) => serve(shared.clone(), link.clone(), stream).await,
            Ok(Err(error)) => lock(&link.state).last_end = Some(error.to_string()),
            Err(_) => lock(&link.state).last_end = Some("no answer in time".to_owned()),
        }
        let Some(now_ms) = shared.upgrade().map(|s| s.clock.now_ms()) else { return };
        backoff.ended(now_ms.saturating_sub(began_ms));
        tokio::time::sleep(backoff.pause(env::random_bits(), now_ms)).await;
    }
}

/// Runs one session over one connection, to its end.
pub(super) async fn serve(shared: Weak<Shared>, link: Arc<Link>, stream: TcpStream) {
    let Some(strong) = shared.upgrade() else { return };
    // Small messages are whole answers; waiting to fill a packet would only delay them.
    let nodelay = stream.set_nodelay(true);
    let (replica, clock) = (strong.replica.clone(), strong.clock);
    let mut config = Config::new(strong.cluster);
    drop(strong);
    let own = replica.shared.claimed_identity();
    config.replica = own;
    config.seed = env::random_bits();
    config.breaks = replica.shared.breaks();
    config.limits = *replica.shared.document().limits();
    let (session, revision) = {
        let document = replica.shared.document();
        (Session::new(config, document.store(), clock.now_ms()), document.store().revision())
    };
    {
        let mut state = lock(&link.state);
        state.session = Some(session);
        state.connections += 1;
    }
    let mut ending = Ending { link: link.clone(), replica: replica.clone(), why: None };
    let (reader, writer) = stream.into_split();
    let why = match nodelay {
        Ok(()) => Driver::new(link, replica, own, clock, writer).run(reader, revision).await,
        Err(error) => error.to_string(),
    };
    ending.why = Some(why);
}

/// Notes that the connection has ended, also when its task is dropped in the middle.
struct Ending {
    link: Arc<Link>,
    replica: Replica,
    why: Option<String>,
}

impl Drop for Ending {
    fn drop(&mut self) {
        let why = self.why.take().unwrap_or_else(|| "the link was given up here".to_owned());
        self.link.ended(&self.replica, why);
    }
}

struct Driver {
    link: Arc<Link>,
    replica: Replica,
    /// The id for which the session speaks; none before the first write.
    own: Option<ReplicaId>,
    clock: env::Monotonic,
    writer: OwnedWriteHalf,
    unsent: VecDeque<u8>,
    /// A delta that is being joined; the session hands out the next one when it knows of this one.
    joining: Option<JoinHandle<Result<Applied, ApplyError>>>,
    repairing: Option<JoinHandle<Result<Repaired<Key, Value>, RepairRefused>>>,
}

impl Driver {
    fn new(
        link: Arc<Link>,
        replica: Replica,
        own: Option<ReplicaId>,
        clock: env::Monotonic,
        writer: OwnedWriteHalf,
    ) -> Self {
        Self {
            link,
            replica,
            own,
            clock,
            writer,
            unsent: VecDeque::new(),
            joining: None,
            repairing: None,
        }
    }

    /// Returns why it ended. The session began with the store as it was at `revision`.
    async fn run(mut self, mut reader: OwnedReadHalf, revision: u64) -> String {
        let (changes, wake) = (Arc::new(AtomicU8::new(0)), self.link.wake.clone());
        let observer = {
            let (changes, wake, own) = (changes.clone(), wake.clone(), self.link.number);
            self.replica.observe(move |origin| {
                let change = match origin {
                    Origin::Local => LOCAL,
                    Origin::Remote(Some(session)) if session == own => return,
                    Origin::Remote(_) => ELSEWHERE,
                };
                changes.fetch_or(change, Ordering::AcqRel);
                wake.notify_one();
            })
        };
        // Nobody was told of what was committed before there was an observer.
        if self.replica.shared.document().store().revision() != revision {
            self.changed(LOCAL | ELSEWHERE);
        }
        let mut buffer = vec![0; READ_BYTES];
        let why = loop {
            if let Some(reason) = self.perform() {
                self.farewell().await;
                self.note_fork(&reason).await;
                break describe(&reason);
            }
            let deadline = self.deadline();
            tokio::select! {
                read = reader.read(&mut buffer) => match read {
                    Ok(0) => break "the peer closed the connection".to_owned(),
                    Ok(len) => self.receive(buffer.get(..len).unwrap_or_default()),
                    Err(error) => break error.to_string(),
                },
                written = self.writer.write(self.unsent.as_slices().0), if !self.unsent.is_empty() => {
                    match written {
                        Ok(len) => drop(self.unsent.drain(..len)),
                        Err(error) => break error.to_string(),
                    }
                }
                joined = finished(&mut self.joining) => self.joined(joined),
                repaired = finished(&mut self.repairing) => self.with_session(|session, store, now_ms| {
                    match &repaired {
                        Ok(Ok(repaired)) => session.repaired(repaired, store, now_ms),
                        Ok(Err(_)) | Err(_) => session.repair_refused(store, now_ms),
                    }
                }),
                () = wake.notified() => self.changed(changes.swap(0, Ordering::AcqRel)),
                () = tokio::time::sleep(deadline) => self.with_session(|session, store, now_ms| {
                    session.handle_timeout(store, now_ms);
                }),
            }
        };
        drop(observer);
        why
    }

    fn receive(&self, bytes: &[u8]) {
        self.with_session(|session, store, now_ms| {
            // An error ends the session: it comes out again as its last output.
            let _ = session.handle_bytes(bytes, store, now_ms);
        });
    }

    fn changed(&mut self, changes: u8) {
        if changes & LOCAL != 0 {
            self.own = self.replica.shared.claimed_identity();
        }
        let own = self.own.filter(|_| changes & LOCAL != 0);
        self.with_session(|session, store, now_ms| {
            if let Some(replica) = own {
                let origin = rejoin_sync::Origin::Local { replica };
                session.store_changed(store, origin, now_ms);
            }
            if changes & ELSEWHERE != 0 {
                session.store_changed(store, rejoin_sync::Origin::Elsewhere, now_ms);
            }
        });
    }

    fn joined(&self, joined: Result<Result<Applied, ApplyError>, JoinError>) {
        self.with_session(|session, store, now_ms| match joined {
            Ok(Ok(_)) => session.delta_applied(store, now_ms),
            Ok(Err(ApplyError::Join(error))) => {
                session.delta_refused(Refusal::Join(error), store, now_ms);
            }
            Ok(Err(ApplyError::Inadmissible(error))) => {
                session.delta_refused(Refusal::Inadmissible(error), store, now_ms);
            }
            Ok(Err(_)) | Err(_) => session.delta_refused(Refusal::Storage, store, now_ms),
        });
    }

    /// Does what the session asks for; returns why it ended, once it has.
    fn perform(&mut self) -> Option<CloseReason> {
        loop {
            let output = lock(&self.link.state).session.as_mut().and_then(Session::poll_output)?;
            match output {
                Output::Send(bytes) => self.unsent.extend(bytes),
                Output::Apply(delta) => {
                    let (replica, origin) =
                        (self.replica.clone(), Origin::Remote(Some(self.link.number)));
                    let join = move || replica.join(delta, origin);
                    self.joining = Some(tokio::task::spawn_blocking(join));
                }
                Output::Acknowledged(heard) => {
                    self.replica.learn_acknowledgements(&heard);
                }
                Output::Close(reason) => return Some(reason),
                Output::Repair { cells, forks } => {
                    let (replica, origin) =
                        (self.replica.clone(), Origin::Remote(Some(self.link.number)));
                    let repair = move || replica.repair(cells, forks, origin);
                    self.repairing = Some(tokio::task::spawn_blocking(repair));
                }
                Output::Event(Event::AuditMismatch { .. }) => {
                    lock(&self.link.state).mismatches += 1;
                    self.audited(None);
                }
                Output::Event(Event::Equal { fingerprint }) => self.audited(Some(fingerprint)),
                // Whatever else happened shows in the status of the session.
                _ => {}
            }
        }
    }

    /// Notes what an audit has found, on a thread that may wait for the writer.
    fn audited(&self, equal: Option<Fingerprint>) {
        if self.replica.shared.document().store().is_suspect() != equal.is_none() {
            let replica = self.replica.clone();
            tokio::task::spawn_blocking(move || replica.audited(equal));
        }
    }

    /// A session that ended because the own id is used elsewhere too has given proof of it.
    async fn note_fork(&self, reason: &CloseReason) {
        use rejoin_sync::SessionError::{SameReplica, UnknownOwnDots};
        let is_proof =
            matches!(reason, CloseReason::Error(SameReplica { .. } | UnknownOwnDots { .. }));
        if let Some(own) = self.own.filter(|_| is_proof) {
            let replica = self.replica.clone();
            // If the new id cannot be made durable, the next write says so.
            let _ = tokio::task::spawn_blocking(move || replica.give_up_identity(own)).await;
        }
    }

    /// How long nothing needs to be done.
    fn deadline(&self) -> Duration {
        let at = lock(&self.link.state).session.as_ref().and_then(Session::poll_deadline);
        let wait_ms = at.map_or(u64::from(u32::MAX), |at| at.saturating_sub(self.clock.now_ms()));
        Duration::from_millis(wait_ms)
    }

    /// Lets the last messages leave, so that the peer learns why the session ended.
    async fn farewell(&mut self) {
        let last: Vec<u8> = self.unsent.drain(..).collect();
        // Whether the peer still hears it is up to the network.
        let _ = tokio::time::timeout(FAREWELL_TIMEOUT, self.writer.write_all(&last)).await;
    }

    fn with_session(&self, input: impl FnOnce(&mut Session, &DocumentStore, u64)) {
        let now_ms = self.clock.now_ms();
        let document = self.replica.shared.document();
        if let Some(session) = &mut lock(&self.link.state).session {
            input(session, document.store(), now_ms);
        }
    }
}

/// Completes when the join under way has; never if there is none.
async fn finished<T>(joining: &mut Option<JoinHandle<T>>) -> Result<T, JoinError> {
    let Some(join) = joining else { return std::future::pending().await };
    let joined = join.await;
    *joining = None;
    joined
}
