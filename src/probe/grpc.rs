//! A gRPC probe: one call of `grpc.health.v1.Health/Check` on one new connection of HTTP/2.
//!
//! A call is a POST whose body is a message of protobuf after five octets: whether it is compressed, and its length. Whether it
//! went well stands in the trailers.

use std::net::SocketAddr;
use std::sync::Arc;

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http2;
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderValue, TE, USER_AGENT};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use prost::Message;
use url::Position;

use super::http::{BODY_MAX_BYTES, OUR_NAME, cannot_use, head_of};
use super::progress::Progress;
use super::stream::{drive, open};
use super::tls::{Alpn, Tls, Trust};
use super::{excerpt::excerpt, fault};
use crate::config::GrpcProbe;
use crate::health::{Failure, Phase, ProbeOutcome};
use crate::model::Problem;

const PATH: &str = "grpc.health.v1.Health/Check";

/// `grpc.health.v1.HealthCheckRequest`
#[derive(Clone, PartialEq, Message)]
struct HealthCheckRequest {
    #[prost(string, tag = "1")]
    service: String,
}

/// `grpc.health.v1.HealthCheckResponse`
#[derive(Clone, PartialEq, Message)]
struct HealthCheckResponse {
    #[prost(enumeration = "ServingStatus", tag = "1")]
    status: i32,
}

/// `grpc.health.v1.HealthCheckResponse.ServingStatus`
#[derive(Debug, Clone, Copy, PartialEq, Eq, prost::Enumeration)]
#[repr(i32)]
enum ServingStatus {
    Unknown = 0,
    Serving = 1,
    NotServing = 2,
    ServiceUnknown = 3,
}

impl ServingStatus {
    /// As the protocol spells it.
    fn name(self) -> &'static str {
        match self {
            ServingStatus::Unknown => "UNKNOWN",
            ServingStatus::Serving => "SERVING",
            ServingStatus::NotServing => "NOT_SERVING",
            ServingStatus::ServiceUnknown => "SERVICE_UNKNOWN",
        }
    }
}

/// Where to connect, and the call that is repeated.
#[derive(Debug)]
pub(super) struct Grpc {
    target: SocketAddr,
    tls: Option<Tls>,
    request: Request<Full<Bytes>>,
}

impl Grpc {
    /// Builds the call, and what TLS needs.
    pub(super) fn new(
        probe: &GrpcProbe,
        target: SocketAddr,
        trust: &mut Trust,
        progress: &Arc<Progress>,
    ) -> Result<Grpc, Problem> {
        let url = &probe.url;
        let tls = match url.is_https() {
            true => Some(trust.client(&probe.trust, url.host(), Alpn::Http2, progress)?),
            false => None,
        };
        let call = HealthCheckRequest { service: probe.service.clone() };
        let uri = format!("{}{PATH}", &url.as_url()[..Position::AfterPath]);
        let request = Request::post(uri).body(Full::new(framed(&call)));
        let mut request = request.map_err(|error| cannot_use(url, &error.to_string()))?;
        let mut headers = probe.headers.clone();
        let ours = [(CONTENT_TYPE, "application/grpc"), (TE, "trailers"), (USER_AGENT, OUR_NAME)];
        headers.extend(ours.map(|(name, value)| (name, HeaderValue::from_static(value))));
        *request.headers_mut() = headers;
        Ok(Grpc { target, tls, request })
    }

    async fn call(&self, progress: &Progress) -> Result<(), ProbeOutcome> {
        let stream = open(self.target, self.tls.as_ref(), progress).await?;
        let begun = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await;
        let (mut sender, connection) = begun.map_err(|error| fault::outcome(&error, Phase::Response))?;
        drive(connection, judge(sender.send_request(self.request.clone()), progress)).await
    }
}

impl Grpc {
    /// One probe.
    pub(super) async fn exchange(&self, progress: &Progress) -> ProbeOutcome {
        self.call(progress).await.map_or_else(|outcome| outcome, |()| ProbeOutcome::Pass)
    }
}

async fn judge(
    response: impl Future<Output = hyper::Result<Response<Incoming>>>,
    progress: &Progress,
) -> Result<(), ProbeOutcome> {
    let unfit = |error: hyper::Error| fault::outcome(&error, progress.phase());
    let response = response.await.map_err(unfit)?;
    progress.responded(head_of(&response));
    let (head, mut incoming) = response.into_parts();
    if head.status != StatusCode::OK {
        return Err(ProbeOutcome::failed(Failure::Status(head.status.as_u16())));
    }
    let is_grpc =
        head.headers.get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"application/grpc"));
    if !is_grpc {
        return Err(ProbeOutcome::failed(Failure::NotGrpc));
    }
    let (mut body, mut trailers) = (Vec::new(), None);
    while let Some(frame) = incoming.frame().await {
        match frame.map_err(unfit)?.into_data() {
            Ok(chunk) if body.len() + chunk.len() > BODY_MAX_BYTES => {
                return Err(ProbeOutcome::failed(Failure::BodyTooLarge));
            }
            Ok(chunk) => body.extend_from_slice(&chunk),
            Err(frame) => trailers = frame.into_trailers().ok(),
        }
    }
    // A call that failed at once has its trailers in the head.
    let said = status(trailers.as_ref().unwrap_or(&head.headers)).and_then(|()| serving(&body));
    progress
        .said(said.as_ref().map_or_else(ToString::to_string, |()| ServingStatus::Serving.name().to_owned()));
    said.map_err(ProbeOutcome::failed)
}

