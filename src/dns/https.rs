//! DNS over HTTPS (RFC 8484): a query in a URL or a body, the reply in a body, over HTTP/2 or HTTP/1.1.

use std::convert::Infallible;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Body, Bytes, Incoming};
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use hyper::rt::Executor;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

use super::stream_context::{Client, Shared};
use super::tcp::QUERY_MAX_OCTETS;
use crate::answer::freshness;

/// The only media type.
const DNS_MESSAGE: HeaderValue = HeaderValue::from_static("application/dns-message");

/// Requests of one connection at a time; RFC 9113 section 6.5.2 advises no less.
const STREAMS_MAX: u32 = 100;

/// All headers of a request, and whatever else of it waits to be read.
const HEADERS_MAX_OCTETS: u32 = 16 * 1024;

/// What one request may send before it is read.
const WINDOW_OCTETS: u32 = 8 * 1024;

/// Replies that clients have not taken yet, over all connections; requests beyond that get 503.
const WAITING_MAX_OCTETS: usize = 16 << 20;

/// Answers the requests of one connection.
pub(super) async fn serve(
    stream: TlsStream<TcpStream>,
    client: Client,
    shared: Rc<Shared>,
    path: Arc<str>,
) -> io::Result<()> {
    let is_http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
    let service = service_fn(move |request| {
        let (shared, path) = (Rc::clone(&shared), Arc::clone(&path));
        async move { Ok::<_, Infallible>(answer(request, client, &shared, &path).await) }
    });
    let stream = TokioIo::new(stream);
    // No deadlines here: `Connections` closes connections that get no replies.
    let served = if is_http2 {
        http2::Builder::new(InThisThread)
            .max_concurrent_streams(STREAMS_MAX)
            .max_header_list_size(HEADERS_MAX_OCTETS)
            .initial_stream_window_size(WINDOW_OCTETS)
            .serve_connection(stream, service)
            .await
    } else {
        http1::Builder::new()
            .header_read_timeout(None)
            .max_buf_size(HEADERS_MAX_OCTETS as usize)
            .serve_connection(stream, service)
            .await
    };
    served.map_err(io::Error::other)
}

/// Where the requests of a connection are answered.
#[derive(Clone, Copy)]
struct InThisThread;

impl<F: Future + 'static> Executor<F> for InThisThread {
    fn execute(&self, future: F) {
        tokio::task::spawn_local(async {
            future.await;
        });
    }
}

async fn answer(
    request: Request<Incoming>,
    client: Client,
    shared: &Shared,
    path: &str,
) -> Response<Full<Bytes>> {
    match query(request, path).await {
        Ok(query) => reply(&query, client, shared),
        Err(refusal) => refusal.response(),
    }
}

/// Why a request is not answered with a DNS message.
struct HttpError(StatusCode, &'static str);

impl HttpError {
    fn response(self) -> Response<Full<Bytes>> {
        let HttpError(status, why) = self;
        let mut response = Response::new(Full::from(why));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
        if status == StatusCode::METHOD_NOT_ALLOWED {
            headers.insert(ALLOW, HeaderValue::from_static("GET, POST"));
        }
        response
    }
}

/// The query in a request.
async fn query(request: Request<Incoming>, path: &str) -> Result<Vec<u8>, HttpError> {
    if request.uri().path() != path {
        return Err(HttpError(StatusCode::NOT_FOUND, "nothing is here\n"));
    }
    match *request.method() {
        Method::GET => query_in_url(request.uri().query().unwrap_or_default()),
        Method::POST => query_in_body(request).await,
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

async fn query_in_body(request: Request<Incoming>) -> Result<Vec<u8>, HttpError> {
    const TOO_LONG: HttpError = HttpError(StatusCode::PAYLOAD_TOO_LARGE, "no query is so long\n");
    if request.headers().get(CONTENT_TYPE) != Some(&DNS_MESSAGE) {
        return Err(HttpError(StatusCode::UNSUPPORTED_MEDIA_TYPE, "application/dns-message\n"));
    }
    let body = request.into_body();
    if body.size_hint().lower() > QUERY_MAX_OCTETS as u64 {
        return Err(TOO_LONG);
    }
    let body = Limited::new(body, QUERY_MAX_OCTETS).collect().await.map_err(|_| TOO_LONG)?;
    Ok(body.to_bytes().to_vec())
}

/// The HTTP status is 200 whatever the code of the DNS reply (RFC 8484 section 4.2.1).
fn reply(query: &[u8], client: Client, shared: &Shared) -> Response<Full<Bytes>> {
    if shared.waiting.load(Ordering::Relaxed) > WAITING_MAX_OCTETS {
        return HttpError(StatusCode::SERVICE_UNAVAILABLE, "too many replies wait to be read\n").response();
    }
    let mut response = None;
    shared.answer(client, query, None, |reply| {
        let seconds = freshness(reply).unwrap_or_default().as_secs();
        let body = Bytes::from_owner(Waiting::new(reply, &shared.waiting));
        let built = response.insert(Response::new(Full::new(body)));
        built.headers_mut().insert(CONTENT_TYPE, DNS_MESSAGE);
        if let Ok(kept) = HeaderValue::try_from(format!("max-age={seconds}")) {
            built.headers_mut().insert(CACHE_CONTROL, kept);
        }
    });
    shared.active(client);
    response.unwrap_or_else(|| HttpError(StatusCode::BAD_REQUEST, "this is no DNS query\n").response())
}

/// A reply on its way, counted until the client has taken it.
struct Waiting {
    octets: Box<[u8]>,
    total: Arc<AtomicUsize>,
}

impl Waiting {
    fn new(reply: &[u8], total: &Arc<AtomicUsize>) -> Waiting {
        total.fetch_add(reply.len(), Ordering::Relaxed);
        Waiting { octets: reply.into(), total: Arc::clone(total) }
    }
}

impl AsRef<[u8]> for Waiting {
    fn as_ref(&self) -> &[u8] {
        &self.octets
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.total.fetch_sub(self.octets.len(), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUERY: [u8; 17] = [0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1];

    #[test]
    fn replies_that_are_not_taken_are_bounded_and_those_taken_make_room() {
        let shared = Shared::of_nothing();
        let ask = || reply(&QUERY, Client::of_a_test(), &shared);
        shared.waiting.store(WAITING_MAX_OCTETS, Ordering::Relaxed); // by others
        let untaken = ask();
        assert_eq!(untaken.status(), StatusCode::OK);
        assert_eq!(ask().status(), StatusCode::SERVICE_UNAVAILABLE);
        drop(untaken);
        assert_eq!(ask().status(), StatusCode::OK);
        assert_eq!(shared.waiting.load(Ordering::Relaxed), WAITING_MAX_OCTETS);
    }
}
