//! Why a probe failed: a closed set, and whose word each failure is.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The part of a probe that time ran out in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// TCP connect.
    Connect,
    /// The TLS handshake.
    Tls,
    /// Waiting for the response's head.
    Response,
    /// Reading the body.
    Body,
    /// Waiting for a datagram, when nothing of the far end has reached us yet.
    Datagram,
    /// Waiting for a program to end, of which we cannot know what it has heard.
    Program,
}

/// Why a TLS handshake was not accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TlsFailure {
    /// The certificate's time is over.
    Expired,
    /// The certificate's time has not come.
    NotYetValid,
    /// The certificate is valid, and expires sooner than the operator allows.
    ExpiresSoon,
    /// The certificate is for other names.
    WrongName,
    /// No authority that we trust signed it.
    Untrusted,
    /// The certificate is broken in another way.
    BadCertificate,
    /// The other side is not speaking TLS, or not a version of ours.
    Handshake,
}

/// Why a probe failed: a closed set, so that a hostile endpoint cannot mint new metric labels.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Failure {
    /// Nothing listens there, or the host itself turns the connection away: by RST, or by ICMP of its own.
    Refused,
    /// The connection was cut.
    Reset,
    /// No way to the host or network, says a router on the way by ICMP, or our own kernel after it asked the link for
    /// the neighbour in vain.
    Unreachable,
    /// No end within the probe's timeout.
    Timeout(Phase),
    /// The handshake was not accepted.
    Tls(TlsFailure),
    /// Not HTTP.
    Protocol,
    /// Another status than those expected.
    Status(u16),
    /// More than the probe reads of a body.
    BodyTooLarge,
    /// The body lacks the text that was expected.
    BodyMismatch,
    /// The body is not JSON, though the probe looks into it.
    NotJson,
    /// What stands at the JSON pointer is not what was expected.
    JsonMismatch {
        /// The JSON pointer (RFC 6901).
        pointer: String,
        /// What stood there, cut short; `nothing` when the pointer leads nowhere.
        got: String,
    },
    /// The time in the body is too old, too far ahead, or none.
    Stale {
        /// The JSON pointer of the time.
        pointer: String,
        /// What was wrong, such as `41 s old`.
        got: String,
        /// By how much it is older than allowed; none where it is ahead, or no time.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        beyond: Option<Duration>,
    },
    /// A server that speaks TLS and no HTTP/2 within it.
    NoHttp2,
    /// HTTP, but not gRPC.
    NotGrpc,
    /// A gRPC call that failed.
    Grpc {
        /// The status code of gRPC.
        code: u32,
        /// What the server says about it, cut short; empty when it says nothing.
        message: String,
    },
    /// The health service of gRPC tells another state than SERVING.
    NotServing(String),
    /// Not a DNS message, or not the reply to our question.
    NotDns,
    /// Another response code of DNS than the one expected.
    Rcode(u16),
    /// Other addresses in the answer of DNS than the one expected, cut short.
    OtherAnswer(String),
    /// A program ended with another exit code than 0.
    Program {
        /// The exit code.
        code: i32,
        /// The first line that it wrote, cut short.
        said: String,
    },
}

impl Failure {
    /// Whether a packet of the far end reached us during the probe. Once TCP stands, it has; a refusal is one too. What a
    /// program has heard we cannot know.
    #[must_use]
    pub fn was_heard(&self) -> bool {
        match self {
            Failure::Unreachable
            | Failure::Timeout(Phase::Connect | Phase::Datagram | Phase::Program)
            | Failure::Program { .. } => false,
            Failure::Refused
            | Failure::Reset
            | Failure::Timeout(Phase::Tls | Phase::Response | Phase::Body)
            | Failure::Tls(_)
            | Failure::Protocol
            | Failure::Status(_)
            | Failure::BodyTooLarge
            | Failure::BodyMismatch
            | Failure::NotJson
            | Failure::JsonMismatch { .. }
            | Failure::Stale { .. }
            | Failure::NoHttp2
            | Failure::NotGrpc
            | Failure::Grpc { .. }
            | Failure::NotServing(_)
            | Failure::NotDns
            | Failure::Rcode(_)
            | Failure::OtherAnswer(_) => true,
        }
    }

