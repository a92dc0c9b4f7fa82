//! The routes of the API, for the UNIX socket and for TCP alike.

use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::StatusCode;
use axum::http::header::ACCEPT;
use axum::middleware::from_fn;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use serde::Deserialize;

use super::backend::Backend;
use super::caller::Caller;
use super::documents::{Asked, Body};
use super::guard;
use super::pages;
use super::problem::Problem;
use super::{Explain, Wish};
use crate::api::{
    Explanation, HISTORY_PAGE, HISTORY_PAGE_MAX, Heartbeats, HistoryPage, HistoryQuestion, Question,
};
use crate::controller::Done;
use crate::model::{Moment, Name, RecordType, RegionId, is_deceptive};

/// The largest request: it has an order, a reason, and the epochs that its author has seen.
const BODY_MAX_OCTETS: usize = 128 * 1024;

/// A reason is a sentence or two.
const REASON_MAX_CHARACTERS: usize = 500;

pub(super) fn router(backend: Backend) -> Router {
    Router::new()
        .route("/api/v1/status", get(status))
        .route("/api/v1/heartbeats", get(heartbeats))
        .route("/api/v1/explain", get(explain))
        .route("/api/v1/history", get(history))
        .route("/api/v1/config", get(config))
        .route("/api/v1/commands", post(command))
        .merge(pages::routes())
        .fallback(nothing_there)
        .method_not_allowed_fallback(not_so)
        .layer(DefaultBodyLimit::max(BODY_MAX_OCTETS))
        .layer(from_fn(guard::guard))
        .with_state(backend)
}

/// A browser gets a page, a program a document.
async fn nothing_there(State(backend): State<Backend>, request: Request) -> Response {
    let accepts = request.headers().get(ACCEPT).and_then(|accepted| accepted.to_str().ok());
    if accepts.is_some_and(|accepted| accepted.contains("text/html"))
        && !request.uri().path().starts_with("/api/")
    {
        return pages::nowhere(&backend).await;
    }
    Problem::new(StatusCode::NOT_FOUND, "there is nothing here; the API begins at /api/v1/status")
        .into_response()
}

async fn not_so() -> Problem {
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "this is read with GET; commands are sent with POST")
}

async fn status(
    State(backend): State<Backend>,
    Extension(caller): Extension<Caller>,
) -> Result<Response, Problem> {
    let status = match caller {
        Caller::User(_) => backend.status_now().await?,
        Caller::Stranger => backend.status().await?,
    };
    Ok(Json(&*status).into_response())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OfRegion {
    region: Option<RegionId>,
}

async fn heartbeats(
    State(backend): State<Backend>,
    Asked(OfRegion { region }): Asked<OfRegion>,
) -> Json<Heartbeats> {
    Json(backend.heartbeats(region.as_ref()))
}

async fn explain(
    State(backend): State<Backend>,
    Asked(Explain { name, rtype, client }): Asked<Explain>,
) -> Result<Json<Explanation>, Problem> {
    let known = |word: &str| {
        let unknown = || Problem::new(StatusCode::BAD_REQUEST, format!("{word:?} is no record type"));
        RecordType::from_mnemonic(word.as_bytes()).ok_or_else(unknown)
    };
    let rtype = rtype.as_deref().map(known).transpose()?;
    Ok(Json(backend.explain(Question { name, rtype, client }).await?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OfHistory {
    limit: Option<usize>,
    before: Option<u64>,
    since: Option<Moment>,
    name: Option<Name>,
    region: Option<RegionId>,
}

async fn history(
    State(backend): State<Backend>,
    Asked(OfHistory { limit, before, since, name, region }): Asked<OfHistory>,
) -> Result<Json<HistoryPage>, Problem> {
    let limit = limit.unwrap_or(HISTORY_PAGE);
    if !(1..=HISTORY_PAGE_MAX).contains(&limit) {
        let detail = format!("`limit` is {limit}; from 1 to {HISTORY_PAGE_MAX}, {HISTORY_PAGE} by default");
        return Err(Problem::new(StatusCode::BAD_REQUEST, detail));
    }
    let question = HistoryQuestion { limit, before, since, name, region };
    Ok(Json(backend.history(question).await?))
}

/// The configuration that is in effect, without secrets.
async fn config(State(backend): State<Backend>) -> Response {
    Json(&*backend.configured()).into_response()
}

async fn command(
    State(backend): State<Backend>,
    Extension(caller): Extension<Caller>,
    Body(wish): Body<Wish>,
) -> Result<Json<Done>, Problem> {
    let Caller::User(peer) = caller else {
        let detail =
            "over TCP the API is read-only; commands go over the control socket, as `cadence-dns` sends them";
        return Err(Problem::new(StatusCode::FORBIDDEN, detail));
    };
    check_reason(&wish.reason).map_err(|why| Problem::new(StatusCode::BAD_REQUEST, why))?;
    let wish = Wish { by: peer.author().await, ..wish };
    Ok(Json(backend.command(wish).await??))
}

/// A reason is shown in the log and in tables, so it is one line of text.
fn check_reason(reason: &str) -> Result<(), String> {
    if reason.trim().is_empty() {
        return Err("no reason given".into());
    }
    if reason.chars().any(is_deceptive) {
        return Err("the reason has a line break or another character in it that changes how a line is shown; write it in \
                    one line".into());
    }
    let characters = reason.chars().count();
    if characters > REASON_MAX_CHARACTERS {
        return Err(format!("the reason has {characters} characters; at most {REASON_MAX_CHARACTERS}"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_one_line() {
        assert_eq!(check_reason("disk replaced — Zürich is back"), Ok(()));
        for bad in ["", " \t", "a\nb", "a\u{1b}[31mb", "a\u{85}b", "a\u{202e}b", &"x".repeat(501)] {
            assert!(check_reason(bad).is_err(), "{bad:?}");
        }
    }
}
