//! Every standalone type under one face, so that a law is written once.

use std::fmt::Debug;

use rejoin_crdt::{
    BoundedCounter, Context, DataType, DeltaOf, DisableWinsFlag, EnableWinsFlag, GCounter,
    JoinDeltaError, LwwRegister, MaxRegister, MinRegister, MvRegister, OrMap, OrSet, PnCounter,
    RemoveWinsSet, ReplicaId, ResettableCounter,
};

use crate::history::{Action, id};

pub(crate) trait Subject: DataType + Clone + PartialEq + Debug {
    /// Whether the type has removals.
    const REMOVES: bool;

    fn new(replica: ReplicaId) -> Self;
    fn id(&self) -> ReplicaId;
    fn act(&mut self, action: Action) -> DeltaOf<Self>;
    fn show(&self) -> String;
    fn context(&self) -> &Context<Self::Key>;
    fn delta_since(&self, base: &Context<Self::Key>) -> DeltaOf<Self>;
    fn state(&self) -> DeltaOf<Self>;
    fn join(&mut self, delta: &DeltaOf<Self>) -> Result<(), JoinDeltaError>;
    fn merge(&mut self, other: &Self) -> Result<(), JoinDeltaError>;
}

macro_rules! subject {
    ($type:ty, removes: $removes:literal,
     |$value:ident, $action:ident| $act:expr, |$shown:ident| $show:expr) => {
        impl Subject for $type {
            const REMOVES: bool = $removes;

            fn new(replica: ReplicaId) -> Self {
                Self::new(replica)
            }

            fn id(&self) -> ReplicaId {
                self.replica()
            }

            fn act(&mut self, $action: Action) -> DeltaOf<Self> {
                let $value = self;
                $act
            }

            fn show(&self) -> String {
                let $shown = self;
                format!("{:?}", $show)
            }

            fn context(&self) -> &Context<Self::Key> {
                self.context()
            }

            fn delta_since(&self, base: &Context<Self::Key>) -> DeltaOf<Self> {
                self.delta_since(base)
            }

            fn state(&self) -> DeltaOf<Self> {
                self.state()
            }

            fn join(&mut self, delta: &DeltaOf<Self>) -> Result<(), JoinDeltaError> {
                self.join(delta)
            }

            fn merge(&mut self, other: &Self) -> Result<(), JoinDeltaError> {
                self.merge(other)
            }
        }
    };
}

impl Action {
    /// One action in three takes away.
    fn takes(self) -> bool {
        self.kind.is_multiple_of(3)
    }

    fn now_ms(self) -> u64 {
        u64::from(self.amount)
    }

    fn by(self) -> u64 {
        u64::from(self.amount) + 1
    }
}

subject!(LwwRegister<u8>, removes: true,
    |v, a| if a.takes() { v.delete() } else { v.set(a.element, a.now_ms()) },
    |v| (v.get(), v.siblings().collect::<Vec<_>>(), v.conflicts().count()));

subject!(MvRegister<u8>, removes: true,
    |v, a| if a.takes() { v.delete() } else { v.set(a.element) },
    |v| v.siblings().collect::<Vec<_>>());

subject!(MaxRegister<u8>, removes: true,
    |v, a| if a.takes() { v.delete() } else { v.set(a.amount) },
    |v| v.get());

subject!(MinRegister<u8>, removes: true,
    |v, a| if a.takes() { v.delete() } else { v.set(a.amount) },
    |v| v.get());

subject!(EnableWinsFlag, removes: true,
    |v, a| if a.takes() { v.disable() } else { v.enable() },
    |v| v.is_enabled());

subject!(DisableWinsFlag, removes: true,
    |v, a| if a.takes() { v.disable() } else { v.enable() },
    |v| v.is_enabled());

subject!(GCounter, removes: false, |v, a| v.increment(a.by()).unwrap(), |v| v.value());

subject!(PnCounter, removes: false,
    |v, a| if a.takes() { v.decrement(a.by()).unwrap() } else { v.increment(a.by()).unwrap() },
    |v| v.value());

subject!(ResettableCounter, removes: true,
    |v, a| match a.kind % 4 {
        0 => v.reset(),
        1 => v.decrement(a.by()).unwrap(),
        _ => v.increment(a.by()).unwrap(),
    },
    |v| v.value());

subject!(BoundedCounter, removes: false,
    |v, a| match a.kind % 4 {
        0 => v.decrement(a.by()).unwrap_or_else(|_| v.delta_since(v.context())),
        1 => v.transfer(id(a.element), a.by()).unwrap_or_else(|_| v.delta_since(v.context())),
        _ => v.increment(a.by()).unwrap(),
    },
    |v| (v.value(), v.holders()));

subject!(OrSet<u8>, removes: true,
    |v, a| if a.takes() { v.remove(&a.element) } else { v.add(a.element) },
    |v| v.iter().collect::<Vec<_>>());

subject!(RemoveWinsSet<u8>, removes: true,
    |v, a| if a.takes() { v.remove(a.element) } else { v.add(a.element) },
    |v| v.iter().collect::<Vec<_>>());

subject!(OrMap<u8, OrSet<u8>>, removes: true,
    |v, a| match a.kind % 4 {
        0 => v.remove(&(a.element % 2)),
        1 => v.update(a.element % 2, |set| set.remove(&(a.amount % 2))),
        _ => v.update(a.element % 2, |set| set.add(a.amount % 2)),
    },
    |v| v.iter().map(|(key, set)| (key, set.iter().collect::<Vec<_>>())).collect::<Vec<_>>());

subject!(OrMap<u8, ResettableCounter>, removes: true,
    |v, a| match a.kind % 4 {
        0 => v.remove(&(a.element % 2)),
        1 => v.update(a.element % 2, |counter| counter.reset()),
        _ => v.try_update(a.element % 2, |counter| counter.increment(a.by())).unwrap(),
    },
    |v| v.iter().map(|(key, counter)| (key, counter.value())).collect::<Vec<_>>());

subject!(OrMap<u8, OrMap<u8, LwwRegister<u8>>>, removes: true,
    |v, a| match a.kind % 5 {
        0 => v.remove(&(a.element % 2)),
        1 => v.update(a.element % 2, |inner| inner.remove(&(a.amount % 2))),
        _ => v.update_at(a.now_ms(), a.element % 2, |inner| {
            inner.update(a.amount % 2, |register| register.set(a.kind));
        }),
    },
    |v| v
        .iter()
        .flat_map(|(outer, map)| {
            let registers = map.iter().map(|(inner, r)| (inner, r.get(), r.conflicts().count()));
            registers.map(|shown| (outer, shown)).collect::<Vec<_>>()
        })
        .collect::<Vec<_>>());
