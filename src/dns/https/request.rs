//! The DNS query in an HTTP request (RFC 8484 section 4.1): in its URL or in its body.

use std::future::poll_fn;
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{Method, Request, StatusCode};
use tokio::time::timeout;

use super::super::stream_context::{Client, Shared};
use super::super::tcp::QUERY_MAX_OCTETS;

/// The only media type.
pub(super) const DNS_MESSAGE: HeaderValue = HeaderValue::from_static("application/dns-message");

/// A body is whole this long after its headers: it is one packet, or two.
const BODY_MAX: Duration = Duration::from_secs(5);

/// The most pieces of a body. Clients send one or two; each costs as much work as a query.
const PIECES_MAX: usize = 64;

/// Why a request is not answered with a DNS message.
pub(super) struct HttpError(pub(super) StatusCode, pub(super) &'static str);

/// The query in a request.
pub(super) async fn query(
    request: Request<Incoming>,
    path: &str,
    client: Client,
    shared: &Rc<Shared>,
) -> Result<Vec<u8>, HttpError> {
    if request.uri().path() != path {
        return Err(HttpError(StatusCode::NOT_FOUND, "nothing is here\n"));
    }
    match *request.method() {
        Method::GET => query_in_url(request.uri().query().unwrap_or_default()),
        Method::POST => query_in_body(request, client, shared).await,
        _ => Err(HttpError(StatusCode::METHOD_NOT_ALLOWED, "GET or POST\n")),
    }
}

/// `dns=` and base64url, never padded (RFC 8484 section 6).
fn query_in_url(parameters: &str) -> Result<Vec<u8>, HttpError> {
    const WRONG: HttpError = HttpError(
        StatusCode::BAD_REQUEST,
        "the parameter dns is a DNS message in base64url without padding\n",
    );
    let text = parameters.split('&').find_map(|parameter| parameter.strip_prefix("dns=")).ok_or(WRONG)?;
    let query = URL_SAFE_NO_PAD.decode(text).map_err(|_| WRONG)?;
    if query.len() > QUERY_MAX_OCTETS {
        return Err(HttpError(StatusCode::URI_TOO_LONG, "no query is so long\n"));
    }
    Ok(query)
}

async fn query_in_body(
    request: Request<Incoming>,
    client: Client,
    shared: &Rc<Shared>,
) -> Result<Vec<u8>, HttpError> {
    const TOO_MANY: HttpError =
        HttpError(StatusCode::SERVICE_UNAVAILABLE, "too many requests are not whole yet\n");
    const TOO_SLOW: HttpError = HttpError(StatusCode::REQUEST_TIMEOUT, "the body did not come\n");
    if request.headers().get(CONTENT_TYPE) != Some(&DNS_MESSAGE) {
        return Err(HttpError(StatusCode::UNSUPPORTED_MEDIA_TYPE, "application/dns-message\n"));
    }
    let mut collected = pin!(collect(request.into_body()));
    if let Poll::Ready(query) = poll_fn(|context| Poll::Ready(collected.as_mut().poll(context))).await {
        return query; // it came with the headers
    }
    // As much as it may become, so that a client cannot begin many bodies and make all of them grow.
    let _held = shared.hold(client, QUERY_MAX_OCTETS).ok_or(TOO_MANY)?;
    timeout(BODY_MAX, collected).await.map_err(|_| TOO_SLOW)?
}

/// Copies a body: its frames may be of one octet each, and each keeps the whole buffer that it was read into.
async fn collect(mut body: Incoming) -> Result<Vec<u8>, HttpError> {
    const TOO_LONG: HttpError = HttpError(StatusCode::PAYLOAD_TOO_LARGE, "no query is so long\n");
    const BROKEN: HttpError = HttpError(StatusCode::BAD_REQUEST, "the body is broken\n");
    const TOO_FINE: HttpError = HttpError(StatusCode::BAD_REQUEST, "the body comes in too many pieces\n");
    let announced = body.size_hint().lower();
    if announced > QUERY_MAX_OCTETS as u64 {
        return Err(TOO_LONG);
    }
    let mut query = Vec::with_capacity(announced as usize);
    let mut pieces = 0;
    while let Some(frame) = body.frame().await {
        let Ok(octets) = frame.map_err(|_| BROKEN)?.into_data() else { continue }; // trailers
        if query.len() + octets.len() > QUERY_MAX_OCTETS {
            return Err(TOO_LONG);
        }
        pieces += 1;
        if pieces > PIECES_MAX {
            return Err(TOO_FINE);
        }
        query.extend_from_slice(&octets);
    }
    Ok(query)
}
