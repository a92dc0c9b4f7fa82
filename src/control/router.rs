//! The routes of the API, for the UNIX socket and for TCP alike.

use std::future::ready;
use std::sync::Arc;

use axum::extract::{DefaultBodyLimit, Path, Request, State};
use axum::http::header::{ACCEPT, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::{from_fn_with_state, map_response};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use serde::{Deserialize, Serialize};

use super::access::Scope;
use super::backend::Backend;
use super::caller::Caller;
use super::documents::{Asked, Body};
use super::etag::{held_to, tagged};
use super::guard;
use super::lights;
use super::pages;
use super::patience::Patience;
use super::problem::Problem;
use super::problem_kind::ProblemKind;
use super::protection::Protection;
use super::traffic::Traffic;
use super::{Explain, ReloadWish, Reloaded, TestReceiver, UPGRADE_MAX_SECONDS, UpgradeWish, Upgraded, Wish};
use crate::api::{
    Explanation, HISTORY_PAGE, HISTORY_PAGE_MAX, Heartbeats, HistoryPage, HistoryQuestion, METRICS_TYPE,
    NameStatus, Question, RegionStatus,
};
use crate::controller::Done;
use crate::model::{Moment, Name, RecordType, RegionId, is_deceptive};
use crate::policy::Overrides;

/// Held to what is served by a test.
const OPENAPI: &str = include_str!("../../docs/openapi.json");

/// The largest request: it has an order, a reason, and the epochs that its author has seen.
const BODY_MAX_OCTETS: usize = 128 * 1024;

/// A whole configuration file, which is only looked at.
const CONFIGURATION_MAX_OCTETS: usize = 8 << 20;

/// A reason is a sentence or two.
const REASON_MAX_CHARACTERS: usize = 500;

pub(super) fn router(backend: Backend, protection: Arc<Protection>, traffic: Arc<Traffic>) -> Router {
    Router::new()
        .route("/api/v1/status", get(status))
        .route("/api/v1/names", get(names))
        .route("/api/v1/names/{name}", get(name))
        .route("/api/v1/regions", get(regions))
        .route("/api/v1/regions/{region}", get(region))
        .route("/api/v1/overrides", get(overrides))
        .route("/api/v1/config", get(config))
        .route("/api/v1/heartbeats", get(heartbeats))
        .route("/api/v1/explain", get(explain))
        .route("/api/v1/history", get(history))
        .route("/api/v1/openapi.json", get(openapi))
        .route("/api/v1/commands", post(command))
        .route("/api/v1/notify/test", post(test_receiver))
        .route("/api/v1/reload", post(reload).layer(DefaultBodyLimit::max(CONFIGURATION_MAX_OCTETS)))
        .route("/api/v1/upgrade", post(upgrade))
        .route("/livez", get(lights::live))
        .route("/readyz", get(lights::ready))
        .route("/metrics", get(metrics))
        .merge(pages::routes())
        .fallback(nothing_there)
        .method_not_allowed_fallback(not_so)
        .layer(DefaultBodyLimit::max(BODY_MAX_OCTETS))
        .layer(from_fn_with_state(protection, guard::guard))
        .layer(map_response(move |response: Response| {
            traffic.responded(response.status());
            ready(response)
        }))
        .with_state(backend)
}

/// A browser gets a page, a program a document.
async fn nothing_there(State(backend): State<Backend>, request: Request) -> Response {
    let accepts = request.headers().get(ACCEPT).and_then(|accepted| accepted.to_str().ok());
    let is_page = accepts.is_some_and(|accepted| accepted.contains("text/html"));
    if is_page && !request.uri().path().starts_with("/api/") {
        return pages::nowhere(&backend).await;
    }
    let detail = "there is nothing here; the API begins at /api/v1/status";
    Problem::new(StatusCode::NOT_FOUND, detail).into_response()
}

async fn not_so() -> Problem {
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "this is read with GET; commands are sent with POST")
}

