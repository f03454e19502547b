//! What the peer sends: bytes to messages, and deltas to the driver.
//!
//! A delta waits as the bytes that it is, since it may unfold to a thousand times its length. When its
//! turn comes it is decoded, validated and authorised, and its base is compared with the own context:
//! the delta before it may be what it builds on.

use std::collections::BTreeSet;

use super::offering::Wanted;
use super::{Phase, Session};
use crate::document::{
    AuthorisedDelta, Context, Delta, Store, decode_keyless, decode_keyless_after, is_referenced,
};
use crate::error::{CloseReason, SessionError};
use crate::frame::Frame;
use crate::hold::{Arrived, Incoming};
use crate::inbox::{Applying, Waiting};
use crate::message::{Kind, Message};
use crate::offer::{read_hashes, read_keys};
use crate::output::{Event, Output};
use crate::segments;

impl Session {
    /// Takes bytes: of a stranger only as many as it may send.
    pub(super) fn receive(&mut self, bytes: &[u8], store: &Store) -> Result<(), SessionError> {
        let mut rest = bytes;
        if let Phase::Greeting { received_bytes } = &mut self.phase {
            let limit_bytes = self.config.limits.unauthenticated_bytes;
            let room = limit_bytes.saturating_sub(*received_bytes).min(rest.len());
            *received_bytes += room;
            let (head, tail) = rest.split_at(room);
            rest = tail;
            self.reader.push(head);
            self.read_frames(store)?;
            if matches!(self.phase, Phase::Greeting { .. }) && !rest.is_empty() {
                let received_bytes = limit_bytes.saturating_add(rest.len());
                return Err(SessionError::TooMuchBeforeHello { received_bytes, limit_bytes });
            }
        }
        if matches!(self.phase, Phase::Ended) {
            return Ok(());
        }
        self.reader.push(rest);
        self.read_frames(store)
    }

    fn read_frames(&mut self, store: &Store) -> Result<(), SessionError> {
        while !matches!(self.phase, Phase::Ended)
            && let Some(frame) = self.reader.next()?
        {
            self.take_frame(frame, store)?;
        }
        Ok(())
    }

    fn take_frame(&mut self, frame: Frame, store: &Store) -> Result<(), SessionError> {
        if self.liveness.heard(self.now_ms) {
            self.event(Event::PeerBack);
        }
        let Some(kind) = Kind::from_number(frame.kind) else {
            let unknown = SessionError::UnknownKind { kind: frame.kind };
            return if frame.optional { Ok(()) } else { Err(unknown) };
        };
        self.received.count(kind, frame.body.len());
        if matches!(self.phase, Phase::Greeting { .. }) != (kind == Kind::Hello) {
            return Err(SessionError::Unexpected { kind });
        }
        self.pulling.progress(kind, self.now_ms);
        let Some(body) = self.inbox.assemble(kind, frame, &self.config.limits)? else {
            return Ok(());
        };
        let message =
            Message::decode(kind, &body).map_err(|error| SessionError::Message { kind, error })?;
        self.take_message(message, store)
    }

