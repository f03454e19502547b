//! `POST /v1/transact`, and how bodies are read.

use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::State;
use axum::response::Response;
use serde::de::DeserializeOwned;

use super::App;
use super::problem::{blocking, json};
use crate::api::{MAX_BODY_BYTES, MAX_OPS, Problem, Transact};
use crate::engine::bad_request;

/// A body comes from the same machine: even the largest one takes a fraction of a second.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// Makes every change or none; the answer comes after the commit. Refusals name the operation:
/// `shortfall`, `value_too_large`, `transaction_too_large`, `bad_path`, `bad_value`,
/// `counter_overflow`, `holds_bounded_counter`.
pub(super) async fn transact(State(app): State<App>, body: Body) -> Result<Response, Problem> {
    let request: Transact = read_body(body).await?;
    if request.ops.len() > MAX_OPS {
        let detail = format!("{} operations, at most {MAX_OPS} are allowed", request.ops.len());
        return Err(Problem::new(413, "too_many_operations", "Too many operations", detail));
    }
    blocking(move || Ok(json(&app.engine.transact(&request.ops)?))).await
}

/// A whole body of JSON, within the limits of size and time.
pub(super) async fn read_body<T: DeserializeOwned + Send + 'static>(
    body: Body,
) -> Result<T, Problem> {
    let bytes = match tokio::time::timeout(BODY_TIMEOUT, to_bytes(body, MAX_BODY_BYTES)).await {
        Ok(Ok(bytes)) => bytes,
        Ok(Err(_)) => {
            let detail = format!("at most {MAX_BODY_BYTES} bytes, and no less than announced");
            return Err(Problem::new(413, "body_too_large", "The body cannot be read", detail));
        }
        Err(_) => {
            let detail = format!("nothing more came within {} s", BODY_TIMEOUT.as_secs());
            return Err(Problem::new(408, "too_slow", "The body did not arrive", detail));
        }
    };
    blocking(move || serde_json::from_slice(&bytes).map_err(|cause| bad_request(cause.to_string())))
        .await
}
