//! Audits: proving that equal contexts mean equal states (invariant I11).
//!
//! A fingerprint travels with the context under which it was taken and is compared only with one
//! taken under the same. It comes in a message of its own when both sides are quiet, and with deltas
//! and their acknowledgements when they never are.

use rejoin_crdt::Fingerprint;

use super::Session;
use crate::document::{Store, root_fingerprint};
use crate::message::{Current, Message};
use crate::output::Event;
use crate::status::Status;

/// When both sides were and will be compared.
#[derive(Debug)]
pub(crate) struct Audit {
    due_ms: u64,
    last_equal_ms: Option<u64>,
    mismatches: u64,
    repaired_dots: u64,
    forked_dots: u64,
    /// The own question has no answer yet.
    is_asked: bool,
    /// The peer's question has no answer yet.
    owes_answer: bool,
}

impl Audit {
    /// An audit that is due as soon as both sides have the same context.
    pub(super) const fn new(now_ms: u64) -> Self {
        Self {
            due_ms: now_ms,
            last_equal_ms: None,
            mismatches: 0,
            repaired_dots: 0,
            forked_dots: 0,
            is_asked: false,
            owes_answer: false,
        }
    }

    pub(super) const fn is_due(&self, now_ms: u64) -> bool {
        self.due_ms <= now_ms
    }

    /// Audits now.
    pub(super) const fn hasten(&mut self, now_ms: u64) {
        self.due_ms = now_ms;
        self.is_asked = false;
    }

    pub(super) const fn hasten_if(&mut self, is_due: bool, now_ms: u64) {
        if is_due {
            self.hasten(now_ms);
        }
    }

    /// The peer's fingerprint came. If both asked at once, each question is the other's answer.
    pub(super) const fn heard(&mut self, wants_answer: bool) {
        self.owes_answer = wants_answer && !self.is_asked;
        self.is_asked = false;
    }

    /// Counts what a repair has done.
    pub(super) const fn count_repaired(&mut self, dots: usize, forks: usize) {
        self.repaired_dots += dots as u64;
        self.forked_dots += forks as u64;
    }

    /// What audits have found so far.
    pub(super) const fn report(&self, status: &mut Status) {
        status.last_equal_ms = self.last_equal_ms;
        status.mismatches = self.mismatches;
        status.repaired_dots = self.repaired_dots;
        status.forked_dots = self.forked_dots;
    }

    pub(super) fn deadline_ms(&self, is_in_sync: bool) -> Option<u64> {
        (is_in_sync && !self.is_asked).then_some(self.due_ms)
    }
}

impl Session {
    /// Compares both sides when it is due, and answers the peer who does.
    pub(super) fn audit(&mut self, store: &Store) {
        if self.repairing.is_busy() {
            return;
        }
        let own = store.view().context();
        let is_due = self.audit.is_due(self.now_ms)
            && !self.audit.is_asked
            && self.knowledge.is_in_sync(own);
        let asks = is_due && !self.mends(store);
        let answers = std::mem::take(&mut self.audit.owes_answer);
        if is_due && !asks {
            self.put_off_audit();
        }
        if answers || asks {
            if !answers {
                // Also if the answer brings nothing to compare: else the same question would follow at once.
                self.put_off_audit();
            }
            self.audit.is_asked = !answers;
            let fingerprint = self.proof(store);
            let context = self.knowledge.tell(own);
            let current = Current { id: 0, wants_answer: !answers, context, fingerprint };
            self.outbox.message(&Message::Current(current));
        }
        self.probe(store);
    }

    /// Takes a fingerprint that came with the context the peer has just told.
    pub(super) fn compare_heard(&mut self, peer: Option<Fingerprint>, store: &Store) {
        if let Some(peer) = peer
            && self.knowledge.heard() == Some(store.view().context())
        {
            self.compare_with(peer, store);
        }
    }

    /// Compares the peer's fingerprint, which it took under the context that is the own one.
    pub(super) fn compare_with(&mut self, peer: Fingerprint, store: &Store) {
        if self.repairing.is_busy() {
            self.repairing.keep(store.view().context(), peer);
            return;
        }
        self.put_off_audit();
        if self.mends(store) {
            return;
        }
        let own = root_fingerprint(store);
        if own == peer {
            self.audit.last_equal_ms = Some(self.now_ms);
            self.repairing.agree();
            self.event(Event::Equal { fingerprint: own });
        } else {
            self.audit.mismatches += 1;
            self.event(Event::AuditMismatch { own, peer });
            self.repairing.differ(own, peer);
        }
    }

    /// What the peer may compare with; nothing while damage is known here that it has not helped to mend: it
    /// could only find a difference, and would have to doubt itself.
    pub(super) fn proof(&self, store: &Store) -> Option<Fingerprint> {
        self.unmended(store).is_none().then(|| root_fingerprint(store))
    }

    /// Lets the audit time pass before the next question.
    fn put_off_audit(&mut self) {
        let audit_ms = self.config.times.audit_ms;
        // Two peers that began together shall not go on asking each other at the same moment.
        let pause_ms = self.random.between(audit_ms, audit_ms.saturating_add(audit_ms / 4));
        self.audit.due_ms = self.now_ms.saturating_add(pause_ms);
    }
}
