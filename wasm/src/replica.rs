//! The replica as JavaScript calls it, before `js/` puts its classes around it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use js_sys::{Function, Uint8Array};
use rejoin::path::Key;
use rejoin::{Applied, Context, KeyRange, Limits, ReplicaId, TransactError, wire};
use wasm_bindgen::prelude::*;

use crate::conflict::Conflict;
use crate::env::{Clock, Platform, random_replica_id, whole_ms};
use crate::error::{Refusal, not_committed};
use crate::operation::{self, Operation};
use crate::path::path_from_js;
use crate::value::{bytes_from_js, record};

/// What a transaction hands to JavaScript, to be called for each operation. It is of no use once the
/// transaction has ended.
type Change<'a> = dyn FnMut(Operation, JsValue, JsValue) -> Result<JsValue, JsValue> + 'a;

#[wasm_bindgen]
extern "C" {
    /// A function of `js/` that runs a transaction and says whether it shall be committed.
    pub type Body;

    #[wasm_bindgen(catch, method, js_name = call)]
    fn run(this: &Body, receiver: &JsValue, change: &mut Change<'_>) -> Result<bool, JsValue>;
}

/// A replica whose state lives as long as this object.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Replica {
    replica: rejoin::Replica,
    clock: Option<StatedClock>,
}

/// A clock of the program. It is asked before the engine needs the time, outside every lock.
#[derive(Debug)]
struct StatedClock {
    now: Function,
    now_ms: Arc<AtomicU64>,
}

#[wasm_bindgen]
impl Replica {
    /// An empty replica with this id (16 bytes) and this clock (a function that returns milliseconds
    /// since 1970); what is `undefined` comes from the platform.
    ///
    /// # Errors
    /// When the id or the clock is something else, or the platform has no randomness.
    #[wasm_bindgen(constructor)]
    pub fn new(id: &JsValue, now: &JsValue) -> Result<Self, Refusal> {
        let id = if id.is_undefined() { random_replica_id()? } else { stated_id(id)? };
        let clock = if now.is_undefined() { None } else { Some(StatedClock::new(now)?) };
        let source = clock.as_ref().map_or(Clock::System, |clock| clock.source());
        let builder = rejoin::Replica::builder().env(Platform::new(id, source));
        let replica = builder.try_in_memory().ok_or_else(|| {
            Refusal::new("no-environment", "a replica needs an id and a clock of the platform")
        })?;
        Ok(Self { replica, clock })
    }

    /// Runs `body` as one transaction: everything that it changes is committed, or nothing. Returns
    /// whether it was committed.
    ///
    /// # Errors
    /// When a transaction of this replica is under way, or this one is too large; nothing was changed.
    pub fn transact(&self, body: &Body) -> Result<bool, JsValue> {
        self.read_clock()?;
        let committed = self.replica.transact(|tx| {
            let run = body.run(&JsValue::UNDEFINED, &mut |operation, path, argument| {
                operation::change(tx, operation, &path, &argument).map_err(JsValue::from)
            });
            if run? { Ok(()) } else { Err(JsValue::UNDEFINED) }
        });
        match committed {
            Ok(_) => Ok(true),
            Err(TransactError::Aborted(exception)) if exception.is_undefined() => Ok(false),
            Err(TransactError::Aborted(exception)) => Err(exception),
            Err(other) => Err(not_committed(&other).into()),
        }
    }

    /// Asks the committed state.
    ///
    /// # Errors
    /// When the path or the argument is none, or the operation needs a transaction.
    pub fn ask(
        &self,
        operation: Operation,
        path: &JsValue,
        argument: &JsValue,
    ) -> Result<JsValue, Refusal> {
        operation::ask(&self.replica.view(), operation, path, argument)
    }

    /// The conflicts at and below a path.
    ///
    /// # Errors
    /// When the path is none.
    pub fn conflicts(&self, path: &JsValue) -> Result<Vec<Conflict>, Refusal> {
        let view = self.replica.view();
        let conflicts = view.conflicts(path_from_js(path)?);
        Ok(conflicts.map(Conflict::new).collect())
    }