    fn take_message(&mut self, message: Message, store: &Store) -> Result<(), SessionError> {
        let own = store.view().context();
        match message {
            Message::Hello(hello) => return self.accept(&hello, store),
            Message::Pull { id, context, most_bytes, with_keys } => {
                self.hear(context.as_deref(), store)?;
                self.asked(id, (most_bytes, with_keys), store)?;
            }
            Message::Delta { id, payload } => self.take_delta(id, payload)?,
            Message::Push { payload } => self.take_delta(0, payload)?,
            Message::Announce { context } => {
                self.hear(context.as_deref(), store)?;
                self.pulling.ask_at(self.now_ms);
            }
            Message::Ack { context, fingerprint } => {
                self.hear(context.as_deref(), store)?;
                self.ask_later(own);
                self.compare_heard(fingerprint.flatten(), store);
            }
            Message::Current(current) => {
                self.hear(current.context.as_deref(), store)?;
                self.compare_heard(current.fingerprint, store);
                // An answer to a pull answers no question of the audit.
                if current.id == 0 || current.wants_answer {
                    self.audit.heard(current.wants_answer);
                }
                self.pulling.ask_at(self.now_ms);
                if current.id != 0 {
                    self.answered(current.id, store)?;
                }
            }
            Message::Ping(number) => self.outbox.message(&Message::Pong(number)),
            Message::Pong(sent_ms) => self.liveness.answered(sent_ms, self.now_ms),
            Message::Credit(credit_bytes) => self.outbox.grant(credit_bytes),
            Message::Error { code, numbers: [a, b] } => {
                return Err(SessionError::ByPeer { code, a, b });
            }
            Message::Offer { id, nonce, items } => self.offered(id, nonce, &items, store)?,
            Message::Verdict { id, verdict } => self.judged(id, &verdict, store)?,
            Message::Sketch { id, coded } => self.sketched(id, &coded, store)?,
            Message::Acknowledgements { table } => self.hear_acknowledgements(&table)?,
            Message::More { id } => self.sketch_on(id)?,
            Message::Want { id, wanted } => self.wanted(id, wanted)?,
            Message::Probe { nonce, items } => self.probed(nonce, &items, store)?,
            Message::Finding { nonce, verdict } => self.found(nonce, &verdict, store)?,
            Message::Differ { nonce, cells } => self.differs(nonce, cells, store)?,
            Message::Testimony { nonce, told } => self.testified(nonce, told, store)?,
            Message::Later { id } => self.deferred(id)?,
            Message::Close { code } => self.end(None, CloseReason::Remote { code }),
        }
        Ok(())
    }

    fn wanted(&mut self, id: u64, wanted: Option<(Vec<u8>, Vec<u8>)>) -> Result<(), SessionError> {
        let Some((hashes, keys)) = wanted else { return self.want(id, Wanted::Everything) };
        let hashes = read_hashes(&hashes).map(BTreeSet::from_iter);
        let keys = read_keys(&keys, &self.config.limits);
        let (hashes, keys) = hashes.zip(keys).ok_or(SessionError::Comparison { id })?;
        self.want(id, Wanted::Cells { hashes, keys })
    }

    /// Takes the context form of a message.
    pub(super) fn hear(&mut self, form: Option<&[u8]>, store: &Store) -> Result<(), SessionError> {
        let mut known = vec![store.view().context()];
        known.extend(self.config.remembered.as_ref().map(|last| &last.heard));
        self.knowledge.hear(form, &known, &self.config.limits)?;
        self.check_own_dots(store)
    }

    /// Takes the context form of the peer's hello.
    pub(super) fn hear_greeting(&mut self, form: &[u8], store: &Store) -> Result<(), SessionError> {
        let mut known = vec![store.view().context()];
        known.extend(self.config.remembered.as_ref().map(|last| &last.heard));
        self.knowledge.hear_greeting(form, &known, &self.config.limits)?;
        self.check_own_dots(store)
    }

    /// Invariant I10: nobody knows changes of this replica that it has not made.
    fn check_own_dots(&self, store: &Store) -> Result<(), SessionError> {
        let Some((replica, peer)) = self.own_replica().zip(self.knowledge.peer()) else {
            return Ok(());
        };
        let (claimed, issued) = (segments::greatest_seq(peer, replica), store.last_seq(replica));
        if claimed > issued {
            return Err(SessionError::UnknownOwnDots { claimed, issued });
        }
        Ok(())
    }

    fn take_delta(&mut self, id: u64, payload: Vec<u8>) -> Result<(), SessionError> {
        if id != 0 && !self.pulling.is_asked(id) {
            return Err(SessionError::UnaskedAnswer { id });
        }
        // By the time of its turn the peer may have told more.
        let heard = self.knowledge.heard().and_then(Context::uniform);
        let reference = heard.filter(|_| is_referenced(&payload)).cloned();
        self.inbox.ready.push_back(Waiting { id, payload, reference });
        Ok(())
    }