/// A controller that does not answer is told in the last status that it made; without one, there is only that to tell.
async fn status(
    State(backend): State<Backend>,
    Extension(caller): Extension<Caller>,
) -> Result<Response, Problem> {
    let status = match caller {
        Caller::User(_) => backend.status_now().await,
        Caller::Stranger(_) | Caller::Known { .. } => backend.status().await,
    };
    match (status, backend.stale_status()) {
        (Ok(status), _) => Ok(Json(&*status).into_response()),
        (Err(_), Some(stale)) => Ok(Json(stale).into_response()),
        (Err(why), None) => Err(why.into()),
    }
}

/// All names, or one of them; what passes with time alone is not in their tags.
async fn names(State(backend): State<Backend>, headers: HeaderMap) -> Result<Response, Problem> {
    let status = backend.status().await?;
    let lasting: Vec<NameStatus> = status.names.iter().map(lasting).collect();
    Ok(tagged(&headers, None, &lasting, Names { schema: NAMES_SCHEMA, names: &status.names }))
}

async fn name(
    State(backend): State<Backend>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let status = backend.status().await?;
    let wanted: Option<Name> = name.parse().ok();
    let Some(found) = status.names.iter().find(|status| Some(&status.name) == wanted.as_ref()) else {
        let detail = format!("{name:?} is not steered; /api/v1/names lists the names that are");
        return Err(Problem::new(StatusCode::NOT_FOUND, detail));
    };
    Ok(tagged(&headers, Some(found.epoch), &lasting(found), found))
}

/// Without what is counted down.
fn lasting(name: &NameStatus) -> NameStatus {
    let mut lasting = name.clone();
    if let Some(wait) = &mut lasting.wait {
        wait.left = None;
    }
    lasting
}

async fn regions(State(backend): State<Backend>) -> Result<Response, Problem> {
    let status = backend.status().await?;
    Ok(Json(Regions { schema: REGIONS_SCHEMA, regions: &status.regions }).into_response())
}

async fn region(State(backend): State<Backend>, Path(region): Path<String>) -> Result<Response, Problem> {
    let status = backend.status().await?;
    let Some(found) = status.regions.iter().find(|status| status.region.as_str() == region) else {
        let detail = format!("there is no region {region:?}; /api/v1/regions lists those that there are");
        return Err(Problem::new(StatusCode::NOT_FOUND, detail));
    };
    Ok(Json(found).into_response())
}

async fn overrides(State(backend): State<Backend>, headers: HeaderMap) -> Result<Response, Problem> {
    let status = backend.status().await?;
    let overrides = Orders { schema: OVERRIDES_SCHEMA, overrides: &status.overrides };
    Ok(tagged(&headers, None, &status.overrides, overrides))
}

async fn config(State(backend): State<Backend>) -> Response {
    Json(&backend.configured().config).into_response()
}

/// What is here, for programs: OpenAPI 3.1.
async fn openapi() -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/json")], OPENAPI)
}

async fn metrics(State(backend): State<Backend>) -> impl IntoResponse {
    ([(CONTENT_TYPE, METRICS_TYPE)], backend.metrics().await)
}

/// All names.
#[derive(Serialize)]
struct Names<'s> {
    schema: &'static str,
    names: &'s [NameStatus],
}

/// All regions.
#[derive(Serialize)]
struct Regions<'s> {
    schema: &'static str,
    regions: &'s [RegionStatus],
}

/// What operators have ordered and is in force.
#[derive(Serialize)]
struct Orders<'s> {
    schema: &'static str,
    overrides: &'s Overrides,
}

const NAMES_SCHEMA: &str = "cadence-dns/names/v1";
const REGIONS_SCHEMA: &str = "cadence-dns/regions/v1";
const OVERRIDES_SCHEMA: &str = "cadence-dns/overrides/v1";

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

async fn command(
    State(backend): State<Backend>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    Body(mut wish): Body<Wish>,
) -> Result<Json<Done>, Problem> {
    may(&caller, &wish)?;
    check_reason(&wish.reason).map_err(|why| Problem::new(StatusCode::BAD_REQUEST, why))?;
    if let Some(epoch) = held_to(&headers)? {
        let Some(name) = wish.what.name() else {
            let detail =
                "If-Match is about a name, and this command is not about one; say `if_epochs` in its terms";
            return Err(Problem::new(StatusCode::PRECONDITION_FAILED, detail));
        };
        wish.terms.if_epochs.push((name.clone(), epoch));
    }
    let wish = Wish { by: caller.author().await, ..wish };
    Ok(Json(backend.command(wish).await??))
}

