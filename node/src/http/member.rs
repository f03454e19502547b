//! `GET /v1/members`, `POST /v1/members` and `POST /v1/members/write-off`.

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;

use super::App;
use super::problem::{blocking, json};
use super::write::read_body;
use crate::api::{MemberChange, Problem, WriteOff};

/// The members of the document, and the id that a sponsor needs to admit this node.
pub(super) async fn list(State(app): State<App>) -> Result<Response, Problem> {
    blocking(move || Ok(json(&app.engine.members()))).await
}

/// Founds, admits, closes or retires. Refusals: `already_founded`, `hydrating`, `not_a_member`,
/// `already_admitted`, `never_admitted`, `state_goes_back`, `last_active`, `value_too_large`.
pub(super) async fn change(State(app): State<App>, body: Body) -> Result<Response, Problem> {
    let request: MemberChange = read_body(body).await?;
    blocking(move || Ok(json(&app.engine.change_members(&request)?))).await
}

/// Gives up what is not here of a replica that is gone for good. Refusals: `own_life`, `still_member`, `suspect`.
pub(super) async fn write_off(State(app): State<App>, body: Body) -> Result<Response, Problem> {
    let request: WriteOff = read_body(body).await?;
    blocking(move || Ok(json(&app.engine.write_off(&request)?))).await
}
