//! Why the replica refuses a change, as problems with stable codes.

use rejoin::{Shortfall, TransactError, WriteError};

use crate::api::{Op, Problem};
use crate::text::short_replica;

/// A request that makes no sense.
pub(crate) fn bad_request(detail: impl Into<String>) -> Problem {
    Problem::new(400, "bad_request", "The request makes no sense", detail)
}

/// The operation at position `at` was refused.
pub(super) fn of_write(at: usize, op: &Op, error: &WriteError) -> Problem {
    let detail = format!("operation {at} on {}: {}", op.path(), words(error));
    let (status, code, title) = kind(error);
    Problem::new(status, code, title, detail)
}

/// A transaction was refused.
pub(super) fn of_transaction(error: TransactError<Problem>) -> Problem {
    match error {
        TransactError::Aborted(problem) => problem,
        TransactError::TooLarge(too_large) => {
            let detail = format!("{too_large}; nothing of it was stored");
            Problem::new(413, "transaction_too_large", "The transaction is too large", detail)
        }
        crowded @ TransactError::TooManyLives { .. } => {
            let title = "No further replica may write";
            Problem::new(507, "too_many_lives", title, crowded.to_string())
        }
        other => Problem::new(500, "internal", "The node failed", other.to_string()),
    }
}

/// The kind of an error: status, code and title.
pub(super) const fn kind(error: &WriteError) -> (u16, &'static str, &'static str) {
    match error {
        WriteError::Key(_) => (422, "bad_path", "The path cannot be stored"),
        WriteError::Encode(_) => (422, "bad_value", "The value cannot be stored"),
        WriteError::ValueTooLarge { .. } => (413, "value_too_large", "The value is too large"),
        WriteError::ConflictChanged { .. } => {
            (409, "not_in_conflict", "There is nothing to settle any more")
        }
        WriteError::NotARegister { .. } => (400, "bad_request", "The request makes no sense"),
        WriteError::CounterOverflow(_) => (409, "counter_overflow", "The counter is full"),
        WriteError::Shortfall(_) => (409, "shortfall", "The counter has not enough here"),
        WriteError::HoldsBoundedCounter { .. } => {
            (409, "holds_bounded_counter", "A bounded counter cannot be deleted")
        }
        WriteError::NotAMember { .. } | WriteError::AdmissionNotReached { .. } => {
            (403, "not_a_member", "Only members write this type")
        }
        _ => (500, "internal", "The node failed"),
    }
}

/// The error with its causes.
pub(super) fn words(error: &WriteError) -> String {
    if let WriteError::Shortfall(shortfall) = error {
        return shortfall_words(shortfall);
    }
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text = format!("{text}: {inner_text}");
        }
        cause = inner.source();
    }
    text
}

fn shortfall_words(shortfall: &Shortfall) -> String {
    let missing = shortfall.missing;
    let held = shortfall.holders.iter().map(|(replica, rights)| {
        format!("{rights} by replica {}", short_replica(&replica.to_string()))
    });
    let held: Vec<String> = held.collect();
    match held.is_empty() {
        true => format!("{missing} missing, and nobody else holds any"),
        false => format!("{missing} missing here; held elsewhere: {}", held.join(", ")),
    }
}
