//! Requests that do not end, on a paused clock.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use http_body_util::BodyExt;
use hyper::StatusCode;
use hyper::body::{Body, Bytes, Frame};
use hyper::client::conn::http2;
use hyper::header::CONTENT_TYPE;
use tokio::io::{AsyncWriteExt, DuplexStream, duplex};
use tokio::task::LocalSet;
use tokio::time::{Instant, Sleep, sleep};

use super::super::memory::MEMORY_MAX_OCTETS;
use super::super::tcp::QUERY_MAX_OCTETS;
use super::*;

const SECOND: Duration = Duration::from_secs(1);

/// An octet a second, and never an end.
struct Trickle(Pin<Box<Sleep>>);

impl Body for Trickle {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        std::task::ready!(self.0.as_mut().poll(context));
        self.0.as_mut().reset(Instant::now() + SECOND);
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(&[0])))))
    }
}

/// Serves one connection in the background; its other end.
fn serve_in(tasks: &LocalSet, is_http2: bool, shared: &Rc<Shared>) -> DuplexStream {
    let (ours, theirs) = duplex(1 << 16);
    let shared = Rc::clone(shared);
    tasks.spawn_local(serve_http(ours, is_http2, Client::of_a_test(), shared, "/dns-query".into()));
    theirs
}

/// Posts a body that trickles, over HTTP/2.
async fn post_slowly(stream: DuplexStream) -> StatusCode {
    post(stream, Trickle(Box::pin(sleep(SECOND)))).await
}

/// Posts a body over HTTP/2.
async fn post<B>(stream: DuplexStream, body: B) -> StatusCode
where
    B: Body<Data = Bytes, Error = Infallible> + Unpin + 'static,
{
    let (mut sender, connection) =
        http2::handshake(InThisThread, TokioIo::new(stream)).await.expect("a new connection");
    tokio::task::spawn_local(connection);
    let request = Request::post("https://ns.t/dns-query")
        .header(CONTENT_TYPE, "application/dns-message")
        .body(body)
        .expect("a request");
    let response = sender.send_request(request).await.expect("a response");
    let status = response.status();
    response.into_body().collect().await.expect("a whole body");
    status
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_end_is_due_some_seconds_after_its_headers() {
    let (tasks, shared) = (LocalSet::new(), Rc::new(Shared::of_nothing()));
    let stream = serve_in(&tasks, true, &shared);
    let begin = Instant::now();
    let status = tasks.run_until(post_slowly(stream)).await;
    assert_eq!((status, begin.elapsed().as_secs()), (StatusCode::REQUEST_TIMEOUT, 5));
}

/// A query with something behind it: so many octets, one a frame.
struct Crumbs {
    sent: usize,
    octets: usize,
}

impl Body for Crumbs {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        const ROOT_A: [u8; 17] = [0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1];
        if self.sent == self.octets {
            return Poll::Ready(None);
        }
        let octet = ROOT_A.get(self.sent).copied().unwrap_or_default();
        self.sent += 1;
        Poll::Ready(Some(Ok(Frame::data(Bytes::copy_from_slice(&[octet])))))
    }
}

#[tokio::test(start_paused = true)]
async fn a_query_may_come_in_crumbs_but_no_more_than_a_query() {
    for (octets, expected) in [(17, StatusCode::OK), (60, StatusCode::OK), (70, StatusCode::BAD_REQUEST)] {
        let (tasks, shared) = (LocalSet::new(), Rc::new(Shared::of_nothing()));
        let stream = serve_in(&tasks, true, &shared);
        let status = tasks.run_until(post(stream, Crumbs { sent: 0, octets })).await;
        assert_eq!(status, expected, "{octets} octets");
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_is_not_begun_where_there_is_no_memory_for_it() {
    let (tasks, shared) = (LocalSet::new(), Rc::new(Shared::of_nothing()));
    let most = MEMORY_MAX_OCTETS / 2;
    let _all = shared.hold(Client::of_a_test(), most - QUERY_MAX_OCTETS + 1).expect("a half is ours");
    let stream = serve_in(&tasks, true, &shared);
    let status = tasks.run_until(post_slowly(stream)).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test(start_paused = true)]
async fn headers_that_do_not_end_end_the_connection() {
    let (tasks, shared) = (LocalSet::new(), Rc::new(Shared::of_nothing()));
    let mut stream = serve_in(&tasks, false, &shared);
    let begin = Instant::now();
    let trickle = async move {
        stream.write_all(b"GET / HTTP/1.1\r\nHost: ns.t\r\nX: ").await.expect("somebody reads");
        while begin.elapsed() < 100 * SECOND && stream.write_all(b"x").await.is_ok() {
            sleep(SECOND).await;
        }
    };
    tasks.run_until(trickle).await;
    let took = begin.elapsed();
    assert!(took <= shared.idle_most() + SECOND, "{took:?}");
}
