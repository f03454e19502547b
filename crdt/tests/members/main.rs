//! Documents with members: one file per behaviour.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops at what it does not expect"
)]

mod admission;
mod founding;
mod guest;
mod late_founding;
mod planted;
mod reserved;
mod states;
mod two_foundings;
mod unadmitted;
mod unmanaged;

use rejoin_crdt::document::{
    Document, DocumentJoinError, Inadmissible, MemberError, MemberState, MembersMut, Tx, WriteError,
};
use rejoin_crdt::path::{IntoPath, Key, TypeTag};
use rejoin_crdt::value::Value;
use rejoin_crdt::{Authority, Context, Delta, Dot, Fingerprint, KeyRange, Limits, ReplicaId};

const NOW_MS: u64 = 1_000_000;

/// A document that writes under one id.
struct Site {
    document: Document,
    id: ReplicaId,
}

fn site(number: u128) -> Site {
    Site { document: Document::default(), id: ReplicaId::from_u128(number) }
}

/// A founder, and a member that it has admitted and that knows it.
fn cluster() -> (Site, Site) {
    let (mut a, mut b) = (site(1), site(2));
    a.members(|members| members.found("berlin")).unwrap();
    a.members(|members| members.admit(b.id, "lima", None)).unwrap();
    b.pull(&a).unwrap();
    (a, b)
}

impl Site {
    fn try_change<T, E>(
        &mut self,
        change: impl FnOnce(&mut Tx<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let hlc = self.document.tick(NOW_MS);
        let mut tx = self.document.transaction(self.id, hlc);
        let value = change(&mut tx)?;
        let staged = tx.finish().unwrap();
        self.document.commit(staged).unwrap();
        Ok(value)
    }

    fn write<T>(
        &mut self,
        change: impl FnOnce(&mut Tx<'_>) -> Result<T, WriteError>,
    ) -> Result<T, WriteError> {
        self.try_change(change)
    }

    fn members<T>(
        &mut self,
        change: impl FnOnce(&mut MembersMut<'_, '_>) -> Result<T, MemberError>,
    ) -> Result<T, MemberError> {
        self.try_change(|tx| change(&mut tx.members()))
    }

    /// Bans somebody, in a set in which a removal wins.
    fn ban(&mut self, name: &str) -> Result<bool, WriteError> {
        self.write(|tx| tx.remove_wins_set("guests").remove(name))
    }

    /// As [`Self::ban`], of somebody who keeps to no rule.
    fn ban_anyway(&mut self, name: &str) -> Dot {
        let element = Value::from_serialize(&name).unwrap();
        let path = "guests".into_path();
        let key = Key::element(&path, element.as_bytes(), TypeTag::RemoveWinsElement).unwrap();
        self.engine(|tx| tx.tombstone(&key))
    }

    /// Writes to the engine below the document.
    fn engine<T>(
        &mut self,
        change: impl FnOnce(&mut rejoin_crdt::Transaction<'_, Key, Value>) -> T,
    ) -> T {
        let hlc = self.document.tick(NOW_MS);
        let mut tx = rejoin_crdt::Transaction::new(self.document.store(), self.id, hlc);
        let value = change(&mut tx);
        let staged = tx.finish();
        self.document.commit(staged).unwrap();
        value
    }

    fn delta(&self, base: &Context<Key>, range: &KeyRange<Key>) -> Delta<Key, Value> {
        self.document.store().delta_in(base, range)
    }

    fn context(&self) -> &Context<Key> {
        self.document.store().view().context()
    }

    fn take(&mut self, delta: Delta<Key, Value>) -> Result<(), DocumentJoinError> {
        let delta = delta.validate(&Limits::default()).unwrap();
        let delta = delta.authorise(&Authority::Full).unwrap();
        self.document.join(delta, Some(self.id), NOW_MS).map(drop)
    }

    /// Takes everything that `other` has.
    fn pull(&mut self, other: &Self) -> Result<(), DocumentJoinError> {
        self.take(other.delta(self.context(), &KeyRange::full()))
    }

    /// Checks that `other`'s changes are refused for this reason and leave no trace.
    fn refuses(&mut self, other: &Self, why: Inadmissible) {
        let before = self.state();
        assert_eq!(self.pull(other), Err(why.into()));
        assert_eq!(self.state(), before, "a refused delta changes nothing");
    }

    fn state(&self) -> (Context<Key>, Fingerprint, u64) {
        let view = self.document.store().view();
        (
            view.context().clone(),
            view.fingerprint(&KeyRange::full()),
            self.document.store().revision(),
        )
    }

    fn state_of(&self, other: &Self) -> Option<MemberState> {
        self.document.view().members().state_of(other.id)
    }
}
