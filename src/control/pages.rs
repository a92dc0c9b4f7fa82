//! The pages for a browser: what they show, they ask the [`Backend`] for, as the API does.

use std::time::{Duration, SystemTime};

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde::Deserialize;

use super::backend::{Backend, Known, NoHistory, Unanswered};
use super::documents::Asked;
use super::events;
use crate::api::{Explanation, HISTORY_PAGE, HISTORY_PAGE_MAX, HistoryPage, HistoryQuestion, Question};
use crate::dashboard::{
    self, CONTENT_SECURITY_POLICY, NameSight, Notice, OverviewQuery, Shown, Sight, Span, asset,
};
use crate::model::{Moment, Name, RegionId};

/// An asset with another content has another path.
const FOR_EVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");

/// The routes of all pages.
pub(super) fn routes() -> Router<Backend> {
    Router::new()
        .route("/", get(overview))
        .route("/names/{name}", get(name))
        .route("/regions/{region}", get(region))
        .route("/cluster", get(cluster))
        .route("/history", get(history))
        .route("/config", get(settings))
        .route("/assets/{file}", get(file))
        .route("/events", get(stream))
}

/// A page as it is sent.
struct Html(StatusCode, String);

impl IntoResponse for Html {
    fn into_response(self) -> Response {
        let Html(status, text) = self;
        let headers = [
            (header::CONTENT_TYPE, "text/html; charset=utf-8"),
            (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
        ];
        (status, headers, text).into_response()
    }
}

/// What is known when a page is asked for: what the controller said just now, or last.
struct Asking {
    known: Option<Known>,
    trouble: Option<String>,
}

impl Asking {
    async fn of(backend: &Backend) -> Asking {
        let trouble = backend.status().await.err().map(sentence);
        Asking { known: backend.known(), trouble }
    }

