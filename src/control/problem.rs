//! What the API answers when it does not do what it was asked: problem documents (RFC 9457).

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::backend::{CONTROLLER_MAX, NoHistory, Unanswered};
use super::problem_kind::ProblemKind;
use super::{ProblemDetails, ReloadError};
use crate::controller::Refusal;

/// A problem on its way to the client.
#[derive(Debug)]
pub(super) struct Problem {
    kind: ProblemKind,
    status: StatusCode,
    detail: String,
    by_rule: bool,
    mistakes: Vec<String>,
}

impl Problem {
    pub(super) fn new(status: StatusCode, detail: impl Into<String>) -> Problem {
        let kind = ProblemKind::of(status);
        Problem { kind, status, detail: detail.into(), by_rule: false, mistakes: Vec::new() }
    }

    /// The same of another kind than its status says.
    pub(super) fn of(kind: ProblemKind, status: StatusCode, detail: impl Into<String>) -> Problem {
        Problem { kind, ..Problem::new(status, detail) }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let Problem { kind, status, detail, by_rule, mistakes } = self;
        let details = ProblemDetails {
            kind: kind.uri(),
            title: kind.title(status).to_owned(),
            status: status.as_u16(),
            detail,
            by_rule,
            mistakes,
        };
        let kind = [(header::CONTENT_TYPE, "application/problem+json")];
        let mut response = (status, kind, Json(details)).into_response();
        if status == StatusCode::TOO_MANY_REQUESTS {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        if status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

impl From<Unanswered> for Problem {
    fn from(why: Unanswered) -> Problem {
        match why {
            Unanswered::Gone => Problem::of(
                ProblemKind::ControllerStopped,
                StatusCode::SERVICE_UNAVAILABLE,
                "the controller has stopped; the last answers stay in service; its log says why, a restart helps",
            ),
            Unanswered::Late => Problem::of(
                ProblemKind::ControllerLate,
                StatusCode::GATEWAY_TIMEOUT,
                format!(
                    "the controller has not answered within {CONTROLLER_MAX:?}; a command may still be carried out: \
                     `cadence-dns status` shows it"
                ),
            ),
        }
    }
}

impl From<ReloadError> for Problem {
    fn from(error: ReloadError) -> Problem {
        match error {
            ReloadError::Refused(refusal) => refusal.into(),
            ReloadError::Mistakes(mistakes) => {
                let detail = "the configuration cannot be used; everything stays as it was";
                let mistakes = mistakes.iter().map(ToString::to_string).collect();
                Problem { mistakes, ..Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail) }
            }
        }
    }
}

impl From<NoHistory> for Problem {
    fn from(why: NoHistory) -> Problem {
        match why {
            NoHistory::Unreadable(why) => {
                Problem::of(ProblemKind::HistoryUnreadable, StatusCode::INTERNAL_SERVER_ERROR, why)
            }
            NoHistory::Late => Problem::of(
                ProblemKind::HistoryLate,
                StatusCode::GATEWAY_TIMEOUT,
                "the disk has not given the history in time; ask again, or for less",
            ),
        }
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Problem {
        let by_rule = refusal.is_by_rule();
        let status = match refusal {
            Refusal::EpochMoved { .. } => StatusCode::PRECONDITION_FAILED,
            Refusal::NotSteered(_)
            | Refusal::NoSuchRegion { .. }
            | Refusal::NoSuchAddress(_)
            | Refusal::NoSuchSwitch(_)
            | Refusal::NoSuchNode { .. }
            | Refusal::NoBetterRegion { .. }
            | Refusal::NothingHeld(_)
            | Refusal::NoSuchOverride(_)
            | Refusal::Lasts { .. }
            | Refusal::Planned { .. }
            | Refusal::TooMany(_)
            | Refusal::Unsafe(_)
            | Refusal::ChangePending(_)
            | Refusal::Superseded(_)
            | Refusal::TooFewNodes
            | Refusal::Hook { .. }
            | Refusal::Reloaded(_)
            | Refusal::Expired => StatusCode::CONFLICT,
        };
        let kind = match status {
            StatusCode::PRECONDITION_FAILED => ProblemKind::EpochMoved,
            _ if by_rule => ProblemKind::RefusedByRule,
            _ => ProblemKind::Refused,
        };
        Problem { by_rule, ..Problem::of(kind, status, refusal.to_string()) }
    }
}
