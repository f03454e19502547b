//! Refusals: every error of this package as an exception of the class `RejoinError`.
//!
//! What must always hold: a code, once published, keeps its meaning. Programs compare codes;
//! messages are for people and may change.

use rejoin::value::DEFAULT_DEPTH;
use rejoin::wire::DecodeError;
use rejoin::{ApplyError, DeltaError, JoinError, ResolveError, TransactError, WriteError};
use thiserror::Error;
use wasm_bindgen::prelude::*;

#[wasm_bindgen(raw_module = "../js/error.js")]
extern "C" {
    #[wasm_bindgen(js_name = RejoinError)]
    type Exception;

    #[wasm_bindgen(constructor, js_class = "RejoinError")]
    fn new(code: &str, message: &str, cause: &JsValue) -> Exception;
}

/// Why a call was refused. Unless the code says otherwise nothing was changed.
#[derive(Debug)]
pub struct Refusal {
    code: &'static str,
    message: String,
    cause: JsValue,
}

/// Why a JavaScript value has no place in a document.
#[derive(Debug, Error)]
pub(crate) enum UnfitValue {
    #[error("a value of type {kind} cannot be stored")]
    Unsupported { kind: String },
    #[error("the bigint is outside the range of 64-bit integers")]
    IntOutOfRange,
    #[error("the date is not a point in time")]
    InvalidDate,
    #[error("the text has half of a surrogate pair, which UTF-8 cannot say")]
    LoneSurrogate,
    #[error("the value has more than {DEFAULT_DEPTH} arrays and objects inside one another")]
    TooDeep,
    #[error("the value has more than {limit_bytes} bytes")]
    TooLarge { limit_bytes: usize },
    #[error("reading the value threw an exception")]
    Threw { exception: JsValue },
}

impl Refusal {
    pub(crate) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), cause: JsValue::UNDEFINED }
    }

    /// The exception behind this one.
    pub(crate) fn caused_by(self, cause: JsValue) -> Self {
        Self { cause, ..self }
    }

    fn of(code: &'static str, error: &impl std::error::Error) -> Self {
        Self::new(code, error.to_string())
    }

    /// A transaction, or another call that changes the replica, inside a transaction.
    pub(crate) fn nested() -> Self {
        Self::new("nested", "a transaction of this replica is under way")
    }
}

impl From<Refusal> for JsValue {
    fn from(refusal: Refusal) -> Self {
        Exception::new(refusal.code, &refusal.message, &refusal.cause).into()
    }
}

impl From<UnfitValue> for Refusal {
    fn from(error: UnfitValue) -> Self {
        let code = match &error {
            UnfitValue::Unsupported { .. } => "unsupported-value",
            UnfitValue::IntOutOfRange => "integer-out-of-range",
            UnfitValue::InvalidDate => "invalid-date",
            UnfitValue::LoneSurrogate => "lone-surrogate",
            UnfitValue::TooDeep => "value-too-deep",
            UnfitValue::TooLarge { .. } => "value-too-large",
            UnfitValue::Threw { .. } => "unreadable-value",
        };
        let refusal = Self::of(code, &error);
        match error {
            UnfitValue::Threw { exception } => refusal.caused_by(exception),
            _ => refusal,
        }
    }
}

impl From<WriteError> for Refusal {
    fn from(error: WriteError) -> Self {
        let code = match &error {
            WriteError::Key(_) => "invalid-path",
            WriteError::Encode(_) => "unsupported-value",
            WriteError::ValueTooLarge { .. } => "value-too-large",
            WriteError::ConflictChanged { .. } => "conflict-changed",
            WriteError::NotARegister { .. } => "not-a-register",
            WriteError::CounterOverflow(_) => "counter-overflow",
            WriteError::Shortfall(_) => "shortfall",
            WriteError::HoldsBoundedCounter { .. } => "holds-bounded-counter",
            WriteError::NotAMember { .. } | WriteError::AdmissionNotReached { .. } => {
                "not-a-member"
            }
            _ => "refused",
        };
        Self::of(code, &error)
    }
}

impl From<DecodeError> for Refusal {
    fn from(error: DecodeError) -> Self {
        let code = match &error {
            DecodeError::Version { .. } => "unknown-format",
            DecodeError::TooLong { .. } | DecodeError::Memory { .. } => "delta-too-large",
            _ => "malformed-bytes",
        };
        Self::of(code, &error)
    }
}

impl From<ApplyError> for Refusal {
    fn from(error: ApplyError) -> Self {
        let code = match error {
            ApplyError::Decode(error) => return error.into(),
            ApplyError::Nested => return Self::nested(),
            ApplyError::Invalid(_) => "invalid-delta",
            ApplyError::Unauthorised(_) => "unauthorised",
            ApplyError::Join(JoinError::Gap { .. }) => "gap",
            ApplyError::Join(JoinError::UnknownOwnDots { .. }) => "unknown-own-changes",
            ApplyError::Inadmissible(_) => "inadmissible",
            _ => "refused",
        };
        Self::of(code, &error)
    }
}

impl From<DeltaError> for Refusal {
    fn from(error: DeltaError) -> Self {
        let code = match &error {
            DeltaError::TooLarge { .. } => "delta-too-large",
            _ => "refused",
        };
        Self::of(code, &error)
    }
}

/// Why a transaction did not commit that its body did not abort.
pub(crate) fn not_committed<E>(error: &TransactError<E>) -> Refusal {
    match error {
        TransactError::Nested => Refusal::nested(),
        TransactError::TooLarge(error) => Refusal::of("transaction-too-large", error),
        TransactError::TooManyLives { .. } => {
            Refusal::new("too-many-lives", "too many replicas have written for one more to begin")
        }
        _ => Refusal::new("refused", "the transaction did not commit"),
    }
}

impl From<ResolveError> for Refusal {
    fn from(error: ResolveError) -> Self {
        match error {
            ResolveError::Write(error) => error.into(),
            ResolveError::NotCommitted(error) => match *error {
                TransactError::Aborted(error) => error.into(),
                other => not_committed(&other),
            },
            ResolveError::TypeClash => Self::of("type-clash", &error),
            _ => Self::of("refused", &error),
        }
    }
}
