//! Observers: who is told of a commit, after it and outside every lock.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// Where a commit came from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Origin {
    /// A transaction of this replica.
    Local,
    /// A delta; of which session, if it came through one.
    Remote(Option<u64>),
}

type Callback = dyn Fn(Origin) + Send + Sync;

/// The callbacks of a replica.
#[derive(Default)]
pub(crate) struct Observers {
    callbacks: Mutex<Vec<Weak<Callback>>>,
}

/// Keeps a callback attached for as long as it lives.
#[must_use = "dropping the observer detaches its callback"]
pub struct Observer {
    _callback: Arc<Callback>,
}

impl Observers {
    pub(crate) fn attach(&self, callback: impl Fn(Origin) + Send + Sync + 'static) -> Observer {
        let callback: Arc<Callback> = Arc::new(callback);
        let mut callbacks = self.callbacks.lock().unwrap_or_else(PoisonError::into_inner);
        callbacks.retain(|other| other.strong_count() > 0);
        callbacks.push(Arc::downgrade(&callback));
        Observer { _callback: callback }
    }

    pub(crate) fn tell(&self, origin: Origin) {
        let callbacks = self.callbacks.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for callback in callbacks.iter().filter_map(Weak::upgrade) {
            callback(origin);
        }
    }
}

impl fmt::Debug for Observers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Observers")
    }
}

impl fmt::Debug for Observer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Observer")
    }
}