    /// What the bytes of the next delta say.
    fn unfold(&mut self, next: &Waiting, store: &Store) -> Result<Arrived, SessionError> {
        let limits = &self.config.limits;
        let decoded = match &next.reference {
            Some(reference) => decode_keyless_after(&next.payload, limits, reference),
            None => decode_keyless(&next.payload, limits),
        };
        let decoded = decoded.map_err(SessionError::Delta)?;
        let delta = match decoded.into_delta() {
            Ok(delta) => Incoming::Ready(self.check(delta)?),
            Err(keyless) => Incoming::Keyless(keyless),
        };
        self.knowledge.learn_reach(delta.as_delta());
        self.check_own_dots(store)?;
        Ok(Arrived { id: next.id, delta, len_bytes: next.payload.len() })
    }

    /// Whether a delta makes sense, and its sender may say so.
    fn check(&self, delta: Delta) -> Result<AuthorisedDelta, SessionError> {
        Ok(delta.validate(&self.config.limits)?.authorise(&self.config.authority)?)
    }

    /// Hands a delta to the driver, if its keys are known.
    fn hand_on(&mut self, arrived: Arrived, store: &Store) -> Result<(), SessionError> {
        let Arrived { id, delta, len_bytes, .. } = arrived;
        let delta = match delta {
            Incoming::Ready(delta) => delta,
            Incoming::Keyless(keyless) => {
                let keys = keyless.keyless_count();
                let Ok(delta) = keyless.find_keys(store, &self.config.limits) else {
                    self.event(Event::KeysUnknown { len_bytes });
                    return self.ask_with_keys(id, store);
                };
                self.event(Event::KeysFound { keys });
                self.check(delta)?
            }
        };
        let told = delta.as_delta();
        let audit = told.fingerprint.map(|fingerprint| (told.reach(), fingerprint));
        self.inbox.applying = Some(Applying { id, len_bytes, audit });
        self.outbox.output(Output::Apply(delta));
        Ok(())
    }

    /// Hands the next delta that is ready to the driver; drops, holds or refuses others.
    pub(super) fn take_deltas(&mut self, store: &Store) -> Result<(), SessionError> {
        let own = store.view().context();
        while self.inbox.applying.is_none() {
            let arrived = match self.hold.release(own) {
                Some(held) => held,
                None => match self.inbox.ready.pop_front() {
                    Some(next) => self.unfold(&next, store)?,
                    None => break,
                },
            };
            let (id, len_bytes) = (arrived.id, arrived.len_bytes);
            let delta = arrived.delta.as_delta();
            if segments::covers_reach(own, delta) {
                self.event(Event::Redundant { len_bytes });
                self.pushing.ack();
                self.answered(id, store)?;
            } else if segments::covers_base(own, delta) {
                self.hand_on(arrived, store)?;
            } else if id != 0 {
                self.event(Event::BaseRefused { len_bytes });
                self.answered(id, store)?;
            } else {
                self.event(Event::Held { len_bytes });
                let dropped = self.hold.push(arrived, self.now_ms);
                dropped.into_iter().for_each(|arrived| self.give_up(&arrived));
            }
        }
        while let Some(arrived) = self.hold.expire(self.now_ms) {
            self.give_up(&arrived);
        }
        Ok(())
    }

    fn give_up(&mut self, held: &Arrived) {
        self.event(Event::HeldDropped { len_bytes: held.len_bytes });
        self.pulling.ask_at(self.now_ms);
    }

    /// The driver has applied the delta that it was given.
    pub(super) fn applied(&mut self, store: &Store) -> Result<(), SessionError> {
        let Some(applying) = self.inbox.applying.take() else { return Ok(()) };
        self.event(Event::Applied { len_bytes: applying.len_bytes });
        self.pushing.ack();
        if let Some((context, fingerprint)) = applying.audit
            && context == *store.view().context()
        {
            self.compare_with(fingerprint, store);
            self.pushing.ack_with_fingerprint();
        }
        self.answered(applying.id, store)
    }

    /// The driver could not apply the delta that it was given, because something is missing.
    pub(super) fn refused(&mut self, store: &Store) -> Result<(), SessionError> {
        let Some(applying) = self.inbox.applying.take() else { return Ok(()) };
        self.event(Event::BaseRefused { len_bytes: applying.len_bytes });
        self.pulling.ask_at(self.now_ms);
        self.answered(applying.id, store)
    }
}
