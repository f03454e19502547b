//! The session: everything that one replica and one peer say to each other over one connection.
//!
//! A session is a value that is told what happens and asked what to do. It has no clock, socket,
//! thread or randomness of its own and never changes the store: it hands deltas to its driver, who
//! makes them durable and says so. **The store that a session sees must contain durable commits
//! only**, since what it contains may travel, and no frame may carry a dot that its author could
//! forget in a crash.
//!
//! After every input the session *settles*: it compares what it knows with what the store has and
//! does whatever follows. So nothing depends on the order in which things happened, and nothing is
//! lost when a message was not sent in time: the next one is made from the state then.
//!
//! The manner is that of the Rust QUIC implementation Quinn (`quinn-proto`).

mod acknowledging;
mod audit;
mod comparing;
mod descent;
mod handshake;
mod offering;
mod pulling;
mod pulse;
mod pushing;
mod receiving;
mod repairing;

use rejoin_crdt::{JoinError, ReplicaId};

use crate::breaks::Breaks;
use crate::config::{Config, Remembered};
use crate::document::{Context, Repaired, Store};
use crate::error::{CloseReason, Refusal, SessionError};
use crate::frame::FrameReader;
use crate::hold::Hold;
use crate::inbox::Inbox;
use crate::knowledge::Knowledge;
use crate::liveness::Liveness;
use crate::message::Message;
use crate::outbox::Outbox;
use crate::output::{Event, Origin, Output};
use crate::random::SplitMix64;
use crate::segments;
use crate::status::{State, Status, Traffic};

use acknowledging::Acknowledging;
use audit::Audit;
use comparing::Comparing;
pub use handshake::Peer;
use offering::Offering;
use pulling::Pulling;
use pushing::Pushing;
use repairing::Repairing;

/// One session with one peer, over one connection.
#[derive(Debug)]
pub struct Session {
    config: Config,
    phase: Phase,
    reader: FrameReader,
    inbox: Inbox,
    outbox: Outbox,
    knowledge: Knowledge,
    hold: Hold,
    pulling: Pulling,
    pushing: Pushing,
    /// What is being compared to answer a pull of the peer.
    offering: Option<Offering>,
    /// What is being compared to answer the own pull.
    comparing: Option<Comparing>,
    acknowledging: Acknowledging,
    audit: Audit,
    /// What audits have found is being repaired.
    repairing: Repairing,
    liveness: Liveness,
    random: SplitMix64,
    received: Traffic,
    /// The time of the last input.
    now_ms: u64,
    /// When the session began.
    since_ms: u64,
    is_in_sync: bool,
}

#[derive(Debug)]
enum Phase {
    /// The hello of the peer is not complete; so many bytes of it have come.
    Greeting { received_bytes: usize },
    /// Both have said hello.
    Open(Box<Peer>),
    /// Nothing more is said or heard.
    Ended,
}

impl Session {
    /// Begins a session and says hello. `now_ms` comes from a clock that never goes back; it need not
    /// be the time of day.
    pub fn new(config: Config, store: &Store, now_ms: u64) -> Self {
        let (times, bounds) = (config.times, config.bounds);
        let (limits, checksum) = (config.limits, config.checksum);
        let mut session = Self {
            phase: Phase::Greeting { received_bytes: 0 },
            // The peer does not know the limit of frames before the hello.
            reader: FrameReader::new(limits.unauthenticated_bytes),
            inbox: Inbox::new(bounds.credit_bytes),
            outbox: Outbox::new(limits.frame_bytes, checksum),
            knowledge: Knowledge::default(),
            hold: Hold::new(bounds.hold_bytes, times.hold_ms),
            pulling: Pulling::default(),
            pushing: Pushing::default(),
            offering: None,
            comparing: None,
            acknowledging: Acknowledging::default(),
            audit: Audit::new(now_ms),
            repairing: Repairing::default(),
            liveness: Liveness::new(
                times.ping_ms,
                bounds.suspect_after,
                bounds.close_after,
                now_ms,
            ),
            random: SplitMix64::new(config.seed),
            received: Traffic::default(),
            now_ms,
            since_ms: now_ms,
            is_in_sync: false,
            config,
        };
        session.greet(store);
        session
    }

