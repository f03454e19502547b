//! What waits to be sent: small messages at once, one delta at a time as the peer has credit for it.
//!
//! There is never more than one delta in the making. What changes meanwhile is not queued behind it:
//! the next delta is extracted from the state once this one is gone, so a slow peer costs one delta
//! of memory however much is written.

use std::collections::VecDeque;

use crate::frame;
use crate::message::{Kind, Message};
use crate::output::Output;
use crate::status::Traffic;

/// How much of a delta goes into one frame: small messages get between two of them.
const SLICE_BYTES: usize = 64 << 10;

/// The outputs of a session.
#[derive(Debug)]
pub(crate) struct Outbox {
    queue: VecDeque<Output>,
    queued_bytes: usize,
    /// The delta message that is being sent, and how much of it is gone.
    bulk: Option<(Vec<u8>, usize)>,
    /// How many outputs the driver must take before the last delta among them has left.
    delta_at: usize,
    /// Bytes of deltas that the peer takes.
    credit_bytes: u64,
    frame_bytes: usize,
    checksum: bool,
    sent: Traffic,
}

impl Outbox {
    /// The stream to a peer that has granted nothing yet.
    pub(crate) fn new(frame_bytes: usize, checksum: bool) -> Self {
        Self {
            queue: VecDeque::new(),
            queued_bytes: 0,
            bulk: None,
            delta_at: 0,
            credit_bytes: 0,
            frame_bytes,
            checksum,
            sent: Traffic::default(),
        }
    }

    /// The beginning of the stream: prologue and hello.
    pub(crate) fn greet(&mut self, hello: &Message) {
        let mut bytes = frame::prologue(self.checksum).to_vec();
        self.put(&mut bytes, hello.kind(), &hello.encode());
        self.send(bytes);
    }

    /// Sends a message that needs no credit.
    pub(crate) fn message(&mut self, message: &Message) {
        let mut bytes = Vec::new();
        self.put(&mut bytes, message.kind(), &message.encode());
        self.send(bytes);
    }

    /// Sends a delta as credit allows; whatever was left of the one before is dropped, so the caller
    /// asks [`Self::is_free`] first.
    pub(crate) fn delta(&mut self, message: &Message) {
        self.bulk = Some((message.encode(), 0));
    }

    /// Sends a delta before everything that is told from now on, if it fits into one frame and there is
    /// credit for it. Returns whether it did.
    pub(crate) fn delta_in_order(&mut self, message: &Message) -> bool {
        let body = message.encode();
        let fits = body.len() <= SLICE_BYTES.min(self.frame_bytes);
        if !fits || body.len() as u64 > self.credit_bytes || !self.is_free() {
            return false;
        }
        self.credit_bytes -= body.len() as u64;
        let mut bytes = Vec::new();
        self.put(&mut bytes, message.kind(), &body);
        self.send(bytes);
        self.delta_at = self.queue.len();
        true
    }

    /// Whether no delta is on its way out.
    pub(crate) const fn is_free(&self) -> bool {
        self.bulk.is_none() && self.delta_at == 0
    }

    /// Whether a delta could leave now.
    pub(crate) const fn has_credit(&self) -> bool {
        self.credit_bytes > 0
    }

    /// The peer takes so many bytes more.
    pub(crate) const fn grant(&mut self, credit_bytes: u64) {
        self.credit_bytes = self.credit_bytes.saturating_add(credit_bytes);
    }

    /// The greatest body of a frame that the peer takes.
    pub(crate) const fn limit_frames(&mut self, frame_bytes: usize) {
        self.frame_bytes = frame_bytes;
    }

    /// Hands something to the driver that is not for the peer.
    pub(crate) fn output(&mut self, output: Output) {
        self.queue.push_back(output);
    }

    /// Gives up the delta on its way out.
    pub(crate) fn drop_delta(&mut self) {
        self.bulk = None;
    }

    /// The next output.
    pub(crate) fn pop(&mut self) -> Option<Output> {
        if let Some(output) = self.queue.pop_front() {
            self.delta_at = self.delta_at.saturating_sub(1);
            if let Output::Send(bytes) = &output {
                self.queued_bytes -= bytes.len();
            }
            return Some(output);
        }
        self.slice().map(Output::Send)
    }

    /// The bytes of small messages that wait for the driver.
    pub(crate) const fn queued_bytes(&self) -> usize {
        self.queued_bytes
    }

    /// What was sent.
    pub(crate) const fn sent(&self) -> Traffic {
        self.sent
    }

    /// The next frame of the delta on its way out.
    fn slice(&mut self) -> Option<Vec<u8>> {
        let (message, at) = self.bulk.as_mut()?;
        let credit = usize::try_from(self.credit_bytes).unwrap_or(usize::MAX);
        let rest = message.get(*at..).unwrap_or_default();
        let len = rest.len().min(SLICE_BYTES).min(self.frame_bytes).min(credit);
        let (body, rest) = rest.split_at_checked(len).filter(|(body, _)| !body.is_empty())?;
        let mut bytes = Vec::new();
        frame::put_frame(&mut bytes, Kind::Delta.number(), !rest.is_empty(), body, self.checksum);
        *at += len;
        let is_done = rest.is_empty();
        self.credit_bytes -= len as u64;
        self.sent.count(Kind::Delta, bytes.len());
        if is_done {
            self.bulk = None;
        }
        Some(bytes)
    }

    fn put(&mut self, bytes: &mut Vec<u8>, kind: Kind, body: &[u8]) {
        let before = bytes.len();
        let mut rest = body;
        while rest.len() > self.frame_bytes {
            let (head, tail) = rest.split_at(self.frame_bytes);
            frame::put_frame(bytes, kind.number(), true, head, self.checksum);
            rest = tail;
        }
        frame::put_frame(bytes, kind.number(), false, rest, self.checksum);
        self.sent.count(kind, bytes.len() - before);
    }

    fn send(&mut self, bytes: Vec<u8>) {
        self.queued_bytes += bytes.len();
        self.queue.push_back(Output::Send(bytes));
    }
}
