//! `GET /v1/conflicts` and `POST /v1/resolve`.

use axum::body::Body;
use axum::extract::State;
use axum::http::Uri;
use axum::response::Response;
use serde::Deserialize;

use super::App;
use super::problem::{blocking, json, path, query};
use super::write::read_body;
use crate::api::{Problem, Resolve};

/// Which part to read.
#[derive(Debug, Deserialize)]
pub(super) struct Where {
    path: Option<String>,
}

/// The conflicts at and below a path, at most 1 000; `more` says whether that was all.
pub(super) async fn list(State(app): State<App>, uri: Uri) -> Result<Response, Problem> {
    let wanted: Where = query(&uri)?;
    let path = path(wanted.path.as_deref())?;
    blocking(move || Ok(json(&app.engine.conflicts(&path)))).await
}

/// Writes a value over exactly the siblings named; 409 `not_in_conflict` if the conflict is not there
/// any more.
pub(super) async fn resolve(State(app): State<App>, body: Body) -> Result<Response, Problem> {
    let request: Resolve = read_body(body).await?;
    blocking(move || Ok(json(&app.engine.resolve(&request)?))).await
}
