//! `/livez` and `/readyz`: for load balancers, orchestrators and people in a hurry.
//!
//! *Live* is what would be no better after a restart: the controller answers. *Ready* is what clients may be sent to: every
//! DNS worker answers, whatever the controller does, for an old answer beats none.

use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use super::backend::{Backend, Unanswered};

/// How the name of a DNS worker begins, among the parts.
const DNS: &str = "dns-";

/// One thing that must hold.
struct Light {
    what: String,
    trouble: Option<String>,
}

pub(super) async fn live(State(backend): State<Backend>, RawQuery(query): RawQuery) -> Response {
    show(&[controller(&backend).await], query.as_deref())
}

pub(super) async fn ready(State(backend): State<Backend>, RawQuery(query): RawQuery) -> Response {
    let workers = backend.figures().parts.into_iter().filter(|part| part.part.starts_with(DNS));
    let light = |part: crate::api::PartStatus| Light {
        what: part.part,
        trouble: (!part.healthy).then(|| part.trouble.unwrap_or_else(|| "it does not work".into())),
    };
    show(&workers.map(light).collect::<Vec<_>>(), query.as_deref())
}

async fn controller(backend: &Backend) -> Light {
    let trouble = match backend.status().await {
        Ok(_) => None,
        Err(Unanswered::Gone) => Some("it has stopped; the last answers stay in service".to_owned()),
        Err(Unanswered::Late) => Some("it does not answer; the last answers stay in service".to_owned()),
    };
    Light { what: "controller".into(), trouble }
}

/// `ok`, or what does not hold; with `?verbose` all of it.
fn show(lights: &[Light], query: Option<&str>) -> Response {
    let is_verbose =
        query.is_some_and(|query| query.split('&').any(|word| word.split('=').next() == Some("verbose")));
    let holds = lights.iter().all(|light| light.trouble.is_none());
    let mut text = String::new();
    for Light { what, trouble } in lights {
        match trouble {
            None if is_verbose => text.push_str(&format!("[+] {what}\n")),
            None => {}
            Some(trouble) => text.push_str(&format!("[-] {what}: {trouble}\n")),
        }
    }
    text.push_str(if holds { "ok\n" } else { "failed\n" });
    let status = if holds { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, text).into_response()
}