/// Who is not known gives no order, and who may not do everything breaks no safety rule.
fn may(caller: &Caller, wish: &Wish) -> Result<(), Problem> {
    let needed = if wish.terms.break_glass.is_empty() { Scope::Operate } else { Scope::Admin };
    if caller.scope() >= Some(needed) {
        return Ok(());
    }
    let detail = match caller.scope() {
        None => {
            "over TCP the API is read-only to those who are not known; commands go over the control socket, or with a token of \
             [api] access_file"
                .to_owned()
        }
        Some(scope) => format!("this takes the scope {needed}, and yours is {scope}"),
    };
    Err(Problem::new(StatusCode::FORBIDDEN, detail))
}

/// What a receiver says to a notice that changes nothing.
async fn test_receiver(
    State(backend): State<Backend>,
    Extension(caller): Extension<Caller>,
    Body(TestReceiver { receiver }): Body<TestReceiver>,
) -> Result<Json<serde_json::Value>, Problem> {
    let Caller::User(_) = caller else {
        let detail = "receivers are tried over the control socket, with `cadence-dns notify test`";
        return Err(Problem::new(StatusCode::FORBIDDEN, detail));
    };
    match backend.test_receiver(receiver).await? {
        Ok(()) => {
            Ok(Json(serde_json::json!({ "schema": "cadence-dns/receiver-test/v1", "delivered": true })))
        }
        Err(why) => Err(Problem::new(StatusCode::BAD_GATEWAY, why)),
    }
}

/// Reads a whole configuration and its zones, which may take its time.
async fn reload(
    State(backend): State<Backend>,
    Extension(caller): Extension<Caller>,
    Extension(patience): Extension<Patience>,
    Body(wish): Body<ReloadWish>,
) -> Result<Json<Reloaded>, Problem> {
    let wrong = |detail: &str| Problem::new(StatusCode::BAD_REQUEST, detail);
    let Caller::User(peer) = caller else {
        let detail = "over TCP the API is read-only; `cadence-dns reload` uses the control socket";
        return Err(Problem::new(StatusCode::FORBIDDEN, detail));
    };
    check_line(&wish.reason).map_err(|why| wrong(&why))?;
    if wish.candidate.is_some() && !wish.terms.dry_run {
        return Err(wrong("what is in no file can only be looked at"));
    }
    patience.ask();
    let wish = ReloadWish { by: peer.author().await, ..wish };
    Ok(Json(backend.reload(wish).await??))
}

/// Starts another program, which may take its time.
async fn upgrade(
    State(backend): State<Backend>,
    Extension(caller): Extension<Caller>,
    Extension(patience): Extension<Patience>,
    Body(wish): Body<UpgradeWish>,
) -> Result<Json<Upgraded>, Problem> {
    let Caller::User(peer) = caller else {
        let detail = "over TCP nobody upgrades the program; `cadence-dns upgrade` uses the control socket";
        return Err(Problem::new(StatusCode::FORBIDDEN, detail));
    };
    if !(1..=UPGRADE_MAX_SECONDS).contains(&wish.within) {
        let detail = format!("`within` is {}; from 1 to {UPGRADE_MAX_SECONDS} seconds", wish.within);
        return Err(Problem::new(StatusCode::BAD_REQUEST, detail));
    }
    patience.ask();
    let wish = UpgradeWish { by: peer.author().await, ..wish };
    let upgraded = backend.upgrade(wish).await?;
    upgraded.map(Json).map_err(|why| Problem::of(ProblemKind::UpgradeFailed, StatusCode::CONFLICT, why))
}

/// A reason is shown in the log and in tables, so it is one line of text.
fn check_reason(reason: &str) -> Result<(), String> {
    if reason.trim().is_empty() {
        return Err("no reason given".into());
    }
    check_line(reason)
}

fn check_line(reason: &str) -> Result<(), String> {
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
