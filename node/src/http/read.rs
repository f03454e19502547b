//! `GET /v1/get`, `GET /v1/export`, `GET /v1/snapshot` and `GET /v1/status`.

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, Uri};
use axum::response::Response;
use serde::Deserialize;

use super::problem::{blocking, json, path, query};
use super::{App, stream};
use crate::api::Problem;
use crate::engine::{Page, bad_request};
use crate::text;

/// Which part to read.
#[derive(Debug, Deserialize)]
pub(super) struct Where {
    path: Option<String>,
    after: Option<String>,
    limit: Option<usize>,
}

/// What is at a path. 404 `not_found` if nothing is.
pub(super) async fn get(State(app): State<App>, uri: Uri) -> Result<Response, Problem> {
    let wanted: Where = query(&uri)?;
    let path = path(wanted.path.as_deref())?;
    blocking(move || match app.engine.get(&path) {
        Some(found) => Ok(json(&found)),
        None => {
            let detail = format!("nothing at {}", text::json(&path));
            Err(Problem::new(404, "not_found", "Nothing there", detail))
        }
    })
    .await
}

/// Everything at and below a path in key order, one JSON document per line, from one consistent view.
/// With `limit`, a page that does not reach the end is followed by a line `{"next": cursor}` for
/// `after`; each page is a view of its own.
pub(super) async fn export(State(app): State<App>, uri: Uri) -> Result<Response, Problem> {
    let wanted: Where = query(&uri)?;
    if wanted.limit == Some(0) {
        return Err(bad_request("a page has at least one line"));
    }
    let path = path(wanted.path.as_deref())?;
    let page = Page { path, after: wanted.after, limit: wanted.limit };
    let export = blocking(move || app.engine.export(page)).await?;
    let body = stream::from_writer(move |mut out| export.write(&mut out));
    let mut response = Response::new(body);
    let kind = HeaderValue::from_static("application/x-ndjson");
    response.headers_mut().insert(CONTENT_TYPE, kind);
    Ok(response)
}

/// The whole state as the bytes of a snapshot, for a backup.
pub(super) async fn snapshot(State(app): State<App>) -> Result<Response, Problem> {
    let bytes = blocking(move || app.engine.snapshot()).await?;
    let mut response = Response::new(bytes.into());
    let kind = HeaderValue::from_static("application/octet-stream");
    response.headers_mut().insert(CONTENT_TYPE, kind);
    Ok(response)
}

/// How the node and its peers are.
pub(super) async fn status(State(app): State<App>) -> Result<Response, Problem> {
    blocking(move || Ok(json(&app.engine.status()))).await
}
