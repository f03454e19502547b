//! Answers: problems as `application/problem+json`, results as JSON, work on threads that may block.

use axum::body::Body;
use axum::extract::Query;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use rejoin_crdt::path::Path;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::api::Problem;
use crate::engine::bad_request;

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = json(&self);
        *response.status_mut() = status;
        let kind = HeaderValue::from_static("application/problem+json");
        response.headers_mut().insert(CONTENT_TYPE, kind);
        response
    }
}

/// An answer of one JSON document.
pub(super) fn json(answer: &impl Serialize) -> Response {
    let body = serde_json::to_vec(answer).unwrap_or_default();
    let mut response = Response::new(Body::from(body));
    let kind = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}

/// Does what may take long or wait for a lock, away from the threads that serve connections.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(cause) => Err(Problem::new(500, "internal", "The node failed", cause.to_string())),
    }
}

/// The parameters of a request.
pub(super) fn query<T: DeserializeOwned>(uri: &Uri) -> Result<T, Problem> {
    let parsed = Query::try_from_uri(uri).map(|Query(parameters)| parameters);
    parsed.map_err(|cause| bad_request(cause.body_text()))
}

/// The path in a query: a JSON array of components; absent for the root.
pub(super) fn path(text: Option<&str>) -> Result<Path, Problem> {
    let text = text.unwrap_or("[]");
    serde_json::from_str(text).map_err(|cause| {
        bad_request(format!("path is a JSON array of components such as [\"users\",42]: {cause}"))
    })
}
