//! What each side knows of the other's context.
//!
//! What a peer has is known only from its own messages. Beside that there is a guess, [`Knowledge::
//! hint`], that counts what is on its way to the peer as arrived, so that it is not sent twice. The
//! guess decides only what is sent next: the receiver checks the base of every delta against its own
//! context, and pulls when the guess was wrong.

use rejoin_crdt::{Limits, ReplicaId, Seq};

use crate::context_form::{self, ContextError};
use crate::document::{Context, Delta};

/// The contexts of a session.
#[derive(Clone, Debug, Default)]
pub(crate) struct Knowledge {
    /// The last context that a message from here told; the peer keeps the same as its `heard`.
    told: Option<Context>,
    /// The last context that a message of the peer told; what differences refer to.
    heard: Option<Context>,
    /// What the own hello said, if it said it by a hash.
    greeted: Option<Context>,
    /// What the peer can conclude from everything it was sent: `told`, and the reach of deltas.
    shown: Context,
    /// What the peer has at the least, by its own messages; `None` while it is not known.
    peer: Option<Context>,
    /// What the peer has if everything on its way arrives.
    hint: Context,
}

impl Knowledge {
    /// What the peer has at the least.
    pub(crate) const fn peer(&self) -> Option<&Context> {
        self.peer.as_ref()
    }

    /// The last change of `replica` that the peer has if everything on its way arrives.
    pub(crate) fn hinted_seq(&self, replica: ReplicaId) -> Seq {
        self.hint.seq(replica)
    }

    /// The last context that the peer told.
    pub(crate) const fn heard(&self) -> Option<&Context> {
        self.heard.as_ref()
    }

    /// The last context that the peer was told.
    pub(crate) const fn told(&self) -> Option<&Context> {
        self.told.as_ref()
    }

    /// Whether the peer has something that `own` lacks, or may have.
    pub(crate) fn lacks(&self, own: &Context) -> bool {
        self.peer.as_ref().is_none_or(|peer| !own.covers_context(peer))
    }

    /// Whether the peer is known to have everything that `own` has.
    pub(crate) fn peer_covers(&self, own: &Context) -> bool {
        self.peer.as_ref().is_some_and(|peer| peer.covers_context(own))
    }

    /// Whether the peer is known to have exactly what `own` has.
    pub(crate) fn is_in_sync(&self, own: &Context) -> bool {
        self.peer.as_ref() == Some(own)
    }

    /// Whether the peer has exactly what `own` has. Then both become one in memory: as long as nothing changes,
    /// it costs nothing to compare them again, however many writers there are.
    pub(crate) fn settle(&mut self, own: &Context) -> bool {
        if !self.is_in_sync(own) {
            return false;
        }
        self.peer = Some(own.clone());
        if self.heard.as_ref() == Some(own) {
            self.heard = Some(own.clone());
        }
        true
    }

    /// Whether the peer can already know that `own` is here.
    pub(crate) fn has_shown(&self, own: &Context) -> bool {
        self.shown.covers_context(own)
    }

    /// The form of `own` in the next message.
    pub(crate) fn tell(&mut self, own: &Context) -> Option<Vec<u8>> {
        let form = context_form::since(self.told.as_ref(), own);
        self.told = Some(own.clone());
        self.shown = widened(&self.shown, own).unwrap_or_else(|| own.clone());
        form
    }

    /// The form of `own` in the hello: a hash if it is what the peer was told last, or if it is
    /// longer than `most_bytes`. A peer that cannot tell what the hash means pulls.
    pub(crate) fn greet(
        &mut self,
        own: &Context,
        last: Option<&Context>,
        most_bytes: usize,
    ) -> Vec<u8> {
        self.shown = own.clone();
        let full = context_form::full(own);
        if last == Some(own) || full.len() > most_bytes {
            self.greeted = Some(own.clone());
            return context_form::by_hash(own);
        }
        self.told = Some(own.clone());
        full
    }

    /// Takes the context form of a hello. If both hellos named one context by its hash, each side knows
    /// that the other has recognised it: from then on it counts as told.
    pub(crate) fn hear_greeting(
        &mut self,
        form: &[u8],
        known: &[&Context],
        limits: &Limits,
    ) -> Result<(), ContextError> {
        let greeted = self.greeted.take();
        let known: Vec<&Context> = known.iter().copied().chain(&greeted).collect();
        self.hear(Some(form), &known, limits)?;
        if context_form::is_hash(form) && greeted.is_some() && self.heard == greeted {
            self.told = greeted;
        }
        Ok(())
    }

    /// Takes the context form of a message. `known` are contexts that a hash may mean.
    pub(crate) fn hear(
        &mut self,
        form: Option<&[u8]>,
        known: &[&Context],
        limits: &Limits,
    ) -> Result<(), ContextError> {
        if let Some(form) = form {
            let heard = context_form::read(form, self.heard.as_ref(), known, limits)?;
            // A difference is taken against what was told, so an unknown hash leaves no predecessor.
            self.heard = heard;
        }
        if let Some(heard) = self.heard.clone() {
            self.learn(&heard);
        }
        Ok(())
    }

    /// The peer has at least this.
    pub(crate) fn learn(&mut self, had: &Context) {
        let known = |before: &Context| widened(before, had).unwrap_or_else(|| had.clone());
        self.peer = Some(known(self.peer.get_or_insert_default()));
        self.hint = known(&self.hint);
    }

    /// The peer sent this delta, so it has its reach.
    pub(crate) fn learn_reach(&mut self, delta: &Delta) {
        if let Some(peer) = &mut self.peer {
            let reach = delta.reach();
            widen(peer, &reach);
            widen(&mut self.hint, &reach);
        }
    }

    /// A delta that reaches to `reach` is on its way to the peer.
    pub(crate) fn sent(&mut self, reach: &Context) {
        widen(&mut self.hint, reach);
        widen(&mut self.shown, reach);
    }
}

/// Both together, unless that would have more segments than anybody's context: a peer may tell of ever new ranges.
fn widened(known: &Context, more: &Context) -> Option<Context> {
    Some(known.joined(more)).filter(Context::is_within_bounds)
}

fn widen(known: &mut Context, more: &Context) {
    if let Some(both) = widened(known, more) {
        *known = both;
    }
}

#[cfg(test)]
mod tests {
    use rejoin_crdt::path::{IntoPath, TypeTag};

    use super::*;
    use crate::document::Key;

    #[test]
    fn a_peer_that_tells_of_ever_new_ranges_fills_no_memory() {
        let of = |number: u64| {
            let key = |at: u64| Key::new((at,).into_path(), TypeTag::Register).ok();
            let life = ReplicaId::from_u128(1);
            let vector = |seq: Seq| [(life, seq)].into_iter().collect();
            let segments = [(None, vector(1)), (key(number), vector(number))];
            Context::from_segments(segments).unwrap_or_default()
        };
        let mut knowledge = Knowledge::default();
        for number in 2..300 {
            let told = of(number);
            knowledge.learn(&told);
            knowledge.sent(&told);
            knowledge.tell(&told);
            for context in [&knowledge.hint, &knowledge.shown].into_iter().chain(&knowledge.peer) {
                assert!(context.is_within_bounds());
            }
            assert!(knowledge.peer_covers(&told), "what it told last");
        }
    }
}