    /// The metric label.
    #[must_use]
    pub fn label(&self) -> &'static str {
        match self {
            Failure::Refused => "refused",
            Failure::Reset => "reset",
            Failure::Unreachable => "unreachable",
            Failure::Timeout(Phase::Connect) => "timeout_connect",
            Failure::Timeout(Phase::Tls) => "timeout_tls",
            Failure::Timeout(Phase::Response) => "timeout_response",
            Failure::Timeout(Phase::Body) => "timeout_body",
            Failure::Timeout(Phase::Datagram) => "timeout_datagram",
            Failure::Timeout(Phase::Program) => "timeout_program",
            Failure::Tls(_) => "tls",
            Failure::Protocol => "protocol",
            Failure::Status(_) => "status",
            Failure::BodyTooLarge => "body_too_large",
            Failure::BodyMismatch => "body_mismatch",
            Failure::NotJson => "not_json",
            Failure::JsonMismatch { .. } => "json_mismatch",
            Failure::Stale { .. } => "stale",
            Failure::NoHttp2 => "no_http2",
            Failure::NotGrpc => "not_grpc",
            Failure::Grpc { .. } => "grpc",
            Failure::NotServing(_) => "not_serving",
            Failure::NotDns => "not_dns",
            Failure::Rcode(_) => "rcode",
            Failure::OtherAnswer(_) => "other_answer",
            Failure::Program { .. } => "program",
        }
    }
}

/// As an operator reads it, after the name of the endpoint.
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Refused => f.write_str("connection refused"),
            Failure::Reset => f.write_str("connection cut"),
            Failure::Unreachable => f.write_str("host or network unreachable"),
            Failure::Timeout(Phase::Connect) => f.write_str("timeout connecting"),
            Failure::Timeout(Phase::Tls) => f.write_str("timeout in the TLS handshake"),
            Failure::Timeout(Phase::Response) => f.write_str("timeout waiting for the response"),
            Failure::Timeout(Phase::Body) => f.write_str("timeout reading the body"),
            Failure::Timeout(Phase::Datagram) => f.write_str("timeout waiting for a datagram"),
            Failure::Timeout(Phase::Program) => f.write_str("timeout: the program did not end"),
            Failure::Tls(why) => write!(f, "TLS: {why}"),
            Failure::Protocol => f.write_str("not an HTTP response"),
            Failure::Status(got) => write!(f, "status {got}"),
            Failure::BodyTooLarge => f.write_str("body too large"),
            Failure::BodyMismatch => f.write_str("body lacks the expected text"),
            Failure::NotJson => f.write_str("body is not JSON"),
            Failure::JsonMismatch { pointer, got } => write!(f, "{pointer} is {got}"),
            Failure::Stale { pointer, got, .. } => write!(f, "{pointer} is {got}"),
            Failure::NoHttp2 => f.write_str("TLS without HTTP/2"),
            Failure::NotGrpc => f.write_str("not a gRPC response"),
            Failure::Grpc { code, message } if message.is_empty() => write!(f, "gRPC status {code}"),
            Failure::Grpc { code, message } => write!(f, "gRPC status {code}: {message}"),
            Failure::NotServing(state) => write!(f, "gRPC health is {state}"),
            Failure::NotDns => f.write_str("not a DNS reply"),
            Failure::Rcode(code) => write!(f, "response code {code}"),
            Failure::OtherAnswer(got) => write!(f, "the answer is {got}"),
            Failure::Program { code, said } if said.is_empty() => write!(f, "exit code {code}"),
            Failure::Program { code, said } => write!(f, "exit code {code}: {said}"),
        }
    }
}

impl fmt::Display for TlsFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TlsFailure::Expired => "certificate expired",
            TlsFailure::ExpiresSoon => "certificate expires sooner than allowed",
            TlsFailure::NotYetValid => "certificate not yet valid",
            TlsFailure::WrongName => "certificate is for another name",
            TlsFailure::Untrusted => "certificate of an unknown authority",
            TlsFailure::BadCertificate => "certificate broken",
            TlsFailure::Handshake => "handshake failed",
        })
    }
}