/// Whether the call went well.
fn status(trailers: &HeaderMap) -> Result<(), Failure> {
    let code =
        trailers.get("grpc-status").and_then(|code| code.to_str().ok()).and_then(|code| code.parse().ok());
    match code {
        Some(0) => Ok(()),
        Some(code) => {
            let message = trailers.get("grpc-message").map(HeaderValue::as_bytes).unwrap_or_default();
            let message = excerpt(&unescaped(&String::from_utf8_lossy(message)));
            Err(Failure::Grpc { code, message })
        }
        None => Err(Failure::NotGrpc),
    }
}

/// Whether the service serves.
fn serving(body: &[u8]) -> Result<(), Failure> {
    let message = unframed(body).ok_or(Failure::NotGrpc)?;
    let response = HealthCheckResponse::decode(message).map_err(|_| Failure::NotGrpc)?;
    match ServingStatus::try_from(response.status) {
        Ok(ServingStatus::Serving) => Ok(()),
        Ok(other) => Err(Failure::NotServing(other.name().to_owned())),
        Err(_) => Err(Failure::NotServing(response.status.to_string())),
    }
}

/// A message as gRPC sends it.
fn framed(message: &impl Message) -> Bytes {
    let message = message.encode_to_vec();
    let length = u32::try_from(message.len()).expect("the name of a service is short");
    [&[0], length.to_be_bytes().as_slice(), &message].concat().into()
}

/// The one message of a body, which must not be compressed: we have not offered to understand that.
fn unframed(body: &[u8]) -> Option<&[u8]> {
    let (head, message) = body.split_first_chunk::<5>()?;
    let [0, length @ ..] = head else { return None };
    (usize::try_from(u32::from_be_bytes(*length)).ok()? == message.len()).then_some(message)
}

/// The message of a status is percent-encoded.
fn unescaped(text: &str) -> String {
    let mut octets = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let escaped =
            after.get(..2).filter(|_| *first == b'%').and_then(|digits| std::str::from_utf8(digits).ok());
        match escaped.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(octet) => {
                octets.push(octet);
                rest = &after[2..];
            }
            None => {
                octets.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&octets).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_those_of_the_protocol() {
        let call = |service: &str| framed(&HealthCheckRequest { service: service.into() });
        assert_eq!(call("")[..], [0, 0, 0, 0, 0]);
        assert_eq!(call("api")[..], [0, 0, 0, 0, 5, 0x0a, 3, b'a', b'p', b'i']);
    }

    #[test]
    fn only_serving_is_well() {
        let check = |body: &[u8], wanted: Result<(), &str>| {
            let got = serving(body).map_err(|failure| failure.to_string());
            assert_eq!(
                got.as_ref().map_err(String::as_str),
                wanted.as_ref().map_err(|text| *text),
                "{body:?}"
            );
        };
        check(&[0, 0, 0, 0, 2, 8, 1], Ok(()));
        check(&[0, 0, 0, 0, 2, 8, 2], Err("gRPC health is NOT_SERVING"));
        check(&[0, 0, 0, 0, 2, 8, 3], Err("gRPC health is SERVICE_UNKNOWN"));
        check(&[0, 0, 0, 0, 0], Err("gRPC health is UNKNOWN"));
        check(&[0, 0, 0, 0, 2, 8, 9], Err("gRPC health is 9"));
        // Compressed, cut short, more than one, nothing, and no protobuf at all.
        for broken in [
            &[1, 0, 0, 0, 2, 8, 1][..],
            &[0, 0, 0, 0, 9, 8, 1],
            &[0, 0, 0, 0, 2, 8, 1, 0],
            &[],
            &[0, 0, 0, 0, 1, 0xff],
        ] {
            check(broken, Err("not a gRPC response"));
        }
    }

    #[test]
    fn a_call_that_failed_says_why() {
        let check = |pairs: &[(&'static str, &'static str)], wanted: &str| {
            let pairs = pairs
                .iter()
                .map(|(name, value)| (name.parse().expect("a name"), HeaderValue::from_static(value)));
            let got = status(&HeaderMap::from_iter(pairs))
                .map_or_else(|failure| failure.to_string(), |()| "well".into());
            assert_eq!(got, wanted);
        };
        check(&[("grpc-status", "0")], "well");
        check(
            &[("grpc-status", "12"), ("grpc-message", "unknown%20service%0a")],
            "gRPC status 12: unknown service\u{fffd}",
        );
        check(&[("grpc-status", "14")], "gRPC status 14");
        check(&[("grpc-status", "14"), ("grpc-message", "100%, %zz%")], "gRPC status 14: 100%, %zz%");
        check(&[("grpc-status", "fine")], "not a gRPC response");
        check(&[], "not a gRPC response");
    }
}