    /// Takes the next bytes of the peer's stream, in any portions.
    ///
    /// # Errors
    /// Says why the session cannot go on. The frame that caused it changed nothing; those before it were taken. The
    /// session has ended, and its last outputs say so to the peer and to the driver.
    pub fn handle_bytes(
        &mut self,
        bytes: &[u8],
        store: &Store,
        now_ms: u64,
    ) -> Result<(), SessionError> {
        if matches!(self.phase, Phase::Ended) {
            return Err(SessionError::Ended);
        }
        self.now_ms = now_ms;
        let result = self.receive(bytes, store).and_then(|()| self.settle(store));
        result.inspect_err(|error| self.fail(error.clone()))
    }

    /// Time has passed; call it when [`Self::poll_deadline`] is reached. Calling it early is harmless.
    pub fn handle_timeout(&mut self, store: &Store, now_ms: u64) {
        self.turn(store, now_ms, |_| Ok(()));
    }

    /// The store has changed, durably, by something that this session did not bring.
    pub fn store_changed(&mut self, store: &Store, origin: Origin, now_ms: u64) {
        self.turn(store, now_ms, |session| {
            session.note_change(store, origin);
            Ok(())
        });
    }

    /// The delta of the last [`Output::Apply`] is in the store, durably.
    pub fn delta_applied(&mut self, store: &Store, now_ms: u64) {
        self.turn(store, now_ms, |session| session.applied(store));
    }

    /// The delta of the last [`Output::Apply`] could not be applied; the store is as it was.
    pub fn delta_refused(&mut self, refusal: Refusal, store: &Store, now_ms: u64) {
        self.turn(store, now_ms, |session| match refusal {
            // The context has moved between the check here and the join, or other catch-ups have to end
            // first: ask for what is missing.
            Refusal::Join(JoinError::Gap { .. } | JoinError::Fragmented { .. }) => {
                session.refused(store)
            }
            Refusal::Join(JoinError::UnknownOwnDots { claimed, issued }) => {
                Err(SessionError::UnknownOwnDots { claimed, issued })
            }
            Refusal::Inadmissible(error) => Err(error.into()),
            Refusal::Join(_) | Refusal::Storage => Err(SessionError::Store),
        });
    }

    /// The last [`Output::Repair`] was given to the store, and what that has changed is durable.
    pub fn repaired(&mut self, repaired: &Repaired, store: &Store, now_ms: u64) {
        self.turn(store, now_ms, |session| {
            session.take_repaired(repaired, store);
            Ok(())
        });
    }

    /// The store did not take the last [`Output::Repair`]; it is as it was. The next audit begins again.
    pub fn repair_refused(&mut self, store: &Store, now_ms: u64) {
        self.turn(store, now_ms, |session| {
            session.forget_repair();
            Ok(())
        });
    }

    /// Asks the peer to prove that both sides are equal, now rather than when it is due. The result
    /// comes as an event; nothing comes while the contexts differ.
    pub fn compare(&mut self, store: &Store, now_ms: u64) {
        self.turn(store, now_ms, |session| {
            session.audit.hasten(now_ms);
            Ok(())
        });
    }

    /// Ends the session in good order.
    pub fn close(&mut self) {
        if !matches!(self.phase, Phase::Ended) {
            self.end(Some(&Message::Close { code: 0 }), CloseReason::Local);
        }
    }