    /// Writes a value over exactly the siblings of a conflict.
    ///
    /// # Errors
    /// When the conflict is a type clash, the value cannot be stored, or a transaction of this
    /// replica is under way; nothing was changed.
    pub fn resolve(&self, conflict: &Conflict, value: &JsValue) -> Result<(), Refusal> {
        self.read_clock()?;
        conflict.resolve(&self.replica, value)
    }

    /// What this replica has incorporated, as bytes.
    pub fn context(&self) -> Uint8Array {
        Uint8Array::from(wire::encode_context(&self.replica.context()).as_slice())
    }

    /// Everything that somebody with a context lacks, as bytes; `undefined` is who has nothing.
    ///
    /// # Errors
    /// When the context is none, or removals that it has not seen were already collected here.
    #[wasm_bindgen(js_name = deltaSince)]
    pub fn delta_since(&self, context: &JsValue) -> Result<Uint8Array, Refusal> {
        let context: Context<Key> = if context.is_undefined() {
            Context::default()
        } else {
            wire::decode_context(&message(context)?, &Limits::default())?
        };
        Ok(Uint8Array::from(self.replica.delta_since(&context)?.as_slice()))
    }

    /// Applies a delta of another replica, as one. Returns an object with the number of cells that
    /// changed and of ranges that a deletion cleared.
    ///
    /// # Errors
    /// When the bytes are no valid delta, or build on something that is not here; nothing was
    /// changed.
    pub fn apply(&self, delta: &JsValue) -> Result<JsValue, Refusal> {
        let delta = message(delta)?;
        self.read_clock()?;
        let Applied { cells, deleted_ranges } = self.replica.apply(&delta)?;
        let applied = [("cells", cells.into()), ("deletedRanges", deleted_ranges.into())];
        Ok(record(&applied))
    }

    /// 32 hexadecimal digits that two replicas of equal context and equal state agree on.
    pub fn fingerprint(&self) -> String {
        self.replica.view().cells().fingerprint(&KeyRange::full()).to_string()
    }
}

impl Replica {
    fn read_clock(&self) -> Result<(), Refusal> {
        self.clock.as_ref().map_or(Ok(()), StatedClock::read)
    }
}

impl StatedClock {
    fn new(now: &JsValue) -> Result<Self, Refusal> {
        let now = now.dyn_ref::<Function>().cloned();
        let now = now.ok_or_else(|| Refusal::new("invalid-clock", "a clock is a function"))?;
        Ok(Self { now, now_ms: Arc::default() })
    }

    fn source(&self) -> Clock {
        Clock::Stated(self.now_ms.clone())
    }

    fn read(&self) -> Result<(), Refusal> {
        let refusal = || {
            let message = "a clock returns the milliseconds since 1970, and throws no exception";
            Refusal::new("invalid-clock", message)
        };
        let now = self.now.call0(&JsValue::UNDEFINED);
        let now = now.map_err(|exception| refusal().caused_by(exception))?;
        let now_ms = now.as_f64().and_then(whole_ms).ok_or_else(refusal)?;
        self.now_ms.store(now_ms, Ordering::Relaxed);
        Ok(())
    }
}

fn stated_id(id: &JsValue) -> Result<ReplicaId, Refusal> {
    let bytes = bytes_from_js(id, 16).ok().flatten().unwrap_or_default();
    let bytes = <[u8; 16]>::try_from(bytes);
    let bytes = bytes.map_err(|_| Refusal::new("invalid-id", "a replica id is 16 bytes"))?;
    Ok(ReplicaId::from_bytes(bytes))
}

/// Bytes that may be a message; longer ones are not even copied.
fn message(bytes: &JsValue) -> Result<Vec<u8>, Refusal> {
    let limit_bytes = Limits::default().delta_bytes;
    let too_large = |_| Refusal::new("delta-too-large", format!("more than {limit_bytes} bytes"));
    let bytes = bytes_from_js(bytes, limit_bytes).map_err(too_large)?;
    bytes.ok_or_else(|| Refusal::new("not-bytes", "expected a Uint8Array"))
}
