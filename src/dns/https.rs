//! DNS over HTTPS (RFC 8484): a query in a URL or a body, the reply in a body, over HTTP/2 or HTTP/1.1.
//!
//! `request` what is asked, as a bounded copy · `response` what is replied, and how much of it waits

mod request;
mod response;

use std::convert::Infallible;
use std::io;
use std::rc::Rc;
use std::sync::Arc;

use http_body_util::Full;
use hyper::body::Incoming;
use hyper::rt::Executor;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::server::TlsStream;

use super::records::{Framing, ReplyRecords};
use super::socket::Socket;
use super::stream_context::{Client, Shared};
use response::Octets;

/// Requests of one connection at a time; RFC 9113 section 6.5.2 advises no less.
const STREAMS_MAX: u32 = 100;

/// Requests that a client takes back before we have seen them. Far beyond what any client does: the connection ends
/// (CVE-2023-44487).
const RESETS_MAX: usize = 20;

/// Requests beyond [`STREAMS_MAX`] and other breaches that cost only the request; after so many the connection ends.
/// A client may not know our limit when it begins.
const BREACHES_MAX: usize = 200;

/// All headers of a request, and whatever else of it waits to be read.
const HEADERS_MAX_OCTETS: u32 = 16 * 1024;

/// What one request may send before it is read.
const WINDOW_OCTETS: u32 = 8 * 1024;

/// What all requests of a connection may send before it is read; HTTP/2 begins with no less.
const CONNECTION_WINDOW_OCTETS: u32 = 64 * 1024;

/// Answers the requests of one connection.
///
/// There are deadlines for what belongs to one request. [`Shared`] closes connections that get no replies.
pub(super) async fn serve(
    stream: TlsStream<Socket>,
    client: Client,
    shared: Rc<Shared>,
    path: Arc<str>,
) -> io::Result<()> {
    let is_http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
    let framing = if is_http2 { Framing::Http2 } else { Framing::Single };
    serve_http(ReplyRecords::new(stream, framing), is_http2, client, shared, path).await
}

/// The same, whatever carries it.
async fn serve_http<S: AsyncRead + AsyncWrite + Unpin + 'static>(
    stream: S,
    is_http2: bool,
    client: Client,
    shared: Rc<Shared>,
    path: Arc<str>,
) -> io::Result<()> {
    let headers_max = shared.idle_most();
    let service = service_fn(move |request| {
        let (shared, path) = (Rc::clone(&shared), Arc::clone(&path));
        async move { Ok::<_, Infallible>(answer(request, client, &shared, &path).await) }
    });
    let stream = TokioIo::new(stream);
    let served = if is_http2 {
        http2::Builder::new(InThisThread)
            .max_concurrent_streams(STREAMS_MAX)
            .max_pending_accept_reset_streams(RESETS_MAX)
            .max_local_error_reset_streams(BREACHES_MAX)
            .max_header_list_size(HEADERS_MAX_OCTETS)
            .initial_stream_window_size(WINDOW_OCTETS)
            .initial_connection_window_size(CONNECTION_WINDOW_OCTETS)
            .serve_connection(stream, service)
            .await
    } else {
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(headers_max)
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
    shared: &Rc<Shared>,
    path: &str,
) -> Response<Full<Octets>> {
    match request::query(request, path, client, shared).await {
        Ok(query) => response::reply(&query, client, shared),
        Err(why) => response::refusal(why),
    }
}

#[cfg(test)]
mod tests;