    /// The next thing to do; ask until there is none.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outbox.pop()
    }

    /// When [`Self::handle_timeout`] is to be called; ask again after every input and after the
    /// outputs.
    pub fn poll_deadline(&self) -> Option<u64> {
        let silence = match &self.phase {
            // Whatever else is owed to the peer waits for its hello.
            Phase::Greeting { .. } => {
                return Some(self.since_ms.saturating_add(self.config.times.hello_ms));
            }
            Phase::Open(_) => self.liveness.deadline_ms(),
            Phase::Ended => return None,
        };
        let others = [
            self.hold.deadline_ms(),
            self.pulling.deadline_ms(self.config.times.pull_ms, &self.inbox),
            self.pushing.deadline_ms(),
            self.acknowledging.deadline_ms(self.config.times.tell_ms),
            self.audit.deadline_ms(self.is_in_sync && !self.repairing.is_busy()),
            // The last delta has left: make the next one from the state as it is by now.
            self.has_delta_to_make().then_some(self.now_ms),
        ];
        others.into_iter().flatten().chain([silence]).min()
    }

    /// What to put into the configuration of the next session with this peer.
    pub fn remember(&self) -> Option<Remembered> {
        let last = self.config.remembered.as_ref();
        let heard = self.knowledge.heard().or(last.map(|last| &last.heard))?;
        let told = self.knowledge.told().or(last.map(|last| &last.told))?;
        Some(Remembered { heard: heard.clone(), told: told.clone() })
    }

    /// Notes in `breaks`, once the connection is gone, whether it broke in the middle of a delta. Put it into
    /// the configuration of the next sessions: what they ask this peer for comes in smaller parts then.
    pub fn note_break(&self, breaks: &mut Breaks) {
        if let Some(peer) = self.pulling.peer() {
            breaks.note(peer, self.pulling.is_careful() || self.inbox.has_part_of_delta());
        }
    }

    /// How the session is doing.
    pub fn status(&self, store: &Store) -> Status {
        let own = store.view().context();
        let peer = self.knowledge.peer();
        let mut status = Status {
            state: self.state(),
            peer: self.peer().and_then(|peer| peer.replica),
            ahead_dots: peer.map(|peer| segments::dots_ahead(own, peer)),
            behind_dots: peer.map(|peer| segments::dots_ahead(peer, own)),
            is_in_sync: self.knowledge.is_in_sync(own),
            last_equal_ms: None,
            mismatches: 0,
            repaired_dots: 0,
            forked_dots: 0,
            round_trip_ms: self.liveness.round_trip_ms(),
            held_bytes: self.hold.held_bytes(),
            sent: self.outbox.sent(),
            received: self.received,
        };
        self.audit.report(&mut status);
        status
    }

    /// What the peer has at the least, by its own messages; `None` while it is not known. A commit is
    /// replicated to the peer once this covers it.
    pub const fn peer_context(&self) -> Option<&Context> {
        self.knowledge.peer()
    }

    const fn state(&self) -> State {
        match &self.phase {
            Phase::Greeting { .. } => State::Connecting,
            Phase::Open(_) if self.liveness.is_suspect() => State::Suspect,
            Phase::Open(_) => State::Up,
            Phase::Ended => State::Down,
        }
    }

    /// Who the peer is; `None` before its hello and after the end.
    pub fn peer(&self) -> Option<&Peer> {
        match &self.phase {
            Phase::Open(peer) => Some(peer),
            Phase::Greeting { .. } | Phase::Ended => None,
        }
    }

    /// The id that this replica writes under.
    const fn own_replica(&self) -> Option<ReplicaId> {
        self.config.replica
    }

    /// One input that is not bytes.
    fn turn(
        &mut self,
        store: &Store,
        now_ms: u64,
        input: impl FnOnce(&mut Self) -> Result<(), SessionError>,
    ) {
        if matches!(self.phase, Phase::Ended) {
            return;
        }
        self.now_ms = now_ms;
        if let Err(error) = input(self).and_then(|()| self.settle(store)) {
            self.fail(error);
        }
    }

    /// Does whatever follows from what is known by now.
    fn settle(&mut self, store: &Store) -> Result<(), SessionError> {
        self.check_pulse()?;
        if self.peer().is_none() {
            return Ok(());
        }
        self.take_deltas(store)?;
        self.make_delta(store)?;
        self.tell(store);
        self.pull(store)?;
        self.tell_acknowledgements();
        self.audit(store);
        if let Some(grant) = self.inbox.grant() {
            self.outbox.message(&Message::Credit(grant));
        }
        let (queued_bytes, limit_bytes) =
            (self.outbox.queued_bytes(), self.config.limits.session_bytes);
        if queued_bytes > limit_bytes {
            return Err(SessionError::Backlog { queued_bytes, limit_bytes });
        }
        self.is_in_sync = self.knowledge.settle(store.view().context());
        Ok(())
    }

    fn event(&mut self, event: Event) {
        self.outbox.output(Output::Event(event));
    }

    fn fail(&mut self, error: SessionError) {
        let (code, numbers) = error.code();
        let answer = Message::Error { code, numbers };
        let is_answered = !matches!(error, SessionError::ByPeer { .. });
        self.end(is_answered.then_some(&answer), CloseReason::Error(error));
    }

    fn end(&mut self, last: Option<&Message>, reason: CloseReason) {
        self.outbox.drop_delta();
        if let Some(last) = last {
            self.outbox.message(last);
        }
        self.outbox.output(Output::Close(reason));
        self.phase = Phase::Ended;
    }
}
