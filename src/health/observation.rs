//! One probe: what was seen.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::{CheckId, Moment, VantageId};

/// What one probe saw.
#[derive(Debug, Clone, PartialEq)]
pub struct Observation {
    /// The check that it belongs to.
    pub check: CheckId,
    /// Who looked.
    pub vantage: VantageId,
    /// What was seen.
    pub outcome: ProbeOutcome,
    /// How long it took.
    pub timings: Timings,
    /// When the certificate that was shown expires, whether it was accepted or not.
    pub certificate_expires: Option<Moment>,
}

/// What a probe proves about the endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProbeOutcome {
    /// All that was expected.
    Pass,
    /// It failed, and the far end itself said so: a packet of it reached us during this probe. The path carries packets
    /// both ways, so the fault is the endpoint's.
    Heard(Failure),
    /// It failed, and nothing of the far end reached us: the endpoint's fault or our path's.
    Silent(Failure),
    /// We failed ourselves (no route, no descriptor, no memory, starved): says nothing about the endpoint.
    Ours(String),
}

impl ProbeOutcome {
    /// A failed probe, as [`Failure::was_heard`] classifies it.
    #[must_use]
    pub fn failed(failure: Failure) -> ProbeOutcome {
        if failure.was_heard() { ProbeOutcome::Heard(failure) } else { ProbeOutcome::Silent(failure) }
    }

    /// Why it failed; none for a pass, and for what was our own fault.
    #[must_use]
    pub fn failure(&self) -> Option<&Failure> {
        match self {
            ProbeOutcome::Heard(failure) | ProbeOutcome::Silent(failure) => Some(failure),
            ProbeOutcome::Pass | ProbeOutcome::Ours(_) => None,
        }
    }
}

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
}

/// Why a TLS handshake was not accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TlsFailure {
    /// The certificate's time is over.
    Expired,
    /// The certificate's time has not come.
    NotYetValid,
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
    /// Nothing listens there.
    Refused,
    /// The connection was cut.
    Reset,
    /// No way to the host or network.
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
    },
}

impl Failure {
    /// Whether a packet of the far end reached us during the probe. Once TCP stands, it has; a refusal is one too.
    #[must_use]
    pub fn was_heard(&self) -> bool {
        match self {
            Failure::Unreachable | Failure::Timeout(Phase::Connect) => false,
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
            | Failure::Stale { .. } => true,
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
            Failure::Tls(_) => "tls",
            Failure::Protocol => "protocol",
            Failure::Status(_) => "status",
            Failure::BodyTooLarge => "body_too_large",
            Failure::BodyMismatch => "body_mismatch",
            Failure::NotJson => "not_json",
            Failure::JsonMismatch { .. } => "json_mismatch",
            Failure::Stale { .. } => "stale",
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
            Failure::Tls(why) => write!(f, "TLS: {why}"),
            Failure::Protocol => f.write_str("not an HTTP response"),
            Failure::Status(got) => write!(f, "status {got}"),
            Failure::BodyTooLarge => f.write_str("body too large"),
            Failure::BodyMismatch => f.write_str("body lacks the expected text"),
            Failure::NotJson => f.write_str("body is not JSON"),
            Failure::JsonMismatch { pointer, got } => write!(f, "{pointer} is {got}"),
            Failure::Stale { pointer, got } => write!(f, "{pointer} is {got}"),
        }
    }
}

impl fmt::Display for TlsFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TlsFailure::Expired => "certificate expired",
            TlsFailure::NotYetValid => "certificate not yet valid",
            TlsFailure::WrongName => "certificate is for another name",
            TlsFailure::Untrusted => "certificate of an unknown authority",
            TlsFailure::BadCertificate => "certificate broken",
            TlsFailure::Handshake => "handshake failed",
        })
    }
}

/// How long the parts of a probe took, as far as they can be told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Timings {
    /// From the time at which it should have started to the time at which it did: large when we are starved.
    #[serde(default)]
    pub late: Duration,
    /// Until connected: TCP, and the TLS handshake for https.
    pub connect: Option<Duration>,
    /// Until the response's head was complete, from the start.
    pub response: Option<Duration>,
    /// All of it.
    pub total: Duration,
}
