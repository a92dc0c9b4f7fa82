//! What holds for every request and response, whatever it is about: pages of others reach nothing here.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{
    AUTHORIZATION, CACHE_CONTROL, CONTENT_SECURITY_POLICY, HOST, HeaderName, ORIGIN, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::caller::Caller;
use super::clients::REQUESTS_PER_SECOND;
use super::connections::TooMany;
use super::problem::Problem;
use super::protection::Protection;

/// What a response says unless it says something else itself: it is kept nowhere, shown in no frame, and runs nothing.
const DEFAULTS: [(HeaderName, &str); 5] = [
    (CACHE_CONTROL, "no-store"),
    (CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
    (REFERRER_POLICY, "no-referrer"),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (X_FRAME_OPTIONS, "DENY"),
];

/// Turns away what a page of somebody else would send, and says to browsers what they may not do with the response.
pub(super) async fn guard(
    State(protection): State<Arc<Protection>>,
    mut request: Request,
    next: Next,
) -> Response {
    let mut response = match judge(&mut request, &protection) {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    };
    for (name, value) in DEFAULTS {
        response.headers_mut().entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}

fn judge(request: &mut Request, protection: &Protection) -> Result<(), Problem> {
    if let Some(Caller::User(_)) | None = request.extensions().get::<Caller>() {
        return Ok(());
    }
    if request.extensions().get::<TooMany>().is_some() {
        let detail = format!("more than {REQUESTS_PER_SECOND} requests a second; wait a moment");
        return Err(Problem::new(StatusCode::TOO_MANY_REQUESTS, detail));
    }
    let host = host(request.headers());
    if !host.as_deref().is_some_and(|host| is_own(host, protection)) {
        let detail = "the Host of the request is neither an address nor localhost nor one of [api] hosts: it could be anybody's \
                      (DNS rebinding)";
        return Err(Problem::new(StatusCode::MISDIRECTED_REQUEST, detail));
    }
    identify(request, protection)?;
    if !matches!(*request.method(), Method::GET | Method::HEAD) && is_foreign(request.headers()) {
        let detail = "a page of another origin may not send this";
        return Err(Problem::new(StatusCode::FORBIDDEN, detail));
    }
    Ok(())
}

/// Who has a token is known; who is not known may look, where the settings let him.
fn identify(request: &mut Request, protection: &Protection) -> Result<(), Problem> {
    let denied = |detail: &str| Problem::new(StatusCode::UNAUTHORIZED, detail);
    if let Some(value) = request.headers().get(AUTHORIZATION) {
        let token = value.to_str().ok().and_then(|value| value.split_once(' '));
        let token =
            token.filter(|(how, _)| how.eq_ignore_ascii_case("bearer")).map(|(_, token)| token.trim());
        let known = token.and_then(|token| protection.access().of_token(token));
        let (name, scope) = known.ok_or_else(|| denied("the token is none of [api] access_file"))?;
        if let Some(Caller::Stranger(client)) = request.extensions().get::<Caller>() {
            let address = client.ip();
            request.extensions_mut().insert(Caller::Known { name, scope, address });
        }
    }
    let is_stranger = matches!(request.extensions().get(), Some(Caller::Stranger(_)));
    if is_stranger && !protection.anonymous && !FOR_ALL.contains(&request.uri().path()) {
        return Err(denied(
            "who you are must be shown by a token or a certificate ([api] anonymous = false)",
        ));
    }
    Ok(())
}

/// What tells nothing but whether all is well.
const FOR_ALL: [&str; 2] = ["/livez", "/readyz"];

/// The host that the client means, without its port.
fn host(headers: &HeaderMap) -> Option<String> {
    let authority: Authority = headers.get(HOST)?.to_str().ok()?.parse().ok()?;
    Some(authority.host().trim_matches(['[', ']']).to_ascii_lowercase())
}

/// An address cannot be made to mean another one, browsers never ask DNS for localhost, and a certificate is for its names.
fn is_own(host: &str, protection: &Protection) -> bool {
    let is_named = || protection.tls.is_some() || protection.hosts.iter().any(|own| own == host);
    host == "localhost" || host.parse::<IpAddr>().is_ok() || is_named()
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
        let client = "127.0.0.1:1".parse().expect("an address");
        request.extensions_mut().insert(Caller::Stranger(client));
        request
    }

    fn judged(method: &str, headers: &[(&str, &str)]) -> Result<(), Problem> {
        judge(&mut request(method, headers), &Protection::none())
    }

    #[test]
    fn a_name_that_could_be_anybodys_is_turned_away() {
        let check = |host: &str, passes: bool| {
            assert_eq!(judged("GET", &[("host", host)]).is_ok(), passes, "{host}");
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
        assert!(judged("GET", &[]).is_err(), "HTTP/1.1 has a Host");
    }

    #[test]
    fn a_page_of_another_origin_sends_nothing() {
        let check = |origin: Option<&str>, passes: bool| {
            let mut headers = vec![("host", "127.0.0.1:8053")];
            headers.extend(origin.map(|origin| ("origin", origin)));
            assert_eq!(judged("POST", &headers).is_ok(), passes, "{origin:?}");
            assert!(judged("GET", &headers).is_ok(), "reading needs no origin: nothing lets it be read");
        };
        check(None, true);
        check(Some("http://127.0.0.1:8053"), true);
        check(Some("http://127.0.0.1:9999"), false);
        check(Some("https://evil.example"), false);
        check(Some("null"), false);
    }
}
