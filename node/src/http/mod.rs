//! The HTTP API: JSON for people's tools and for applications on the same machine.
//!
//! | request | answer |
//! |---|---|
//! | `GET /v1/get?path=` | what is at a path, or 404 |
//! | `GET /v1/export?path=&after=&limit=` | everything at and below a path, as JSON Lines in key order |
//! | `POST /v1/transact` | changes, all or none |
//! | `GET /v1/conflicts?path=` | where concurrent writes left more than one value |
//! | `POST /v1/resolve` | supersedes the siblings of a conflict |
//! | `GET /v1/members` | the members of the document |
//! | `POST /v1/members` | founds, admits, closes, retires |
//! | `POST /v1/members/write-off` | gives up what is not here of a replica that is lost |
//! | `GET /v1/watch?path=&since=` | changes, as server-sent events |
//! | `GET /v1/snapshot` | the whole state as bytes, for a backup |
//! | `GET /v1/status` | how the node is |
//! | `GET /healthz` | 200 while the process serves |
//!
//! A path is a JSON array of components, percent-encoded in a query. Errors are
//! `application/problem+json` with a stable `code`.
//!
//! What must always hold: the API trusts whoever reaches it, so a web page must not reach it through
//! the browser of somebody on this machine (see `guard.rs`).

mod conflict;
mod guard;
mod impatient;
mod member;
mod problem;
mod read;
mod server;
mod stream;
mod watch;
mod write;

use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use axum::middleware;
use axum::routing::{get, post};
use tokio::sync::watch as signal;

use crate::api::Problem;
use crate::engine::Engine;

pub(crate) use server::serve;

/// What every handler works with.
#[derive(Clone, Debug)]
struct App {
    engine: Arc<Engine>,
    /// Becomes true when the node shuts down: streams without an end stop then.
    shutdown: signal::Receiver<bool>,
}

/// Completes when the node shuts down.
async fn down(shutdown: &mut signal::Receiver<bool>) {
    // An error says that whoever could say so has gone, which comes to the same.
    let _ = shutdown.wait_for(|down| *down).await;
}

fn router(engine: Arc<Engine>, shutdown: signal::Receiver<bool>) -> Router {
    Router::new()
        .route("/v1/get", get(read::get))
        .route("/v1/export", get(read::export))
        .route("/v1/transact", post(write::transact))
        .route("/v1/conflicts", get(conflict::list))
        .route("/v1/resolve", post(conflict::resolve))
        .route("/v1/members", get(member::list).post(member::change))
        .route("/v1/members/write-off", post(member::write_off))
        .route("/v1/watch", get(watch::watch))
        .route("/v1/snapshot", get(read::snapshot))
        .route("/v1/status", get(read::status))
        .route("/healthz", get(|| async { "ok\n" }))
        .fallback(|| async {
            Problem::new(404, "no_such_resource", "Nothing is served there", "see `rejoin help`")
        })
        .method_not_allowed_fallback(|| async {
            let status = StatusCode::METHOD_NOT_ALLOWED.as_u16();
            Problem::new(status, "wrong_method", "Not with this method", "reads GET, changes POST")
        })
        .layer(middleware::from_fn(guard::guard))
        .with_state(App { engine, shutdown })
}
