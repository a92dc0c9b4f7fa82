//! Whether a client has seen what is there: entity tags, and conditions on them (RFC 9110 section 13).
//!
//! The tag of a name begins with its epoch, `"17-5f3a9c01"`: the whole changes with everything that is shown of the name, and
//! what a command is held to is the epoch alone.

use axum::http::header::{ETAG, IF_MATCH, IF_NONE_MATCH};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::{Json, body::Body};
use serde::Serialize;

use super::problem::Problem;

/// A document with its tag; 304 without it, where the client has the same.
pub(super) fn tagged(
    headers: &HeaderMap,
    epoch: Option<u64>,
    seen: &impl Serialize,
    document: impl Serialize,
) -> Response {
    let text = serde_json::to_vec(seen).unwrap_or_default(); // plain data: it always is text
    let digest = crc32fast::hash(&text);
    let tag = match epoch {
        Some(epoch) => format!("\"{epoch}-{digest:08x}\""),
        None => format!("\"{digest:08x}\""),
    };
    let is_known =
        headers.get_all(IF_NONE_MATCH).iter().flat_map(tags).any(|known| known == "*" || known == tag);
    let mut response = if is_known {
        (StatusCode::NOT_MODIFIED, Body::empty()).into_response()
    } else {
        Json(document).into_response()
    };
    if let Ok(tag) = HeaderValue::try_from(tag) {
        response.headers_mut().insert(ETAG, tag);
    }
    response
}

/// The epoch that a command is held to, if it is held to one: `If-Match: "17"`, or the whole tag of the name.
///
/// # Errors
/// When the condition is none that we know: a command that cannot be held to it is not carried out.
pub(super) fn held_to(headers: &HeaderMap) -> Result<Option<u64>, Problem> {
    let Some(value) = headers.get(IF_MATCH) else { return Ok(None) };
    let text = value.to_str().unwrap_or_default();
    let epoch = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
    let epoch = epoch.map(|tag| tag.split_once('-').map_or(tag, |(epoch, _)| epoch));
    match epoch.and_then(|epoch| epoch.parse().ok()) {
        Some(epoch) => Ok(Some(epoch)),
        None => {
            let detail =
                format!("If-Match is {text:?}; one epoch in quotes, as in \"17\", or the ETag of the name");
            Err(Problem::new(StatusCode::PRECONDITION_FAILED, detail))
        }
    }
}

/// The tags of a list; those that are weak are compared like others (RFC 9110 section 13.1.2).
fn tags(value: &HeaderValue) -> impl Iterator<Item = &str> {
    let tags = value.to_str().unwrap_or_default().split(',').map(str::trim);
    tags.map(|tag| tag.strip_prefix("W/").unwrap_or(tag))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(name: axum::http::HeaderName, value: &'static str) -> HeaderMap {
        [(name, HeaderValue::from_static(value))].into_iter().collect()
    }

    #[test]
    fn what_a_client_has_is_not_sent_again() {
        let first = tagged(&HeaderMap::new(), Some(17), &"seen", "document");
        let tag = first.headers()[ETAG].to_str().expect("text").to_owned();
        assert!(first.status() == StatusCode::OK && tag.starts_with("\"17-"), "{tag}");
        let again = |condition: String, seen: &str| {
            let headers =
                [(IF_NONE_MATCH, HeaderValue::try_from(condition).expect("text"))].into_iter().collect();
            tagged(&headers, Some(17), &seen, "document").status()
        };
        assert_eq!(again(tag.clone(), "seen"), StatusCode::NOT_MODIFIED);
        assert_eq!(again(format!("\"x\", W/{tag}"), "seen"), StatusCode::NOT_MODIFIED);
        assert_eq!(again("*".into(), "seen"), StatusCode::NOT_MODIFIED);
        assert_eq!(again(tag, "something else"), StatusCode::OK);
    }

    #[test]
    fn a_command_is_held_to_the_epoch() {
        assert_eq!(held_to(&HeaderMap::new()).expect("no condition"), None);
        assert_eq!(held_to(&with(IF_MATCH, "\"17\"")).expect("an epoch"), Some(17));
        assert_eq!(held_to(&with(IF_MATCH, "\"17-5f3a9c01\"")).expect("a tag"), Some(17));
        for wrong in ["*", "17", "\"\"", "\"x\"", "W/\"17\"", "\"17\", \"18\""] {
            assert!(held_to(&with(IF_MATCH, wrong)).is_err(), "{wrong}");
        }
    }
}
