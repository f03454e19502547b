//! A session of a replica with one peer, for a transport of your own: a WebSocket, a data channel, a
//! message queue, a simulation.
//!
//! [`Network`](crate::net::Network) is this over TCP. A link has no clock, socket or thread: hand in the
//! bytes that came and the time, take out the bytes that are to go. It applies to its replica what the
//! peer sends, and answers once that is durable.

use std::sync::atomic::{AtomicU64, Ordering};

use rejoin_crdt::ReplicaId;
use rejoin_sync::{CloseReason, Output, Refusal, Session};
pub use rejoin_sync::{ClusterId, Config, Difference, Event, SessionError, Status};

use crate::{ApplyError, DocumentStore, Origin, Replica};

/// Tells the links of a process from each other.
static NEXT: AtomicU64 = AtomicU64::new(1);

/// One session of a replica with one peer, over one connection.
///
/// ```
/// use rejoin::link::{ClusterId, Link, LinkOutput};
/// use rejoin::Replica;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let (berlin, lima) = (Replica::in_memory(), Replica::in_memory());
/// berlin.transact(|tx| tx.register("title").set("hello"))?;
/// let cluster = ClusterId([7; 16]);
/// let mut here = Link::new(berlin, cluster, 1, 0);
/// let mut there = Link::new(lima.clone(), cluster, 2, 0);
/// // What one side sends, the other side receives: here at once, and until both are silent.
/// loop {
///     let (sent, answer) = (here.poll(0), there.poll(0));
///     if let Some(LinkOutput::Send(bytes)) = &sent {
///         there.receive(bytes, 0);
///     }
///     if let Some(LinkOutput::Send(bytes)) = &answer {
///         here.receive(bytes, 0);
///     }
///     if sent.is_none() && answer.is_none() {
///         break;
///     }
/// }
/// assert_eq!(lima.view().register("title").get::<&str>()?, Some("hello"));
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Link {
    replica: Replica,
    /// The id for which the session speaks; none before the first write.
    own: Option<ReplicaId>,
    number: u64,
    session: Session,
}

/// What a link asks for.
#[derive(Debug)]
#[non_exhaustive]
pub enum LinkOutput {
    /// Send these bytes to the peer, in this order.
    Send(Vec<u8>),
    /// Something happened, for status and metrics.
    Event(Event),
    /// A cell that an audit found to differ, as both sides hold it: for an operator. It is being repaired.
    Difference(Box<Difference>),
    /// The session has ended: send what is left and close the connection. The last output.
    Close(CloseReason),
}

impl Link {
    /// Begins a session. `seed` is random bits that spread announcements; `now_ms` comes from a clock
    /// that never goes back, here and below.
    pub fn new(replica: Replica, cluster: ClusterId, seed: u64, now_ms: u64) -> Self {
        let mut config = Config::new(cluster);
        config.seed = seed;
        config.limits = *replica.shared.document().limits();
        Self::with(replica, config, now_ms)
    }

    /// Begins a session of this configuration; the id that it speaks for is the replica's. A replica that has
    /// not written is a reader, and draws no id for this.
    pub fn with(replica: Replica, mut config: Config, now_ms: u64) -> Self {
        let own = replica.shared.claimed_identity();
        config.replica = own;
        config.breaks = replica.shared.breaks();
        let session = Session::new(config, replica.shared.document().store(), now_ms);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        Self { replica, own, number, session }
    }

    /// Takes bytes from the peer, in any portions. What is wrong with them ends the session and comes out
    /// as its last output.
    pub fn receive(&mut self, bytes: &[u8], now_ms: u64) {
        self.turn(now_ms, |session, store, now_ms| {
            let _ = session.handle_bytes(bytes, store, now_ms);
        });
    }

    /// Lets time pass; call it when the [deadline](Self::deadline) is reached.
    pub fn timeout(&mut self, now_ms: u64) {
        self.turn(now_ms, Session::handle_timeout);
    }

    /// The replica has changed, as an observer was told.
    pub fn changed(&mut self, origin: Origin, now_ms: u64) {
        let origin = match origin {
            Origin::Local => {
                let replica = self.replica.identity();
                self.own = Some(replica);
                rejoin_sync::Origin::Local { replica }
            }
            Origin::Remote(Some(number)) if number == self.number => return,
            Origin::Remote(_) => rejoin_sync::Origin::Elsewhere,
        };
        self.turn(now_ms, |session, store, now_ms| session.store_changed(store, origin, now_ms));
    }

