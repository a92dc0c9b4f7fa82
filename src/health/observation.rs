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

/// The share of a probe's timeout that must be left to the endpoint after what our own slowness took of it, as a
/// divisor: with less than half, an endpoint that needs a tenth of the timeout may fail for our reasons alone.
const SLOW_DIVISOR: u32 = 2;

impl ProbeOutcome {
    /// A failed probe, as [`Failure::was_heard`] classifies it.
    #[must_use]
    pub fn failed(failure: Failure) -> ProbeOutcome {
        if failure.was_heard() { ProbeOutcome::Heard(failure) } else { ProbeOutcome::Silent(failure) }
    }

    /// The same, after our own slowness is taken into account: a failure that it could explain is ours.
    ///
    /// Such a failure is a timeout, or a connection that the far end gave up (closed early, status 408), when the probe
    /// began so late or our own loop stood still for so long that half of `timeout` was gone; and a time in the body
    /// that would be fresh without what we stood still. Everything else fails however slow we are.
    #[must_use]
    pub fn unless_slow(self, timings: &Timings, timeout: Duration) -> ProbeOutcome {
        let Some(failure) = self.failure() else { return self };
        let slow = timings.late + timings.stalled;
        let explains = match failure {
            Failure::Timeout(_) | Failure::Reset | Failure::Status(408) => slow >= timeout / SLOW_DIVISOR,
            Failure::Stale { beyond, .. } => {
                !timings.stalled.is_zero() && beyond.is_some_and(|beyond| beyond <= timings.stalled)
            }
            Failure::Refused
            | Failure::Unreachable
            | Failure::Tls(_)
            | Failure::Protocol
            | Failure::Status(_)
            | Failure::BodyTooLarge
            | Failure::BodyMismatch
            | Failure::NotJson
            | Failure::JsonMismatch { .. }
            | Failure::NoHttp2
            | Failure::NotGrpc
            | Failure::Grpc { .. }
            | Failure::NotServing(_)
            | Failure::NotDns
            | Failure::Rcode(_)
            | Failure::OtherAnswer(_)
            | Failure::Program { .. } => false,
        };
        if explains { ProbeOutcome::Ours(timings.slowness()) } else { self }
    }

