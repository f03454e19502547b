//! `GET /v1/watch`: changes as server-sent events.
//!
//! | event | id | data |
//! |---|---|---|
//! | `change` | | a change, see `api::Change` |
//! | `position` | a token for `since` | `{}`: everything up to here was reported |
//!
//! The stream begins with a `position`. Because the id of the last `position` is what a browser sends
//! when it reconnects, the header `Last-Event-ID` does the same as `since`.

use std::time::Duration;

use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue, Uri};
use axum::response::Response;
use serde::Deserialize;

use super::App;
use super::problem::{blocking, path, query};
use super::stream::{self, Sender};
use crate::api::Problem;
use crate::engine::Watch;
use crate::text;

/// Keeps the connection from looking dead, and notices a reader that has gone.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Changes in one chunk of the body.
const CHANGES_PER_CHUNK: usize = 256;

/// What to watch.
#[derive(Debug, Deserialize)]
pub(super) struct What {
    path: Option<String>,
    since: Option<String>,
}

/// Changes at and below a path, from now on or from a token on, until either side ends it.
pub(super) async fn watch(
    State(app): State<App>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let what: What = query(&uri)?;
    let path = path(what.path.as_deref())?;
    let last_id = headers.get("last-event-id").and_then(|id| id.to_str().ok()).map(str::to_owned);
    let since = last_id.or(what.since);
    let engine = app.engine.clone();
    let watch = blocking(move || Watch::new(engine, path, since.as_deref())).await?;
    let (sender, body) = stream::channel();
    tokio::spawn(async move {
        let mut shutdown = app.shutdown;
        tokio::select! {
            _ = feed(watch, &sender) => {}
            () = sender.closed() => {}
            () = super::down(&mut shutdown) => {}
        }
    });
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// Sends batch after batch. Ends when the reader has gone.
async fn feed(mut watch: Watch, sender: &Sender) -> Option<()> {
    sender.send(position(&watch.token())).await?;
    loop {
        let (returned, batch) = blocking(move || {
            let batch = watch.poll();
            Ok((watch, batch))
        })
        .await
        .ok()?;
        watch = returned;
        if let Some(batch) = batch {
            for changes in batch.changes.chunks(CHANGES_PER_CHUNK) {
                let events = changes
                    .iter()
                    .map(|change| format!("event: change\ndata: {}\n\n", text::json(change)));
                sender.send(events.collect::<String>()).await?;
            }
            sender.send(position(&batch.token)).await?;
            continue;
        }
        while tokio::time::timeout(KEEP_ALIVE, watch.changed()).await.is_err() {
            sender.send(": alive\n\n").await?;
        }
    }
}

fn position(token: &str) -> String {
    format!("id: {token}\nevent: position\ndata: {{}}\n\n")
}