    /// Tells the peer what members are known to have durably. Now and then is enough.
    pub fn acknowledge(&mut self, now_ms: u64) {
        let known = self.replica.acknowledgements();
        self.turn(now_ms, |session, store, now_ms| {
            session.acknowledgements_changed(&known, store, now_ms);
        });
    }

    /// Asks the peer to prove that both sides are equal, now rather than when it is due. The result comes as an
    /// event; nothing comes while one of both lacks something.
    pub fn compare(&mut self, now_ms: u64) {
        self.turn(now_ms, Session::compare);
    }

    /// The next thing to do; ask until there is none. What the peer has sent is applied here.
    pub fn poll(&mut self, now_ms: u64) -> Option<LinkOutput> {
        loop {
            match self.session.poll_output()? {
                Output::Send(bytes) => return Some(LinkOutput::Send(bytes)),
                Output::Event(event) => {
                    match event {
                        Event::AuditMismatch { .. } => self.replica.audited(None),
                        Event::Equal { fingerprint } => self.replica.audited(Some(fingerprint)),
                        _ => {}
                    }
                    return Some(LinkOutput::Event(event));
                }
                Output::Apply(delta) => {
                    let joined = self.replica.join(delta, Origin::Remote(Some(self.number)));
                    self.turn(now_ms, |session, store, now_ms| match joined {
                        Ok(_) => session.delta_applied(store, now_ms),
                        Err(error) => session.delta_refused(refusal(error), store, now_ms),
                    });
                }
                Output::Acknowledged(heard) => {
                    self.replica.learn_acknowledgements(&heard);
                }
                Output::Repair { cells, forks } => {
                    let origin = Origin::Remote(Some(self.number));
                    let repaired = self.replica.repair(cells, forks, origin);
                    self.turn(now_ms, |session, store, now_ms| match &repaired {
                        Ok(repaired) => session.repaired(repaired, store, now_ms),
                        Err(_) => session.repair_refused(store, now_ms),
                    });
                }
                Output::Difference(difference) => {
                    return Some(LinkOutput::Difference(difference));
                }
                Output::Close(reason) => {
                    self.note_fork(&reason);
                    return Some(LinkOutput::Close(reason));
                }
                // A later version of the session may say more than this one can use.
                _ => {}
            }
        }
    }

    /// When [`Self::timeout`] is to be called; ask again after every input and after the outputs.
    pub fn deadline(&self) -> Option<u64> {
        self.session.poll_deadline()
    }

    /// How the session is doing.
    pub fn status(&self) -> Status {
        self.session.status(self.replica.shared.document().store())
    }

    /// The number by which observers are told that a change came by this link.
    pub const fn number(&self) -> u64 {
        self.number
    }

    /// Ends the session in good order.
    pub fn close(&mut self) {
        self.session.close();
    }

    /// A session that ended because the own id is used elsewhere too has given proof of it.
    fn note_fork(&self, reason: &CloseReason) {
        use SessionError::{SameReplica, UnknownOwnDots};
        let is_proof =
            matches!(reason, CloseReason::Error(SameReplica { .. } | UnknownOwnDots { .. }));
        if let Some(own) = self.own.filter(|_| is_proof) {
            // If the new id cannot be made durable, the next write says so.
            let _ = self.replica.give_up_identity(own);
        }
    }

    fn turn(&mut self, now_ms: u64, input: impl FnOnce(&mut Session, &DocumentStore, u64)) {
        let document = self.replica.shared.document();
        input(&mut self.session, document.store(), now_ms);
    }
}

/// The connection is gone, or nobody cares for it any more.
impl Drop for Link {
    fn drop(&mut self) {
        self.replica.shared.note_break(&self.session);
    }
}

fn refusal(error: ApplyError) -> Refusal {
    match error {
        ApplyError::Join(error) => Refusal::Join(error),
        ApplyError::Inadmissible(error) => Refusal::Inadmissible(error),
        _ => Refusal::Storage,
    }
}