    /// The same, after the certificate that was shown is looked at: one that expires within `least` fails, though it is
    /// still valid. A `least` of zero leaves that to the handshake.
    #[must_use]
    pub fn unless_expiring(self, expires: Option<Moment>, least: Duration, now: Moment) -> ProbeOutcome {
        let expiring = !least.is_zero() && expires.is_some_and(|expires| expires.after(now) < least);
        if self == ProbeOutcome::Pass && expiring {
            return ProbeOutcome::failed(Failure::Tls(TlsFailure::ExpiresSoon));
        }
        self
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

/// How long the parts of a probe took, as far as they can be told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Timings {
    /// From the time at which it should have started to the time at which it did: large when we are starved.
    #[serde(default)]
    pub late: Duration,
    /// How long our own loop stood still while the probe ran: the process was stopped, or got no processor.
    #[serde(default)]
    pub stalled: Duration,
    /// Until connected: TCP, and the TLS handshake for https.
    pub connect: Option<Duration>,
    /// Until the response's head was complete, from the start.
    pub response: Option<Duration>,
    /// All of it.
    pub total: Duration,
}

impl Timings {
    /// Our own slowness as an operator reads it.
    fn slowness(&self) -> String {
        let Timings { late, stalled, .. } = self;
        let (late, stalled) = (late.as_millis(), stalled.as_millis());
        match (late, stalled) {
            (late, 0) => format!("this node was too slow: the probe began {late} ms late"),
            (0, stalled) => format!("this node was too slow: it stood still for {stalled} ms of the probe"),
            _ => format!(
                "this node was too slow: the probe began {late} ms late and stood still for {stalled} ms"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_packet_of_the_far_end_makes_a_failure_heard() {
        let stale = Failure::Stale { pointer: "/time".into(), got: "41 s old".into(), beyond: None };
        let heard = [
            Failure::Refused,
            Failure::Reset,
            Failure::Timeout(Phase::Tls),
            Failure::Timeout(Phase::Response),
            Failure::Timeout(Phase::Body),
            Failure::Tls(TlsFailure::Expired),
            Failure::Status(503),
            Failure::Rcode(2),
            Failure::NotServing("NOT_SERVING".into()),
            stale,
        ];
        for failure in heard {
            assert_eq!(ProbeOutcome::failed(failure.clone()), ProbeOutcome::Heard(failure));
        }
        let silent = [
            Failure::Unreachable,
            Failure::Timeout(Phase::Connect),
            Failure::Timeout(Phase::Datagram),
            Failure::Timeout(Phase::Program),
            Failure::Program { code: 2, said: "CRITICAL".into() },
        ];
        for failure in silent {
            assert_eq!(ProbeOutcome::failed(failure.clone()), ProbeOutcome::Silent(failure));
        }
    }

    /// A timeout of 2 s, so much of which was lost to us, in milliseconds.
    fn check(failure: Failure, late: u64, stalled: u64, ours: bool) {
        let (late, stalled) = (Duration::from_millis(late), Duration::from_millis(stalled));
        let timings = Timings { late, stalled, ..Timings::default() };
        let before = ProbeOutcome::failed(failure);
        let after = before.clone().unless_slow(&timings, 2 * SECOND);
        let is_ours = matches!(after, ProbeOutcome::Ours(_));
        assert_eq!(is_ours, ours, "{before:?} with {timings:?} is {after:?}");
        assert!(is_ours || after == before);
    }

    #[test]
    fn what_our_slowness_explains_is_ours() {
        for phase in [Phase::Connect, Phase::Tls, Phase::Response, Phase::Body] {
            check(Failure::Timeout(phase), 0, 0, false);
            check(Failure::Timeout(phase), 300, 600, false);
            check(Failure::Timeout(phase), 300, 700, true);
            check(Failure::Timeout(phase), 1_000, 0, true);
            check(Failure::Timeout(phase), 0, 10_000, true);
        }
        check(Failure::Reset, 0, 10_000, true);
        check(Failure::Reset, 0, 10, false);
        check(Failure::Status(408), 0, 10_000, true);
    }

    #[test]
    fn what_the_far_end_said_itself_stays_however_slow_we_are() {
        let lasting =
            [Failure::Refused, Failure::Status(503), Failure::Tls(TlsFailure::Expired), Failure::NotJson];
        lasting.into_iter().for_each(|failure| check(failure, 10_000, 10_000, false));
        let slow = Timings { late: 9 * SECOND, stalled: 9 * SECOND, ..Timings::default() };
        assert_eq!(ProbeOutcome::Pass.unless_slow(&slow, SECOND), ProbeOutcome::Pass);
    }

    #[test]
    fn a_time_that_was_fresh_before_we_stood_still_is_not_stale() {
        let stale = |beyond: Option<u64>| Failure::Stale {
            pointer: "/time".into(),
            got: "41 s old".into(),
            beyond: beyond.map(Duration::from_secs),
        };
        check(stale(Some(5)), 0, 10_000, true);
        check(stale(Some(11)), 0, 10_000, false);
        check(stale(Some(5)), 10_000, 0, false); // it was asked for after we were late
        check(stale(Some(0)), 0, 0, false);
        check(stale(None), 0, 10_000, false);
    }

    #[test]
    fn a_certificate_may_fail_before_it_expires() {
        let check = |outcome: ProbeOutcome, left: u64, least: u64, fails: bool| {
            let now = Moment::from_millis(1_000_000);
            let expires = Some(now + Duration::from_secs(left));
            let after = outcome.clone().unless_expiring(expires, Duration::from_secs(least), now);
            let soon = ProbeOutcome::Heard(Failure::Tls(TlsFailure::ExpiresSoon));
            assert_eq!(after, if fails { soon } else { outcome }, "{left} s left of {least} s");
        };
        check(ProbeOutcome::Pass, 99, 100, true);
        check(ProbeOutcome::Pass, 100, 100, false);
        check(ProbeOutcome::Pass, 0, 0, false);
        check(ProbeOutcome::Heard(Failure::Status(503)), 99, 100, false);
        let now = Moment::from_millis(1_000_000);
        assert_eq!(ProbeOutcome::Pass.unless_expiring(None, SECOND, now), ProbeOutcome::Pass);
    }

    #[test]
    fn our_slowness_is_told_with_its_figures() {
        let shown = |late, stalled| {
            let (late, stalled) = (Duration::from_millis(late), Duration::from_millis(stalled));
            Timings { late, stalled, ..Timings::default() }.slowness()
        };
        assert_eq!(shown(1_200, 0), "this node was too slow: the probe began 1200 ms late");
        assert_eq!(shown(0, 9_500), "this node was too slow: it stood still for 9500 ms of the probe");
        assert_eq!(shown(7, 8), "this node was too slow: the probe began 7 ms late and stood still for 8 ms");
    }
}
