//! What holds for every request and response, whatever it is about: pages of others reach nothing here.

use std::net::IpAddr;

use axum::extract::Request;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HOST, HeaderName, ORIGIN, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::caller::Caller;
use super::problem::Problem;

/// What a response says unless it says something else itself: it is kept nowhere, shown in no frame, and runs nothing.
const DEFAULTS: [(HeaderName, &str); 5] = [
    (CACHE_CONTROL, "no-store"),
    (CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
    (REFERRER_POLICY, "no-referrer"),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (X_FRAME_OPTIONS, "DENY"),
];

/// Turns away what a page of somebody else would send, and says to browsers what they may not do with the response.
pub(super) async fn guard(request: Request, next: Next) -> Response {
    let mut response = match judge(&request) {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    };
    for (name, value) in DEFAULTS {
        response.headers_mut().entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}

fn judge(request: &Request) -> Result<(), Problem> {
    let Some(Caller::Stranger) = request.extensions().get::<Caller>() else { return Ok(()) };
    let host = host(request.headers());
    if !host.as_deref().is_some_and(is_own) {
        let detail = "the Host of the request is neither an address nor localhost: a name could be anybody's (DNS rebinding)";
        return Err(Problem::new(StatusCode::MISDIRECTED_REQUEST, detail));
    }
    if !matches!(*request.method(), Method::GET | Method::HEAD) && is_foreign(request.headers()) {
        let detail = "a page of another origin may not send this";
        return Err(Problem::new(StatusCode::FORBIDDEN, detail));
    }
    Ok(())
}

/// The host that the client means, without its port.
fn host(headers: &HeaderMap) -> Option<String> {
    let authority: Authority = headers.get(HOST)?.to_str().ok()?.parse().ok()?;
    Some(authority.host().trim_matches(['[', ']']).to_ascii_lowercase())
}

/// An address cannot be made to mean another one, and browsers never ask DNS for localhost.
fn is_own(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok()
}

/// Sent from a page that is not one of ours.
fn is_foreign(headers: &HeaderMap) -> bool {
    let Some(origin) = headers.get(ORIGIN) else { return false };
    let authority = origin.to_str().ok().and_then(|origin| origin.split_once("://")).map(|(_, rest)| rest);
    authority.map(str::as_bytes) != headers.get(HOST).map(HeaderValue::as_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(method: &str, headers: &[(&str, &str)]) -> Request {
        let mut request = Request::builder().method(method).uri("/api/v1/status");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut request = request.body(axum::body::Body::empty()).expect("a request");
        request.extensions_mut().insert(Caller::Stranger);
        request
    }

    #[test]
    fn a_name_that_could_be_anybodys_is_turned_away() {
        let check = |host: &str, passes: bool| {
            assert_eq!(judge(&request("GET", &[("host", host)])).is_ok(), passes, "{host}");
        };
        check("127.0.0.1:8053", true);
        check("[::1]:8053", true);
        check("LOCALHOST:8053", true);
        check("192.0.2.1", true);
        check("evil.example:8053", false);
        check("localhost.evil.example", false);
        check("127.0.0.1.evil.example", false);
        check("user@127.0.0.1:8053@evil.example", false);
        check("", false);
        assert!(judge(&request("GET", &[])).is_err(), "HTTP/1.1 has a Host");
    }

    #[test]
    fn a_page_of_another_origin_sends_nothing() {
        let check = |origin: Option<&str>, passes: bool| {
            let mut headers = vec![("host", "127.0.0.1:8053")];
            headers.extend(origin.map(|origin| ("origin", origin)));
            assert_eq!(judge(&request("POST", &headers)).is_ok(), passes, "{origin:?}");
            assert!(
                judge(&request("GET", &headers)).is_ok(),
                "reading needs no origin: nothing lets it be read"
            );
        };
        check(None, true);
        check(Some("http://127.0.0.1:8053"), true);
        check(Some("http://127.0.0.1:9999"), false);
        check(Some("https://evil.example"), false);
        check(Some("null"), false);
    }
}