    /// The page, or the one that says that nothing is known.
    fn show(&self, page: impl FnOnce(&Sight<'_>) -> Html) -> Html {
        match &self.known {
            Some(known) => page(&self.sight(known)),
            None => {
                let why =
                    self.trouble.clone().unwrap_or_else(|| "the controller has not said anything yet".into());
                let page = dashboard::notice(None, &Notice::Unavailable(why), wall_clock());
                Html(StatusCode::SERVICE_UNAVAILABLE, page)
            }
        }
    }

    fn sight<'a>(&'a self, known: &'a Known) -> Sight<'a> {
        let Known { status, at } = known;
        // The daemon's clock, which need not be the system's.
        Sight { status, trouble: self.trouble.as_deref(), now: status.time + at.elapsed() }
    }
}

fn sentence(why: Unanswered) -> String {
    match why {
        Unanswered::Gone => "it has stopped; the log says why, a restart helps".into(),
        Unanswered::Late => "it has not answered in time".into(),
    }
}

fn wall_clock() -> Moment {
    let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    Moment::from_millis(0) + since_1970.unwrap_or(Duration::ZERO)
}

#[derive(Deserialize)]
struct OfOverview {
    #[serde(default)]
    find: String,
    show: Option<String>,
    page: Option<usize>,
}

async fn overview(State(backend): State<Backend>, Asked(asked): Asked<OfOverview>) -> Html {
    let OfOverview { find, show, page } = asked;
    let shown = if show.as_deref() == Some("trouble") { Shown::Trouble } else { Shown::All };
    let query = OverviewQuery { find, shown, page: page.unwrap_or(1) };
    let asking = Asking::of(&backend).await;
    asking.show(|sight| Html(StatusCode::OK, dashboard::overview(sight, &backend.heartbeats(None), &query)))
}

#[derive(Deserialize)]
struct OfName {
    span: Option<String>,
}

async fn name(
    State(backend): State<Backend>,
    Path(text): Path<String>,
    Asked(OfName { span }): Asked<OfName>,
) -> Html {
    let asking = Asking::of(&backend).await;
    let Ok(name) = text.parse::<Name>() else { return asking.missing(&Notice::NoName(text)) };
    let is_steered = |known: &Known| known.status.names.iter().any(|known| known.name == name);
    if !asking.known.as_ref().is_some_and(is_steered) {
        return asking.missing(&Notice::NoName(text));
    }
    let question = Question { name: name.clone(), rtype: None, client: None };
    let explanation: Explanation = match backend.explain(question).await {
        Ok(explanation) => explanation,
        Err(why) => {
            let why = format!("the controller does not answer: {}", sentence(why));
            return asking.unavailable(why);
        }
    };
    let question = HistoryQuestion { name: Some(name.clone()), ..HistoryQuestion::newest(HISTORY_PAGE_MAX) };
    let history: Result<HistoryPage, String> = backend.history(question).await.map_err(no_history);
    let seen = NameSight {
        explanation: &explanation,
        history: history.as_ref().map_err(String::as_str),
        beats: &backend.heartbeats(None),
        span: span.as_deref().and_then(Span::of).unwrap_or_default(),
    };
    asking.show(|sight| match dashboard::name(sight, &name, &seen) {
        Some(page) => Html(StatusCode::OK, page),
        None => not_found(Some(sight), &Notice::NoName(text)),
    })
}

async fn region(State(backend): State<Backend>, Path(text): Path<String>) -> Html {
    let asking = Asking::of(&backend).await;
    let region = RegionId::from(text.as_str());
    let beats = backend.heartbeats(Some(&region));
    asking.show(|sight| match dashboard::region(sight, &region, &beats) {
        Some(page) => Html(StatusCode::OK, page),
        None => not_found(Some(sight), &Notice::NoRegion(text)),
    })
}

async fn cluster(State(backend): State<Backend>) -> Html {
    let asking = Asking::of(&backend).await;
    asking.show(|sight| match dashboard::cluster(sight) {
        Some(page) => Html(StatusCode::OK, page),
        None => not_found(Some(sight), &Notice::NoCluster),
    })
}

/// From a form, in which nothing means everything.
#[derive(Deserialize)]
struct OfHistory {
    #[serde(default)]
    name: String,
    #[serde(default)]
    region: String,
    before: Option<u64>,
}

async fn history(State(backend): State<Backend>, Asked(asked): Asked<OfHistory>) -> Html {
    let OfHistory { name, region, before } = asked;
    let asking = Asking::of(&backend).await;
    let wanted = Some(name.trim()).filter(|name| !name.is_empty()).map(str::parse::<Name>);
    let Ok(name_wanted) = wanted.transpose() else { return asking.missing(&Notice::NoName(name)) };
    let region =
        Some(region).filter(|region| !region.is_empty()).map(|region| RegionId::from(region.as_str()));
    let question =
        HistoryQuestion { name: name_wanted, region, before, ..HistoryQuestion::newest(HISTORY_PAGE) };
    match backend.history(question.clone()).await {
        Ok(page) => asking.show(|sight| Html(StatusCode::OK, dashboard::history(sight, &page, &question))),
        Err(why) => asking.unavailable(no_history(why)),
    }
}

fn no_history(why: NoHistory) -> String {
    match why {
        NoHistory::Unreadable(why) => why,
        NoHistory::Late => "the disk has not given the history in time".into(),
    }
}

async fn settings(State(backend): State<Backend>) -> Html {
    let asking = Asking::of(&backend).await;
    asking.show(|sight| Html(StatusCode::OK, dashboard::settings(sight, &backend.configured().config)))
}

impl Asking {
    fn missing(&self, notice: &Notice) -> Html {
        let sight = self.known.as_ref().map(|known| self.sight(known));
        not_found(sight.as_ref(), notice)
    }

    fn unavailable(&self, why: String) -> Html {
        let sight = self.known.as_ref().map(|known| self.sight(known));
        let page = dashboard::notice(sight.as_ref(), &Notice::Unavailable(why), wall_clock());
        Html(StatusCode::SERVICE_UNAVAILABLE, page)
    }
}

fn not_found(sight: Option<&Sight<'_>>, notice: &Notice) -> Html {
    Html(StatusCode::NOT_FOUND, dashboard::notice(sight, notice, wall_clock()))
}

/// The page about a path that leads nowhere.
pub(super) async fn nowhere(backend: &Backend) -> Response {
    Asking::of(backend).await.missing(&Notice::NoPage).into_response()
}

async fn file(Path(file): Path<String>) -> Response {
    match asset(&format!("/assets/{file}")) {
        Some(asset) => {
            let headers = [
                (header::CONTENT_TYPE, HeaderValue::from_static(asset.media_type)),
                (header::CACHE_CONTROL, FOR_EVER),
            ];
            (headers, asset.body).into_response()
        }
        None => StatusCode::NOT_FOUND.into_response(), // of another version, which the page will load itself
    }
}

async fn stream(State(backend): State<Backend>) -> Response {
    let mut response = Body::new(events::stream(backend.changes())).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert("x-accel-buffering", HeaderValue::from_static("no")); // nginx would wait for more
    response.extensions_mut().insert(super::connections::GoesOn);
    response
}
