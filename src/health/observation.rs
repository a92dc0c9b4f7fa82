//! One probe: what was seen.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::failure::{Failure, TlsFailure};
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
    use crate::health::Phase;

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
